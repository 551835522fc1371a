//! `xeroctl import --from` used wrongly: each case with its exact message and status.

use std::fs;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::sandbox::{Sandbox, transcript};

const ID: &str = "0123456789ABCDEF0123456789ABCDEF";
const OTHER: &str = "FEDCBA9876543210FEDCBA9876543210";

#[test]
fn options_and_files_that_cannot_be() {
    let home = Sandbox::initialised();
    fs::create_dir(home.path("folder")).unwrap();
    fs::write(home.path("large"), vec![b' '; 1024 * 1024 + 1]).unwrap();
    home.write("no-json", "refresh_token=x");
    home.write("list", "[{}, {}]");
    home.write("empty", "{}");
    home.write("no-id", &json!({ "refresh_token": "x" }).to_string());
    home.write("odd-id", &json!({ "refresh_token": "x", "client_id": "YOUR_CLIENT_ID" }).to_string());
    home.write("odd-token", &json!({ "refresh_token": "a\u{e9}b", "client_id": ID }).to_string());
    home.write("no-refresh", &json!({ "access_token": "x", "client_id": ID }).to_string());
    home.write("custom.env", &format!("XERO_CLIENT_ID={ID}\nXERO_CLIENT_SECRET=x\n"));
    home.write("quote.env", "XERO_CLIENT_ID='x\nXERO_REFRESH_TOKEN=planted\n");
    fs::write(home.path("latin.env"), b"A=\xe9\n").unwrap();
    let claims = URL_SAFE_NO_PAD.encode(json!({ "client_id": ID }).to_string());
    let good = json!({ "refresh_token": "x", "access_token": format!("e30.{claims}.x") });
    home.write("good", &good.to_string());
    let commands: [&[&str]; 28] = [
        &["import"],
        &["import", "good"],
        &["import", "--from", "nothing", "good"],
        &["import", "--from", "token-json"],
        &["import", "--from", "env"],
        &["import", "--from", "token-json", "missing"],
        &["import", "--from", "token-json", "folder"],
        &["import", "--from", "token-json", "large"],
        &["import", "--from", "token-json", "no-json"],
        &["import", "--from", "token-json", "list"],
        &["import", "--from", "token-json", "empty"],
        &["import", "--from", "token-json", "no-id"],
        &["import", "--from", "token-json", "no-id", "--client-id", "short"],
        &["import", "--from", "token-json", "odd-id"],
        &["import", "--from", "token-json", "odd-token"],
        &["import", "--from", "token-json", "no-refresh"],
        &["import", "--from", "env", "custom.env"],
        &["import", "--from", "env", "quote.env"],
        &["import", "--from", "env", "latin.env"],
        &["import", "--from", "token-json", "good", "--client-id", OTHER],
        &["import", "--from", "token-json", "good", "--client-secret", "x"],
        &["import", "--from", "token-json", "good", "--profile", "x"],
        &["import", "--from", "env", "good", "--source-passphrase-stdin"],
        &["import", "--from", "token-json", "good", "--as", " x"],
        &["import", "--from", "token-json", "good", "--redirect-uri", "http://example.com/"],
        &["import", "--from", "token-json", "-", "--client-secret-stdin"],
        &["import", "--from", "xero-cli", "--all-profiles", "--profile", "x"],
        &["import", "--from", "xoauth"],
    ];
    insta::assert_snapshot!(transcript(&home, &commands));
    assert_eq!(home.mock().journal().len(), 0, "nothing was sent");
    assert!(home.ok(&["list"]).stderr.contains("No connections"));
}

#[test]
fn a_taken_name_and_a_copied_store_cost_no_token() {
    let (home, app) = Sandbox::logged_in();
    let tokens = home.minted(&app);
    home.write(
        "tokens.json",
        &json!({ "refresh_token": tokens.refresh_token, "client_id": app.client_id }).to_string(),
    );
    let taken = home.import("token-json", &["tokens.json", "--as", "MAPLE"]);
    assert_eq!(taken.status, 2, "{}", taken.text());
    let copied = home.import("token-json", &["tokens.json", "--as", "x", "--machine", "another"]);
    assert_eq!(copied.status, 9, "{}", copied.text());
    assert!(copied.stderr.contains("xeroctl store adopt"), "{}", copied.text());
    assert_eq!(home.mock().refreshes(), 0);
    assert_eq!(home.ok(&["list", "--json"]).json()["connections"].as_array().unwrap().len(), 1);
}

#[test]
fn a_person_is_asked_for_what_the_source_does_not_say() {
    let (home, app) = Sandbox::with_store();
    home.write("tokens.json", &json!({ "refresh_token": home.minted(&app).refresh_token }).to_string());
    let mut terminal = home.terminal(&["import", "--from", "token-json", "tokens.json"]);
    terminal.expect("Client id of the app that tokens.json is of:").line(&app.client_id);
    terminal.expect("What kind of app is it?").keys(crate::terminal::ENTER);
    terminal.expect("Client secret").line(app.client_secret.as_deref().unwrap());
    terminal.expect("Name of the connection:").line("maple").expect("It works: Maple Florist Ltd.");
    let (status, screen) = terminal.finish();
    assert_eq!((status, screen.contains(app.client_secret.as_deref().unwrap())), (0, false), "{screen}");
    home.ok(&["test"]);
}

#[test]
fn ctrl_c_at_a_question_saves_nothing() {
    let (home, app) = Sandbox::with_store();
    let token = home.minted(&app).refresh_token.unwrap();
    home.write("tokens.json", &json!({ "refresh_token": token }).to_string());
    let mut terminal = home.terminal(&["import", "--from", "token-json", "tokens.json"]);
    terminal.expect("Client id of the app").keys(crate::terminal::CTRL_C);
    assert_eq!(terminal.finish().0, 130);
    assert!(home.mock().is_refresh_token_alive(&token) && home.mock().refreshes() == 0);
}
