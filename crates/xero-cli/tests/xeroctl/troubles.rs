//! The sixteen failures that people meet most: each is provoked, and the guide says of it what the program says.

use std::{fs, net::TcpListener, path::PathBuf, time::Duration};

use xero_mock::{Consent, DEMO_COMPANY, Fault, MAPLE_FLORIST, RateLimit};

use crate::{
    browser::{free_port, web_options},
    sandbox::{Run, Sandbox, mask},
};

/// A section of the guide on one failure.
fn section(number: usize) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/when-something-fails.md");
    let guide = fs::read_to_string(path).unwrap();
    let sections = guide.split("\n### ");
    let begin = format!("{number}. ");
    let found = sections.map(str::to_owned).find(|section| section.starts_with(&begin));
    mask(
        &found
            .unwrap_or_else(|| panic!("the guide has a section {number}"))
            .replace("127.0.0.1:8790", "MOCK"),
    )
}

/// What the program says stands in the guide, word for word.
fn assert_guide(number: usize, run: &Run) {
    assert_ne!(run.status, 0, "{}", run.text());
    let says = |line: &&str| line.starts_with("error: ") || line.starts_with("  next: ");
    let lines: Vec<_> = run.stderr.lines().filter(says).collect();
    assert!(lines.len() >= 2, "{}", run.text());
    let section = section(number);
    for line in lines {
        assert!(section.lines().any(|own| own == line), "section {number} lacks: {line}\n{section}");
    }
    assert!(section.contains(&format!("status {}", run.status)), "section {number}: status {}", run.status);
}

fn maple() -> Consent {
    Consent::allow(&[MAPLE_FLORIST.id])
}

#[test]
fn tokens_that_are_taken_no_more() {
    let (home, app) = Sandbox::logged_in();
    home.ok(&["refresh", "maple"]);
    fs::copy(home.path("data/xeroctl/connections.db"), home.path("copy.db")).unwrap();
    assert_guide(2, &home.run_in(&[("XEROCTL_STORE", "copy.db")], &["refresh", "maple"]));
    home.mock().kill_refresh_tokens(&app.client_id);
    assert_guide(1, &home.run(&["refresh", "maple"]));
}

#[test]
fn what_a_consent_may_have() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let connect =
        |more: &[&str]| home.waiting(&[&["connect", "--paste"][..], &web_options(&app), more].concat());
    assert_guide(3, &connect(&["--scopes", "app.connections"]).paste(&maple()));
    assert_guide(9, &connect(&[]).paste_text("https://zynk.com/?code=abc&state=another"));
    let mut without = connect(&[]);
    without.address = without.address.replace("offline_access+", "").replace("offline_access%20", "");
    assert_guide(8, &without.paste(&maple()));
}

#[test]
fn pages_that_xero_shows_and_does_not_come_back_from() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let other = format!("http://localhost:{}/callback", free_port());
    let waiting = ["--client-secret-file", "secret", "--no-browser", "--wait", "1"];
    let wrong = ["connect", "--kind", "web", "--client-id", &app.client_id, "--redirect-uri", &other];
    let wrong = home.waiting(&[&wrong[..], &waiting].concat());
    let page = home.mock().consent(&wrong.address, &maple()).unwrap_err();
    assert!(section(4).contains(&page), "{page}");
    assert_guide(4, &wrong.finish());
    home.mock().connection_cap(Some(0));
    let local = home.mock().create_web_app("Local", &[&other]).unwrap();
    home.write("secret", local.client_secret.as_deref().unwrap());
    let capped = ["connect", "--kind", "web", "--client-id", &local.client_id, "--redirect-uri", &other];
    let capped = home.waiting(&[&capped[..], &waiting].concat());
    home.mock().consent(&capped.address, &maple()).unwrap_err();
    assert_guide(14, &capped.finish());
}

#[test]
fn connections_that_were_good() {
    let (home, app) = Sandbox::logged_in();
    let narrow =
        [&["connect", "narrow", "--paste", "--scopes", "accounting.contacts.read"][..], &web_options(&app)];
    let run = home.waiting(&narrow.concat()).paste(&maple().by("ben@example.com"));
    assert_eq!(run.status, 0, "{}", run.text());
    assert_guide(7, &home.run(&["request", "-c", "narrow", "GET", "Invoices"]));
    let retry_after = Some(Duration::from_secs(22));
    home.mock().fault(Fault::TooManyRequests { problem: RateLimit::Minute, retry_after });
    assert_guide(13, &home.run(&["request", "-c", "maple", "GET", "Organisation", "--max-wait", "0"]));
    home.forget_calls();
    home.mock().disconnect(&app.client_id, MAPLE_FLORIST.id).unwrap();
    assert_guide(5, &home.run(&["test", "maple"]));
    home.mock().generate_secret(&app.client_id).unwrap();
    assert_guide(6, &home.run(&["refresh", "maple"]));
}

#[test]
fn what_keeps_a_login_from_beginning() {
    let home = Sandbox::initialised();
    let id = "0123456789ABCDEF0123456789ABCDEF";
    assert_guide(
        16,
        &home.run(&["connect", "--kind", "web", "--paste", "--client-id", id, "--client-secret=s3cret"]),
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let uri = format!("http://localhost:{port}/callback");
    home.write("secret", "s3cret\n");
    let connect =
        ["connect", "--kind", "web", "--client-id", id, "--client-secret-file", "secret", "--no-browser"];
    let mut busy = home.run(&[&connect[..], &["--redirect-uri", &uri]].concat());
    busy.stderr = busy.stderr.replace(&port, "8742");
    assert_guide(10, &busy);
}

#[test]
fn which_organisation_and_whose() {
    let home = Sandbox::initialised();
    let custom =
        home.mock().create_custom_app("Nightly", MAPLE_FLORIST.id, &["accounting.settings.read"]).unwrap();
    home.write("secret", custom.client_secret.as_deref().unwrap());
    let id = custom.client_id.as_str();
    let connect =
        ["connect", "nightly", "--kind", "custom", "--client-id", id, "--client-secret-file", "secret"];
    assert_guide(11, &home.run(&connect));
    let app = home.web_app();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    assert_guide(15, &home.connect_web(&app, &[], &Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id])));
}

#[test]
fn nobody_at_the_other_end() {
    let mut home = Sandbox::connected();
    let url = home.mock().url().to_owned();
    home.stop_mock();
    let mut run = home.run(&["test", "acme"]);
    run.stderr = run.stderr.replace(url.trim_start_matches("http://"), "MOCK");
    assert_guide(12, &run);
}
