//! Logins that go wrong: what is said, what to do next, and which status a job sees.

use std::time::Duration;

use xero_mock::{Consent, DEMO_COMPANY, Fault, MAPLE_FLORIST, Mock};

use crate::{
    browser::{free_port, web_options},
    sandbox::{Run, Sandbox, transcript},
};

fn maple() -> Consent {
    Consent::allow(&[MAPLE_FLORIST.id])
}

fn texts(runs: &[Run]) -> String {
    runs.iter().map(Run::text).collect::<Vec<_>>().join("\n")
}

#[test]
fn answers_that_are_missing_or_wrong() {
    let home = Sandbox::initialised();
    let id = "0123456789ABCDEF0123456789ABCDEF";
    let (long, uuid) = ("x".repeat(48), "7d3f0a52-1c84-4e0b-9a6e-2b51c8f4d001");
    home.write("secret", "s3cret\n");
    home.write("empty", "\n");
    let web = ["connect", "--kind", "web", "--paste"];
    let with = |more: &[&str]| home.run(&[&web[..], more].concat()).text();
    insta::assert_snapshot!(
        [
            home.run(&["connect", "--client-id", id]).text(),
            home.run(&["connect", "--kind", "web", "--client-id", id]).text(),
            with(&[]),
            with(&["--client-id", id]),
            with(&["--client-id", &long]),
            with(&["--client-id", uuid]),
            with(&["--client-id", id, "--client-secret-file", "empty"]),
            with(&["--client-id", id, "--client-secret-command", "exit 3"]),
            with(&["--client-id", id, "--client-secret=s3cret"]),
            with(&[
                "--client-id",
                id,
                "--client-secret-file",
                "secret",
                "--redirect-uri",
                "http://127.0.0.1:8743/"
            ]),
            with(&[
                "--client-id",
                id,
                "--client-secret-file",
                "secret",
                "--redirect-uri",
                "http://app.example/"
            ]),
            with(&["--client-id", id, "--client-secret-file", "secret", "--scopes", "accounting settings"]),
            with(&["--client-id", id, "--client-secret-file", "secret", "--consumer-key", "x"]),
            home.run(&["connect", "--kind", "desktop", "--client-id", id, "--client-secret-file", "secret"])
                .text(),
            home.run(&["connect", "--kind", "custom", "--client-id", id, "--paste"]).text(),
            home.run(&["connect", "begin", "--kind", "custom", "--client-id", id]).text(),
            home.run(&["connect", "finish", "nothing", "--address-stdin"]).text(),
            home.run(&["connect", "finish", "https://zynk.com/?code=abc&state=def"]).text(),
        ]
        .join("\n")
    );
}

#[test]
fn commands_that_a_kind_of_app_does_not_have() {
    let home = Sandbox::connected();
    insta::assert_snapshot!(transcript(
        &home,
        &[&["token"], &["refresh"], &["orgs"], &["reauth", "--paste"], &["disconnect", "acme", "--yes"]]
    ));
    let (home, _) = Sandbox::logged_in();
    insta::assert_snapshot!(
        "commands_that_a_web_app_does_not_have",
        transcript(
            &home,
            &[&["sign", "GET", "Organisation"], &["reauth"], &["token", "nobody"], &["disconnect", "maple"]]
        )
    );
}

#[test]
fn what_xero_shows_in_the_browser_only() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let port = free_port();
    let unregistered = format!("http://localhost:{port}/callback");
    let secret = ["--client-secret-file", "secret", "--no-browser", "--wait", "1"];
    let run = |more: &[&str]| {
        let waiting = home.waiting(&[&["connect", "--kind", "web"], more, &secret].concat());
        let page = home.mock().consent(&waiting.address, &maple()).expect_err("a page without a redirect");
        format!("the page: {page}\n{}", waiting.finish().text().replace(&port.to_string(), "PORT"))
    };
    let shown = [
        run(&["--client-id", &app.client_id, "--redirect-uri", &unregistered]),
        run(&["--client-id", "0123456789ABCDEF0123456789ABCDEF", "--redirect-uri", &unregistered]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn scopes_that_the_app_may_not_have() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let connect = |scopes: &str| {
        home.waiting(&[&["connect"][..], &web_options(&app), &["--paste", "--scopes", scopes]].concat())
    };
    let broad = connect("accounting.transactions accounting.settings.read");
    let page = home.mock().consent(&broad.address, &maple()).expect_err("a new app has no broad scopes");
    let broad = broad.paste_text("");
    let wrong = connect("app.connections").paste(&maple());
    insta::assert_snapshot!(format!("the page: {page}\n{}\n{}", broad.text(), wrong.text()));
    // An app from before March 2026 may have them.
    home.mock().created_before_march_2026(&app.client_id, true).unwrap();
    let old = connect("accounting.transactions accounting.settings.read").paste(&maple());
    assert_eq!(old.status, 0, "{}", old.text());
}

#[test]
fn consents_that_are_not_given_or_come_too_late() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let connect = || home.waiting(&[&["connect"][..], &web_options(&app), &["--paste"]].concat());
    let cancelled = connect().paste(&Consent::cancel());
    let forged = connect().paste_text("https://zynk.com/?code=abc&state=forged");
    let elsewhere = connect().paste_text("https://evil.example/?code=abc");
    let hostile = connect();
    let state = hostile.address.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let hostile = hostile.paste_text(&format!(
        "https://zynk.com/?error=server_error&error_description=%3Cscript%3E%1B%5B31m%0Afake&state={state}"
    ));
    let waiting = connect();
    let location = home.mock().consent(&waiting.address, &maple()).unwrap();
    home.mock().advance(Duration::from_secs(6 * 60));
    let late = waiting.paste_text(&location);
    let nowhere = connect();
    let location = home.mock().consent(&nowhere.address, &maple()).unwrap();
    home.mock().disconnect(&app.client_id, MAPLE_FLORIST.id).unwrap();
    let nowhere = nowhere.paste_text(&location);
    insta::assert_snapshot!(texts(&[cancelled, forged, elsewhere, hostile, late, nowhere]));
    assert!(home.ok(&["list"]).stderr.contains("No connections"));
}

#[test]
fn a_wrong_secret() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    home.write("secret", "not the secret\n");
    let run = home.connect_web(&app, &[], &maple());
    insta::assert_snapshot!(run.text());
}

#[test]
fn a_consent_without_a_refresh_token() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let mut waiting = home.waiting(&[&["connect"][..], &web_options(&app), &["--paste"]].concat());
    waiting.address = waiting.address.replace("offline_access+", "").replace("offline_access%20", "");
    assert!(!waiting.address.contains("offline_access"));
    let run = waiting.paste(&maple());
    assert_eq!(run.status, 6, "{}", run.text());
    insta::assert_snapshot!(run.text());
}

#[test]
fn the_server_is_down_at_each_step() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let down = |path: &str| {
        let page = Fault::Status(503, "<html>down</html>".to_owned(), "text/html".to_owned());
        home.mock().fault(page.on(path));
    };
    down("/connect/token");
    let exchange = home.connect_web(&app, &[], &maple());
    home.mock().fault(Fault::LoseReply.on("/connect/token"));
    let lost = home.connect_web(&app, &[], &maple());
    down("/connections");
    let list = home.connect_web(&app, &["acme"], &maple());
    let login = list.login();
    down("/api.xro");
    let finished = home.run(&["connect", "finish", &login, "acme"]);
    assert_eq!(
        [exchange.status, lost.status, list.status, finished.status],
        [5, 5, 5, 5],
        "{}",
        finished.text()
    );
    home.ok(&["test", "acme"]);
    down("/connect/token");
    let refresh = home.run(&["refresh", "acme"]);
    home.ok(&["refresh", "acme"]);
    home.mock().fault(Fault::LoseReply.on("/connect/token"));
    let unanswered = home.run(&["refresh", "acme"]);
    home.ok(&["refresh", "acme"]);
    let runs = texts(&[exchange, lost, list, finished, refresh, unanswered]);
    insta::assert_snapshot!(runs);
}

#[test]
fn a_code_is_good_once() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let begin = [&["connect", "begin", "--json"][..], &web_options(&app)].concat();
    let begun = home.ok(&begin).json();
    let (id, address) = (begun["login"]["id"].as_str().unwrap(), begun["login"]["address"].as_str().unwrap());
    home.write("address", &home.mock().consent(address, &maple()).unwrap());
    home.mock().fault(Fault::LoseReply.on("/connect/token"));
    let finish = ["connect", "finish", id, "--address-file", "address"];
    let (first, second) = (home.run(&finish), home.run(&finish));
    insta::assert_snapshot!(texts(&[first, second]));
}

#[test]
fn the_clock_is_five_minutes_off() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let (now, off) = (std::time::SystemTime::now(), Duration::from_secs(5 * 60));
    for (name, xeros_time) in [("ahead", now - off), ("behind", now + off)] {
        home.mock().set_time(xeros_time);
        let run = home.connect_web(&app, &[name], &maple());
        assert_eq!(run.status, 0, "{}", run.text());
        home.ok(&["refresh", name]);
        home.ok(&["test", name]);
    }
}

#[test]
fn troubles_of_a_connection_that_was_good() {
    let (home, app) = Sandbox::logged_in();
    let narrow = [
        "connect",
        "narrow",
        "--kind",
        "web",
        "--client-id",
        &app.client_id,
        "--paste",
        "--scopes",
        "accounting.contacts.read",
    ];
    // Scopes add up for each user: another one has only these.
    let run = home.waiting(&narrow).paste(&maple().by("ben@example.com"));
    assert_eq!(run.status, 0, "{}", run.text());
    let scope = transcript(&home, &[&["test", "narrow"], &["request", "-c", "narrow", "GET", "Invoices"]]);
    home.mock().generate_secret(&app.client_id).unwrap();
    let secret = transcript(&home, &[&["refresh", "maple"]]);
    home.mock().disconnect(&app.client_id, MAPLE_FLORIST.id).unwrap();
    let gone = transcript(
        &home,
        &[&["test", "maple"], &["request", "-c", "maple", "GET", "Organisation"], &["orgs", "maple"]],
    );
    insta::assert_snapshot!([scope, secret, gone].join("\n"));
}

#[test]
fn a_demo_company_that_was_reset() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let run = home.connect_web(&app, &["demo"], &Consent::allow(&[DEMO_COMPANY.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    let mock: &Mock = home.mock();
    let new = mock.reset_demo_company();
    let gone = home.run(&["test", "demo"]);
    let again = home.waiting(&["reauth", "demo", "--paste"]).paste(&Consent::allow(&[&new]));
    let found = home.run(&["test", "demo"]);
    insta::assert_snapshot!(texts(&[gone, again, found]));
}
