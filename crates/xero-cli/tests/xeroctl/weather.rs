//! Bad days: the server is down, slow, rude or switched off. Each with its exact message and status.

use std::time::Duration;

use xero_mock::{Fault, RateLimit};

use crate::sandbox::{Sandbox, fixture, private_options, transcript};

/// `test acme` with one fault after the other.
fn under(home: &Sandbox, name: &str, fault: Fault) -> String {
    home.mock().clear_faults();
    home.forget_calls();
    home.mock().fault(fault);
    let run = home.run(&["test", "acme", "--timeout", "2"]);
    format!("# {name}\n{}\n", run.text())
}

#[test]
fn faults_of_the_server() {
    let home = Sandbox::connected();
    let status =
        |status, body: &str| Fault::Status(status, body.to_owned(), "text/html; charset=utf-8".to_owned());
    let faults = [
        ("slow", Fault::Slow(Duration::from_secs(600))),
        ("cut", Fault::Cut),
        ("cut in the body", Fault::CutAfterBytes(20)),
        ("a proxy's page", Fault::Html(502)),
        ("a page with status 200", Fault::Html(200)),
        ("a page with status 403", Fault::Html(403)),
        ("organisation offline", Fault::OrganisationOffline),
        ("maintenance", Fault::Maintenance),
        ("a fault inside", status(500, "oops")),
        (
            "rate limit with a time",
            Fault::RateLimited { problem: RateLimit::Minute, retry_after: Some(Duration::from_secs(22)) },
        ),
        ("rate limit without a time", Fault::RateLimited { problem: RateLimit::Day, retry_after: None }),
        (
            "reports",
            status(
                401,
                "You are not permitted to access this resource without the reporting role or higher privileges",
            ),
        ),
        (
            "unknown problem",
            status(401, "oauth_problem=something_new&oauth_problem_advice=Read%20this%1B%5B31m"),
        ),
        ("redirect", status(302, "")),
    ];
    let texts: Vec<_> = faults.into_iter().map(|(name, fault)| under(&home, name, fault)).collect();
    insta::assert_snapshot!(texts.join("\n"));
    home.mock().clear_faults();
    home.ok(&["test", "acme"]);
}

#[test]
fn answers_that_are_too_large_or_steer_the_terminal() {
    let home = Sandbox::connected();
    let json = |body: String| Fault::Status(200, body, "application/json".to_owned());
    let id = xero_mock::MAPLE_FLORIST.id;
    let red =
        format!(r#"{{"Organisations":[{{"OrganisationID":"{id}","Name":"\u001b[31mRed\u202e\u0007"}}]}}"#);
    let texts = [("escape sequences", json(red)), ("two megabytes", json(" ".repeat(2 << 20)))];
    let texts: Vec<_> = texts.into_iter().map(|(name, fault)| under(&home, name, fault)).collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn nobody_listens() {
    let mut home = Sandbox::connected();
    let url = home.mock().url().to_owned();
    home.stop_mock();
    let run = home.run(&["test", "acme"]);
    let text = run.text().replace(url.trim_start_matches("http://"), "MOCK");
    insta::assert_snapshot!(text);
}

#[test]
fn refusals_of_a_private_app() {
    let home = Sandbox::connected();
    let test = |name: &str| format!("# {name}\n{}\n", home.run(&["test", "acme"]).text());
    let key = home.mock().app(&consumer_key(&home)).unwrap().consumer_key;
    let mut texts = Vec::new();

    home.mock().replace_certificate(&key, &pem("other.cer")).unwrap();
    texts.push(test("another certificate was uploaded"));
    home.mock().remove_certificate(&key).unwrap();
    texts.push(test("no certificate is there"));
    home.mock().replace_certificate(&key, &pem("test.cer")).unwrap();
    home.mock().advance(Duration::from_secs(3600));
    texts.push(test("the clock here is an hour behind"));
    home.mock().advance(Duration::from_secs(1));
    home.mock().set_time(std::time::SystemTime::now() - Duration::from_secs(7200));
    texts.push(test("the clock here is two hours ahead"));
    home.mock().set_time(std::time::SystemTime::now());
    home.mock().private_apps_off(true);
    texts.push(test("private apps are switched off"));
    home.mock().private_apps_off(false);
    home.mock().revoke(&key).unwrap();
    texts.push(test("disconnected in Xero"));
    home.mock().delete_app(&key).unwrap();
    texts.push(test("deleted in the portal"));
    insta::assert_snapshot!(seconds(&texts.join("\n")));
}

/// The seconds of a clock's difference vary by one or two.
fn seconds(text: &str) -> String {
    regex::Regex::new(r"\d+ seconds (behind|ahead)").unwrap().replace_all(text, "SECONDS $1").into_owned()
}

fn consumer_key(home: &Sandbox) -> String {
    let db = rusqlite::Connection::open(home.path("data/xeroctl/connections.db")).unwrap();
    db.query_row("SELECT client_id FROM apps", [], |row| row.get(0)).unwrap()
}

fn pem(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap()
}

#[test]
fn nothing_is_saved_when_the_test_fails() {
    let home = Sandbox::initialised();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let arguments =
        [&["connect", "acme"][..], &private_options("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", &pfx)].concat();
    insta::assert_snapshot!(transcript(
        &home,
        &[&arguments, &["list"], &[&arguments[..], &["--no-test"]].concat(), &["test"],]
    ));
}

#[test]
fn the_rate_limit_is_in_the_json_document() {
    let home = Sandbox::connected();
    home.mock()
        .fault(Fault::RateLimited { problem: RateLimit::Minute, retry_after: Some(Duration::from_secs(22)) });
    let run = home.run(&["request", "GET", "Invoices", "--json", "--max-wait", "0"]);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.status, &document["error"]["retry_after_seconds"]), (7, &22.into()));
}
