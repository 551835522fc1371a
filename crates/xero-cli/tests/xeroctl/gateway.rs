//! `xeroctl gateway`: programs without a secret of Xero's use connections, and nobody else does.

#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::sandbox::{BINARY, Run, Sandbox, transcript};

/// What has not come by then will not.
const PATIENCE: Duration = Duration::from_secs(60);
const ORGANISATION: &str = "/api.xro/2.0/Organisation";

/// A gateway that runs.
pub(crate) struct Gateway {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it said when it began.
    pub(crate) started: Value,
}

impl Gateway {
    /// At a port of its own, with its token in the file `token` unless other options say who may use it.
    pub(crate) fn start(home: &Sandbox, arguments: &[&str]) -> Self {
        let mut command = home.command(BINARY);
        command.args(["gateway", "--json", "--listen", "127.0.0.1:0"]).args(arguments);
        if !arguments.contains(&"--clients") {
            command.args(["--token-file", "token"]);
        }
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut gateway = Self { child, stdout, started: Value::Null };
        gateway.started = gateway.event();
        assert_eq!(gateway.started["event"], "started", "{}", gateway.started);
        gateway
    }

    fn event(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut said = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it ended: {said}");
        }
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a request as a client with this token; the whole answer.
    pub(crate) fn ask(&self, token: &str, method: &str, path: &str) -> String {
        let host = self.started["address"].as_str().unwrap().trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n");
        stream.write_all(format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn status(&self, token: &str, method: &str, path: &str) -> u16 {
        let answer = self.ask(token, method, path);
        answer
            .split_whitespace()
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("{answer}"))
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it by a signal; what it said at the end, its status, and what stands on standard error.
    fn end(mut self, signal: &str) -> (Value, Option<i32>, String) {
        self.signal(signal);
        let (last, mut said) = (self.event(), String::new());
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (last, self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn mode(home: &Sandbox, name: &str) -> u32 {
    fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777
}

fn line(run: &Run) -> String {
    run.raw.0.trim().to_owned()
}

#[test]
fn a_program_with_the_token_of_the_run_uses_every_connection() {
    let (home, _) = Sandbox::logged_in();
    home.connect("old");
    let log = home.path("log");
    let gateway = Gateway::start(&home, &["--log-file", log.to_str().unwrap()]);
    assert_eq!(gateway.started["default"], "maple");
    assert_eq!(mode(&home, "token"), 0o600);
    let token = fs::read_to_string(home.path("token")).unwrap().trim().to_owned();
    for path in [ORGANISATION, "/c/old/api.xro/2.0/Organisation", "/connections", "/c/old/connections"] {
        assert_eq!(gateway.status(&token, "GET", path), 200, "{path}");
    }
    assert_eq!(gateway.status("x", "GET", ORGANISATION), 401);
    assert_eq!(gateway.status(&token, "POST", "/connect/token"), 404);
    assert_eq!(gateway.status("x", "GET", "/-/health"), 200);
    let (last, status, said) = gateway.end("TERM");
    assert_eq!((&last["event"], status), (&Value::from("stopped"), Some(0)), "{said}");
    assert!(said.contains("all of the store; maple where none is named") && !said.contains(&token), "{said}");
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains(
            "client=\"token\" connection=\"maple\" method=GET path=\"/api.xro/2.0/Organisation\" status=200"
        ),
        "{log}"
    );
    assert!(log.contains("status=401") && log.contains("refused=\"token\""), "{log}");
    assert!(!log.contains(&token) && !log.contains("Bearer"), "{log}");
}

#[test]
fn the_file_of_clients_is_read_anew_at_sighup() {
    let home = Sandbox::connected();
    let new = |name| line(&home.ok(&["gateway", "token", "new", name, "--clients", "clients.toml"]));
    let write = |text: &str| fs::write(home.path("clients.toml"), text).unwrap();
    let first = new("first");
    let mut gateway = Gateway::start(&home, &["--clients", "clients.toml"]);
    let again = |gateway: &mut Gateway| {
        gateway.signal("HUP");
        gateway.event()
    };
    let second = new("second");
    assert_eq!(
        (gateway.status(&first, "GET", ORGANISATION), gateway.status(&second, "GET", ORGANISATION)),
        (200, 401)
    );
    let read = again(&mut gateway);
    assert_eq!(
        (&read["event"], &read["clients"]),
        (&"clients_read".into(), &serde_json::json!(["first", "second"]))
    );
    assert_eq!(gateway.status(&second, "GET", ORGANISATION), 200);
    // What cannot be used changes nothing: no TOML, and a file that others can read.
    let whole = fs::read_to_string(home.path("clients.toml")).unwrap();
    write("[[client");
    assert_eq!(again(&mut gateway)["event"], "clients_kept");
    write(&whole);
    fs::set_permissions(home.path("clients.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let kept = again(&mut gateway);
    assert_eq!(
        (&kept["event"], kept["error"]["message"].is_string()),
        (&"clients_kept".into(), true),
        "{kept}"
    );
    assert_eq!(gateway.status(&first, "GET", ORGANISATION), 200);
    fs::set_permissions(home.path("clients.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    // Who is taken away is let in no more, and the last may go too.
    write(&whole[whole.rfind("[[client]]").unwrap()..]);
    assert_eq!(again(&mut gateway)["clients"], serde_json::json!(["second"]));
    assert_eq!(
        (gateway.status(&first, "GET", ORGANISATION), gateway.status(&second, "GET", ORGANISATION)),
        (401, 200)
    );
    write("");
    assert_eq!(again(&mut gateway)["clients"], serde_json::json!([]));
    assert_eq!(gateway.status(&second, "GET", ORGANISATION), 401);
    let (last, status, said) = gateway.end("TERM");
    assert_eq!((&last["event"], status), (&"stopped".into(), Some(0)), "{said}");
    assert!(said.contains("clients.toml cannot be used") && said.contains("those from before"), "{said}");
    assert!(
        said.contains("nobody, of clients.toml") && !said.contains(&first) && !said.contains(&second),
        "{said}"
    );
}

/// Without a file there is nothing to read: a hangup ends it as it always did.
#[test]
fn without_a_file_of_clients_sighup_is_the_end() {
    let (home, _) = Sandbox::logged_in();
    let (last, status, said) = Gateway::start(&home, &[]).end("HUP");
    assert_eq!((&last["event"], status), (&"stopped".into(), Some(0)), "{said}");
}

#[test]
fn clients_of_a_file_have_their_limits() {
    let home = Sandbox::connected();
    home.connect("other");
    let new = |arguments: &[&str]| {
        line(&home.ok(&[&["gateway", "token", "new"], arguments, &["--clients", "clients.toml"]].concat()))
    };
    let all = new(&["nightly"]);
    let reports =
        new(&["reports", "--connection", "other", "--method", "get", "--path", "/api.xro/2.0/Organisation"]);
    assert!(all.starts_with("xgw_") && all != reports);
    assert_eq!(mode(&home, "clients.toml"), 0o600);
    let file = fs::read_to_string(home.path("clients.toml")).unwrap();
    assert!(!file.contains(&all) && !file.contains(&reports), "{file}");
    let gateway = Gateway::start(&home, &["--clients", "clients.toml", "--read-only"]);
    assert_eq!(gateway.started["clients"], serde_json::json!(["nightly", "reports"]));
    for (token, method, path, status) in [
        (&all, "GET", ORGANISATION, 200),
        (&all, "PUT", "/api.xro/2.0/Contacts", 403),
        (&reports, "GET", ORGANISATION, 200),
        (&reports, "GET", "/api.xro/2.0/Contacts", 403),
        (&reports, "GET", "/c/acme/api.xro/2.0/Organisation", 403),
    ] {
        assert_eq!(gateway.status(token, method, path), status, "{method} {path}");
    }
    let (_, status, said) = gateway.end("INT");
    assert_eq!(status, Some(0), "{said}");
}

#[test]
fn only_the_named_connections_are_served() {
    let home = Sandbox::connected();
    home.connect("other");
    let gateway = Gateway::start(&home, &["other"]);
    let token = fs::read_to_string(home.path("token")).unwrap().trim().to_owned();
    assert_eq!(gateway.started["connections"], serde_json::json!(["other"]));
    assert_eq!(gateway.status(&token, "GET", ORGANISATION), 200);
    assert_eq!(gateway.status(&token, "GET", "/c/acme/api.xro/2.0/Organisation"), 403);
    let taken = gateway.started["address"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let second = home.run(&["gateway", "--listen", &taken, "--token-file", "token-2"]);
    assert_eq!(second.status, 1);
    assert!(second.raw.1.contains("is in use") && second.raw.1.contains("--listen"), "{}", second.text());
    assert!(!home.path("token-2").exists(), "a token of nobody's");
}

#[test]
fn a_service_manager_is_told_and_hands_its_socket_over() {
    let home = Sandbox::connected();
    let notices = UnixDatagram::bind(home.path("notify")).unwrap();
    notices.set_read_timeout(Some(PATIENCE)).unwrap();
    let notice = || {
        let mut bytes = [0; 64];
        let length = notices.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
    };
    let mut command = home.command("python3");
    // What systemd does: descriptor 3 is the socket, and the variables say for whom.
    let script = "import os, socket, sys\n\
        s = socket.socket()\n\
        s.bind(('127.0.0.1', 0))\n\
        s.listen()\n\
        os.dup2(s.fileno(), 3)\n\
        os.set_inheritable(3, True)\n\
        os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n\
        os.execv(sys.argv[1], sys.argv[1:])\n";
    command.args(["-c", script, BINARY, "gateway", "--json", "--token-file", "token"]);
    let gateway = Gateway::spawn(command.env("NOTIFY_SOCKET", home.path("notify")));
    assert_eq!(notice(), "READY=1");
    let token = fs::read_to_string(home.path("token")).unwrap().trim().to_owned();
    assert_ne!(gateway.started["address"], "http://127.0.0.1:8786");
    assert_eq!(gateway.status(&token, "GET", ORGANISATION), 200);
    let (_, status, _) = gateway.end("TERM");
    assert_eq!((status, notice().as_str()), (Some(0), "STOPPING=1"));
}

/// Without names it is the store's business which connection is meant: at the time of the request.
#[test]
fn the_default_connection_may_change_while_it_runs() {
    let home = Sandbox::connected();
    home.connect("other");
    let log = home.path("log");
    let gateway = Gateway::start(&home, &["--log-file", log.to_str().unwrap()]);
    let token = fs::read_to_string(home.path("token")).unwrap().trim().to_owned();
    assert_eq!(gateway.started["default"], "acme");
    assert_eq!(gateway.status(&token, "GET", ORGANISATION), 200);
    home.ok(&["default", "other"]);
    home.ok(&["rename", "other", "another"]);
    // What was found out before is used for two seconds at most: until then it is the one before.
    let until = Instant::now() + PATIENCE;
    let served = || fs::read_to_string(&log).unwrap().contains("connection=\"another\"");
    while !served() && Instant::now() < until {
        let status = gateway.status(&token, "GET", "/connections"); // which Xero is not asked for
        assert!(
            status == 200 || status == 409,
            "{status}: as before, or changed while this request was under way"
        );
    }
    assert!(served(), "{}", fs::read_to_string(&log).unwrap());
    let (_, status, said) = gateway.end("TERM");
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("acme where none is named"), "{said}");
}

#[test]
fn a_token_is_written_for_its_user_alone() {
    let home = Sandbox::connected();
    let new = ["gateway", "token", "new"];
    let made =
        home.ok(&[&new[..], &["nightly", "--clients", "c.toml", "--token-file", "nightly-token"]].concat());
    assert_eq!((made.raw.0.as_str(), mode(&home, "nightly-token")), ("", 0o600), "{}", made.text());
    let token = fs::read_to_string(home.path("nightly-token")).unwrap();
    assert!(token.starts_with("xgw_") && !made.text().contains(token.trim()), "{}", made.text());
    let json =
        home.ok(&[&new[..], &["b", "--clients", "c.toml", "--token-file", "b-token", "--json"]].concat());
    assert_eq!(json.json()["token"], Value::Null);
    assert_eq!(json.json()["token_file"], "b-token");
    let gateway = Gateway::start(&home, &["--clients", "c.toml"]);
    assert_eq!(gateway.status(token.trim(), "GET", ORGANISATION), 200);
    let clients = fs::read_to_string(home.path("c.toml")).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["gateway", "token", "new", "c", "--clients", "c.toml", "--token-file", "nightly-token"],
            &["gateway", "token", "new", "c", "--clients", "c.toml", "--token-file", "nowhere/token"],
        ]
    ));
    assert_eq!(fs::read_to_string(home.path("c.toml")).unwrap(), clients, "nobody was entered");
    assert_eq!(fs::read_to_string(home.path("nightly-token")).unwrap(), token, "and nobody's token lost");
}

#[test]
fn used_wrongly() {
    let home = Sandbox::connected();
    home.write("token", "x\n");
    home.write("empty.toml", "# nobody\n");
    home.write("odd.toml", "[[client]]\nname = \"a\"\nsha256 = \"1\"\n");
    home.write("open.toml", "");
    fs::set_permissions(home.path("open.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir(home.path("open")).unwrap();
    fs::set_permissions(home.path("open"), fs::Permissions::from_mode(0o755)).unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["gateway"],
            &["gateway", "--json"],
            &["gateway", "nobody", "--token-file", "t"],
            &["gateway", "--listen", "0.0.0.0:8786", "--token-file", "t"],
            &["gateway", "--listen", "localhost:8786", "--token-file", "t"],
            &["gateway", "--socket", "open/gateway.sock", "--token-file", "t"],
            &["gateway", "--clients", "nowhere.toml"],
            &["gateway", "--clients", "open.toml", "--listen", "127.0.0.1:0"],
            &["gateway", "--clients", "empty.toml", "--listen", "127.0.0.1:0"],
            &["gateway", "--clients", "odd.toml", "--listen", "127.0.0.1:0"],
            &["gateway", "--clients", "a", "--token-file", "t"],
            &["gateway", "--token-file", "nowhere/token", "--listen", "127.0.0.1:0"],
            &["gateway", "--token-file", "odd.toml", "--listen", "127.0.0.1:0"],
            &["gateway", "--xero-url", "http://127.0.0.1:1", "acme", "--token-file", "t"],
            &["gateway", "token", "new", "nightly"],
            &["gateway", "token", "new", "a b", "--clients", "c.toml"],
            &["gateway", "token", "new", "a", "--clients", "c.toml", "--method", "CONNECT"],
            &["gateway", "token", "new", "a", "--clients", "c.toml", "--path", "Invoices"],
            &["gateway", "token", "new", "a", "--clients", "open.toml"],
            &["gateway", "token"],
        ]
    ));
    assert!(!home.path("t").exists() && !home.path("c.toml").exists());
}
