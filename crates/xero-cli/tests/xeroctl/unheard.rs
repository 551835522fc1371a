//! What is seldom said: each refusal that no other test hears.

use age::{secrecy::ExposeSecret, x25519};
use serde_json::json;
use xero_mock::{Consent, DEMO_COMPANY, MAPLE_FLORIST};

use crate::{
    browser::ELSEWHERE,
    sandbox::{Sandbox, fixture, private_options},
};

/// All of them fail, and each says what to do next.
fn refused(home: &Sandbox, commands: &[&[&str]]) -> String {
    let run = |command: &&[&str]| {
        let run = home.run(command);
        assert_ne!(run.status, 0, "{}", run.text());
        assert!(run.stderr.contains("  next: "), "{}", run.text());
        run.text()
    };
    commands.iter().map(run).collect::<Vec<_>>().join("\n")
}

#[test]
fn of_logins() {
    let (home, app) = Sandbox::logged_in();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let begin = |more: &[&str]| {
        let begin = ["connect", "begin", "--kind", "web", "--client-id", &app.client_id, "--json"];
        home.ok(&[&begin, more].concat()).json()["login"].clone()
    };
    let login = begin(&[]);
    let (id, address) = (login["id"].as_str().unwrap(), login["address"].as_str().unwrap());
    let both = Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]);
    home.write("address", &home.mock().consent(address, &both).unwrap());
    home.write("empty", "\n");
    home.write("long", &"x".repeat(5000));
    home.write("latin", "");
    std::fs::write(home.path("latin"), b"caf\xe9\n").unwrap();
    let client = app.client_id.as_str();
    let desktop = "00000000000000000000000000000000";
    insta::assert_snapshot!(refused(
        &home,
        &[
            &[
                "connect",
                "begin",
                "--kind",
                "desktop",
                "--client-id",
                desktop,
                "--client-secret-file",
                "secret"
            ],
            &["connect", "finish", id],
            &["connect", "finish", id, "--address-file", "empty"],
            &["connect", "finish", id, "--address-file", "latin"],
            &["connect", "finish", id, "--address-file", "long"],
            &["connect", "finish", id, "both", "--organisation", "all", "--address-file", "address"],
            &["connect", "--kind", "web", "--client-id", client, "--no-browser", "--redirect-uri", ELSEWHERE],
            &[
                "connect",
                "--kind",
                "web",
                "--client-id",
                client,
                "--paste",
                "--xero-url",
                "http://example.com"
            ],
            &["list", "--xero-url", "nonsense", "--identity", "latin"],
            &["keepalive", "--print"],
        ]
    ));
}

#[test]
fn of_apps_that_have_no_person() {
    let (home, _) = Sandbox::with_store();
    let app = home.connect_custom("nightly", &["accounting.settings.read"]);
    let id = app.client_id.as_str();
    let consumer_key = home.connect("acme");
    home.write("tokens.json", &json!({ "client_id": id, "refresh_token": "nobodys" }).to_string());
    insta::assert_snapshot!(refused(
        &home,
        &[
            &["reauth", "nightly"],
            &["orgs", "nightly", "--add", "all"],
            &["copy", "nightly", "--organisation", "all"],
            &["apps", "secret", "remove", &consumer_key, "--yes"],
            &["import", "--from", "token-json", "tokens.json"],
        ]
    ));
}

#[test]
fn of_keys_that_are_for_others() {
    let (home, _) = Sandbox::logged_in();
    for name in ["one", "two"] {
        let identity = x25519::Identity::generate();
        home.write(name, identity.to_string().expose_secret());
        home.write(&format!("{name}.pub"), &identity.to_public().to_string());
    }
    let public = std::fs::read_to_string(home.path("one.pub")).unwrap();
    home.ok(&["export", "x.age", "maple", "--without-logins", "--recipient", &public]);
    insta::assert_snapshot!(refused(
        &home,
        &[&["import", "x.age", "--list", "--bundle-identity", "two"], &["list", "--identity", "one"]]
    ));
}

#[test]
fn of_sources_of_logins() {
    let (home, app) = Sandbox::logged_in();
    let client = |id: &str, grant: &str| {
        json!({ "Authority": "https://identity.xero.com", "Alias": "", "GrantType": grant,
        "ClientId": id, "ClientSecret": "", "CreatedDate": "2020-01-01T00:00:00Z", "Scopes": null })
    };
    let id = app.client_id.as_str();
    let clients = json!({ "desk": client(id, "PKCE"), "odd": client(id, "password") });
    home.write("xoauth.json", &clients.to_string());
    home.write("bad.json", "{\n  \"no\": json\n}\n");
    home.write("tokens.json", &json!({ "refresh_token": "nobodys" }).to_string());
    home.write("named.json", &json!({ "client_id": "tooshort", "refresh_token": "nobodys" }).to_string());
    let secret = ["--client-secret-file", "secret"];
    insta::assert_snapshot!(refused(
        &home,
        &[
            &["import", "--from", "xoauth", "bad.json"],
            &["import", "--from", "xoauth", "xoauth.json", "--profile", "nobody"],
            &["import", "--from", "xoauth", "xoauth.json", "--profile", "odd"],
            &["import", "--from", "xoauth", "xoauth.json", "--profile", "desk"],
            &["import", "--from", "token-json", "named.json"],
            &[&["import", "--from", "token-json", "tokens.json", "--client-id", id], &secret[..]].concat(),
        ]
    ));
}

#[test]
fn of_requests() {
    let home = Sandbox::connected();
    std::fs::write(home.path("latin"), b"caf\xe9").unwrap();
    let form = "Content-Type: application/x-www-form-urlencoded";
    insta::assert_snapshot!(refused(
        &home,
        &[
            &["request", "POST", "Contacts", "-d", "@latin", "-H", form],
            &["request", "GET", "//evil.example/Organisation"],
            &["request", "GET", "Organisation", "--paginate", "-H", "Accept: application/xml"],
            &["keepalive", "--install", "systemd", "--print", "--hook", "one\ntwo"],
        ]
    ));
}

#[test]
fn of_apps_that_begin_alike() {
    let (home, _) = Sandbox::with_store();
    let pfx = fixture("kinds/test-openssl-3.pfx");
    for (name, ending) in [("one", "1"), ("two", "2")] {
        let key = format!("ALIKE{}", ending.repeat(25));
        let options = private_options(&key, pfx.to_str().unwrap());
        home.ok(&[&["connect", name, "--no-test"][..], &options].concat());
    }
    insta::assert_snapshot!(refused(&home, &[&["apps", "show", "ALIKE"], &["apps", "show", "ALIK2"]]));
}

/// A socket that is none.
#[cfg(target_os = "linux")]
#[test]
fn of_what_systemd_hands_over() {
    let (home, _) = Sandbox::logged_in();
    let script = format!(
        "exec 3</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec {:?} gateway --token-file token",
        crate::sandbox::BINARY
    );
    let output = home.command("timeout").args(["60", "sh", "-c", &script]).output().unwrap();
    insta::assert_snapshot!(home.finish("gateway", &output).text());
}

#[test]
fn who_says_no_is_told_that_nothing_was_done() {
    let (home, _) = Sandbox::logged_in();
    let mut terminal = home.terminal(&["disconnect", "maple"]);
    terminal.expect("Disconnect maple?").line("n");
    let (status, screen) = terminal.finish();
    assert_eq!(status, 130, "{screen}");
    assert!(screen.contains("error: nothing was disconnected"), "{screen}");
    home.ok(&["test", "maple"]);
    let mut terminal = home.terminal(&["export", "-", "maple"]);
    let (status, screen) = terminal.wait();
    assert_eq!(status, 2, "{screen}");
    assert!(screen.contains("standard output is the terminal, and a bundle is no text"), "{screen}");
}
