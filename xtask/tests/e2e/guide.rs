//! The pictures of the user guide: what its reader sees at the portal and at the consent, with the same names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::browser::Browser;
use crate::consent::{ADA, address_in};
use crate::programs::Programs;

const ORGANISATION: &str = "Maple Florist Ltd";
const URL: &str = "https://acme.example/";
const REDIRECT_URI: &str = "http://localhost:8742/callback";
const TERMS: &str = "I have read and agree";

/// What is drawn, and shown in the guide.
const PICTURES: [&str; 8] = [
    "consent.png",
    "custom-app.png",
    "custom-consent.png",
    "login.png",
    "new-private-app.png",
    "new-web-app.png",
    "private-app.png",
    "web-app.png",
];

/// `cargo xtask pictures` runs it and keeps what it draws.
#[test]
fn the_steps_of_the_guide_are_drawn() {
    let programs = Programs::start();
    let browser = Browser::start();
    drop(fs::remove_dir_all(drawn()));
    programs.ok(&["store", "init", "--key-file", "store.key"]);
    private_app(&browser, &programs);
    web_app(&browser, &programs);
    custom_connection(&browser, &programs);
    assert_eq!(names(&drawn()), PICTURES);
}

#[test]
fn the_guide_shows_what_is_drawn() {
    assert_eq!(names(&docs().join("pictures")), PICTURES, "`cargo xtask pictures` draws them");
    let mut shown: Vec<_> = names(docs()).iter().flat_map(|page| shown_on(&docs().join(page))).collect();
    shown.sort();
    assert_eq!(shown, PICTURES, "a picture is not shown, or shown twice");
}

/// *Connecting to Xero with a private app*.
fn private_app(browser: &Browser, programs: &Programs) {
    programs.ok(&["cert", "new", "acme", "--name", "Acme nightly sync", "--no-password"]);
    new_app(browser, programs, "Private app", "Acme nightly sync");
    browser.choose("Organisation", ORGANISATION);
    browser.upload("Upload Certificate File", &programs.path("acme.cer"));
    browser.tick(TERMS);
    browser.illustrate("new-private-app");
    browser.press("Create App");
    browser.value("Consumer key");
    browser.illustrate("private-app");
}

/// *Connecting to Xero with OAuth 2.0*, to the consent.
fn web_app(browser: &Browser, programs: &Programs) {
    new_app(browser, programs, "Web app", "Nightly");
    browser.fill("Company or application URL", URL);
    browser.fill("Redirect URI", REDIRECT_URI);
    browser.tick(TERMS);
    browser.illustrate("new-web-app");
    browser.press("Create App");
    let client_id = browser.value("Client id");
    browser.illustrate("web-app");
    browser.press("Generate a secret");
    programs.write("secret", &browser.value("Client secret"));
    let app = ["--client-id", &client_id, "--client-secret-file", "secret"];
    let begun = programs.run(&[&["connect", "begin", "--kind", "web"][..], &app].concat());
    browser.open(address_in(&begun.stderr).or(address_in(&begun.stdout)).expect("an address to open"));
    browser.sees("Who can log in here");
    browser.illustrate("login");
    browser.log_in(ADA);
    browser.sees("wants access");
    browser.tick(ORGANISATION);
    browser.illustrate("consent");
}

fn custom_connection(browser: &Browser, programs: &Programs) {
    new_app(browser, programs, "Custom connection", "Acme books");
    browser.fill("Company or application URL", URL);
    browser.tick(TERMS);
    browser.press("Create App");
    browser.value("Client id");
    browser.tick("view the organisation's settings");
    browser.fill("Authorising user", ADA);
    browser.illustrate("custom-app");
    browser.press("Save and connect");
    browser.press("Authorise Acme books");
    browser.sees("wants access");
    browser.tick(ORGANISATION);
    browser.illustrate("custom-consent");
}

fn new_app(browser: &Browser, programs: &Programs, kind: &str, name: &str) {
    browser.open(&format!("{}/myapps/new", programs.url()));
    browser.tick(kind);
    browser.fill("App name", name);
}

/// The pictures on a page.
fn shown_on(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap_or_default();
    text.split("](pictures/").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()).collect()
}

/// What is in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Where the pictures of a run are.
fn drawn() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("e2e").join("guide")
}

fn docs() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"))
}
