//! The commands in the documentation are run, in order, and their output is compared with what stands there.

use std::{fs, path::PathBuf};

use xero_mock::MAPLE_FLORIST;

use crate::sandbox::{BINARY, Sandbox, mask};

const CONSUMER_KEY: &str = "D2XAOWHZPQ4V7M1KTBN83RLEJCYUS5";
const MOCK: &str = "127.0.0.1:8790";

/// A command of a page, and the output that stands below it.
struct Example {
    command: String,
    output: String,
}

fn page(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read_to_string(path).unwrap()
}

/// What stands in blocks fenced as `console`: lines with `$` are commands, the others output.
fn examples(page: &str) -> Vec<Example> {
    let blocks = page.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut examples: Vec<Example> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match line.strip_prefix("$ ") {
            Some(command) => examples.push(Example { command: command.to_owned(), output: String::new() }),
            None => {
                let last = examples.last_mut().expect("a block begins with a command");
                last.output.push_str(line);
                last.output.push('\n');
            }
        }
    }
    examples
}

/// Runs a page's commands in one home, as a reader would.
fn check(name: &str) {
    let home = Sandbox::with_mock();
    let page = page(name);
    let examples = examples(&page);
    assert!(examples.len() >= 4, "{name} has examples");
    let mut consumer_key = None;
    for Example { command, output } in examples {
        if command.contains("--consumer-key") {
            let certificate = fs::read_to_string(home.path("acme.cer")).unwrap();
            let app = home.mock().create_private_app("Acme", MAPLE_FLORIST.id, &certificate).unwrap();
            consumer_key = Some(app.consumer_key);
        }
        let key = consumer_key.as_deref().unwrap_or(CONSUMER_KEY);
        let found = run(&home, &command.replace(CONSUMER_KEY, key));
        assert_eq!(tidy(&home, &found), tidy(&home, &output), "{name}: $ {command}");
    }
}

/// Both streams, as a terminal shows them, and the status where it is not zero.
fn run(home: &Sandbox, command: &str) -> String {
    let script = format!("xeroctl() {{ {BINARY:?} \"$@\"; }}; {command}");
    let mut shell = home.command("sh");
    shell
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .args(["-c", &format!("{{ {script}\n}} 2>&1")]);
    let output = shell.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    match output.status.code() {
        Some(0) => text,
        status => format!("{text}[{}]\n", status.unwrap_or(-1)),
    }
}

fn tidy(home: &Sandbox, text: &str) -> String {
    // Where a key is longer or shorter, a column is wider or narrower.
    let text = mask(&home.tidy(text).replace("HOME", "~").replace(MOCK, "MOCK"));
    let spaces = regex::Regex::new(" {2,}").unwrap();
    text.lines().map(|line| spaces.replace_all(line, "  ").into_owned() + "\n").collect()
}

#[cfg(unix)]
#[test]
fn the_readme() {
    check("README.md");
}

#[cfg(unix)]
#[test]
fn connecting_a_private_app() {
    check("docs/connecting-a-private-app.md");
}

/// The wizard's screen stands in the guide as it was recorded.
pub(crate) fn assert_stands_in_the_guide(screen: &str) {
    let guide = mask(&page("docs/connecting-a-private-app.md").replace(MOCK, "MOCK"));
    let screen = screen.replace("HOME", "~");
    assert!(guide.contains(&screen), "this is not in the guide:\n{screen}");
}
