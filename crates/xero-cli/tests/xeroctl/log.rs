//! `xeroctl log`: the history of a login, as people and programs read it.

use xero_mock::Fault;

use crate::{
    sandbox::{Sandbox, transcript},
    seeded::{DAY, Seeded},
};

/// Who acted differs from run to run and machine to machine.
fn tidy(text: &str) -> String {
    let who = regex::Regex::new(r"process \d+, user \S+ at \S+").unwrap();
    let text = who.replace_all(text, "process N, user U at HOST").into_owned();
    regex::Regex::new(r"(less than a minute|a minute|\d+ minutes) ago")
        .unwrap()
        .replace_all(&text, "N minutes ago")
        .into_owned()
}

#[test]
fn who_renewed_when_and_with_which_result() {
    let (home, app) = Sandbox::logged_in();
    home.ok(&["refresh", "maple"]);
    home.mock().fault(
        Fault::Status(503, "secret-of-a-server".to_owned(), "text/plain".to_owned()).on("/connect/token"),
    );
    assert_eq!(home.run(&["refresh"]).status, 5);
    home.mock().kill_refresh_tokens(&app.client_id);
    assert_eq!(home.run(&["refresh"]).status, 4);
    let text =
        transcript(&home, &[&["log"], &["log", "maple", "-n", "1"], &["log", "nobody"], &["log", "-n", "0"]]);
    assert!(!text.contains("secret-of-a-server"), "{text}");
    insta::assert_snapshot!(tidy(&text));
    let document = home.ok(&["log", "--json"]).json();
    let events: Vec<_> =
        document["events"].as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["consented", "refreshed", "failed", "needs-login"]);
}

#[test]
fn a_private_app_has_no_history() {
    let home = Sandbox::connected();
    insta::assert_snapshot!(transcript(&home, &[&["log"]]));
}

#[test]
fn no_token_is_in_any_output() {
    let seeded = Seeded::new();
    let tokens = seeded.login("maple", DAY);
    let home = &seeded.home;
    let mut all = String::new();
    for command in
        [&["keepalive", "-vvv"][..], &["keepalive", "--json"], &["log"], &["log", "--json", "-vvv"]]
    {
        let run = home.run(command);
        assert_eq!(run.status, 0, "{}", run.text());
        all.push_str(&format!("{}{}", run.raw.0, run.raw.1));
    }
    let now = home.ok(&["token"]).raw.0;
    let secret = seeded.app.client_secret.clone().unwrap();
    for secret in [now.trim(), &tokens.access_token, tokens.refresh_token.as_deref().unwrap(), &secret] {
        assert!(secret.len() > 20 && !all.contains(secret));
    }
    assert!(all.contains("refreshed") && !all.contains("eyJ"), "no other token either:\n{all}");
}
