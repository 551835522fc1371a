//! `xeroctl doctor` on a healthy home, and on homes with one fault each: the fault is found, its mend is named, and where
//! the mend can be done it is, and the fault is gone.

#![cfg(unix)]

mod certificates;
mod logins;
mod machine;
mod network;
mod stores;

use serde_json::Value;

use crate::{
    sandbox::{BINARY, Run, Sandbox},
    seeded::{DAY, Seeded},
};

pub(super) const STORE: &str = "data/xeroctl/connections.db";

/// Runs it with these variables besides.
fn doctor(home: &Sandbox, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = home.command(BINARY);
    let output =
        command.envs(variables.iter().copied()).args(["doctor", "--json"]).args(arguments).output().unwrap();
    home.finish(&[&["doctor", "--json"], arguments].concat().join(" "), &output)
}

/// The warnings and problems of a run: `check mark`, and what is to be done.
fn troubles(run: &Run) -> Vec<(String, String)> {
    let is_trouble = |one: &&Value| matches!(one["mark"].as_str(), Some("warning" | "problem"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let document = run.json();
    let found = document["checks"].as_array().unwrap().iter().filter(is_trouble);
    let found: Vec<_> = found
        .map(|one| (format!("{} {}", text(&one["check"]), text(&one["mark"])), text(&one["next"])))
        .collect();
    assert_eq!(document["findings"], found.len());
    found
}

/// It finds one thing, or the same thing for each of several, and names the mend; gives that.
fn assert_finds(run: &Run, trouble: &str, mend: &str, status: i32) -> String {
    let found = troubles(run);
    let own = found.iter().find(|(check, _)| check == trouble).unwrap_or_else(|| panic!("{}", run.text()));
    assert!(own.1.contains(mend), "{}", run.text());
    assert_eq!(run.status, status, "{}", run.text());
    own.1.clone()
}

/// It finds nothing any more.
fn assert_well(run: &Run) {
    assert_eq!((troubles(run), run.status), (vec![], 0), "{}", run.text());
}

/// Runs a mend as it is named, in a shell.
fn mended(home: &Sandbox, mend: &str) {
    let script = format!("xeroctl() {{ {BINARY:?} \"$@\"; }}; {mend}");
    let output = home.command("sh").args(["-c", &script]).output().unwrap();
    let run = home.finish(mend, &output);
    assert_eq!(run.status, 0, "{}", run.text());
}

/// A private app and a web app with a login of yesterday.
fn healthy() -> Seeded {
    let seeded = Seeded::new();
    seeded.login("maple", DAY);
    seeded.home.connect("acme");
    seeded
}

#[test]
fn nothing_is_found_on_a_healthy_store() {
    let seeded = healthy();
    let home = &seeded.home;
    let whole = home.run(&["doctor"]);
    assert_eq!(whole.status, 0, "{}", whole.text());
    let texts = [
        whole.text(),
        home.run(&["doctor", "maple", "--offline"]).text(),
        home.run(&["doctor", "acme", "--offline", "--json"]).text(),
    ];
    insta::assert_snapshot!(texts.join("\n"));
    assert_well(&doctor(home, &[], &[]));
    assert!(home.files().iter().all(|file| !file.contains("doctor")), "nothing is left behind");
}

#[test]
fn before_there_is_anything() {
    let home = Sandbox::with_mock();
    insta::assert_snapshot!(home.run(&["doctor"]).text());
    let nobody = home.run(&["doctor", "nobody"]);
    assert_eq!(nobody.status, 9, "{}", nobody.text());
    home.ok(&["store", "init", "--key-file", "store.key"]);
    assert_eq!(home.run(&["doctor", "nobody"]).status, 3);
    assert_well(&doctor(&home, &[], &[]));
}

#[test]
fn what_it_says_of_what_it_finds() {
    let seeded = Seeded::new();
    seeded.login("old", DAY * 55);
    let home = &seeded.home;
    let mut command = home.command(BINARY);
    let output = command
        .env("XEROCTL_KEYFILE", "x")
        .env("HTTPS_PROXY", "ftp://user:pa55@proxy")
        .arg("doctor")
        .output();
    let run = home.finish("doctor", &output.unwrap());
    assert!(!run.text().contains("pa55"));
    insta::assert_snapshot!(run.text());
}
