//! Copies of a store, backups put back, and machines that change: which of them may renew a login.

use std::fs;

use xero_mock::Consent;

use crate::sandbox::{BINARY, Run, Sandbox};

const STORE: &str = "data/xeroctl/connections.db";

/// Runs it on a machine of that name.
fn on(home: &Sandbox, machine: &str, arguments: &[&str]) -> Run {
    let mut command = home.command(BINARY);
    let output = command.env("XEROCTL_MACHINE", machine).args(arguments).output().unwrap();
    home.finish(&format!("{} (on {machine})", arguments.join(" ")), &output)
}

#[test]
fn a_copy_renews_no_login_before_it_is_adopted() {
    let (home, _) = Sandbox::logged_in();
    home.ok(&["refresh", "maple"]);
    fs::copy(home.path(STORE), home.path("copy.db")).unwrap();
    let mut text = String::new();
    for (arguments, status) in [
        (&["list", "--store", "copy.db"][..], 0),
        (&["store", "status", "--store", "copy.db"], 0),
        (&["test", "maple", "--store", "copy.db"], 0),
        (&["refresh", "maple", "--store", "copy.db"], 9),
        (&["refresh", "maple", "--store", "copy.db", "--json"], 9),
        (&["store", "adopt", "--store", "copy.db"], 2),
        (&["store", "adopt", "--store", "copy.db", "--yes"], 0),
        (&["refresh", "maple", "--store", "copy.db"], 0),
        (&["list", "--store", "copy.db"], 0),
    ] {
        let run = home.run(arguments);
        assert_eq!(run.status, status, "{}", run.text());
        text.push_str(&run.text());
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_good_access_token_is_given_by_a_copy() {
    let (home, _) = Sandbox::logged_in();
    let token = home.ok(&["token", "maple"]).raw.0;
    home.ok(&["store", "adopt"]);
    fs::copy(home.path(STORE), home.path("copy.db")).unwrap();
    assert_eq!(home.ok(&["token", "maple", "--store", "copy.db"]).raw.0, token);
}

#[test]
fn another_machine_is_told_so() {
    let (home, _) = Sandbox::logged_in();
    home.ok(&["refresh", "maple"]);
    let refused = on(&home, "other", &["refresh", "maple"]);
    assert_eq!(refused.status, 9, "{}", refused.text());
    assert!(refused.stderr.contains("xeroctl store adopt"), "{}", refused.text());
    assert_eq!(on(&home, "other", &["store", "adopt", "--yes"]).status, 0);
    assert_eq!(on(&home, "other", &["refresh", "maple"]).status, 0);
    assert_eq!(home.run(&["refresh", "maple"]).status, 9, "it is not this machine's any more");
}

#[test]
fn a_person_is_asked_before_a_copy_is_adopted() {
    let (home, _) = Sandbox::logged_in();
    home.ok(&["refresh", "maple"]);
    fs::copy(home.path(STORE), home.path("copy.db")).unwrap();
    let question = "Is the other one out of use for good?";
    let mut terminal = home.terminal(&["store", "adopt", "--store", "copy.db"]);
    terminal.expect(question).keys("\r");
    let (status, screen) = terminal.finish();
    assert_eq!((status, screen.contains("nothing was changed")), (130, true), "{screen}");
    assert_eq!(home.run(&["refresh", "maple", "--store", "copy.db"]).status, 9);
    let mut terminal = home.terminal(&["store", "adopt", "--store", "copy.db"]);
    terminal.expect(question).line("y").expect("This machine owns the store now");
    assert_eq!(terminal.finish().0, 0);
    home.ok(&["refresh", "maple", "--store", "copy.db"]);
}

#[test]
fn what_was_there_is_kept_beside_a_restored_store() {
    let (home, app) = Sandbox::logged_in();
    home.ok(&["store", "backup", "backup.db"]);
    home.ok(&["refresh", "maple"]);
    home.ok(&["remove", "maple", "--yes"]);
    home.write("secret", &format!("{}\n", app.client_secret.as_deref().unwrap()));
    let again = home.connect_web(&app, &["again"], &Consent::allow(&["Maple Florist Ltd"]));
    assert_eq!(again.status, 0, "{}", again.text());
    let restored = home.run(&["store", "restore", "backup.db", "--force"]);
    insta::assert_snapshot!(restored.text());
    let kept = home.files().into_iter().find(|name| name.contains("before-restore")).unwrap();
    let names = home.ok(&["list", "--store", &kept, "--key-file", "store.key", "--json"]).json();
    assert_eq!(names["connections"][0]["name"], "again");
}

#[test]
fn newer_tokens_are_carried_over() {
    let (home, _) = Sandbox::logged_in();
    home.ok(&["store", "backup", "backup.db"]);
    home.ok(&["refresh", "maple"]);
    let mut terminal = home.terminal(&["store", "restore", "backup.db"]);
    terminal.expect("Put backup.db in its place?").line("y");
    terminal.expect("The tokens of 1 login were newer in the store that was there and are carried over.");
    assert_eq!(terminal.finish().0, 0);
    home.ok(&["refresh", "maple"]);
    home.ok(&["test", "maple"]);
}

#[test]
fn a_store_that_was_lost_comes_back_on_another_machine() {
    let (home, _) = Sandbox::logged_in();
    home.ok(&["refresh", "maple"]);
    home.ok(&["store", "backup", "backup.db"]);
    let restored = on(&home, "new", &["store", "restore", "backup.db", "--store", "new.db"]);
    assert_eq!(restored.status, 0, "{}", restored.text());
    assert!(restored.stderr.contains("then `xeroctl store adopt --store new.db`"), "{}", restored.text());
    assert_eq!(on(&home, "new", &["refresh", "maple", "--store", "new.db"]).status, 9);
    assert_eq!(on(&home, "new", &["store", "adopt", "--yes", "--store", "new.db"]).status, 0);
    assert_eq!(on(&home, "new", &["refresh", "maple", "--store", "new.db"]).status, 0);
}
