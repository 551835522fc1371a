//! `status`: one screen for whoever looks after many connections, and a status for what watches them.

use crate::{
    sandbox::{Sandbox, transcript},
    seeded::{DAY, MINUTE, Seeded},
};

#[test]
fn nothing_to_say() {
    let home = Sandbox::with_mock();
    let none = transcript(&home, &[&["status"], &["status", "--json"]]);
    let (home, _) = Sandbox::logged_in();
    insta::assert_snapshot!(format!("{none}\n{}", transcript(&home, &[&["status"], &["status", "--json"]])));
}

#[test]
fn what_needs_a_person_and_what_ends_soon() {
    let seeded = Seeded::new();
    seeded.login("well", MINUTE);
    seeded.login("soon", DAY * 55);
    seeded.login("dead", DAY * 61);
    let home = &seeded.home;
    home.write("bundle", "six words that nobody guesses\n");
    home.ok(&["cert", "new", "short", "--days", "30", "--no-password"]);
    let pem = std::fs::read_to_string(home.path("short.cer")).unwrap();
    let key = home.mock().create_private_app("Old", xero_mock::MAPLE_FLORIST.id, &pem).unwrap().consumer_key;
    let private =
        ["connect", "old", "--kind", "private", "--consumer-key", &key, "--certificate", "short.pfx"];
    home.ok(&[&private[..], &["--no-password"]].concat());
    seeded.login("gone", MINUTE);
    home.ok(&["export", "gone.age", "gone", "--yes", "--bundle-passphrase-file", "bundle"]);
    insta::assert_snapshot!(transcript(
        home,
        &[
            &["status"],
            &["status", "--warn-days", "3"],
            &["status", "--json", "--quiet"],
            &["status", "--warn-days", "soon"],
            &["list", "--sort", "health"],
        ]
    ));
    let there = "other-machine";
    let import = ["import", "gone.age", "--key-file", "there.key", "--bundle-passphrase-file", "bundle"];
    home.ok_at(there, &import);
    let waiting = home.run_at(there, &["status"]);
    assert_eq!(waiting.status, 4);
    assert!(waiting.stdout.contains("next: xeroctl adopt gone"), "{}", waiting.text());
}
