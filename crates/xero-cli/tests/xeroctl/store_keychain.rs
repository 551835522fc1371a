//! The keychain: a real one of a desktop session of the test's own, one that is locked, one that hangs, and none.

#![cfg(target_os = "linux")]

use std::{os::unix::net::UnixListener, process::Stdio};

use portable_pty::CommandBuilder;

use crate::{
    sandbox::{BINARY, Run, Sandbox},
    terminal::{DOWN, ENTER, Terminal},
};

pub(crate) const UNLOCKED: &str =
    "printf test | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; ";

/// Runs a script with a bus of its own, which ends with it, and the keychain with the bus.
pub(crate) fn in_session(home: &Sandbox, script: &str) -> Run {
    let output = home
        .command("dbus-run-session")
        .args(["--", "sh", "-c", script])
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env("XDG_RUNTIME_DIR", home.path(""))
        .env("XEROCTL", BINARY)
        .stdin(Stdio::null())
        .output()
        .expect("dbus-run-session of dbus-daemon is there; `cargo xtask test` installs it");
    let run = home.finish("(in a session)", &output);
    assert!(
        !run.raw.1.contains("gnome-keyring-daemon: not found"),
        "`cargo xtask test` installs gnome-keyring"
    );
    run
}

#[test]
fn the_keychain_opens_a_store_while_it_is_unlocked() {
    let home = Sandbox::new();
    let script = format!(
        r#"{UNLOCKED} x() {{ "$XEROCTL" "$@" 2>&1; echo "[$?]"; }}
        x store init --keychain; x list; x store key list
        x store key add --new-key-file jobs.key; x list --keychain
        x store rekey; x list --keychain"#
    );
    insta::assert_snapshot!(in_session(&home, &script).stdout);
    // Nobody is logged in any more: the key file opens it, the keychain does not.
    home.ok(&["list"]);
    let refused = home.run(&["list", "--keychain"]);
    assert_eq!(refused.status, 9, "{}", refused.text());
    assert!(refused.stderr.contains("the keychain of this system cannot be used"), "{}", refused.text());
}

#[test]
fn a_locked_keychain_is_said_to_be_of_no_use() {
    let home = Sandbox::new();
    let run = in_session(&home, r#""$XEROCTL" store init --keychain 2>&1; echo "[$?]""#);
    assert!(
        run.stdout.contains("the keychain of this system") && run.stdout.ends_with("[9]\n"),
        "{}",
        run.text()
    );
    assert!(!home.path("data/xeroctl/connections.db").exists());
}

#[test]
fn a_keychain_that_hangs_is_not_waited_for() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    // Takes connections and never says a word.
    let _silent = UnixListener::bind(home.path("no-bus")).unwrap();
    let run = home.run(&["store", "key", "add", "--new-keychain"]);
    insta::assert_snapshot!(run.text());
    assert_eq!(run.status, 9);
    home.ok(&["list"]);
}

#[test]
fn without_a_keychain_a_person_is_asked() {
    let home = Sandbox::new();
    let mut terminal = home.terminal(&["store", "init"]);
    terminal.expect("What shall open the store?").expect("a key file").expect("a passphrase").keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    insta::assert_snapshot!(home.tidy(&screen));
    home.ok(&["list"]);
}

#[test]
fn a_keychain_that_hangs_is_named_before_a_person_is_asked() {
    let home = Sandbox::new();
    let _silent = UnixListener::bind(home.path("no-bus")).unwrap();
    let mut terminal = home.terminal(&["store", "init"]);
    terminal.expect("did not answer within 3 seconds").expect("What shall open the store?");
    terminal
        .keys(DOWN)
        .keys(ENTER)
        .expect("It cannot be recovered.")
        .line("a b")
        .expect("The same again:")
        .line("a b");
    let (status, screen) = terminal.finish();
    assert_eq!((status, screen.contains("a b")), (0, false), "{screen}");
}

#[test]
fn with_a_keychain_nobody_is_asked() {
    let home = Sandbox::new();
    let mut command = CommandBuilder::new("dbus-run-session");
    command.args(["--", "sh", "-c", &format!("{UNLOCKED} \"$XEROCTL\" store init && \"$XEROCTL\" list")]);
    command.env_clear();
    for (name, value) in home.environment() {
        command.env(name, value);
    }
    command.env_remove("DBUS_SESSION_BUS_ADDRESS");
    command.env("XDG_RUNTIME_DIR", home.path(""));
    command.env("XEROCTL", BINARY);
    command.cwd(home.path(""));
    let mut terminal = Terminal::start(command);
    terminal.expect("Key:      in this system's keychain").expect("No connections.");
    let (status, screen) = terminal.finish();
    assert_eq!((status, screen.contains("What shall open")), (0, false), "{screen}");
}
