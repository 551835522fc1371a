//! A home of its own for each test, the binary in it, and its output in a form that does not change from run to run.

use std::{
    borrow::Cow,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use connection_store::PostgresAddress;
use portable_pty::CommandBuilder;
use regex::Regex;
use xero_mock::{ClientApp, MAPLE_FLORIST, Mock};

use crate::{database::Database, terminal::Terminal};

pub(crate) const PASSWORD: &str = "test-password";
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_xeroctl");

/// A temporary home, with the mock if a test wants one.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    mock: Option<Mock>,
    /// The database of its store, where that is not in a file.
    database: Option<Database>,
}

/// What a run printed and how it ended.
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
    /// Standard output and standard error as they were.
    pub(crate) raw: (String, String),
    shown: String,
}

/// A file of `fixtures/certs`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs").join(name)
}

/// What says which private app it is, with the password of its `.pfx` in the file `password`.
pub(crate) fn private_options<'a>(consumer_key: &'a str, pfx: &'a str) -> [&'a str; 8] {
    ["--kind", "private", "--consumer-key", consumer_key, "--certificate", pfx, "--password-file", "password"]
}

/// What says which custom connection it is.
pub(crate) fn custom_options(app: &ClientApp) -> [&str; 6] {
    ["--kind", "custom", "--client-id", &app.client_id, "--client-secret-file", "secret"]
}

impl Sandbox {
    /// A home without anything.
    pub(crate) fn new() -> Self {
        let sandbox = Self { folder: tempfile::tempdir().unwrap(), mock: None, database: None };
        sandbox.write("password", &format!("{PASSWORD}\n"));
        sandbox.write_opener();
        sandbox
    }

    /// What opens a browser elsewhere only writes the address down here, in the file `opened`.
    fn write_opener(&self) {
        fs::create_dir(self.path("bin")).unwrap();
        let script = format!("#!/bin/sh\nprintf %s \"$1\" > '{}'\n", self.path("opened").display());
        let opener = self.write("bin/xdg-open", &script);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(opener, fs::Permissions::from_mode(0o700)).unwrap();
        }
    }

    /// A home and a mock Xero that runs.
    pub(crate) fn with_mock() -> Self {
        Self { mock: Some(Mock::start_blocking().unwrap()), ..Self::new() }
    }

    /// A home, a mock, and a database in which a store can be made.
    pub(crate) fn with_database() -> Self {
        Self { database: Some(Database::new()), ..Self::with_mock() }
    }

    /// The same with a store that the key file `store.key` opens.
    pub(crate) fn at_server() -> Self {
        let sandbox = Self::with_database();
        sandbox.ok(&["store", "init", "--key-file", "store.key"]);
        sandbox
    }

    /// A command with the address of the store's database in place of the one that a page shows.
    pub(crate) fn with_real_server(&self, command: &str, shown: &str) -> String {
        match &self.database {
            Some(database) => command.replace(shown, &database.host_and_name()),
            None => command.to_owned(),
        }
    }

    /// The database of the store.
    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().expect("the test began with a database")
    }

    /// The address of the store, where it is in no file.
    pub(crate) fn place(&self) -> Option<PostgresAddress> {
        let database = self.database.as_ref()?;
        Some(PostgresAddress::parse(&database.address("tester")).unwrap())
    }

    /// A home, a mock, and a store with the key file `store.key`.
    pub(crate) fn initialised() -> Self {
        let sandbox = Self::with_mock();
        sandbox.ok(&["store", "init", "--key-file", "store.key"]);
        sandbox
    }

    /// A home, a mock, a store with a key file, and the connection `acme` for Maple Florist Ltd.
    pub(crate) fn connected() -> Self {
        let sandbox = Self::initialised();
        sandbox.connect("acme");
        sandbox
    }

    /// Makes a private app at the mock with the test certificate, and a connection of that name; gives the consumer key.
    pub(crate) fn connect(&self, name: &str) -> String {
        let consumer_key = self.app();
        let pfx = fixture("kinds/test-openssl-3.pfx");
        let pfx = pfx.to_str().unwrap();
        self.ok(&[&["connect", name][..], &private_options(&consumer_key, pfx)].concat());
        consumer_key
    }

    /// A private app at the mock with the test certificate; gives the consumer key.
    pub(crate) fn app(&self) -> String {
        let certificate = fs::read_to_string(fixture("test.cer")).unwrap();
        self.mock().create_private_app("Nightly", MAPLE_FLORIST.id, &certificate).unwrap().consumer_key
    }

    /// A custom connection to Maple Florist Ltd that its user has authorised, with its secret in the file `secret`.
    pub(crate) fn custom_app(&self, scopes: &[&str]) -> ClientApp {
        let app = self.mock().create_custom_app("Nightly", MAPLE_FLORIST.id, scopes).unwrap();
        self.mock().authorise_custom_app(&app.client_id).unwrap();
        self.write("secret", app.client_secret.as_deref().unwrap());
        app
    }

    /// The same with a connection of that name.
    pub(crate) fn connect_custom(&self, name: &str, scopes: &[&str]) -> ClientApp {
        let app = self.custom_app(scopes);
        let run = self.run(&[&["connect", name][..], &custom_options(&app)].concat());
        // Without the scope for it the test of the new connection is refused; it is saved all the same.
        assert!(run.status == 0 || run.stderr.contains("Saved all the same"), "{}", run.text());
        app
    }

    pub(crate) fn mock(&self) -> &Mock {
        self.mock.as_ref().expect("the test began with a mock")
    }

    /// Ends the mock: its port refuses from now on.
    pub(crate) fn stop_mock(&mut self) {
        self.mock = None;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        // What opens a store must be private; for other files it does no harm.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    /// The program with nothing of the surroundings but what a test gives it.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.folder.path());
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command
    }

    /// `xeroctl` with a person at a terminal.
    pub(crate) fn terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(self.at_terminal(arguments))
    }

    /// The same with a terminal of so many columns.
    pub(crate) fn terminal_of(&self, columns: u16, arguments: &[&str]) -> Terminal {
        Terminal::start_with(self.at_terminal(arguments), columns)
    }

    /// The same after what a shell does first.
    #[cfg(unix)]
    pub(crate) fn terminal_by_shell(&self, before: &str, arguments: &[&str]) -> Terminal {
        let script = format!("{before} exec \"$0\" \"$@\"");
        Terminal::start(self.at_terminal_in("sh", &[&["-c", &script, BINARY], arguments].concat()))
    }

    /// A line of a shell at a terminal.
    #[cfg(unix)]
    pub(crate) fn shell_at_terminal(&self, line: &str) -> Terminal {
        let mut command = self.at_terminal_in("sh", &["-c", line]);
        command.env("XEROCTL", BINARY);
        Terminal::start(command)
    }

    fn at_terminal(&self, arguments: &[&str]) -> CommandBuilder {
        self.at_terminal_in(BINARY, arguments)
    }

    fn at_terminal_in(&self, program: &str, arguments: &[&str]) -> CommandBuilder {
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command.cwd(self.folder.path());
        command
    }

    /// All of the surroundings that the program gets.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let home = self.folder.path().display().to_string();
        let mut variables = vec![
            ("HOME", home.clone()),
            ("XDG_DATA_HOME", format!("{home}/data")),
            ("XDG_CONFIG_HOME", format!("{home}/config")),
            ("PATH", format!("{home}/bin:{}", std::env::var("PATH").unwrap_or_default())),
            ("NO_COLOR", "1".to_owned()),
            // Neither the keychain nor the machine's own id: both are somebody's.
            ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={home}/no-bus")),
            ("XEROCTL_MACHINE", "test-machine".to_owned()),
            ("COLUMNS", "100".to_owned()),
        ];
        if let Some(mock) = &self.mock {
            variables.push(("XEROCTL_XERO_URL", mock.url().to_owned()));
        }
        if let Some(database) = &self.database {
            variables.push(("XEROCTL_STORE", database.address("tester")));
        }
        variables
    }

    /// Runs `xeroctl` without a terminal and with nothing on standard input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, "")
    }

    /// Runs `xeroctl` on another machine of that name, with a home of its own; files of the test are the same on both.
    pub(crate) fn run_at(&self, machine: &str, arguments: &[&str]) -> Run {
        let mut command = self.command(BINARY);
        for (variable, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")] {
            command.env(variable, self.path(machine).join(folder));
        }
        self.run_command(command.env("XEROCTL_MACHINE", machine), arguments, "")
    }

    /// Runs what must succeed there.
    pub(crate) fn ok_at(&self, machine: &str, arguments: &[&str]) -> Run {
        let run = self.run_at(machine, arguments);
        assert_eq!(run.status, 0, "{}", run.text());
        run
    }

    /// Runs `xeroctl` with these variables too.
    pub(crate) fn run_in(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
        self.run_command(self.command(BINARY).envs(variables.iter().copied()), arguments, "")
    }

    /// Runs `xeroctl` with a text on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        self.run_command(&mut self.command(BINARY), arguments, input)
    }

    fn run_command(&self, command: &mut Command, arguments: &[&str], input: &str) -> Run {
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may end without reading; that is its right.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let shown = arguments.iter().map(|one| self.tidy(one)).collect::<Vec<_>>().join(" ");
        self.finish(&shown, &output)
    }

    /// The output of any command, in the form that tests compare.
    pub(crate) fn finish(&self, shown: &str, output: &std::process::Output) -> Run {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let raw = (text(&output.stdout), text(&output.stderr));
        Run {
            stdout: self.tidy(&raw.0),
            stderr: self.tidy(&raw.1),
            raw,
            status: output.status.code().unwrap_or(-1),
            shown: mask(shown),
        }
    }

    /// Runs what must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{}", run.text());
        run
    }

    /// Puts names in place of paths, ports and keys that differ from run to run.
    pub(crate) fn tidy(&self, text: &str) -> String {
        let fixtures = fixture("").display().to_string();
        let mut text = text.replace(&fixtures, "FIXTURES/");
        for path in [self.folder.path().canonicalize().unwrap().as_path(), self.folder.path()] {
            text = text.replace(&*path.to_string_lossy(), "HOME");
        }
        if let Some(mock) = &self.mock {
            text = text.replace(mock.url().trim_start_matches("http://"), "MOCK");
        }
        if let Some(database) = &self.database {
            text = database.tidy(&text);
        }
        mask(&text)
    }

    /// As if limits that were met before were over.
    pub(crate) fn forget_calls(&self) {
        fs::remove_file(self.path("data/xeroctl/connections.db-calls")).ok();
    }

    /// All that lies in the home, as paths.
    pub(crate) fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        let mut names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(self.folder.path()).unwrap().display().to_string())
            .filter(|name| !["password", "bin/xdg-open", "opened"].contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

/// Consumer keys, fingerprints, nonces, signatures and dates differ from run to run.
pub(crate) fn mask(text: &str) -> String {
    MASKS.iter().fold(text.to_owned(), |text, (pattern, name)| match pattern.replace_all(&text, *name) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => masked,
    })
}

/// What differs, and what stands in its place. Made once: it takes longer than most commands.
static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let settings: [(&str, &str); 24] = [
        // The beginning of a client id or consumer key, in a table.
        (r"(\s\s)[0-9A-Z]{8}(\s\s)", "${1}APPBEGIN${2}"),
        (r"\.xeroctl-\w{6}\b", ".xeroctl-PART"),
        (r#""(number|data_key)": \d{3,}"#, r#""$1": NUMBER"#),
        (r"store key [0-9a-f]{8}-[0-9a-f-]{27}", "store key UUID"),
        (r"before-restore-\d+", "before-restore-SECONDS"),
        (r"\b\d+ KiB", "SIZE KiB"),
        (r#""(log_)?size": \d+"#, r#""${1}size": SIZE"#),
        (r#""id": "[0-9a-f]{32}""#, r#""id": "STOREID""#),
        (r"(that|Owner +) \S+( owns|, since)", "$1 MACHINE$2"),
        (r#""Instance":"[0-9a-f-]{36}""#, r#""Instance":"UUID""#),
        (r"http://[\w.:]+/identity/connect/authorize\?\S+", "ADDRESS"),
        (r"(connect|reauth) finish [0-9a-z]{12}\b", "$1 finish LOGIN"),
        (r"\b[0-9A-F]{32}\b", "CLIENTID"),
        (r"\b\d\d:\d\d:\d\d UTC", "TIME UTC"),
        (r"\d+ bytes written", "SIZE bytes written"),
        (r"\.xero-\w+\.part", ".xero-PART"),
        (
            r#"oauth_timestamp="\d+", oauth_nonce="[0-9a-f]+""#,
            r#"oauth_timestamp="TIME", oauth_nonce="NONCE""#,
        ),
        (r#"oauth_signature="[^"]+""#, r#"oauth_signature="SIGNATURE""#),
        (r"oauth_nonce%3D[0-9a-f]+", "oauth_nonce%3DNONCE"),
        (r"oauth_timestamp%3D\d+", "oauth_timestamp%3DTIME"),
        (r"\b[A-Z0-9]{30}\b", "CONSUMERKEY"),
        (r"\b([0-9A-F]{2}:){19,31}[0-9A-F]{2}\b", "FINGERPRINT"),
        (r"\b20[2-3]\d-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?\b", "DATE"),
        (r"\b\d+ days left|ended \d+ days ago|\x22days_left\x22: -?\d+", "DAYS"),
    ];
    settings.map(|(pattern, name)| (Regex::new(pattern).unwrap(), name)).into()
});

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.raw.0).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// What was run, without the program.
    pub(crate) fn command(&self) -> &str {
        &self.shown
    }

    /// The login that the run says can be finished.
    pub(crate) fn login(&self) -> String {
        let words = self.raw.1.split("xeroctl connect finish ").nth(1).expect("a login that can be finished");
        words.chars().take_while(char::is_ascii_alphanumeric).collect()
    }

    /// Command, both streams and status as one text.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("$ xeroctl {}\n", self.shown);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text.push_str(&format!("--- {name}\n{}\n", stream.trim_end()));
            }
        }
        text.push_str(&format!("--- status {}\n", self.status));
        text
    }
}

/// Several runs, one after the other, in one snapshot.
pub(crate) fn transcript(sandbox: &Sandbox, commands: &[&[&str]]) -> String {
    commands.iter().map(|arguments| sandbox.run(arguments).text()).collect::<Vec<_>>().join("\n")
}
