//! The wizard for OAuth 2.0, by hand, with a browser that comes back.

use std::fs;

use xero_mock::{Consent, DEMO_COMPANY, HEXAGON_TOOLS, MAPLE_FLORIST};

use crate::{
    browser::{fetch, free_port, web_options},
    sandbox::Sandbox,
    terminal::{BACKSPACE, CTRL_C, DOWN, ENTER, Terminal},
};

/// The address that the program opened in the browser.
fn opened(home: &Sandbox) -> String {
    fs::read_to_string(home.path("opened")).expect("the browser was opened")
}

/// Up to the question for the secret of a web app.
fn at_secret(home: &Sandbox, redirect: &str) -> Terminal {
    let app = home.mock().create_web_app("Nightly web", &[redirect]).unwrap();
    home.write("right", app.client_secret.as_deref().unwrap());
    let mut terminal = home.terminal(&["connect"]);
    terminal.expect("What kind of app is it?").keys(ENTER);
    terminal.expect("What shall open the store?").keys(ENTER);
    terminal.expect("Redirect URI, as the portal has it:").line(redirect);
    terminal.expect("Client id:").line("TOOSHORT").expect("a client id has 32 hexadecimal characters");
    terminal.keys(&BACKSPACE.repeat(8)).line(&app.client_id);
    terminal.expect("Client secret");
    terminal
}

#[test]
fn a_first_login_with_a_web_app() {
    let home = Sandbox::with_mock();
    let port = free_port();
    let mut terminal = at_secret(&home, &format!("http://localhost:{port}/callback"));
    let right = fs::read_to_string(home.path("right")).unwrap();
    terminal.line(&right).expect("What may the connection do?").keys(ENTER);
    terminal.expect("Waiting for the consent in the browser");
    let location = home.mock().consent(&opened(&home), &Consent::allow(&[MAPLE_FLORIST.id])).unwrap();
    assert!(fetch(&location).starts_with("HTTP/1.1 200"));
    terminal.expect("Logged in as Ada Byron").expect("Name of the connection:").line("maple");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(!screen.contains(&right), "{screen}");
    let screen = without_address(&home.tidy(&screen.replace(&port.to_string(), "8742")));
    insta::assert_snapshot!(screen);
    crate::docs::assert_stands_in_the_guide("docs/connecting-with-oauth2.md", &screen);
    home.ok(&["test", "maple"]);
}

#[test]
fn a_mistyped_secret_is_asked_for_again_and_the_consent_serves() {
    let home = Sandbox::with_mock();
    let port = free_port();
    let mut terminal = at_secret(&home, &format!("http://localhost:{port}/callback"));
    terminal.line("not the secret").expect("What may the connection do?").keys(ENTER);
    terminal.expect("Waiting for the consent in the browser");
    let location = home.mock().consent(&opened(&home), &Consent::allow(&[MAPLE_FLORIST.id])).unwrap();
    fetch(&location);
    let right = fs::read_to_string(home.path("right")).unwrap();
    terminal.expect("its secret is another").expect_times("Client secret", 2).line(&right);
    terminal.expect("Logged in as Ada Byron").expect("Name of the connection:").keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(!screen.contains(&right) && !screen.contains("not the secret"), "{screen}");
    home.ok(&["refresh", "maple-florist-ltd"]);
}

/// The address fills several lines of the screen.
fn without_address(screen: &str) -> String {
    let long = regex::Regex::new(r"(?m)^  (ADDRESS|http://\S+/authorize\S+)\n(\S*[=&%+]\S*\n)*").unwrap();
    long.replace_all(screen, "  ADDRESS\n").into_owned()
}

#[test]
fn several_organisations_are_chosen_from_the_list() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let run = home.connect_web(&app, &["old"], &Consent::allow(&[HEXAGON_TOOLS.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    let mut terminal =
        home.terminal(&["connect", "--kind", "web", "--scopes", "@sync", "--no-browser", "--paste"]);
    terminal.expect("Which app?").keys(ENTER).expect("Paste the address");
    let address = home.address_on(&terminal.text());
    let both = Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]);
    let location = home.mock().consent(&address, &both).unwrap();
    terminal.line("https://zynk.com/?code=1&state=2").expect("its state does not match");
    terminal.expect_times("Paste the address", 2).line(&location);
    // The two that were just consented come first and are chosen; the old one stands below.
    terminal.expect("Which organisations?").expect("Hexagon Tools").keys(ENTER);
    terminal.expect("Connecting").expect("Name of the connection:").keys(ENTER);
    terminal.expect_times("Name of the connection:", 2).line("second");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(!screen.contains(&location), "{screen}");
    let list = home.ok(&["list", "--json"]).json();
    assert_eq!(list["connections"].as_array().unwrap().len(), 3);
    home.ok(&["test", "--all"]);
}

#[test]
fn ctrl_c_after_the_consent_keeps_it() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let mut terminal =
        home.terminal(&[&["connect"][..], &web_options(&app), &["--scopes", "@read"]].concat());
    terminal.expect("Paste the address");
    let both = Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]);
    let location = home.mock().consent(&home.address_on(&terminal.text()), &both).unwrap();
    terminal.line(&location).expect("Which organisations?").keys(CTRL_C);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 130, "{screen}");
    assert!(screen.contains("the consent is kept for an hour"), "{screen}");
    let login: String = screen.split("connect finish ").nth(1).unwrap().chars().take(12).collect();
    home.ok(&["connect", "finish", &login, "acme", "--organisation", "Maple Florist Ltd"]);
    home.ok(&["test", "acme"]);
}

#[test]
fn ctrl_c_while_waiting_keeps_the_app() {
    let home = Sandbox::with_mock();
    let port = free_port();
    let mut terminal = at_secret(&home, &format!("http://localhost:{port}/callback"));
    let right = fs::read_to_string(home.path("right")).unwrap();
    terminal.line(&right).expect("What may the connection do?").keys(DOWN).keys(ENTER);
    terminal.expect("Waiting for the consent in the browser").keys(CTRL_C);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 130, "{screen}");
    assert!(
        screen.contains("error: cancelled\n  next: the app is kept, no connection was saved"),
        "{screen}"
    );
    assert!(home.ok(&["list"]).stderr.contains("No connections"));
    // The next one asks for neither secret nor client id.
    let mut terminal = home.terminal(&["connect", "maple", "--kind", "web", "--scopes", "@read"]);
    terminal.expect("Which app?").keys(ENTER).expect("Waiting for the consent in the browser");
    let location = home.mock().consent(&opened(&home), &Consent::allow(&[MAPLE_FLORIST.id])).unwrap();
    fetch(&location);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(!screen.contains("Client secret"), "{screen}");
    home.ok(&["refresh", "maple"]);
}

#[test]
fn whoever_pastes_gets_no_browser_here_and_may_leave() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let options = ["connect", "--scopes", "@read"];
    let mut terminal = home.terminal(&[&options[..], &web_options(&app), &["--paste"]].concat());
    terminal.expect("Open this address in a browser").expect("Paste the address").keys(CTRL_C);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 130, "{screen}");
    assert!(screen.contains("error: cancelled\n  next: the app is kept"), "{screen}");
    assert!(!home.path("opened").exists());
    let apps = home.ok(&["apps", "list", "--json"]).json();
    assert_eq!(apps["apps"].as_array().unwrap().len(), 1, "{apps}");
}

#[test]
fn a_secret_generated_anew_is_asked_for() {
    let (home, app) = Sandbox::logged_in();
    let secret = home.mock().generate_secret(&app.client_id).unwrap();
    let refused = home.run(&["refresh"]);
    assert!(refused.stderr.contains("`xeroctl apps secret set "), "{}", refused.text());
    let mut terminal = home.terminal(&["reauth", "maple"]);
    terminal.expect("Paste the address");
    let location = home
        .mock()
        .consent(&home.address_on(&terminal.text()), &Consent::allow(&[MAPLE_FLORIST.id]))
        .unwrap();
    terminal.line(&location).expect("its secret is another").expect("Client secret").line(&secret);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(!screen.contains(&secret), "{screen}");
    home.ok(&["refresh"]);
}
