//! A private app by hand, as the manual's page *Connecting to Xero* tells it, and what happens to it later.

use crate::browser::Browser;
use crate::programs::Programs;
use crate::terminal::{DOWN, ENTER, Terminal};

const PASSWORD: &str = "correct horse battery staple";
const ORGANISATION: &str = "Demo Company (NZ)";
const TERMS: &str = "I have read and agree";

#[test]
fn a_person_connects_a_private_app() {
    let programs = Programs::start();
    let browser = Browser::start();
    let mut terminal = programs.terminal(&["connect"]);
    let portal = generate_key_pair(&mut terminal);
    walk_to_new_app(&browser, &programs, &portal);
    let consumer_key = create_app(&browser, &programs);
    terminal.line(&consumer_key).expect("It works: Demo Company (NZ).");
    terminal.expect("Name of the connection:").keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("Saved as demo-company-nz (the default connection)."), "{screen}");
    assert!(!screen.contains(PASSWORD), "{screen}");
    let list = programs.ok(&["list"]);
    assert!(list.contains("demo-company-nz (default)") && list.contains(ORGANISATION), "{list}");
    assert_eq!(programs.ok(&["test"]), "ok      demo-company-nz  Demo Company (NZ) (!dC0nz)\n");
    disconnect(&browser, &programs);
    delete(&browser);
}

/// Answers the wizard up to its question for the consumer key; gives the portal's address that it names.
fn generate_key_pair(terminal: &mut Terminal) -> String {
    terminal.expect("What kind of app is it?").keys(DOWN).keys(DOWN).keys(DOWN).keys(ENTER);
    terminal.expect("What shall open the store?").keys(ENTER);
    terminal.expect("Certificate file:").keys(DOWN).keys(ENTER);
    terminal.expect("Name of the files").line("acme");
    terminal.expect("Password for the new file:").line(PASSWORD);
    terminal.expect("The same again:").line(PASSWORD);
    terminal.expect("Made acme.cer (to upload) and acme.pfx (to keep).");
    terminal.expect("Then copy the consumer key.").expect("Consumer key:");
    let screen = terminal.text();
    let address = screen.split_once("In the portal, ").and_then(|(_, rest)| rest.split_once(": New app"));
    address.unwrap_or_else(|| panic!("{screen}")).0.to_owned()
}

fn walk_to_new_app(browser: &Browser, programs: &Programs, portal: &str) {
    browser.open(programs.url());
    browser.sees("A fake Xero to test against");
    browser.look("landing");
    browser.press("My Apps");
    browser.sees("You have no apps yet.");
    assert_eq!(browser.address(), portal, "the wizard names another page");
    browser.look("my-apps-none");
    browser.press("New app");
    browser.sees("What kind of app?");
    browser.look("new-app");
}

/// Fills in the form, uploads the certificate that the wizard made and reads the consumer key off the page.
fn create_app(browser: &Browser, programs: &Programs) -> String {
    fill_in(browser, "Acme nightly sync");
    browser.upload("Upload Certificate File", &programs.path("acme.cer"));
    browser.press("Create App");
    let consumer_key = browser.value("Consumer key");
    browser.look("app");
    assert_fingerprint(browser, programs, "acme.cer");
    consumer_key
}

fn disconnect(browser: &Browser, programs: &Programs) {
    browser.press("My Apps");
    browser.sees("Connected");
    browser.look("my-apps");
    browser.press("Acme nightly sync");
    browser.press("Disconnect");
    browser.sees("A user disconnected this app inside the organisation.");
    browser.look("app-disconnected");
    let run = programs.run(&["test"]);
    let said = "error: the app's access to the organisation has been revoked\n  next: ask who disconnected or deleted \
                the app in Xero, and create or reconnect it in the developer portal\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str(), run.status), ("", said, Some(4)));
}

fn delete(browser: &Browser) {
    browser.press("Delete app");
    browser.sees("This cannot be undone.");
    browser.look("delete");
    browser.press("Delete app");
    browser.sees("You have no apps yet.");
}

#[test]
fn the_portal_refuses_what_is_no_certificate_and_changes_one() {
    let programs = Programs::start();
    let browser = Browser::start();
    make_store_and_key_pairs(&programs, &["acme", "other"]);
    browser.open(&format!("{}/myapps/new", programs.url()));
    send_empty_form(&browser);
    upload_pfx(&browser, &programs);
    browser.fill("Paste from Clipboard", &programs.read("acme.cer"));
    browser.press("Create App");
    let consumer_key = browser.value("Consumer key");
    assert_fingerprint(&browser, &programs, "acme.cer");
    programs.ok(&connect("acme", &consumer_key));
    replace(&browser, &programs);
}

fn make_store_and_key_pairs(programs: &Programs, names: &[&str]) {
    programs.write("password.txt", PASSWORD);
    programs.ok(&["store", "init", "--key-file", "store.key"]);
    for name in names {
        programs.ok(&["cert", "new", name, "--password-file", "password.txt"]);
    }
}

fn send_empty_form(browser: &Browser) {
    browser.press("Create App");
    let problems = [
        "Please look at this again",
        "Enter a name for the app.",
        "Choose the organisation that the app acts for.",
        "Upload a certificate file or paste the certificate's text.",
        "Agree to the terms and conditions to create an app.",
    ];
    assert_eq!(browser.text("problems"), problems.join("\n"));
    browser.look("new-app-empty");
}

/// The file with the private key is chosen by mistake; all else that was typed is kept.
fn upload_pfx(browser: &Browser, programs: &Programs) {
    fill_in(browser, "Acme “nightly” <sync> 日本");
    browser.upload("Upload Certificate File", &programs.path("acme.pfx"));
    browser.press("Create App");
    browser.sees("This is a .pfx file, which holds your private key.");
    browser.look("new-app-pfx");
    assert_eq!(browser.value("App name"), "Acme “nightly” <sync> 日本");
    assert_eq!(browser.value("Paste from Clipboard"), "");
}

/// Requests fail as soon as the portal has another certificate, and work again when the first one is back.
fn replace(browser: &Browser, programs: &Programs) {
    browser.press("Replace certificate");
    browser.sees("The consumer key stays.");
    browser.look("replace");
    browser.press("Save");
    browser.sees("Please look at this again");
    browser.look("replace-empty");
    browser.upload("Upload Certificate File", &programs.path("other.cer"));
    browser.press("Save");
    assert_fingerprint(browser, programs, "other.cer");
    let run = programs.run(&["test"]);
    assert!(run.stderr.starts_with("error: Xero could not verify the signature\n"), "{run:?}");
    assert_eq!(run.status, Some(6), "{run:?}");
    browser.press("Replace certificate");
    browser.fill("Paste from Clipboard", &programs.read("acme.cer"));
    browser.press("Save");
    assert_fingerprint(browser, programs, "acme.cer");
    assert_eq!(programs.ok(&["test"]), "ok      acme  Demo Company (NZ) (!dC0nz)\n");
}

#[test]
fn a_portal_of_today_says_that_private_apps_are_switched_off() {
    let programs = Programs::start_with(&["--after-shutdown"]);
    let browser = Browser::start();
    make_store_and_key_pairs(&programs, &["acme"]);
    browser.open(&format!("{}/myapps/new", programs.url()));
    browser.sees("OAuth 1.0a is switched off.");
    browser.look("switched-off");
    fill_in(&browser, "Too late");
    browser.upload("Upload Certificate File", &programs.path("acme.cer"));
    browser.press("Create App");
    let consumer_key = browser.value("Consumer key");
    let run = programs.run(&connect("acme", &consumer_key));
    assert!(run.stderr.contains("error: Xero no longer accepts OAuth 1.0a\n"), "{run:?}");
    assert_eq!(run.status, Some(6), "{run:?}");
    assert_eq!(programs.ok(&["list"]), "");
}

/// All of the form but the certificate.
fn fill_in(browser: &Browser, name: &str) {
    browser.tick("Private app");
    browser.fill("App name", name);
    browser.choose("Organisation", ORGANISATION);
    browser.tick(TERMS);
}

fn connect<'a>(name: &'a str, consumer_key: &'a str) -> [&'a str; 10] {
    let [key, pfx, password] = ["--consumer-key", "--certificate", "--password-file"];
    ["connect", name, "--kind", "private", key, consumer_key, pfx, "acme.pfx", password, "password.txt"]
}

/// The portal shows the fingerprint that `xeroctl` finds in the file.
fn assert_fingerprint(browser: &Browser, programs: &Programs, file: &str) {
    let shown = browser.text("certificate-fingerprint");
    let described = programs.ok(&["cert", "show", file]);
    assert!(shown.len() == 59 && described.contains(&shown), "{shown}:\n{described}");
}
