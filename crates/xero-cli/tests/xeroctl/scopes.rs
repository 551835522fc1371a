//! `xeroctl scopes`: the list, what a login has, what endpoints need, and broad scopes replaced.

use xero_mock::{Consent, MAPLE_FLORIST};

use crate::sandbox::{BINARY, Sandbox, transcript};

fn maple() -> Consent {
    Consent::allow(&[MAPLE_FLORIST.id])
}

/// A home with the connection `old`, made with broad scopes.
fn with_broad_scopes() -> Sandbox {
    let home = Sandbox::initialised();
    let app = home.web_app();
    home.mock().created_before_march_2026(&app.client_id, true).unwrap();
    let scopes =
        ["old", "--scopes", "accounting.transactions accounting.reports.read accounting.settings.read"];
    let run = home.connect_web(&app, &scopes, &maple());
    assert_eq!(run.status, 0, "{}", run.text());
    home
}

#[test]
fn all_scopes_are_listed() {
    let home = Sandbox::new();
    let run = home.ok(&["scopes", "list", "--json"]);
    let scopes = run.json()["scopes"].as_array().unwrap().clone();
    assert_eq!(scopes.len(), 58);
    assert!(scopes.iter().all(|one| one["what"].is_string()));
    let ending: Vec<_> =
        scopes.iter().filter(|one| one["ends"] == "2027-09").map(|one| &one["scope"]).collect();
    assert_eq!(
        ending,
        ["accounting.transactions", "accounting.transactions.read", "accounting.reports.read"]
    );
    insta::assert_snapshot!(home.ok(&["scopes", "list"]).text());
}

#[test]
fn what_endpoints_need() {
    let home = Sandbox::new();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["scopes", "explain", "Invoices"],
            &["scopes", "explain", "GET /api.xro/2.0/Reports/BalanceSheet"],
            &["scopes", "explain", "put", "payroll.xro/1.0/Employees"],
            &["scopes", "explain", "https://api.xero.com/connections"],
            &["scopes", "explain", "POST Items", "--json"],
        ]
    ));
}

#[test]
fn endpoints_that_are_none() {
    let home = Sandbox::new();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["scopes", "explain", "Invoces"],
            &["scopes", "explain", "FETCH Invoices"],
            &["scopes", "explain", ""],
            &["scopes", "explain", "GET", "Invoices", "please"],
            &["scopes", "explain", "https://["],
            &["scopes", "explain"],
            &["scopes", "explain", "Nothing", "--json"],
        ]
    ));
}

#[test]
fn what_a_login_has_and_lacks() {
    let home = with_broad_scopes();
    let commands: [&[&str]; 2] = [&["scopes", "show"], &["scopes", "show", "old", "--json"]];
    insta::assert_snapshot!(transcript(&home, &commands));
}

#[test]
fn what_has_no_scopes() {
    let home = Sandbox::connected();
    let commands: [&[&str]; 4] = [
        &["scopes", "show"],
        &["scopes", "show", "nobody"],
        &["scopes", "upgrade", "acme", "--yes"],
        &["scopes", "upgrade"],
    ];
    insta::assert_snapshot!(transcript(&home, &commands));
}

#[test]
fn a_plan_is_left_where_nobody_can_consent() {
    let home = with_broad_scopes();
    let commands: [&[&str]; 4] = [
        &["scopes", "upgrade", "old"],
        &["scopes", "upgrade", "old", "--yes"],
        &["scopes", "upgrade", "old", "--paste", "--quiet"],
        &["scopes", "upgrade", "old", "--json"],
    ];
    insta::assert_snapshot!(transcript(&home, &commands));
}

#[test]
fn broad_scopes_are_replaced() {
    let home = with_broad_scopes();
    let run = home.waiting(&["scopes", "upgrade", "old", "--yes", "--paste"]).paste(&maple());
    assert_eq!(run.status, 0, "{}", run.text());
    let again = home.ok(&["scopes", "upgrade", "old"]);
    let granted = home.ok(&["show", "old"]).stdout;
    let asked = ["invoices", "payments", "banktransactions", "manualjournals", "reports.aged.read"];
    assert!(asked.iter().all(|one| granted.contains(&format!("accounting.{one}"))), "{granted}");
    insta::assert_snapshot!(format!("{}\n{}", run.text(), again.text()));
}

#[test]
fn a_person_is_asked_before() {
    let home = with_broad_scopes();
    let mut terminal = home.terminal(&["scopes", "upgrade", "old", "--paste"]);
    terminal.expect("Asked for then: accounting.invoices").expect("Consent again, with these?").keys("\r");
    let (status, screen) = terminal.finish();
    assert_eq!((status, screen.contains("nothing was changed")), (130, true), "{screen}");
}

#[test]
fn a_custom_connection_is_changed_in_the_portal() {
    let home = Sandbox::initialised();
    home.connect_custom("nightly", &["accounting.settings.read"]);
    let nothing = home.ok(&["scopes", "upgrade", "nightly"]);
    assert!(nothing.stderr.contains("Nothing to replace"), "{}", nothing.text());
}

#[test]
fn the_list_fits_a_pipe() {
    let home = Sandbox::new();
    let script = format!("{BINARY:?} scopes list | head -1");
    let output = home.command("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
