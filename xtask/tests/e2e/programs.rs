//! The real `xero-mock` and `xeroctl`, and a home of their own.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use portable_pty::CommandBuilder;
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

use crate::terminal::Terminal;

/// A running mock and a home in which `xeroctl` talks to it. Both are gone when it is dropped, also by a panic.
pub(crate) struct Programs {
    mock: Child,
    /// Kept open: the mock may write more than its first line.
    _stdout: BufReader<ChildStdout>,
    url: String,
    home: TempDir,
}

/// What `xeroctl` printed and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: Option<i32>,
}

impl Programs {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Returns when the mock listens, on a port of its own choice.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let mut command = Command::new(program("xero-mock"));
        command.args(arguments);
        let mut mock =
            command.args(["--port", "0"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(mock.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("xero-mock listening on ");
        let url =
            url.unwrap_or_else(|| panic!("xero-mock does not say where it listens: {line:?}")).to_owned();
        let programs = Self { mock, _stdout: stdout, url, home: tempfile::tempdir().unwrap() };
        programs.install_opener();
        programs
    }

    /// What `xeroctl` has browsers opened by; here it writes the address into the file `opened`.
    fn install_opener(&self) {
        let opener = self.path("bin/xdg-open");
        fs::create_dir(self.path("bin")).unwrap();
        fs::write(&opener, "#!/bin/sh\nprintf %s \"$1\" > \"$HOME/opened\"\n").unwrap();
        fs::set_permissions(opener, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Gives an order at the mock's control address; its answer, null where there is none.
    pub(crate) fn order(&self, control: &str, order: &Value) -> Value {
        let request = client().post(format!("{}/_mock/{control}", self.url));
        json(request.header("content-type", "application/json").body(order.to_string()))
    }

    /// All requests that the mock has had.
    pub(crate) fn journal(&self) -> Value {
        json(client().get(format!("{}/_mock/journal", self.url)))
    }

    /// The mock's address, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// `xeroctl` with a person at a terminal.
    pub(crate) fn terminal(&self, arguments: &[&str]) -> Terminal {
        let mut command = CommandBuilder::new(program("xeroctl"));
        command.args(arguments);
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command.cwd(self.home.path());
        Terminal::start(command)
    }

    /// `xeroctl` without a terminal.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// The same, ready to start, with both outputs in pipes.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("xeroctl"));
        command.args(arguments).env_clear().envs(self.environment()).current_dir(self.home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What must succeed; gives its standard output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.status, Some(0), "xeroctl {arguments:?}: {run:?}");
        run.stdout
    }

    fn environment(&self) -> [(&'static str, String); 5] {
        let home = self.home.path().display().to_string();
        let data = format!("{home}/data");
        [
            ("PATH", format!("{home}/bin:/usr/bin:/bin")),
            ("HOME", home),
            ("XDG_DATA_HOME", data),
            ("NO_COLOR", "1".to_owned()),
            ("XEROCTL_XERO_URL", self.url.clone()),
        ]
    }
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            status: output.status.code(),
        }
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _gone_already = self.mock.kill();
        let _gone_already = self.mock.wait();
    }
}

/// A proxy has no way to this computer's loopback address.
fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

fn json(request: RequestBuilder) -> Value {
    let answer = request.send().unwrap().error_for_status().unwrap().text().unwrap();
    if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).unwrap() }
}

/// A port of this machine that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program of this workspace, from the folder where cargo also put this test.
fn program(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{name} is not built; `cargo xtask e2e` builds it and runs these tests");
    program
}
