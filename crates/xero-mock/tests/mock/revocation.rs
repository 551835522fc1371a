//! The revocation endpoint.

use reqwest::Method;
use serde_json::json;
use xero_mock::{Consent, DEMO_COMPANY, MAPLE_FLORIST};

use super::rig::{CALLBACK, Rig, SCOPES, assert_error, basic, text};
use super::support::{Answer, Answered as _};

fn revoke(rig: &Rig, authorization: &str, form: &[(&str, &str)]) -> Answer {
    let request = rig.request(Method::POST, "/connect/revocation").form(form);
    if authorization.is_empty() { request } else { request.header("Authorization", authorization) }.answered()
}

#[test]
fn all_that_the_user_gave_the_app_ends() {
    let rig = Rig::web();
    let (one, two) = (rig.demo_tokens(), rig.tokens(SCOPES, &Consent::allow(&[MAPLE_FLORIST.id])));
    let ben = rig.tokens(SCOPES, &Consent::allow(&[MAPLE_FLORIST.id]).by("ben@example.com"));
    let credentials = basic(&rig.app.client_id, rig.app.client_secret.as_deref().unwrap());
    let answer = revoke(&rig, &credentials, &[("token", &text(&one["refresh_token"]))]);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    for tokens in [&one, &two] {
        assert_error(&rig.refresh(&text(&tokens["refresh_token"])), "invalid_grant");
        assert_eq!(rig.connections(&text(&tokens["access_token"])), json!([]));
    }
    assert_eq!(rig.refresh(&text(&ben["refresh_token"])).status, 200);
    assert_eq!(rig.organisation(&ben, MAPLE_FLORIST.id).status, 200);
    let fresh = rig.tokens("accounting.contacts", &Consent::allow(&[DEMO_COMPANY.id]));
    assert_eq!(fresh["scope"], "accounting.contacts", "the scopes granted before are gone");
    let journal = rig.mock.journal();
    let entry = journal.iter().find(|entry| entry.path == "/connect/revocation").unwrap();
    assert_eq!(entry.form_value("token"), one["refresh_token"].as_str());
}

#[test]
fn a_desktop_app_names_itself_in_the_form() {
    let rig = Rig::desktop();
    let token = rig.refresh_token();
    assert_error(&revoke(&rig, "", &[("token", &token)]), "invalid_request");
    assert!(rig.mock.is_refresh_token_alive(&token));
    assert_eq!(revoke(&rig, "", &[("token", &token), ("client_id", &rig.app.client_id)]).status, 200);
    assert!(!rig.mock.is_refresh_token_alive(&token));
}

#[test]
fn unknown_tokens_and_wrong_callers_end_nothing() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    let token = text(&tokens["refresh_token"]);
    let own = basic(&rig.app.client_id, rig.app.client_secret.as_deref().unwrap());
    let other = rig.mock.create_web_app("Other", &[CALLBACK]).unwrap();
    let theirs = basic(&other.client_id, other.client_secret.as_deref().unwrap());
    assert_eq!(revoke(&rig, &own, &[("token", "invented")]).status, 200);
    assert_eq!(revoke(&rig, &own, &[("token", &text(&tokens["access_token"]))]).status, 200);
    assert_eq!(revoke(&rig, &theirs, &[("token", &token)]).status, 200);
    assert_error(&revoke(&rig, &basic(&rig.app.client_id, "wrong"), &[("token", &token)]), "invalid_client");
    assert_error(&revoke(&rig, &own, &[]), "invalid_request");
    assert!(rig.mock.is_refresh_token_alive(&token));
    assert_eq!(rig.organisation(&tokens, DEMO_COMPANY.id).status, 200);
}
