//! A custom connection by hand: portal, the link that its user gets, one organisation, the wizard.

use crate::browser::Browser;
use crate::consent::ADA;
use crate::programs::Programs;
use crate::terminal::{DOWN, ENTER};

const NAME: &str = "Acme nightly sync";

#[test]
fn a_person_connects_a_custom_connection() {
    let programs = Programs::start();
    let browser = Browser::start();
    let (client_id, secret) = create_app(&browser, &programs);
    authorise(&browser);
    let mut terminal = programs.terminal(&["connect"]);
    terminal.expect("What kind of app is it?").keys(DOWN).keys(DOWN).keys(ENTER);
    terminal.expect("What shall open the store?").keys(ENTER);
    terminal.expect("Client id:").line(&client_id);
    terminal.expect("Client secret").line(&secret);
    terminal.expect("Name of the connection:").line("maple");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("It works: Maple Florist Ltd."), "{screen}");
    assert!(!screen.contains(&secret), "{screen}");
    assert_eq!(programs.ok(&["test"]), "ok      maple  Maple Florist Ltd (!mPl7F)\n");
}

/// Gives client id and secret.
fn create_app(browser: &Browser, programs: &Programs) -> (String, String) {
    browser.open(&format!("{}/myapps/new", programs.url()));
    browser.tick("Custom connection");
    browser.fill("App name", NAME);
    browser.fill("Company or application URL", "https://acme.example/");
    browser.tick("I have read and agree");
    browser.press("Create App");
    browser.press("Generate a secret");
    // Only the new page has it.
    let secret = browser.value("Client secret");
    let client_id = browser.value("Client id");
    browser.tick("view the organisation's settings");
    browser.fill("Authorising user", ADA);
    browser.look("custom-app");
    browser.press("Save and connect");
    (client_id, secret)
}

/// What the user does with the link that an e-mail would hold.
fn authorise(browser: &Browser) {
    browser.sees("This mock sends no e-mail.");
    browser.look("custom-app-invited");
    browser.press(&format!("Authorise {NAME}"));
    browser.log_in(ADA);
    browser.sees("wants access");
    browser.look("custom-consent");
    browser.allow(&["Maple Florist Ltd"]);
    browser.sees(&format!("{NAME} may now act for Maple Florist Ltd."));
    browser.look("custom-connected");
}
