//! What there is twice: a login of two stores, a key in two slots, a refresh token in two files, a default by two hands.

use rusqlite::Connection as Db;
use serde_json::json;
use xero_mock::{Consent, DEMO_COMPANY, MAPLE_FLORIST};

use crate::{
    sandbox::{BINARY, Run, Sandbox, transcript},
    terminal::ENTER,
};

const THERE: &str = "other-machine";
const STORE: &str = "data/xeroctl/connections.db";
const SCOPES: &str = "openid profile email accounting.settings.read accounting.invoices.read offline_access";

/// The connection `maple` here, and on another machine `demo` of the same app and user.
fn with_another_store() -> Sandbox {
    let (home, app) = Sandbox::logged_in();
    let tokens =
        home.mock().mint_tokens(&app.client_id, SCOPES, &Consent::allow(&[DEMO_COMPANY.id])).unwrap();
    let document = json!({
        "client_id": app.client_id, "client_secret": app.client_secret, "tenant_id": DEMO_COMPANY.id,
        "token": { "access_token": tokens.access_token, "refresh_token": tokens.refresh_token, "scope": SCOPES },
    });
    home.write("tokens.json", &document.to_string());
    home.ok_at(THERE, &["store", "init", "--key-file", "there.key"]);
    home.ok_at(THERE, &["import", "--from", "token-json", "tokens.json", "--as", "demo"]);
    home
}

fn revocations(home: &Sandbox) -> usize {
    home.mock().journal().iter().filter(|entry| entry.path == "/connect/revocation").count()
}

#[test]
fn a_login_that_another_store_uses_is_not_revoked() {
    let home = with_another_store();
    let ended = home.run(&["disconnect", "maple", "--yes"]);
    assert_eq!(revocations(&home), 0, "{}", ended.text());
    home.ok_at(THERE, &["refresh", "demo"]);
    home.ok_at(THERE, &["test", "demo"]);
    // There nothing is left.
    let last = home.ok_at(THERE, &["disconnect", "demo", "--yes", "--json"]);
    assert_eq!(revocations(&home), 1, "{}", last.text());
    insta::assert_snapshot!(format!("{}\n{}", ended.text(), last.text()));
}

#[test]
fn the_question_says_what_ends_and_what_stays() {
    let home = with_another_store();
    let mut terminal = home.terminal(&["disconnect", "maple"]);
    terminal.expect("Xero still lists Demo Company (NZ) for it").expect("Disconnect maple?").line("n");
    assert_eq!(terminal.finish().0, 130);
    assert_eq!(revocations(&home), 0);
    home.ok_at(THERE, &["disconnect", "demo", "--yes"]);
    let mut terminal = home.terminal(&["disconnect", "maple"]);
    terminal.expect("in other stores and programs too").expect("Disconnect maple?").line("n");
    assert_eq!(terminal.finish().0, 130);
    home.ok(&["test", "maple"]);
}

#[test]
fn a_link_that_is_gone_already_does_not_end_what_stays() {
    let home = with_another_store();
    let app =
        home.ok(&["show", "maple", "--json"]).json()["connection"]["client_id"].as_str().unwrap().to_owned();
    home.mock().disconnect(&app, MAPLE_FLORIST.id).unwrap();
    insta::assert_snapshot!(transcript(&home, &[&["disconnect", "maple", "--yes"]]));
    assert_eq!(revocations(&home), 0);
    home.ok_at(THERE, &["test", "demo"]);
}

#[test]
fn what_was_handed_over_is_disconnected_elsewhere() {
    let (home, _) = Sandbox::logged_in();
    home.write("bundle", "six words that nobody guesses\n");
    home.ok(&["export", "x.age", "maple", "--yes", "--bundle-passphrase-file", "bundle"]);
    insta::assert_snapshot!(transcript(&home, &[&["disconnect", "maple", "--yes"]]));
}

#[test]
fn a_refresh_token_is_imported_once() {
    let home = with_another_store();
    let again =
        |name: &str| home.run_at(THERE, &["import", "--from", "token-json", "tokens.json", "--as", name]);
    let first = again("again");
    // The one of the file is the one before by now; after another renewal nobody here knows it, and Xero refuses it.
    assert_eq!(first.status, 2, "{}", first.text());
    let mut tokens: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(home.path("tokens.json")).unwrap()).unwrap();
    tokens["token"]["refresh_token"] = "a-token-that-nobody-has".into();
    home.write("tokens.json", &tokens.to_string());
    let unknown = again("again");
    assert_eq!(unknown.status, 4, "{}", unknown.text());
    insta::assert_snapshot!(format!("{}\n{}", first.text(), unknown.text()));
    let list = home.ok_at(THERE, &["list", "--json"]).json();
    assert_eq!(list["connections"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_in_two_slots_is_named() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    home.ok(&["store", "key", "add", "--new-key-file", "nightly.key"]);
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["store", "key", "add", "--new-key-command", "cat nightly.key"],
            &["store", "key", "add", "--new-passphrase-file", "password"],
            &["store", "key", "add", "--new-passphrase-file", "password"],
            &["store", "key", "remove", "2"],
            &["store", "key", "remove", "2", "--yes"],
            &["list", "--key-file", "nightly.key"],
            &["store", "key", "remove", "3", "--yes", "--json"],
            &["list", "--key-file", "nightly.key"],
        ]
    ));
}

#[test]
fn a_default_that_somebody_else_made_is_named() {
    let (home, app) = Sandbox::logged_in();
    let options = ["connect", "demo", "--kind", "web", "--client-id", &app.client_id, "--paste"];
    let run = home.waiting(&options).paste(&Consent::allow(&[DEMO_COMPANY.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    let forge = |change: &str| Db::open(home.path(STORE)).unwrap().execute_batch(change).unwrap();
    forge("UPDATE connections SET is_default = 0; UPDATE connections SET is_default = 1 WHERE name = 'demo'");
    let named = transcript(&home, &[&["default", "demo"], &["default", "maple"], &["store", "verify"]]);
    forge("UPDATE connections SET organisation_id = '2' WHERE name = 'demo'");
    let refused = home.run(&["default", "demo"]);
    assert_eq!(refused.status, 9, "{}", refused.text());
    insta::assert_snapshot!(format!("{named}\n{}", refused.text()));
}

/// A command with a variable set.
fn with(home: &Sandbox, name: &str, arguments: &[&str]) -> Run {
    let output = home.command(BINARY).env("XEROCTL_CONNECTION", name).args(arguments).output().unwrap();
    home.finish(&arguments.join(" "), &output)
}

#[test]
fn the_connection_of_the_environment_counts_wherever_none_is_named() {
    let (home, app) = Sandbox::logged_in();
    let options = ["connect", "demo", "--kind", "web", "--client-id", &app.client_id, "--paste"];
    let run = home.waiting(&options).paste(&Consent::allow(&[DEMO_COMPANY.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    for command in [
        &["test"][..],
        &["token"],
        &["refresh"],
        &["show"],
        &["log"],
        &["limits"],
        &["orgs"],
        &["scopes", "show"],
    ] {
        let of = |run: Run| {
            assert_eq!(run.status, 0, "{}", run.text());
            let document = run.json();
            let name =
                [&document["connection"], &document["connection"]["name"], &document["results"][0]["name"]];
            name.iter().find_map(|name| name.as_str()).unwrap_or_else(|| panic!("{document}")).to_owned()
        };
        let json = [command, &["--json"]].concat();
        assert_eq!(of(home.run(&json)), "maple", "{command:?}");
        assert_eq!(of(with(&home, "demo", &json)), "demo", "{command:?}");
        assert_eq!(of(with(&home, "", &json)), "maple", "{command:?}: an empty variable is not set");
        let named = [command, &["maple", "--json"]].concat();
        assert_eq!(of(with(&home, "demo", &named)), "maple", "{command:?}: what is named counts first");
        assert_eq!(with(&home, "nobody", &json).status, 3, "{command:?}");
    }
    let all = with(&home, "demo", &["test", "--all"]);
    assert!(all.status == 0 && all.stdout.contains("maple"), "{}", all.text());
    // Those that change one, or need a person, are not led by it.
    let renamed = with(&home, "demo", &["edit", "--app-name", "Shop", "--json"]);
    assert!(renamed.raw.0.contains("\"maple\""), "{}", renamed.text());
    std::fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    home.write("config/xeroctl/config.toml", "connection = 'demo'\n");
    assert!(home.ok(&["test"]).stdout.contains("demo"));
    assert!(home.ok(&["test", "maple"]).stdout.contains("maple"));
    assert!(with(&home, "maple", &["test"]).stdout.contains("maple"), "the variable counts before the file");
    assert!(home.ok(&["request", "GET", "Organisation"]).stdout.contains("Demo Company"));
}

#[test]
fn what_was_consented_to_besides_is_named() {
    let (home, app) = Sandbox::logged_in();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let again = home.waiting(&["reauth", "maple", "--paste"]);
    let run = again.paste(&Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    insta::assert_snapshot!(format!(
        "{}\n{}",
        run.text(),
        transcript(&home, &[&["orgs", "maple", "--add", "Hexagon Tools Pty Ltd"]])
    ));
}

#[test]
fn a_finish_with_a_wrong_secret_can_be_mended() {
    let (home, _) = Sandbox::with_store();
    let app = home.mock().create_web_app("Other", &[crate::browser::ELSEWHERE]).unwrap();
    home.write("wrong", "not the secret\n");
    home.write("right", &format!("{}\n", app.client_secret.as_deref().unwrap()));
    let id = app.client_id.as_str();
    let uri = crate::browser::ELSEWHERE;
    let secret = ["--client-secret-file", "wrong", "--redirect-uri", uri];
    let begin = [&["connect", "begin", "--kind", "web", "--client-id", id][..], &secret].concat();
    let begun = home.ok(&[&begin[..], &["--json"]].concat()).json();
    let (login, address) =
        (begun["login"]["id"].as_str().unwrap(), begun["login"]["address"].as_str().unwrap());
    let location = home.mock().consent(address, &Consent::allow(&[MAPLE_FLORIST.id])).unwrap();
    home.write("address", &format!("{location}\n"));
    let finish = ["connect", "finish", login, "maple", "--address-file", "address"];
    let refused = home.run(&finish);
    assert_eq!(refused.status, 6, "{}", refused.text());
    let again = home.run(&finish);
    assert_eq!(again.status, 6, "{}", again.text());
    let set = home.run(&["apps", "secret", "set", id, "--client-secret-file", "right"]);
    assert_eq!(set.status, 0, "{}", set.text());
    let finished = home.run(&finish);
    assert_eq!(finished.status, 0, "{}", finished.text());
    insta::assert_snapshot!(refused.text());
    home.ok(&["refresh", "maple"]);
}

#[test]
fn a_custom_connection_waits_for_what_the_portal_lacks() {
    let home = Sandbox::initialised();
    let app =
        home.mock().create_custom_app("Nightly", MAPLE_FLORIST.id, &["accounting.settings.read"]).unwrap();
    let mut terminal = home.terminal(&["connect", "--kind", "custom"]);
    terminal.expect("Client id:").line(&app.client_id);
    terminal.expect("Client secret").line("not the secret");
    terminal.expect("What now?").keys(crate::terminal::DOWN).keys(ENTER);
    terminal.expect_times("Client secret", 2).line(app.client_secret.as_deref().unwrap());
    terminal.expect_times("What now?", 2);
    home.mock().authorise_custom_app(&app.client_id).unwrap();
    terminal.keys(ENTER).expect("Name of the connection:").line("nightly");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 0, "{screen}");
    assert!(!screen.contains("not the secret"), "{screen}");
    home.ok(&["test", "nightly"]);
}

#[test]
fn whoever_gives_up_on_a_custom_connection_saves_nothing() {
    let home = Sandbox::initialised();
    let app =
        home.mock().create_custom_app("Nightly", MAPLE_FLORIST.id, &["accounting.settings.read"]).unwrap();
    let mut terminal = home.terminal(&["connect", "--kind", "custom", "--client-id", &app.client_id]);
    terminal.expect("Client secret").line(app.client_secret.as_deref().unwrap());
    terminal.expect("What now?").keys(crate::terminal::DOWN).keys(crate::terminal::DOWN).keys(ENTER);
    let (status, screen) = terminal.finish();
    assert_eq!(status, 6, "{screen}");
    assert!(home.ok(&["apps", "list", "--json"]).json()["apps"].as_array().unwrap().is_empty());
}

#[test]
fn what_is_renewed_keeps_its_name() {
    let home = Sandbox::connected();
    let old = home.ok(&["show", "acme", "--json"]).json()["connection"]["certificate"]["subject"].clone();
    let new = home.ok(&["cert", "renew", "acme", "--json"]).json()["certificate"]["subject"].clone();
    let common = |subject: &serde_json::Value| {
        let subject = subject.as_str().unwrap().to_owned();
        subject.split(',').find(|part| part.trim().starts_with("CN=")).unwrap().trim().to_owned()
    };
    assert_eq!(common(&old), common(&new));
    assert_ne!(common(&new), "CN=acme");
}
