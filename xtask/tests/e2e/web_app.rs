//! A web app by hand: portal, wizard, login, consent, organisations; the browser comes back to this machine.

use crate::browser::Browser;
use crate::consent::ADA;
use crate::programs::{Programs, free_port};
use crate::terminal::{ENTER, Terminal};

const NAME: &str = "Acme nightly sync";

/// A web app that the portal has.
struct App {
    client_id: String,
    secret: String,
}

#[test]
fn a_person_connects_a_web_app() {
    let programs = Programs::start();
    let browser = Browser::start();
    let redirect_uri = format!("http://localhost:{}/callback", free_port());
    let mut terminal = programs.terminal(&["connect"]);
    terminal.expect("What kind of app is it?").keys(ENTER);
    terminal.expect("What shall open the store?").keys(ENTER);
    terminal.expect("Redirect URI, as the portal has it:").line(&redirect_uri);
    let app = create_app(&browser, &programs, &redirect_uri);
    terminal.expect("Client id:").line(&app.client_id);
    terminal.expect("Client secret").line(&app.secret);
    consent(&browser, &programs, &mut terminal);
    terminal.expect("Logged in as Ada Byron (ada@example.com).");
    terminal.expect("Name of the connection:").line("maple");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("Saved as maple (the default connection)."), "{screen}");
    assert!(!screen.contains(&app.secret), "{screen}");
    assert_eq!(programs.ok(&["test"]), "ok      maple  Maple Florist Ltd (!mPl7F)\n");
    connect_second(&browser, &programs);
    look_at_app(&browser, &programs);
}

/// From the page that the wizard names to a secret that is shown once.
fn create_app(browser: &Browser, programs: &Programs, redirect_uri: &str) -> App {
    browser.open(&format!("{}/myapps", programs.url()));
    browser.press("New app");
    browser.tick("Web app");
    browser.look("new-web-app");
    browser.fill("App name", NAME);
    browser.fill("Company or application URL", "https://acme.example/");
    browser.fill("Redirect URI", redirect_uri);
    browser.tick("I have read and agree");
    browser.press("Create App");
    let client_id = browser.value("Client id");
    browser.look("web-app");
    browser.press("Generate a secret");
    let secret = browser.value("Client secret");
    browser.look("web-app-secret");
    App { client_id, secret }
}

/// Scopes, login, consent and the page at the end.
fn consent(browser: &Browser, programs: &Programs, terminal: &mut Terminal) {
    terminal.expect("What may the connection do?").keys(ENTER);
    terminal.expect("Waiting for the consent in the browser");
    let address = terminal.address();
    browser.open(&address);
    browser.sees("Who can log in here");
    browser.look("login");
    browser.log_in("nobody@example.com");
    browser.sees("Nobody here has this email address.");
    browser.look("login-unknown");
    browser.open(&address);
    browser.log_in(ADA);
    browser.sees(&format!("{NAME} wants access"));
    browser.look("consent");
    browser.allow(&["Maple Florist Ltd"]);
    browser.sees("Xero has let the app in");
    browser.look("callback");
    assert_eq!(programs.read("opened"), address, "the browser of this machine was sent elsewhere");
}

/// The app is stored: nothing is asked for but which, and what. Who is logged in stays so.
fn connect_second(browser: &Browser, programs: &Programs) {
    let mut terminal = programs.terminal(&["connect"]);
    terminal.expect("What kind of app is it?").keys(ENTER);
    terminal.expect("Which app?").keys(ENTER);
    terminal.expect("What may the connection do?").keys(ENTER);
    terminal.expect("Waiting for the consent in the browser");
    browser.open(&terminal.address());
    browser.sees("Connected already");
    browser.look("consent-second");
    browser.allow(&["Demo Company (NZ)"]);
    browser.sees("Xero has let the app in");
    // The one that was just consented to stands first and is chosen.
    terminal.expect("Which organisations?").expect("Maple Florist Ltd").keys(ENTER);
    terminal.expect("Name of the connection:").keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("Saved as demo-company-nz."), "{screen}");
    let tested = programs.ok(&["test", "--all"]);
    assert!(tested.contains("Maple Florist Ltd (!mPl7F)"), "{tested}");
    assert!(tested.contains("Demo Company (NZ) (!dC0nz)"), "{tested}");
}

/// The portal counts the connections and shows the secret no more.
fn look_at_app(browser: &Browser, programs: &Programs) {
    browser.open(&format!("{}/myapps", programs.url()));
    browser.look("my-apps-web");
    browser.press(NAME);
    assert_eq!(browser.text("connections"), "2 connections");
    assert!(!browser.source().contains("id=\"client-secret\""));
    browser.look("web-app-connected");
}
