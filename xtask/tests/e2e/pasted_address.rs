//! The manual's own way: the browser ends at somebody else's page, and a person pastes its address.

use serde_json::json;

use crate::browser::Browser;
use crate::consent::ADA;
use crate::programs::Programs;
use crate::terminal::{ENTER, Terminal};

/// Chromium knows no machine but this one: the page cannot be opened, and its address stays.
const REDIRECT_URI: &str = "https://zynk.com/";

#[test]
fn a_person_pastes_the_address() {
    let programs = Programs::start();
    let browser = Browser::start();
    let mut terminal = begin(&programs);
    browser.open(&terminal.address());
    browser.log_in(ADA);
    browser.allow(&["Maple Florist Ltd", "Demo Company (NZ)"]);
    browser.sees("zynk.com");
    let location = browser.address();
    assert!(location.starts_with("https://zynk.com/?code="), "{location}");
    terminal.line("https://zynk.com/").expect("error:");
    terminal.expect_times("Paste the address", 2).line(&location);
    terminal.expect("Logged in as Ada Byron (ada@example.com).");
    terminal.expect("Which organisations?").expect("Maple Florist Ltd").keys(ENTER);
    terminal.expect("Connecting Demo Company (NZ).").expect("Name of the connection:").line("demo");
    terminal.expect("Connecting Maple Florist Ltd.").expect_times("Name of the connection:", 2).line("maple");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    let code = location.split(['=', '&']).nth(1).unwrap();
    assert!(!screen.contains(code), "{screen}");
    let tested = programs.ok(&["test", "--all"]);
    assert!(tested.contains("Maple Florist Ltd (!mPl7F)"), "{tested}");
    assert!(tested.contains("Demo Company (NZ) (!dC0nz)"), "{tested}");
}

/// Answers the wizard up to its question for the address. The app may connect several organisations at once.
fn begin(programs: &Programs) -> Terminal {
    let app = json!({
        "kind": "web", "name": "Zynk", "redirect_uris": [REDIRECT_URI], "bulk_connections": true,
    });
    let app = programs.order("apps", &app);
    let mut terminal = programs.terminal(&["connect", "--paste"]);
    terminal.expect("What kind of app is it?").keys(ENTER);
    terminal.expect("What shall open the store?").keys(ENTER);
    terminal.expect("Redirect URI, as the portal has it:").line(REDIRECT_URI);
    terminal.expect("Client id:").line(app["client_id"].as_str().unwrap());
    terminal.expect("Client secret").line(app["client_secret"].as_str().unwrap());
    terminal.expect("What may the connection do?").keys(ENTER);
    terminal.expect("Paste the address");
    terminal
}
