//! OAuth 2.0 as a person and a job do it: consent, organisations, tokens, renewal, end.

use std::time::Duration;

use serde_json::Value;
use xero_mock::{Consent, DEMO_COMPANY, Fault, MAPLE_FLORIST};

use crate::{
    browser::{ELSEWHERE, free_port, send, web_options},
    sandbox::{BINARY, Sandbox, transcript},
};

#[test]
fn a_web_app_by_the_pasted_address() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let run = home.connect_web(&app, &[], &Consent::allow(&[MAPLE_FLORIST.id]));
    insta::assert_snapshot!(run.text());
    insta::assert_snapshot!(
        "a_web_app_is_used",
        transcript(
            &home,
            &[
                &["list"],
                &["show", "maple-florist-ltd"],
                &["test"],
                &["orgs"],
                &["refresh"],
                &["request", "GET", "Invoices?page=1&pageSize=1", "--output", "invoices.json"],
                &["list", "--json"],
            ]
        )
    );
}

#[test]
fn two_organisations_on_one_app() {
    let (home, app) = Sandbox::logged_in();
    // The second consent needs no secret: the app is stored.
    let second = [
        "connect",
        "demo",
        "--kind",
        "web",
        "--client-id",
        &app.client_id,
        "--paste",
        "--redirect-uri",
        ELSEWHERE,
    ];
    let run = home.waiting(&second).paste(&Consent::allow(&[DEMO_COMPANY.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    let list = home.ok(&["list", "--json"]).json();
    let ids: Vec<_> = list["connections"].as_array().unwrap().iter().map(|one| &one["client_id"]).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    for (name, organisation) in [("maple", "Maple Florist Ltd"), ("demo", "Demo Company (NZ)")] {
        let answer = home.ok(&["request", "-c", name, "GET", "Organisation"]).json();
        assert_eq!(answer["Organisations"][0]["Name"], organisation);
    }
}

#[test]
fn several_organisations_of_one_consent() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let both = Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]);
    let unsaid = home.connect_web(&app, &[], &both);
    assert_eq!(unsaid.status, 2, "{}", unsaid.text());
    // The consent is kept: no second one is needed.
    let login = unsaid.login();
    let run = home.run(&["connect", "finish", &login, "--organisation", "all"]);
    assert_eq!(run.status, 0, "{}", run.text());
    let names = home.ok(&["list", "--json"]).json();
    let names: Vec<_> =
        names["connections"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["demo-company-nz", "maple-florist-ltd"]);
    assert_eq!(home.run(&["connect", "finish", &login]).status, 3, "finished once");
}

#[test]
fn an_organisation_is_added_without_another_consent() {
    let (home, app) = Sandbox::logged_in();
    // The same user connects another organisation to the app elsewhere.
    let begun = begin(&home, &[]);
    home.mock()
        .consent(begun["login"]["address"].as_str().unwrap(), &Consent::allow(&[DEMO_COMPANY.id]))
        .unwrap();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["orgs", "maple"],
            &["orgs", "maple", "--add", "Demo Company (NZ)", "--as", "demo"],
            &["orgs", "maple", "--add", "Nobody Ltd"],
            &["request", "-c", "demo", "GET", "Contacts", "--output", "contacts.json"],
        ]
    ));
    drop(app);
}

fn begin(home: &Sandbox, more: &[&str]) -> Value {
    let id = home.ok(&["list", "--json"]).json()["connections"][0]["client_id"].as_str().unwrap().to_owned();
    let arguments = ["connect", "begin", "--json", "--kind", "web", "--client-id", &id];
    home.ok(&[&arguments[..], more].concat()).json()
}

#[test]
fn a_login_in_two_steps() {
    let home = Sandbox::with_mock();
    let app = home.web_app();
    let begin =
        [&["connect", "begin", "--json"][..], &web_options(&app), &["--key-file", "store.key"]].concat();
    let begun = home.ok(&begin).json();
    let address = begun["login"]["address"].as_str().unwrap();
    let id = begun["login"]["id"].as_str().unwrap();
    assert_eq!(begun["login"]["next_step"], format!("xeroctl connect finish {id} --address-stdin"));
    let location = home.mock().consent(address, &Consent::allow(&[MAPLE_FLORIST.id])).unwrap();
    home.write("address", &location);
    let wrong =
        home.run_with(&["connect", "finish", id, "--address-stdin"], "https://zynk.com/?code=x&state=y\n");
    assert_eq!(wrong.status, 2, "{}", wrong.text());
    let run = home.run(&["connect", "finish", id, "acme", "--address-file", "address", "--json"]);
    assert_eq!(run.status, 0, "{}", run.text());
    assert_eq!(run.json()["connection"]["name"], "acme");
    home.ok(&["test", "acme"]);
    let again = home.run(&["connect", "finish", id, "acme", "--address-file", "address"]);
    assert_eq!(again.status, 3, "{}", again.text());
}

#[test]
fn the_browser_comes_back_to_this_machine() {
    let home = Sandbox::initialised();
    let port = free_port();
    let redirect = format!("http://localhost:{port}/callback");
    let app = home.mock().create_desktop_app("Nightly desktop", &[&redirect]).unwrap();
    let waiting = home.waiting(&[
        "connect",
        "acme",
        "--kind",
        "desktop",
        "--client-id",
        &app.client_id,
        "--redirect-uri",
        &redirect,
        "--no-browser",
    ]);
    let authority = format!("localhost:{port}");
    // None of these ends the login.
    let hostile = [
        format!(
            "GET /callback?error=access_denied&error_description=%3Cscript%3E HTTP/1.1\r\nHost: {authority}\r\n\r\n"
        ),
        format!("GET /callback?code=x&state=forged HTTP/1.1\r\nHost: {authority}\r\n\r\n"),
        "GET /callback?code=x HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
        format!("GET /other HTTP/1.1\r\nHost: {authority}\r\n\r\n"),
        format!("POST /callback HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\n\r\n"),
    ];
    for request in hostile {
        let answer = send(&authority, &request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 4"), "{request}\n{answer}");
        assert!(!answer.contains("<script"), "{answer}");
    }
    let (page, run) = waiting.follow(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    let lower = page.to_lowercase();
    for wanted in ["http/1.1 200", "cache-control: no-store", "content-security-policy: ", "terminal"] {
        assert!(lower.contains(wanted), "{wanted}\n{page}");
    }
    assert!(!page.contains("<script") && !page.contains("code="), "{page}");
    let exchange = home.mock().journal().into_iter().find(|entry| entry.path == "/connect/token").unwrap();
    assert_eq!(exchange.header("authorization"), None, "a desktop app has no secret");
    home.ok(&["test", "acme"]);
}

#[test]
fn a_custom_connection_needs_nobody() {
    let home = Sandbox::initialised();
    let scopes = ["accounting.settings.read", "accounting.invoices.read"];
    let app = home.mock().create_custom_app("Nightly custom", MAPLE_FLORIST.id, &scopes).unwrap();
    home.write("secret", app.client_secret.as_deref().unwrap());
    let connect = [
        "connect",
        "acme",
        "--kind",
        "custom",
        "--client-id",
        &app.client_id,
        "--client-secret-file",
        "secret",
    ];
    let early = home.run(&connect);
    assert_eq!(early.status, 6, "{}", early.text());
    home.mock().authorise_custom_app(&app.client_id).unwrap();
    let run = home.run(&connect);
    assert_eq!(run.status, 0, "{}", run.text());
    for _ in 0..3 {
        home.ok(&["request", "GET", "Organisation", "--output", "o.json", "--force"]);
    }
    assert_eq!(tokens_asked_for(&home), 2, "the token is kept from run to run");
    let other = home.mock().create_custom_app("Another custom", DEMO_COMPANY.id, &scopes).unwrap();
    home.mock().authorise_custom_app(&other.client_id).unwrap();
    home.write("other", other.client_secret.as_deref().unwrap());
    let id = other.client_id.as_str();
    let replace = [
        "connect",
        "acme",
        "--replace",
        "--kind",
        "custom",
        "--client-id",
        id,
        "--client-secret-file",
        "other",
    ];
    let moved = home.run(&replace);
    assert_eq!(moved.status, 8, "{}", moved.text());
    insta::assert_snapshot!(format!(
        "{}\n{}",
        early.text(),
        transcript(&home, &[&["list"], &["show"], &["orgs"]])
    ));
}

/// Requests to the token endpoint so far.
fn tokens_asked_for(home: &Sandbox) -> usize {
    home.mock().journal().iter().filter(|entry| entry.path == "/connect/token").count()
}

fn refreshes(home: &Sandbox) -> usize {
    let is_refresh =
        |entry: &&xero_mock::JournalEntry| entry.form_value("grant_type") == Some("refresh_token");
    home.mock().journal().iter().filter(is_refresh).count()
}

#[test]
fn a_token_is_printed_and_nothing_else() {
    let (home, _) = Sandbox::logged_in();
    let first = home.ok(&["token", "maple"]);
    assert_eq!(first.stdout.lines().count(), 1);
    assert_eq!(first.stdout.matches('.').count(), 2, "an access token is a JWT");
    assert_eq!(home.ok(&["token"]).stdout, first.stdout);
    assert_eq!(refreshes(&home), 0);
    home.ok(&["refresh", "maple"]);
    assert_eq!(refreshes(&home), 1);
    assert_ne!(home.ok(&["token"]).stdout, first.stdout);
    let document = home.ok(&["token", "--json"]).json();
    assert_eq!(document["tenant_id"], MAPLE_FLORIST.id);
    assert!(document.get("refresh_token").is_none());
}

#[test]
fn sixteen_processes_and_two_connections_refresh_once() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let both = Consent::allow(&[MAPLE_FLORIST.id, DEMO_COMPANY.id]);
    let run = home.connect_web(&app, &["--organisation", "all"], &both);
    assert_eq!(run.status, 0, "{}", run.text());
    // The mock stops taking the access token; the program finds out by its first 401.
    home.mock().advance(Duration::from_secs(31 * 60));
    let runs: Vec<_> = std::thread::scope(|scope| {
        let start = |at: usize| {
            let name = ["maple-florist-ltd", "demo-company-nz"][at % 2];
            let home = &home;
            // Not of an organisation: five of those at a time are all that Xero answers.
            scope.spawn(move || home.run(&["request", "-c", name, "GET", "/connections"]))
        };
        let started: Vec<_> = (0..16).map(start).collect();
        started.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(refreshes(&home), 1);
    assert!(
        runs.iter().all(|run| run.status == 0),
        "{}",
        runs.iter().map(|run| run.text()).collect::<String>()
    );
}

#[test]
fn a_login_that_ended_is_made_anew_for_the_same_organisation() {
    let (home, app) = Sandbox::logged_in();
    home.mock().kill_refresh_tokens(&app.client_id);
    let dead = transcript(&home, &[&["refresh"], &["list"], &["show", "maple"]]);
    let reauth = ["reauth", "maple", "--paste"];
    let other = home.waiting(&reauth).paste(&Consent::allow(&[DEMO_COMPANY.id]).by("ada@example.com"));
    let same = home.waiting(&reauth).paste(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(same.status, 0, "{}", same.text());
    home.ok(&["refresh"]);
    home.ok(&["test"]);
    insta::assert_snapshot!(format!("{dead}\n{}\n{}", other.text(), same.text()));
}

#[test]
fn another_organisation_is_refused() {
    let (home, app) = Sandbox::logged_in();
    home.mock().disconnect(&app.client_id, MAPLE_FLORIST.id).unwrap();
    let run = home.waiting(&["reauth", "maple", "--paste"]).paste(&Consent::allow(&[DEMO_COMPANY.id]));
    assert_eq!(run.status, 8, "{}", run.text());
    insta::assert_snapshot!(run.text());
}

#[test]
fn a_connection_that_was_changed_is_not_made_good_by_a_new_login() {
    let (home, _) = Sandbox::logged_in();
    let db = rusqlite::Connection::open(home.path("data/xeroctl/connections.db")).unwrap();
    db.execute("UPDATE connections SET organisation_id = ?1", [DEMO_COMPANY.id]).unwrap();
    drop(db);
    for command in
        [&["reauth", "maple", "--paste"][..], &["token"], &["orgs"], &["request", "GET", "Organisation"]]
    {
        let run = home.run(command);
        assert_eq!(run.status, 9, "{}", run.text());
        assert!(run.stderr.contains("was changed, moved or put back"), "{}", run.text());
    }
}

#[test]
fn disconnecting_ends_it_at_xero_too() {
    let (home, app) = Sandbox::logged_in();
    let second = ["connect", "demo", "--kind", "web", "--client-id", &app.client_id, "--paste"];
    let run = home.waiting(&second).paste(&Consent::allow(&[DEMO_COMPANY.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    let text = transcript(
        &home,
        &[
            &["disconnect", "maple"],
            &["disconnect", "maple", "--yes"],
            &["orgs", "demo"],
            &["test", "demo"],
            &["disconnect", "demo", "--yes"],
            &["list"],
        ],
    );
    insta::assert_snapshot!(text);
    let journal = home.mock().journal();
    assert_eq!(journal.iter().filter(|entry| entry.path == "/connect/revocation").count(), 1);
    assert_eq!(journal.iter().filter(|entry| entry.method == "DELETE").count(), 2);
}

#[test]
fn a_link_that_another_connection_needs_stays() {
    let (home, app) = Sandbox::logged_in();
    let again = ["connect", "again", "--kind", "web", "--client-id", &app.client_id, "--paste"];
    let run = home.waiting(&again).paste(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(run.status, 0, "{}", run.text());
    insta::assert_snapshot!(transcript(&home, &[&["disconnect", "again", "--yes"], &["test", "maple"]]));
}

#[test]
fn all_organisations_without_a_connection_get_one() {
    let (home, app) = Sandbox::logged_in();
    home.mock().bulk_connections(&app.client_id, true).unwrap();
    let begun = begin(&home, &[]);
    let two = Consent::allow(&[DEMO_COMPANY.id, "Hexagon Tools Pty Ltd"]);
    home.mock().consent(begun["login"]["address"].as_str().unwrap(), &two).unwrap();
    home.ok(&["orgs", "maple", "--add", "all"]);
    let second = home.ok(&["orgs", "maple", "--add", "all"]);
    assert!(second.stderr.contains("Every organisation of the list has a connection"), "{}", second.text());
    assert_eq!(home.ok(&["list", "--json"]).json()["connections"].as_array().unwrap().len(), 3);
}

#[test]
fn a_name_is_not_moved_to_another_organisation() {
    let (home, app) = Sandbox::logged_in();
    let replace = [
        "connect",
        "maple",
        "--replace",
        "--kind",
        "web",
        "--client-id",
        &app.client_id,
        "--paste",
        "--organisation",
    ];
    let other = [&replace[..], &[DEMO_COMPANY.id]].concat();
    let refused = home.waiting(&other).paste(&Consent::allow(&[DEMO_COMPANY.id]));
    assert_eq!(refused.status, 8, "{}", refused.text());
    home.ok(&["test", "maple"]);
    // Nor is one that works given up for one that does not.
    let same = [&replace[..], &[MAPLE_FLORIST.id]].concat();
    home.mock().fault(Fault::Maintenance.on("/api.xro"));
    let failed = home.waiting(&same).paste(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(failed.status, 5, "{}", failed.text());
    let works = home.waiting(&same).paste(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(works.status, 0, "{}", works.text());
    insta::assert_snapshot!(refused.text());
}

#[test]
fn a_new_login_is_kept_where_its_organisations_cannot_be_listed() {
    let (home, app) = Sandbox::logged_in();
    home.mock().kill_refresh_tokens(&app.client_id);
    home.mock().fault(Fault::Maintenance.on("/connections"));
    let failed = home.waiting(&["reauth", "maple", "--paste"]).paste(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(failed.status, 5, "{}", failed.text());
    let listed = home.ok(&["list"]);
    assert!(
        listed.stderr.contains("A login of Ada Byron (ada@example.com) has no connection yet"),
        "{}",
        listed.text()
    );
    home.ok(&[
        "connect",
        "finish",
        &failed.login(),
        "maple",
        "--replace",
        "--organisation",
        MAPLE_FLORIST.id,
    ]);
    home.ok(&["refresh", "maple"]);
    insta::assert_snapshot!(failed.text());
}

#[cfg(unix)]
#[test]
fn a_signal_does_not_break_a_renewal_off() {
    for (signal, status) in [("TERM", 143), ("INT", 130)] {
        let (home, _) = Sandbox::logged_in();
        home.mock().rotation(xero_mock::Rotation::Strict);
        home.mock().fault(Fault::DelayReply(Duration::from_secs(1)).on("/connect/token"));
        let mut child =
            home.command(BINARY).arg("refresh").stderr(std::process::Stdio::null()).spawn().unwrap();
        while refreshes(&home) == 0 {
            std::thread::yield_now();
        }
        let sent = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(status));
        // Strict rotation forgives no lost answer: the new token was kept.
        home.ok(&["refresh"]);
        assert_eq!(refreshes(&home), 2);
    }
}

#[test]
fn disconnecting_here_only_says_nothing_to_xero() {
    let (home, _) = Sandbox::logged_in();
    let before = home.mock().journal().len();
    home.mock().fault(Fault::Maintenance);
    let failed = home.run(&["disconnect", "maple", "--yes"]);
    assert_eq!(failed.status, 5, "{}", failed.text());
    home.ok(&["show", "maple"]);
    home.ok(&["disconnect", "maple", "--yes", "--local-only"]);
    assert_eq!(home.mock().journal().len(), before + 1);
    assert_eq!(home.run(&["show", "maple"]).status, 3);
}

#[test]
fn two_ports_are_tried_in_order() {
    let home = Sandbox::initialised();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uris = [taken.local_addr().unwrap().port(), free_port()]
        .map(|port| format!("http://localhost:{port}/callback"));
    let app = home.mock().create_desktop_app("Nightly desktop", &[&uris[0], &uris[1]]).unwrap();
    let one = ["connect", "acme", "--kind", "desktop", "--no-browser", "--client-id", &app.client_id];
    let busy = home.run(&[&one[..], &["--redirect-uri", &uris[0]]].concat());
    assert_eq!(busy.status, 1, "{}", busy.text());
    assert!(busy.stderr.contains("another program listens on port"), "{}", busy.text());
    let both = [&one[..], &["--redirect-uri", &uris[0], "--redirect-uri", &uris[1]]].concat();
    let (_, run) = home.waiting(&both).follow(&Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(run.status, 0, "{}", run.text());
}
