//! Consents that are not given: Cancel, and a request that Xero does not even ask about.

use serde_json::json;

use crate::browser::Browser;
use crate::consent::ADA;
use crate::programs::{Programs, free_port};
use crate::terminal::{CTRL_C, Terminal};

#[test]
fn a_person_cancels_at_consent() {
    let programs = Programs::start();
    let browser = Browser::start();
    let redirect_uri = format!("http://localhost:{}/callback", free_port());
    let terminal = waiting(&programs, &redirect_uri, &redirect_uri);
    browser.open(&terminal.address());
    browser.log_in(ADA);
    browser.sees("wants access");
    browser.press("Cancel");
    browser.sees("Not connected");
    browser.look("callback-cancelled");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 4, "{screen}");
    assert!(screen.contains("error: the consent was cancelled at Xero"), "{screen}");
    assert!(screen.contains("next: log in again and press Allow access"), "{screen}");
    assert_eq!(programs.ok(&["list"]), "");
}

#[test]
fn an_unregistered_redirect_ends_at_xeros_own_page() {
    let programs = Programs::start();
    let browser = Browser::start();
    let asked = format!("http://localhost:{}/callback", free_port());
    let mut terminal = waiting(&programs, "http://localhost:8743/callback", &asked);
    browser.open(&terminal.address());
    browser.sees("Sorry, something went wrong");
    browser.sees("Error: unauthorized_client : Invalid redirect_uri");
    browser.look("sorry");
    let (status, screen) = terminal.keys(CTRL_C).wait();
    assert_ne!(status, 0, "{screen}");
    assert_eq!(programs.ok(&["list"]), "");
}

/// `xeroctl` in front of the spinner, with a desktop app that the portal knows by another redirect URI or the same.
fn waiting(programs: &Programs, registered: &str, asked: &str) -> Terminal {
    let app = json!({ "kind": "desktop", "name": "Acme on this desk", "redirect_uris": [registered] });
    let app = programs.order("apps", &app);
    programs.ok(&["store", "init", "--key-file", "store.key"]);
    let app = ["--kind", "desktop", "--client-id", app["client_id"].as_str().unwrap()];
    let more = ["--redirect-uri", asked, "--scopes", "@read"];
    let mut terminal = programs.terminal(&[&["connect", "acme"], &app[..], &more].concat());
    terminal.expect("Waiting for the consent in the browser");
    terminal
}
