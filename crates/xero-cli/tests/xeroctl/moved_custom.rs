//! A custom connection that its user has authorised for another organisation in the portal: nothing is sent for it.

use std::time::Duration;

use xero_mock::{Fault, HEXAGON_TOOLS, MAPLE_FLORIST};

use crate::{
    sandbox::{Sandbox, transcript},
    using,
};

/// A home with the custom connection `acme` for Maple Florist, whose tokens live so short that each command has another.
fn home() -> (Sandbox, String) {
    let (home, app) = using::home();
    home.mock().set_access_lifetime(Duration::from_secs(20));
    home.ok(&["refresh", "acme"]);
    home.mock().clear_journal();
    (home, app.client_id)
}

fn paths(home: &Sandbox) -> Vec<String> {
    home.mock().journal().iter().map(|entry| entry.path.clone()).collect()
}

#[test]
fn each_new_token_costs_one_look() {
    let (home, _) = home();
    home.ok(&["request", "-c", "acme", "GET", "Organisation"]);
    assert_eq!(paths(&home), ["/connect/token", "/connections", "/api.xro/2.0/Organisation"]);
}

#[test]
fn nothing_is_sent_for_another_organisation() {
    let (home, app) = home();
    home.mock().authorise_custom_app_for(&app, HEXAGON_TOOLS.id).unwrap();
    let mut text = transcript(
        &home,
        &[
            &["request", "-c", "acme", "GET", "Organisation"],
            &["request", "-c", "acme", "GET", "Organisation", "--json"],
            &["test", "acme"],
            &["token", "acme"],
            &["refresh", "acme"],
            &["exec", "acme", "--", "touch", "ran"],
            &["exec", "--gateway", "acme", "--", "touch", "ran"],
        ],
    );
    assert!(!home.path("ran").exists());
    let asked = paths(&home);
    assert!(
        asked.iter().all(|path| ["/connect/token", "/connections"].contains(&path.as_str())),
        "{asked:?}"
    );
    home.mock().authorise_custom_app_for(&app, MAPLE_FLORIST.id).unwrap();
    text.push_str(&home.run(&["test", "acme"]).text());
    insta::assert_snapshot!(text);
}

#[test]
fn a_look_that_fails_is_in_the_history() {
    let (home, _) = home();
    home.mock().fault(Fault::Maintenance.on("/connections"));
    home.ok(&["request", "-c", "acme", "GET", "Organisation"]);
    let log = home.ok(&["log", "acme"]);
    assert!(log.stdout.contains("without a look at its organisation"), "{}", log.text());
}
