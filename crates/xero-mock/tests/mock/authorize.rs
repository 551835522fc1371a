//! The authorise endpoint: what it shows on a page of its own, and what it sends back to the app.

use reqwest::Method;
use xero_mock::{Consent, DEMO_COMPANY};

use super::rig::{CALLBACK, Rig, SCOPES, parameter};
use super::support::Answered as _;

const UNKNOWN_CLIENT: &str = "unauthorized_client : Unknown client or client not enabled";
const INVALID_REDIRECT: &str = "unauthorized_client : Invalid redirect_uri";
const INVALID_SCOPE: &str = "invalid_scope : Invalid scope";
const NOT_FOR_CLIENT: &str = "unauthorized_client : Invalid scope for client";

/// That a browser lands on the error page with this text, and that `consent` tells the same.
#[track_caller]
fn assert_page(rig: &Rig, url: &str, text: &str) {
    assert_eq!(rig.mock.consent(url, &Consent::allow(&[DEMO_COMPANY.id])), Err(text.to_owned()));
    let path = url.strip_prefix(rig.mock.url()).unwrap();
    let sent = rig.get(path);
    let error = sent.header("location").to_owned();
    assert_eq!(sent.status, 302, "{}", sent.body);
    assert!(error.starts_with("/identity/error?errorId="), "{error}");
    let page = rig.get(&error);
    assert_eq!(page.status, 500);
    assert!(page.body.contains("Sorry, something went wrong"), "{}", page.body);
    assert!(page.body.contains(&format!("Error: {text}<")), "{}", page.body);
}

#[test]
fn an_unknown_or_deleted_client() {
    let rig = Rig::web();
    assert_page(&rig, &rig.authorize_url(SCOPES, &[("client_id", &"A".repeat(32))]), UNKNOWN_CLIENT);
    assert_page(&rig, &rig.authorize_url(SCOPES, &[("client_id", "")]), UNKNOWN_CLIENT);
    rig.mock.delete_app(&rig.app.client_id).unwrap();
    assert_page(&rig, &rig.authorize_url(SCOPES, &[]), UNKNOWN_CLIENT);
}

#[test]
fn a_redirect_uri_that_is_not_registered_letter_by_letter() {
    let rig = Rig::web();
    let others = [
        "http://localhost:8743/callback",
        "http://localhost:8742/callback/",
        "http://localhost:8742/Callback",
        "http://127.0.0.1:8742/callback",
        "https://localhost:8742/callback",
        "http://localhost:8742/callback?x=1",
        "",
    ];
    for other in others {
        assert_page(&rig, &rig.authorize_url(SCOPES, &[("redirect_uri", other)]), INVALID_REDIRECT);
    }
}

#[test]
fn scopes_that_do_not_exist_or_are_not_the_apps() {
    let rig = Rig::web();
    for unknown in ["accounting.everything", "OPENID", "openid accounting.invoice"] {
        assert_page(&rig, &rig.authorize_url(unknown, &[]), INVALID_SCOPE);
    }
    assert_page(&rig, &rig.authorize_url("", &[]), INVALID_SCOPE);
    for restricted in ["accounting.journals.read", "bankfeeds", "finance.statements.read", "practicemanager"]
    {
        assert_page(&rig, &rig.authorize_url(restricted, &[]), NOT_FOR_CLIENT);
    }
}

#[test]
fn broad_scopes_are_for_apps_from_before_march_2026() {
    let rig = Rig::web();
    for broad in ["accounting.transactions", "accounting.transactions.read", "accounting.reports.read"] {
        assert_page(&rig, &rig.authorize_url(broad, &[]), NOT_FOR_CLIENT);
    }
    rig.mock.created_before_march_2026(&rig.app.client_id, true).unwrap();
    let mixed = "accounting.transactions accounting.invoices";
    assert_eq!(rig.tokens(mixed, &Consent::allow(&[DEMO_COMPANY.id]))["scope"], mixed);
    rig.mock.created_before_march_2026(&rig.app.client_id, false).unwrap();
    assert_page(&rig, &rig.authorize_url(mixed, &[]), NOT_FOR_CLIENT);
}

#[test]
fn a_scope_of_apps_is_denied_at_once_without_a_log_in() {
    let rig = Rig::web();
    for scope in ["openid app.connections", "marketplace.billing"] {
        let url = rig.authorize_url(scope, &[]);
        let denied = format!(
            "{CALLBACK}?error=access_denied&error_description=Requested%20wrong%20apps%20scopes&state=st%20ate%2F1"
        );
        assert_eq!(rig.mock.consent(&url, &Consent::allow(&[DEMO_COMPANY.id])), Ok(denied.clone()));
        let sent = rig.get(url.strip_prefix(rig.mock.url()).unwrap());
        assert_eq!((sent.status, sent.header("location")), (302, denied.as_str()));
    }
}

#[test]
fn other_responses_and_challenges_are_refused() {
    let rig = Rig::web();
    let response_type = "unsupported_response_type : Response type not supported";
    for other in ["token", "code id_token", ""] {
        assert_page(&rig, &rig.authorize_url(SCOPES, &[("response_type", other)]), response_type);
    }
    let challenge = ("code_challenge", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let transform = "invalid_request : Transform algorithm not supported";
    assert_page(&rig, &rig.authorize_url(SCOPES, &[challenge]), transform);
    assert_page(
        &rig,
        &rig.authorize_url(SCOPES, &[challenge, ("code_challenge_method", "plain")]),
        transform,
    );
    let desktop = Rig::desktop();
    let without = desktop.authorize_url(SCOPES, &[("code_challenge", ""), ("code_challenge_method", "")]);
    assert_page(&desktop, &without, "invalid_request : code challenge required");
}

#[test]
fn a_custom_connection_has_no_page_to_authorise_at() {
    let rig = Rig::custom(&["accounting.settings"]);
    assert_page(&rig, &rig.authorize_url("accounting.settings", &[]), INVALID_REDIRECT);
}

#[test]
fn state_is_optional_and_comes_back_as_it_was() {
    let rig = Rig::web();
    let consent = Consent::allow(&[DEMO_COMPANY.id]);
    let odd = "a+b c/=&%\"<é";
    let location = rig.mock.consent(&rig.authorize_url(SCOPES, &[("state", odd)]), &consent).unwrap();
    assert_eq!(parameter(&location, "state").as_deref(), Some(odd));
    let location = rig.mock.consent(&rig.authorize_url(SCOPES, &[("state", "")]), &consent).unwrap();
    assert_eq!(parameter(&location, "state"), None);
    assert!(parameter(&location, "session_state").is_some());
}

#[test]
fn the_path_has_no_case_and_only_get() {
    let rig = Rig::web();
    let url = rig.authorize_url(SCOPES, &[]);
    let query = url.split_once('?').unwrap().1;
    let sent = rig.get(&format!("/Identity/Connect/Authorize?{query}"));
    assert!(sent.header("location").starts_with("/identity/user/login?ReturnUrl="), "{sent:?}");
    assert_eq!(rig.get(&format!("/connect/authorize?{query}")).status, 404);
    assert_eq!(rig.request(Method::POST, "/identity/connect/authorize").answered().status, 404);
    let elsewhere = format!("{}/connect/authorize?{query}", rig.mock.url());
    assert!(rig.mock.consent(&elsewhere, &Consent::cancel()).unwrap_err().contains("is not the address"));
}

#[test]
fn a_redirect_uri_with_a_query_keeps_it() {
    let rig = Rig::with(|mock| mock.create_web_app("Query", &["https://zynk.com/?from=xero"]).unwrap());
    let url = rig.authorize_url(SCOPES, &[("redirect_uri", "https://zynk.com/?from=xero")]);
    let cancelled = rig.mock.consent(&url, &Consent::cancel()).unwrap();
    assert_eq!(cancelled, "https://zynk.com/?from=xero&error=access_denied&state=st%20ate%2F1");
}
