//! Renewals that were left half-way: seen by everybody who uses the store, made good in time, and not mistaken for one that is
//! under way.

#![cfg(unix)]

use std::{
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use xero_mock::{Fault, Rotation};

use crate::{
    many_machines::logged_in,
    sandbox::{BINARY, Sandbox, transcript},
};

/// Refuses the tokens that a renewal brings: the note of what is about to be spent has been written by then.
const REFUSE: &str = "CREATE FUNCTION xeroctl.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'; \
     CREATE TRIGGER no BEFORE UPDATE OF refresh ON xeroctl.authorisations FOR EACH ROW EXECUTE FUNCTION xeroctl.no()";
const ADMIT: &str = "DROP TRIGGER no ON xeroctl.authorisations; DROP FUNCTION xeroctl.no()";

/// A renewal whose answer does not come.
fn cut(home: &Sandbox) {
    home.mock().fault(Fault::Cut.on("/connect/token"));
    let run = home.run(&["refresh", "maple"]);
    assert_eq!(run.status, 5, "{}", run.text());
}

/// A renewal that waits for Xero's answer.
fn waiting(home: &Sandbox) -> Child {
    home.mock().clear_journal();
    home.mock().fault(Fault::Slow(Duration::from_secs(600)).on("/connect/token"));
    let mut command = home.command(BINARY);
    command.args(["refresh", "maple"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    while !home.mock().journal().iter().any(|entry| entry.path == "/connect/token") {
        assert_eq!(child.try_wait().unwrap(), None, "it waits");
        thread::yield_now();
    }
    child
}

/// The logins of `keepalive`, as a document.
fn kept(home: &Sandbox) -> serde_json::Value {
    let run = home.run(&["keepalive", "--logins-only", "--json"]);
    assert_eq!(run.status, 0, "{}", run.text());
    run.json()["logins"][0].clone()
}

#[test]
fn it_is_seen_and_made_good_at_once() {
    let (home, _) = Sandbox::logged_in();
    cut(&home);
    let text = transcript(
        &home,
        &[
            &["list"],
            &["list", "--filter", "health=half-way", "--quiet"],
            &["status"],
            &["doctor", "--offline", "--quiet"],
            &["keepalive", "--logins-only"],
            &["keepalive", "--logins-only"],
            &["status", "--quiet"],
        ],
    );
    insta::assert_snapshot!(text);
    assert_eq!(home.mock().refreshes(), 1);
    assert!(home.ok(&["doctor", "--offline"]).stdout.contains("none was left behind"));
}

#[test]
fn documents_have_the_time() {
    let (home, _) = Sandbox::logged_in();
    let half_way = |run: &crate::sandbox::Run| run.json()["connection"]["login"]["half_way_since"].clone();
    assert!(half_way(&home.ok(&["show", "maple", "--json"])).is_null());
    cut(&home);
    let shown = home.ok(&["show", "maple", "--json"]);
    let since = half_way(&shown);
    assert!(since.as_str().unwrap().ends_with('Z'), "{}", shown.text());
    assert_eq!(shown.json()["connection"]["health"], "half-way");
    assert!(home.ok(&["show", "maple"]).stdout.contains("Half-way"));
    let status = home.run(&["status", "--json"]);
    assert_eq!((status.status, &status.json()["half_way"][0]["next"]), (11, &"xeroctl refresh maple".into()));
    let listed = home.ok(&["list", "--json"]).json();
    assert_eq!(listed["connections"][0]["login"]["half_way_since"], since);
    let document = kept(&home);
    assert_eq!((&document["result"], &document["half_way_since"]), (&"renewed".into(), &since));
    assert!(kept(&home)["half_way_since"].is_null());
    assert!(half_way(&home.ok(&["show", "maple", "--json"])).is_null());
}

#[test]
fn one_that_is_under_way_is_not_half_way_and_one_that_was_killed_is() {
    let (home, _) = Sandbox::logged_in();
    let mut child = waiting(&home);
    let during = [home.run(&["status"]), home.run(&["doctor", "--offline"])];
    assert_eq!(during.each_ref().map(|run| run.status), [0, 0], "{}{}", during[0].text(), during[1].text());
    assert!(during[1].stdout.contains("a renewal is under way"), "{}", during[1].text());
    assert_eq!(kept(&home)["result"], "still-good");
    child.kill().unwrap();
    child.wait().unwrap();
    let after = [home.run(&["status"]), home.run(&["doctor", "--offline"])];
    assert_eq!(after.each_ref().map(|run| run.status), [11, 11], "{}{}", after[0].text(), after[1].text());
    assert_eq!(kept(&home)["result"], "renewed");
    assert_eq!(home.run(&["status"]).status, 0);
}

#[test]
fn a_custom_connection_has_nothing_to_lose() {
    let home = Sandbox::initialised();
    home.connect_custom("maple", &["accounting.settings.read"]);
    cut(&home);
    assert_eq!(home.run(&["status"]).status, 0);
    assert_eq!(kept(&home)["result"], "still-good");
    let doctor = home.ok(&["doctor", "--offline"]);
    assert!(doctor.stdout.contains("none was left behind"), "{}", doctor.text());
}

#[test]
fn other_machines_see_it_and_say_where_a_newer_token_may_wait() {
    let home = logged_in();
    home.mock().rotation(Rotation::Strict);
    home.database().sql(REFUSE);
    let lost = home.run_at("nightly", &["refresh", "maple"]);
    assert_eq!(lost.status, 10, "{}", lost.text());
    home.database().sql(ADMIT);
    let at = |machine: &str, arguments: &[&str]| home.run_at(machine, arguments).text();
    let mut texts = vec![
        at("reports", &["list"]),
        at("reports", &["status"]),
        at("reports", &["doctor", "--offline", "--quiet"]),
        at("reports", &["keepalive", "--logins-only"]),
        at("reports", &["refresh", "maple"]),
        at("reports", &["keepalive", "--logins-only"]),
        at("reports", &["status"]),
        at("reports", &["list"]),
        at("reports", &["doctor", "--offline", "--quiet"]),
    ];
    texts.extend([at("nightly", &["refresh", "maple"]), at("reports", &["keepalive", "--logins-only"])]);
    let sent = regex::Regex::new("when it was first sent, [^\n]* ago").unwrap();
    insta::assert_snapshot!(sent.replace_all(&texts.join("\n"), "when it was first sent, MINUTES ago"));
}

#[test]
fn the_next_command_names_the_store_that_was_given() {
    let home = Sandbox::logged_in().0;
    home.ok(&["store", "move", "data/xeroctl/connections.db", "elsewhere.db"]);
    home.mock().fault(Fault::Cut.on("/connect/token"));
    assert_eq!(home.run(&["refresh", "maple", "--store", "elsewhere.db"]).status, 5);
    let status = home.run(&["status", "--store", "elsewhere.db"]);
    assert!(
        status.stdout.contains("next: xeroctl refresh maple --store elsewhere.db\n"),
        "{}",
        status.text()
    );
}
