//! `xeroctl exec --gateway`: a program that reaches Xero by a gateway of its own, which ends with it.

#![cfg(unix)]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
    time::Duration,
};

use xero_mock::{Fault, Rotation};

use crate::sandbox::{BINARY, Run, Sandbox, transcript};

/// What has not come by then will not.
const PATIENCE: Duration = Duration::from_secs(60);
const ORGANISATION: &str = "/api.xro/2.0/Organisation";
/// Says what it finds, and ends when nothing more comes in.
const SCRIPT: &str = "env; echo; cat > /dev/null; exit 7";

/// A program with what it found in its environment.
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    variables: HashMap<String, String>,
}

impl Program {
    fn start(home: &Sandbox, options: &[&str]) -> Self {
        let mut command = home.command(BINARY);
        command.arg("exec").args(options).args(["--", "sh", "-c", SCRIPT]);
        Self::spawn(command.env("XERO_ACCESS_TOKEN_EXPIRES_AT", "left over"))
    }

    fn spawn(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let pairs = lines.iter().filter_map(|line| line.split_once('='));
        let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let stdin = child.stdin.take();
        Self { child, stdin, variables }
    }

    fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    fn send(&self, method: &str, path: &str) -> TcpStream {
        let host = self.variable("XERO_BASE_URL").trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let token = self.variable("XERO_ACCESS_TOKEN");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n");
        stream.write_all(format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        stream
    }

    fn status(&self, method: &str, path: &str) -> u16 {
        let (mut stream, mut answer) = (self.send(method, path), String::new());
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("{answer}"))
    }

    /// Lets the program end; how `xeroctl` ended, and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let mut said = String::new();
        let stderr: Option<ChildStderr> = self.child.stderr.take();
        stderr.unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn token(home: &Sandbox) -> String {
    home.ok(&["token", "maple"]).raw.0.trim().to_owned()
}

#[test]
fn a_program_has_a_gateway_and_no_token_of_xeros() {
    let (home, _) = Sandbox::logged_in();
    let token = token(&home);
    let program = Program::start(&home, &["--gateway", "maple"]);
    let of_gateway = program.variable("XERO_ACCESS_TOKEN").to_owned();
    assert!(of_gateway.starts_with("xgw_"), "{of_gateway}");
    assert!(program.variables.values().all(|value| !value.contains(&token)));
    assert!(!program.variables.contains_key("XERO_ACCESS_TOKEN_EXPIRES_AT"));
    assert_eq!(program.variable("XEROCTL_CONNECTION"), "maple");
    for name in ["NO_PROXY", "no_proxy"] {
        assert!(program.variable(name).ends_with("127.0.0.1"), "its token is for no proxy");
    }
    assert_eq!(program.variable("XERO_TENANT_ID"), xero_mock::MAPLE_FLORIST.id);
    assert_eq!(program.status("GET", ORGANISATION), 200);
    assert_eq!(program.status("PUT", "/api.xro/2.0/Nothing"), 404, "writes pass too");
    // Whatever Xero says of a token, the program's lasts.
    home.mock().advance(Duration::from_secs(31 * 60));
    assert_eq!(program.status("GET", ORGANISATION), 200);
    let (base, arguments) = (program.variable("XERO_BASE_URL").to_owned(), program.child.id());
    let arguments = std::fs::read(format!("/proc/{arguments}/cmdline")).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains("xgw_"));
    let (status, said) = program.end();
    assert_eq!((status, said.as_str()), (Some(7), ""));
    let gone = TcpStream::connect(base.trim_start_matches("http://").trim_end_matches('/'));
    assert!(gone.is_err(), "the gateway went with the program");
    let another = Program::start(&home, &["--gateway", "maple"]);
    assert_ne!(another.variable("XERO_ACCESS_TOKEN"), of_gateway);
}

#[test]
fn a_private_app_serves_a_program_that_knows_tokens_alone() {
    let home = Sandbox::connected();
    let program = Program::start(&home, &["--gateway", "acme"]);
    assert_eq!(program.status("GET", ORGANISATION), 200);
    assert_eq!(program.end().0, Some(7));
}

#[test]
fn it_reaches_its_connection_alone_and_may_be_kept_from_writing() {
    let home = Sandbox::connected();
    home.connect("other");
    home.mock().clear_journal();
    let mut program = Program::start(&home, &["--gateway", "--read-only", "other"]);
    for (method, path, status) in [
        ("GET", ORGANISATION, 200),
        ("GET", "/c/other/api.xro/2.0/Organisation", 200),
        ("GET", "/c/acme/api.xro/2.0/Organisation", 403),
        ("PUT", "/api.xro/2.0/Contacts", 403),
        ("POST", "/connect/token", 404),
    ] {
        assert_eq!(program.status(method, path), status, "{method} {path}");
    }
    program.variables.insert("XERO_ACCESS_TOKEN".to_owned(), "xgw_guessed".to_owned());
    assert_eq!(program.status("GET", ORGANISATION), 401);
    assert_eq!(home.mock().journal().len(), 2);
}

#[test]
fn signals_are_the_programs() {
    let home = Sandbox::connected();
    let script = "trap 'exit 9' TERM; env; echo; while :; do read -r line || sleep 0.01; done";
    let mut command = home.command(BINARY);
    let mut program = Program::spawn(command.args(["exec", "--gateway", "acme", "--", "sh", "-c", script]));
    let pid = rustix::process::Pid::from_child(&program.child);
    assert_eq!(program.status("GET", ORGANISATION), 200);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    // The shell looks at its trap once a line was read.
    drop(program.stdin.take());
    assert_eq!(program.child.wait().unwrap().code(), Some(9));
    let killed = home.run(&["exec", "--gateway", "acme", "--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(killed.status, -1, "ended by a signal, as the program was");
}

#[test]
fn a_renewal_is_finished_where_the_program_has_ended() {
    let (home, _) = Sandbox::logged_in();
    home.mock().rotation(Rotation::Strict);
    let program = Program::start(&home, &["--gateway", "maple"]);
    home.mock().advance(Duration::from_secs(31 * 60));
    home.mock().fault(Fault::DelayReply(Duration::from_secs(1)).on("/connect/token"));
    let before = home.mock().refreshes();
    let asking = program.send("GET", ORGANISATION);
    assert!(home.mock().wait_for_refreshes(before + 1, PATIENCE));
    drop(asking);
    assert_eq!(program.end().0, Some(7));
    // Strict rotation forgives no lost answer: the new token was kept.
    home.ok(&["refresh", "maple"]);
    assert_eq!(home.mock().refreshes(), before + 2);
}

#[test]
fn misuse() {
    let (home, app) = Sandbox::logged_in();
    let commands: [&[&str]; 6] = [
        &["exec", "--gateway", "maple"],
        &["exec", "--gateway", "maple", "--", "no-such-program"],
        &["exec", "--gateway", "maple", "--min-ttl", "60", "--", "sh"],
        &["exec", "maple", "--read-only", "--", "sh"],
        &["exec", "--gateway", "nobody", "--", "sh"],
        &["exec", "--gateway", "maple", "--xero-url", "http://127.0.0.1:1", "--", "sh"],
    ];
    let mut text = transcript(&home, &commands);
    home.mock().set_access_lifetime(Duration::from_secs(20));
    home.ok(&["refresh", "maple"]);
    home.mock().kill_refresh_tokens(&app.client_id);
    let refused = home.run(&["refresh", "maple"]);
    assert_eq!(refused.status, 4, "{}", refused.text());
    let ended: Run = home.run(&["exec", "--gateway", "maple", "--", "touch", "ran"]);
    text.push_str(&ended.text());
    assert!(!home.path("ran").exists(), "nothing is begun that cannot go on");
    insta::assert_snapshot!(text);
}
