//! `xeroctl keepalive --daemon`: wakes when something is due, tells what it does, and ends when it is told to.

#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::net::UnixDatagram,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use xero_mock::{Fault, Rotation};

use crate::{
    sandbox::{BINARY, Sandbox},
    seeded::{DAY, MINUTE, Seeded},
};

/// Longer than a nap: what has not happened by then will not.
const PATIENCE: Duration = Duration::from_secs(100);

/// A daemon that runs, and its events.
struct Daemon {
    child: Child,
    events: Receiver<Value>,
}

impl Daemon {
    fn start(home: &Sandbox, arguments: &[&str]) -> Self {
        Self::spawn(home.command(BINARY).args(["keepalive", "--daemon", "--json"]).args(arguments))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, events) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Nobody waits for it any more.
                drop(sender.send(serde_json::from_str(&line).unwrap()));
            }
        });
        Self { child, events }
    }

    fn event(&self) -> Value {
        self.events.recv_timeout(PATIENCE).expect("the daemon tells of something")
    }

    /// The next event, which must be of this kind.
    fn expect(&self, kind: &str) -> Value {
        let event = self.event();
        assert_eq!(event["event"], kind, "{event}");
        event
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// The status after a signal, and what stands on standard error.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn at(event: &Value) -> SystemTime {
    OffsetDateTime::parse(event["at"].as_str().unwrap(), &Rfc3339).unwrap().into()
}

/// So old that an access token is due in a few seconds.
const ALMOST_DUE: Duration = Duration::from_secs(25 * 60 - 5);

#[test]
fn each_login_is_renewed_when_it_is_due() {
    let due = SystemTime::now() + Duration::from_secs(4);
    let seeded = Seeded::new();
    seeded.login("due", ALMOST_DUE);
    seeded.login("marked", DAY * 61);
    let home = &seeded.home;
    assert_eq!(home.run(&["keepalive", "marked"]).status, 4);
    let daemon = Daemon::start(home, &["--hook", "echo \"$XEROCTL_CONNECTION\" >> told"]);
    let started = daemon.expect("started");
    assert_eq!(started["logins"], 2);
    assert_eq!(daemon.expect("needs-person")["connections"][0], "marked");
    // Stored while the daemon runs, and over already.
    seeded.login("new", 31 * MINUTE);
    let mut renewed = [daemon.expect("renewed"), daemon.expect("renewed")];
    renewed.sort_by_key(|event| event["connections"][0].to_string());
    assert_eq!([&renewed[0]["connections"][0], &renewed[1]["connections"][0]], ["due", "new"]);
    assert!(at(&renewed[0]) >= due, "{renewed:?}");
    assert_eq!(home.mock().refreshes(), 2);
    let (status, said) = daemon.end("TERM");
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(fs::read_to_string(home.path("told")).unwrap(), "marked\n", "told once");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].contains("  Watching 2 logins; the next is due at "), "{said}");
    assert!(lines[1].contains("  marked: a person must log in again"), "{said}");
    assert!(lines.iter().any(|line| line.contains("  due: renewed; the login ends ")), "{said}");
    assert!(lines.last().unwrap().ends_with("  Stopped."), "{said}");
    assert!(!said.contains("eyJ"), "{said}");
}

#[test]
fn a_store_at_a_server_is_watched_over_links_that_are_cut() {
    let seeded = Seeded::at(Sandbox::at_server());
    seeded.login("maple", DAY);
    let daemon = Daemon::start(&seeded.home, &[]);
    daemon.expect("started");
    assert_eq!(daemon.expect("renewed")["connections"][0], "maple");
    seeded.home.database().sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xeroctl' \
         AND datname = current_database()",
    );
    seeded.login("books", DAY);
    assert_eq!(daemon.expect("renewed")["connections"][0], "books");
    assert_eq!(seeded.home.mock().refreshes(), 2);
    assert_eq!(daemon.end("TERM").0, Some(0));
}

#[test]
fn a_failure_is_told_and_the_others_are_renewed() {
    let seeded = Seeded::new();
    for name in ["a", "b"] {
        seeded.login(name, DAY);
    }
    let home = &seeded.home;
    home.mock().fault(Fault::Status(503, String::new(), "text/plain".to_owned()).on("/connect/token"));
    let daemon = Daemon::start(home, &["--at-once", "1"]);
    daemon.expect("started");
    let failed = daemon.expect("failed");
    assert_eq!((&failed["connections"][0], &failed["error"]["kind"]), (&"a".into(), &"temporary".into()));
    assert_eq!(daemon.expect("renewed")["connections"][0], "b");
    assert_eq!(daemon.end("INT").0, Some(0));
}

#[test]
fn a_signal_does_not_break_a_renewal_off() {
    let seeded = Seeded::new();
    seeded.login("maple", DAY);
    let home = &seeded.home;
    home.mock().rotation(Rotation::Strict);
    home.mock().fault(Fault::DelayReply(Duration::from_secs(1)).on("/connect/token"));
    let daemon = Daemon::start(home, &[]);
    daemon.expect("started");
    assert!(home.mock().wait_for_refreshes(1, PATIENCE));
    let (status, said) = daemon.end("TERM");
    assert_eq!(status, Some(0), "{said}");
    // Strict rotation forgives no lost answer: the new token was kept.
    home.ok(&["refresh"]);
    assert_eq!(home.mock().refreshes(), 2);
}

#[test]
fn systemd_is_told_when_it_is_ready() {
    let seeded = Seeded::new();
    let home = &seeded.home;
    let path = home.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = home.command(BINARY);
    command.env("NOTIFY_SOCKET", &path).args(["keepalive", "--daemon", "--json"]);
    let daemon = Daemon::spawn(&mut command);
    assert_eq!(daemon.expect("started")["logins"], 0);
    let said = |socket: &UnixDatagram| {
        let mut text = [0; 100];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).trim().to_owned()
    };
    assert_eq!(said(&socket), "READY=1");
    assert_eq!(daemon.end("TERM").0, Some(0));
    assert_eq!(said(&socket), "STOPPING=1");
}

#[test]
fn a_store_that_was_put_back_is_opened_anew() {
    let seeded = Seeded::new();
    seeded.login("due", Duration::from_secs(25 * 60 - 15));
    let home = &seeded.home;
    let daemon = Daemon::start(home, &[]);
    daemon.expect("started");
    home.ok(&["store", "backup", "copy"]);
    home.ok(&["store", "restore", "copy", "--force"]);
    daemon.expect("renewed");
    home.ok(&["token", "due"]);
    assert_eq!(home.mock().refreshes(), 1, "the new token is in the store that is there now");
    assert_eq!(daemon.end("TERM").0, Some(0));
}

#[test]
fn no_daemon_without_a_store() {
    let home = Sandbox::new();
    let run = home.run(&["keepalive", "--daemon"]);
    assert_eq!(run.status, 9, "{}", run.text());
}
