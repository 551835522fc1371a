//! The commands in the documentation are run, in order, and their output is compared with what stands there.

use std::{fs, path::PathBuf};

use xero_mock::{ClientApp, Consent, DEMO_COMPANY, HEXAGON_TOOLS, MAPLE_FLORIST};

use crate::{
    browser::ELSEWHERE,
    database::authority,
    sandbox::{BINARY, Sandbox, mask},
};

const CONSUMER_KEY: &str = "D2XAOWHZPQ4V7M1KTBN83RLEJCYUS5";
const CLIENT_ID: &str = "4E1A0C7D9B2F4C5E8A6D3B1F0E9C8D7A";
const DESKTOP_ID: &str = "7B0D52E1C4A84F6E9D3C1A2B5F60E7C8";
const CUSTOM_ID: &str = "C25E8A17D94B4063B1F7E0A93D6C5B48";
const LOGIN: &str = "g7kq2mw9xz4p";
const REDIRECT: &str = "http://localhost:8742/callback";
const MOCK: &str = "127.0.0.1:8790";
/// Where the pages have a store that is in no file.
const SERVER: &str = "db.example.com/books";

/// A login, as the page on OAuth 2.0 makes it.
pub(crate) const LOGGED_IN: [&str; 3] = [
    "xeroctl store init --key-file ~/.config/xeroctl/store.key",
    "xeroctl connect begin --kind web --client-id 4E1A0C7D9B2F4C5E8A6D3B1F0E9C8D7A --client-secret-file secret",
    "xeroctl connect finish g7kq2mw9xz4p maple --address-file address.txt",
];

const MOVING: [&str; 4] = [
    LOGGED_IN[0],
    LOGGED_IN[1],
    LOGGED_IN[2],
    "umask 077; printf 'six words that nobody guesses\\n' > passphrase",
];

const MANAGING: [&str; 4] =
    [LOGGED_IN[0], LOGGED_IN[1], LOGGED_IN[2], "umask 077; printf 'not the secret\\n' > wrong"];
/// The same with a redirect URI that needs no port of this machine.
const LOGGED_IN_ELSEWHERE: [&str; 3] = [
    LOGGED_IN[0],
    "xeroctl connect begin --kind web --client-id 4E1A0C7D9B2F4C5E8A6D3B1F0E9C8D7A --client-secret-file secret \
     --redirect-uri https://zynk.com/",
    LOGGED_IN[2],
];

/// A command of a page, and the output that stands below it.
struct Example {
    /// Another machine than the reader's first, where the block says so.
    machine: Option<String>,
    command: String,
    output: String,
}

pub(crate) fn page(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read_to_string(path).unwrap()
}

/// What stands in blocks fenced as `console`, with the machine's name behind it if it is another one: lines with `$` are
/// commands, the others output.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for block in page.split("```console").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let (machine, lines) = block.split_once('\n').unwrap();
        let machine = Some(machine.trim().to_owned()).filter(|name| !name.is_empty());
        for line in lines.lines() {
            match line.strip_prefix("$ ") {
                Some(command) => {
                    let (machine, command) = (machine.clone(), command.to_owned());
                    examples.push(Example { machine, command, output: String::new() });
                }
                None => {
                    let last = examples.last_mut().expect("a block begins with a command");
                    last.output.push_str(line);
                    last.output.push('\n');
                }
            }
        }
    }
    examples
}

/// Runs a page's commands in one home, as a reader would.
fn check(name: &str) {
    check_after(&[], name);
}

/// The same for a reader who has done something before.
fn check_after(before: &[&str], name: &str) {
    let home = Sandbox::with_mock();
    let mut reader = Reader::new(&[MAPLE_FLORIST.id]);
    before.iter().for_each(|command| drop(reader.follow(&home, None, command)));
    check_as(&mut reader, &home, name);
}

pub(crate) fn check_as(reader: &mut Reader, home: &Sandbox, name: &str) {
    check_between(reader, home, name, |_| {});
}

/// The same, and after each command something that is not on the page.
fn check_between(reader: &mut Reader, home: &Sandbox, name: &str, after: impl Fn(&str)) {
    let page = page(name);
    let examples = examples(&page);
    assert!(examples.len() >= 2, "{name} has examples");
    let mut differences = String::new();
    for Example { machine, command, output } in examples {
        let found = reader.follow(home, machine.as_deref(), &command);
        after(&command);
        if tidy(home, &found) != tidy(home, &output) {
            differences.push_str(&format!("$ {command}\n{found}"));
        }
    }
    assert!(differences.is_empty(), "{name} shows something else than\n{differences}");
}

/// What a reader does in the portal and in the browser between the commands.
pub(crate) struct Reader {
    /// Whom the consents reach.
    organisations: &'static [&'static str],
    /// Each key or client id that the pages show, and the one that the portal gave in its place.
    given: Vec<(&'static str, String)>,
    address: Option<String>,
    login: Option<String>,
}

impl Reader {
    pub(crate) const fn new(organisations: &'static [&'static str]) -> Self {
        Self { organisations, given: Vec::new(), address: None, login: None }
    }

    /// Runs a command as a reader does; gives what it prints.
    pub(crate) fn follow(&mut self, home: &Sandbox, machine: Option<&str>, command: &str) -> String {
        self.prepare(home, command);
        let found = run(home, machine, &self.real(home, command));
        // Where the login was written to a file a reader takes it from there.
        let kept = fs::read_to_string(home.path("login.json")).unwrap_or_default();
        let found_or_kept = format!("{found}{kept}");
        self.address = login_address(&found_or_kept).or(self.address.take());
        let login = found_or_kept.split("connect finish ").nth(1).map(|rest| rest[..12].to_owned());
        self.login = login.or(self.login.take());
        found
    }

    fn prepare(&mut self, home: &Sandbox, command: &str) {
        for shown in [CONSUMER_KEY, CLIENT_ID, DESKTOP_ID, CUSTOM_ID] {
            if command.contains(shown) && !self.given.iter().any(|(given, _)| *given == shown) {
                let app = create_app(home, shown);
                if self.organisations.len() > 1 {
                    home.mock().bulk_connections(&app, true).unwrap();
                }
                self.given.push((shown, app));
            }
        }
        if let Some(source) = command.split("import --from ").nth(1) {
            self.keep_elsewhere(home, source);
        }
        if command.contains("connect finish") {
            let address = self.address.as_deref().expect("a login was begun");
            let end = home.mock().consent(address, &Consent::allow(self.organisations)).unwrap();
            home.write("address.txt", &end);
        }
    }

    /// What other programs kept of logins.
    fn keep_elsewhere(&mut self, home: &Sandbox, source: &str) {
        let page = match source.split(' ').next() {
            Some("token-json") if !home.path("tokens.json").exists() => "tokens.json",
            Some("env") => ".env",
            Some("xero-cli") if !home.path(".config/xero-command-line").exists() => {
                let login = home.cli_login(&home.cli_app(), &HEXAGON_TOOLS);
                return home.seal(&serde_json::json!({ "hexagon": login }), None);
            }
            _ => return,
        };
        let organisation = if page == ".env" { DEMO_COMPANY } else { MAPLE_FLORIST };
        let app = home.mock().create_web_app(page, &[REDIRECT]).unwrap();
        let consent = Consent::allow(&[organisation.id]);
        let scopes = "openid accounting.settings.read offline_access";
        let tokens = home.mock().mint_tokens(&app.client_id, scopes, &consent).unwrap();
        let (token, secret) = (tokens.refresh_token.unwrap(), app.client_secret.unwrap());
        let text = if page == ".env" {
            format!(
                "XERO_CLIENT_ID={}\nXERO_CLIENT_SECRET='{secret}'\nXERO_REFRESH_TOKEN={token}\n",
                app.client_id
            )
        } else {
            serde_json::json!({
                "client_id": app.client_id, "client_secret": secret, "tenant_id": organisation.id,
                "token": { "access_token": tokens.access_token, "refresh_token": token, "expires_at": 1_795_340_467 },
            })
            .to_string()
        };
        home.write(page, &text);
    }

    /// The command with what this run was given in place of what the page shows.
    fn real(&self, home: &Sandbox, command: &str) -> String {
        let command = &home.with_real_server(command, SERVER);
        let login = self.login.iter().map(|real| (LOGIN, real));
        let pairs = self.given.iter().map(|(shown, real)| (*shown, real)).chain(login);
        pairs.fold(command.to_owned(), |command, (shown, real)| command.replace(shown, real))
    }
}

/// Creates the app that the pages show with this key or client id; gives what the portal calls it, and leaves its secret
/// in a file.
fn create_app(home: &Sandbox, shown: &str) -> String {
    let secret = |app: &ClientApp, file| drop(home.write(file, app.client_secret.as_deref().unwrap()));
    let app = match shown {
        CONSUMER_KEY => {
            let certificate = fs::read_to_string(home.path("acme.cer")).unwrap();
            let app = home.mock().create_private_app("Acme", MAPLE_FLORIST.id, &certificate);
            return app.unwrap().consumer_key;
        }
        DESKTOP_ID => home.mock().create_desktop_app("Desk", &[REDIRECT]).unwrap(),
        CUSTOM_ID => {
            let scopes = ["accounting.settings.read"];
            let app = home.mock().create_custom_app("Books", HEXAGON_TOOLS.id, &scopes).unwrap();
            home.mock().authorise_custom_app(&app.client_id).unwrap();
            secret(&app, "custom-secret");
            app
        }
        _ => {
            let app = home.mock().create_web_app("Nightly", &[REDIRECT, ELSEWHERE]).unwrap();
            secret(&app, "secret");
            app
        }
    };
    app.client_id
}

fn login_address(found: &str) -> Option<String> {
    let start = found.split_whitespace().find(|word| word.contains("/identity/connect/authorize?"))?;
    Some(start.trim_matches(['"', ',']).to_owned())
}

/// Both streams, as a terminal shows them, and the status where it is not zero.
fn run(home: &Sandbox, machine: Option<&str>, command: &str) -> String {
    let program = home.path("bin/xeroctl");
    if !program.exists() {
        std::os::unix::fs::symlink(BINARY, program).unwrap();
    }
    let mut shell = home.command("sh");
    shell
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XEROCTL_MACHINE")
        .env_remove("XEROCTL_STORE")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")]);
    if let Some(machine) = machine {
        // What lies in the working directory was copied.
        fs::create_dir_all(home.path(machine)).unwrap();
        shell.env("HOME", home.path(machine)).env("XEROCTL_MACHINE", machine);
    }
    let output = shell.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let text = machine.map_or(text.clone(), |machine| text.replace(&format!("/{machine}/"), "/"));
    match output.status.code() {
        Some(0) => text,
        status => format!("{text}[{}]\n", status.unwrap_or(-1)),
    }
}

fn tidy(home: &Sandbox, text: &str) -> String {
    // Where a key is longer or shorter, a column is wider or narrower.
    let text = text.replace("https://login.xero.com/", &format!("{}/", home.mock().url()));
    let text = text.replace(BINARY, "~/.cargo/bin/xeroctl");
    let text = mask(&home.tidy(&text).replace("HOME", "~").replace(MOCK, "MOCK"));
    let text = text.replace("SERVER/books", SERVER);
    let text = replaced(&text, r"process \d+, user \S+ at \S+", "process N, user U at HOST");
    let text = replaced(&text, r"\*-\*-\* \d\d:\d\d", "*-*-* TIME");
    let spaces = regex::Regex::new(" {2,}").unwrap();
    text.lines().map(|line| spaces.replace_all(line, "  ").into_owned() + "\n").collect()
}

fn replaced(text: &str, pattern: &str, with: &str) -> String {
    regex::Regex::new(pattern).unwrap().replace_all(text, with).into_owned()
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

#[cfg(unix)]
#[test]
fn connecting_with_oauth2() {
    check("docs/connecting-with-oauth2.md");
}

#[cfg(unix)]
#[test]
fn unattended_jobs() {
    let home = Sandbox::with_mock();
    let page = page("docs/unattended-jobs.md");
    let script = page.split("$ cat organisation.sh\n").nth(1).unwrap().split("$ xeroctl").next().unwrap();
    home.write("organisation.sh", script);
    check_as(&mut Reader::new(&[MAPLE_FLORIST.id]), &home, "docs/unattended-jobs.md");
}

#[cfg(unix)]
#[test]
fn many_organisations() {
    let mut reader = Reader::new(&[DEMO_COMPANY.id, HEXAGON_TOOLS.id, MAPLE_FLORIST.id]);
    check_as(&mut reader, &Sandbox::with_mock(), "docs/many-organisations.md");
}

#[cfg(unix)]
#[test]
fn private_apps_have_ended() {
    let home = Sandbox::with_mock();
    home.mock().private_apps_off(true);
    check_as(&mut Reader::new(&[MAPLE_FLORIST.id]), &home, "docs/private-apps-have-ended.md");
}

#[cfg(unix)]
#[test]
fn coming_from_another_tool() {
    check("docs/coming-from-another-tool.md");
}

#[cfg(unix)]
#[test]
fn looking_after_the_store() {
    check("docs/looking-after-the-store.md");
}

#[cfg(unix)]
#[test]
fn many_machines() {
    let home = Sandbox::with_database();
    home.database().sql(&format!("ALTER DATABASE {} OWNER TO xero", home.database().name()));
    home.write("ca.pem", authority());
    let mut reader = Reader::new(&[MAPLE_FLORIST.id]);
    // What is brought to the second machine by hand.
    let made = "xeroctl store init --key-file ~/.config/xeroctl/store.key";
    check_between(&mut reader, &home, "docs/many-machines.md", |command| {
        if command == made {
            fs::copy(home.path("nightly/.config/xeroctl/store.key"), home.path("store.key")).unwrap();
        }
    });
}

#[cfg(unix)]
#[test]
fn moving_to_another_machine() {
    check_after(&MOVING, "docs/moving-to-another-machine.md");
}

#[cfg(unix)]
#[test]
fn managing_connections() {
    check_after(&MANAGING, "docs/managing-connections.md");
}

#[cfg(unix)]
#[test]
fn the_gateway() {
    check("docs/gateway.md");
}

#[cfg(unix)]
#[test]
fn keeping_logins_alive() {
    check_after(&LOGGED_IN, "docs/keeping-logins-alive.md");
}

#[cfg(unix)]
#[test]
fn when_something_fails() {
    check_after(&LOGGED_IN_ELSEWHERE, "docs/when-something-fails.md");
}

#[cfg(unix)]
#[test]
fn scopes() {
    check_after(&LOGGED_IN, "docs/scopes.md");
}

#[cfg(unix)]
#[test]
fn the_command_line() {
    check("docs/command-line.md");
}

/// The wizard's screen stands in the guide as it was recorded.
pub(crate) fn assert_stands_in_the_guide(name: &str, screen: &str) {
    let guide = mask(&page(name).replace(MOCK, "MOCK"));
    let screen = screen
        .replace("HOME/data", "~/.local/share")
        .replace("HOME/config", "~/.config")
        .replace("HOME", "~");
    assert!(guide.contains(&screen), "this is not in the guide:\n{screen}");
}
