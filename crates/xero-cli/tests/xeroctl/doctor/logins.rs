//! Faults of logins: their ends, their scopes, their organisations, and that nobody keeps them alive.

use std::time::SystemTime;

use connection_store::{NewConnection, Scopes};
use xero_mock::{Consent, DEMO_COMPANY, MAPLE_FLORIST};

use super::{assert_finds, assert_well, doctor, mended};
use crate::{
    browser::web_options,
    sandbox::Sandbox,
    seeded::{DAY, MINUTE, Seeded, connection},
};

fn maple() -> Consent {
    Consent::allow(&[MAPLE_FLORIST.id])
}

#[test]
fn a_login_that_nears_its_sixty_days_and_nobody_keeps_alive() {
    let seeded = Seeded::new();
    seeded.login("old", DAY * 50);
    let home = &seeded.home;
    let mend = assert_finds(&doctor(home, &[], &["--offline"]), "login warning", "xeroctl refresh old", 11);
    assert_finds(&doctor(home, &[], &["--offline"]), "keepalive warning", "xeroctl keepalive --install", 11);
    mended(home, &mend);
    assert_well(&doctor(home, &[], &[]));
}

#[test]
fn a_keepalive_that_does_not_run() {
    let seeded = Seeded::new();
    seeded.login("stale", DAY * 40);
    let home = &seeded.home;
    std::fs::create_dir_all(home.path("config/systemd/user")).unwrap();
    let missing = doctor(home, &[], &["--offline"]);
    assert_finds(&missing, "keepalive warning", "xeroctl keepalive, and for each day", 11);
    for kind in ["service", "timer"] {
        home.write(&format!("config/systemd/user/xeroctl-keepalive.{kind}"), "");
    }
    let mend =
        assert_finds(&doctor(home, &[], &["--offline"]), "keepalive warning", "systemctl --user status", 11);
    mended(home, mend.split(';').next().unwrap());
    assert_well(&doctor(home, &[], &[]));
}

#[test]
fn a_login_that_is_dead() {
    let (home, app) = Sandbox::logged_in();
    home.mock().kill_refresh_tokens(&app.client_id);
    assert_eq!(home.run(&["refresh", "maple"]).status, 4);
    let run = doctor(&home, &[], &[]);
    let mend = assert_finds(&run, "login problem", "xeroctl reauth maple", 4);
    assert!(run.stdout.contains("not checked: a person must log in first"), "{}", run.text());
    let words: Vec<_> = mend.split(' ').skip(1).chain(["--paste"]).collect();
    assert_eq!(home.waiting(&words).paste(&maple()).status, 0);
    assert_well(&doctor(&home, &[], &[]));
}

#[test]
fn a_login_without_a_refresh_token() {
    let seeded = Seeded::new();
    seeded.login_without_refresh_token("short", MINUTE);
    assert_finds(&doctor(&seeded.home, &[], &["--offline"]), "login warning", "xeroctl reauth short", 11);
    let seeded = Seeded::new();
    seeded.login_without_refresh_token("ended", MINUTE * 40);
    assert_finds(&doctor(&seeded.home, &[], &["--offline"]), "login problem", "xeroctl reauth ended", 4);
}

#[test]
fn a_scope_that_is_missing() {
    let (home, app) = Sandbox::logged_in();
    let options = ["--paste", "--scopes", "accounting.contacts.read"];
    let narrow = [&["connect", "narrow"][..], &web_options(&app), &options].concat();
    // Scopes add up for each user: another one has only these.
    let run = home.waiting(&narrow).paste(&maple().by("ben@example.com"));
    assert_eq!(run.status, 0, "{}", run.text());
    let run = doctor(&home, &[], &["narrow"]);
    let scopes = "'accounting.contacts.read accounting.settings.read'";
    assert_finds(&run, "scopes warning", &format!("xeroctl reauth narrow --scopes {scopes}"), 4);
    let mend = ["reauth", "narrow", "--paste", "--scopes", scopes.trim_matches('\'')];
    let run = home.waiting(&mend).paste(&maple().by("ben@example.com"));
    assert_eq!(run.status, 0, "{}", run.text());
    assert_well(&doctor(&home, &[], &[]));
}

#[test]
fn a_scope_that_ends() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    home.mock().created_before_march_2026(&app.client_id, true).unwrap();
    let scopes = ["--scopes", "accounting.transactions accounting.settings.read"];
    let run = home.connect_web(&app, &[&["maple"], &scopes[..]].concat(), &maple());
    assert_eq!(run.status, 0, "{}", run.text());
    let mend = assert_finds(&doctor(&home, &[], &[]), "scopes warning", "xeroctl scopes upgrade maple", 11);
    let words: Vec<_> = mend.split(' ').skip(1).chain(["--yes", "--paste"]).collect();
    let run = home.waiting(&words).paste(&maple());
    assert_eq!(run.status, 0, "{}", run.text());
    // Xero adds scopes up: the broad one stays, and its end takes nothing any more.
    assert!(home.ok(&["show", "maple"]).stdout.contains("accounting.transactions"));
    assert_well(&doctor(&home, &[], &[]));
}

#[test]
fn an_organisation_that_was_disconnected() {
    let (home, app) = Sandbox::logged_in();
    home.mock().disconnect(&app.client_id, MAPLE_FLORIST.id).unwrap();
    assert_finds(
        &doctor(&home, &[], &[]),
        "organisation problem",
        "`xeroctl reauth maple` connects it again",
        8,
    );
    assert_eq!(home.waiting(&["reauth", "maple", "--paste"]).paste(&maple()).status, 0);
    assert_well(&doctor(&home, &[], &[]));
}

#[test]
fn a_demo_company_that_was_reset() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    assert_eq!(home.connect_web(&app, &["demo"], &Consent::allow(&[DEMO_COMPANY.id])).status, 0);
    let new = home.mock().reset_demo_company();
    assert_eq!(home.waiting(&["reauth", "demo", "--paste"]).paste(&Consent::allow(&[&new])).status, 8);
    let run = doctor(&home, &[], &[]);
    let mend = assert_finds(&run, "organisation problem", "xeroctl orgs demo --add 'Demo Company (NZ)'", 8);
    mended(&home, mend.split('`').nth(1).unwrap());
    mended(&home, "xeroctl remove demo --yes");
    assert_well(&doctor(&home, &[], &[]));
}

#[test]
fn several_connections_of_one_login_are_one_finding() {
    let seeded = Seeded::new();
    let tokens = seeded.minted(DAY * 50, "accounting.settings.read offline_access");
    seeded.put(&["one", "two"], DAY * 50, &tokens);
    let run = doctor(&seeded.home, &[], &["--offline"]);
    let logins = super::troubles(&run).iter().filter(|(check, _)| check == "login warning").count();
    assert_eq!(logins, 1, "{}", run.text());
    assert!(run.stdout.contains("\"about\": \"one, two\""), "{}", run.text());
}

#[test]
fn scopes_of_a_custom_connection_are_ticked_in_the_portal() {
    let home = Sandbox::initialised();
    home.connect_custom("nightly", &["accounting.contacts.read"]);
    assert_finds(&doctor(&home, &[], &[]), "scopes warning", "tick it in the portal", 4);
}

#[test]
fn a_scope_that_this_version_does_not_know_is_no_trouble() {
    let seeded = Seeded::new();
    let tokens = seeded.minted(DAY, "accounting.settings.read offline_access");
    let store = seeded.store(SystemTime::now());
    let mut new = seeded.authorisation(&tokens);
    new.scopes = Scopes::granted(["accounting.settings.read", "offline_access", "accounting.new"]);
    let id = store.add_authorisation(&new).unwrap().id;
    store.add_connections(&[NewConnection { make_default: true, ..connection("maple", &id) }]).unwrap();
    assert_well(&doctor(&seeded.home, &[], &[]));
}
