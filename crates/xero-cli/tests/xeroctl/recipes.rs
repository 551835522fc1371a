//! The recipes of the guide that a shell can run, as they stand there. `cargo xtask interop` has the others.

#![cfg(unix)]

use std::{fs, os::unix::fs::symlink, process::Command};

use crate::{
    docs::{LOGGED_IN, Reader, check_as, page},
    sandbox::{BINARY, Sandbox},
};
use xero_mock::MAPLE_FLORIST;

const PAGE: &str = "docs/recipes.md";
const BIN: &str = ".cargo/bin";

/// The block fenced with this language that has this line.
fn block(language: &str, line: &str) -> String {
    let page = page(PAGE);
    let blocks = page.split("\n```").filter_map(|rest| rest.strip_prefix(&format!("{language}\n")));
    let mut found = blocks.filter(|block| block.lines().any(|one| one == line));
    let block = found.next().unwrap_or_else(|| panic!("{PAGE} has no {language} with {line:?}"));
    assert!(found.next().is_none(), "{PAGE} has {line:?} twice");
    format!("{block}\n")
}

/// What follows this at the beginning of a line.
fn value(block: &str, before: &str) -> String {
    let found = block.lines().find_map(|line| line.trim_start().strip_prefix(before));
    found.unwrap_or_else(|| panic!("no {before:?} in\n{block}")).to_owned()
}

/// A home with the login `maple`, `xeroctl` where cargo installs it, and the script of the recipes in two folders.
fn home() -> Sandbox {
    let home = Sandbox::with_mock();
    let mut reader = Reader::new(&[MAPLE_FLORIST.id]);
    LOGGED_IN.iter().for_each(|command| drop(reader.follow(&home, None, command)));
    for folder in [BIN, "nightly"] {
        fs::create_dir_all(home.path(folder)).unwrap();
    }
    symlink(BINARY, home.path(&format!("{BIN}/xeroctl"))).unwrap();
    for folder in [".", "nightly"] {
        home.write(&format!("{folder}/contacts.sh"), &block("sh", "# contacts.sh"));
    }
    home
}

/// A shell with nothing in its environment but these.
fn shell(home: &Sandbox, line: &str, variables: &[(&str, &str)]) -> Command {
    let mut shell = home.command("sh");
    let path = format!("{}:/usr/bin:/bin", home.path(BIN).display());
    shell.env_clear().env("HOME", home.path("")).env("PATH", path).args(["-c", line]);
    shell.envs(variables.iter().copied());
    shell
}

/// What it prints; it must succeed and say nothing.
fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn assert_contacts(json: &str) {
    let contacts: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(contacts["Contacts"].as_array().unwrap().len(), 12);
}

#[test]
fn in_a_shell() {
    let home = home();
    // The rest of the page's console needs no other login.
    check_as(&mut Reader::new(&[MAPLE_FLORIST.id]), &home, PAGE);
    home.mock().fault(xero_mock::Fault::Html(500));
    let refused = shell(&home, "xeroctl exec --gateway maple -- sh contacts.sh", &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(22), "curl's own");
}

#[test]
fn by_cron() {
    let home = home();
    let crontab = block("text", "MAILTO=ops@example.com");
    let line = crontab.lines().find(|line| line.starts_with("17 2 * * *")).unwrap();
    let command = line.strip_prefix("17 2 * * *").unwrap();
    // cron reads a percent sign as the end of a line.
    assert!(!command.contains('%') && value(&crontab, "PATH=").contains("/usr/bin"));
    assert_eq!(run(shell(&home, command, &[])), "", "nothing to mail");
    assert_contacts(&fs::read_to_string(home.path("nightly/contacts.json")).unwrap());
    home.mock().fault(xero_mock::Fault::Html(500));
    let failed = shell(&home, command, &[]).output().unwrap();
    assert!(!failed.status.success() && !failed.stderr.is_empty());
    assert_contacts(&fs::read_to_string(home.path("nightly/contacts.json")).unwrap());
}

#[test]
fn by_a_timer() {
    let home = home();
    let units = ["service", "timer"].map(|kind| {
        let path = format!(".config/systemd/user/nightly-contacts.{kind}");
        fs::create_dir_all(home.path(".config/systemd/user")).unwrap();
        home.write(&path, &block("ini", &format!("# ~/{path}")))
    });
    let mut judge = shell(&home, "exec systemd-analyze verify --user --man=no \"$@\"", &[]);
    judge.arg("sh").args(&units).env("XDG_RUNTIME_DIR", home.path(""));
    assert_eq!(run(judge), "");
    let service = fs::read_to_string(&units[0]).unwrap();
    let command = value(&service, "ExecStart=").replace("%h", "$HOME");
    assert_contacts(&run(shell(&home, &format!("cd nightly && {command}"), &[])));
}

#[test]
fn with_the_variables_of_a_container() {
    let home = home();
    home.write("passphrase", "six words that nobody guesses\n");
    let export = "xeroctl export moving.age maple --yes --quiet --bundle-passphrase-file passphrase";
    run(shell(&home, export, &[]));
    fs::create_dir_all(home.path("run/secrets")).unwrap();
    fs::copy(home.path(".config/xeroctl/store.key"), home.path("run/secrets/store.key")).unwrap();
    fs::create_dir_all(home.path("usr/local/share")).unwrap();
    home.write("usr/local/share/contacts.sh", &block("sh", "# contacts.sh"));

    let inside = |text: &str| {
        let root = home.path("").display().to_string();
        ["/var/lib/xero", "/run/secrets", "/usr/local/share"]
            .iter()
            .fold(text.to_owned(), |text, path| text.replace(path, &format!("{root}{}", &path[1..])))
    };
    let dockerfile = block("dockerfile", "# Dockerfile");
    let settings: Vec<_> = dockerfile.lines().filter_map(|line| line.strip_prefix("ENV ")).collect();
    assert_eq!(settings.len(), 3);
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), inside(value.trim_matches('"'))))
        .collect();
    let settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let container = |line: &str| shell(&home, line, &settings);
    let import = "xeroctl import moving.age --bundle-passphrase-file passphrase --quiet";
    for line in [import, "xeroctl adopt maple --yes --quiet"] {
        let output = container(line).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let command = value(&block("yaml", "# compose.yaml"), "command: ");
    assert_contacts(&run(container(&inside(&command))));
}
