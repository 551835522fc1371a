//! The token endpoint: the exchange of a code, who may ask, and what the tokens say.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use xero_mock::{Consent, DEMO_COMPANY, Mock};

use super::rig::{CALLBACK, Rig, SCOPES, VERIFIER, assert_error, basic, claims, parameter};
use super::support::{Answer, Answered as _, unix};

fn exchange_form(code: &str) -> Vec<(&str, &str)> {
    vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)]
}

fn demo_code(rig: &Rig) -> String {
    rig.code(SCOPES, &Consent::allow(&[DEMO_COMPANY.name]))
}

/// A form with exactly these fields and, if any, this `Authorization`.
fn post(rig: &Rig, authorization: Option<&str>, form: &[(&str, &str)]) -> Answer {
    let request = rig.request(Method::POST, "/Connect/Token").form(form);
    match authorization {
        Some(value) => request.header("Authorization", value).answered(),
        None => request.answered(),
    }
}

#[test]
fn a_web_app_exchanges_its_code_and_calls() {
    let rig = Rig::web();
    let location =
        rig.mock.consent(&rig.authorize_url(SCOPES, &[]), &Consent::allow(&[DEMO_COMPANY.id])).unwrap();
    assert!(location.starts_with("http://localhost:8742/callback?code="), "{location}");
    assert_eq!(parameter(&location, "scope").unwrap(), SCOPES);
    assert_eq!(parameter(&location, "state").unwrap(), "st ate/1");
    assert!(location.contains("&state=st%20ate%2F1&session_state="), "{location}");
    let answer = rig.exchange(&parameter(&location, "code").unwrap());
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "no-store, no-cache, max-age=0");
    let tokens = answer.json();
    assert_eq!((&tokens["expires_in"], &tokens["token_type"]), (&json!(1800), &json!("Bearer")));
    assert_eq!(tokens["scope"], SCOPES);
    assert_eq!(tokens.as_object().unwrap().len(), 6);
    let organisation = rig.organisation(&tokens, DEMO_COMPANY.id);
    let body = organisation.json();
    assert_eq!((organisation.status, &body["ProviderName"]), (200, &json!("Night sync")));
    assert_eq!(body["Organisations"][0]["OrganisationID"], DEMO_COMPANY.id);
}

#[test]
fn a_desktop_app_proves_its_challenge_and_has_no_secret() {
    let rig = Rig::desktop();
    assert_eq!(rig.app.client_secret, None);
    let id = rig.app.client_id.as_str();
    let tokens = rig.demo_tokens();
    assert_eq!(rig.organisation(&tokens, DEMO_COMPANY.id).status, 200);
    let refreshed = rig.refresh(tokens["refresh_token"].as_str().unwrap());
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    for verifier in [None, Some("short"), Some("aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")] {
        let code = demo_code(&rig);
        let mut form = exchange_form(&code);
        form.push(("client_id", id));
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        assert_error(&post(&rig, None, &form), "invalid_grant");
    }
    let code = demo_code(&rig);
    let mut form = exchange_form(&code);
    form.extend([("client_id", id), ("code_verifier", VERIFIER), ("client_secret", "a web app's")]);
    assert_error(&post(&rig, None, &form), "invalid_client");
    form.pop();
    assert_eq!(post(&rig, Some(&basic(id, "")), &form).status, 200, "an empty secret does no harm");
}

#[test]
fn a_web_app_may_prove_a_challenge_as_well() {
    let rig = Rig::web();
    let s256 = [
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let code = || {
        let url = rig.authorize_url(SCOPES, &s256);
        parameter(&rig.mock.consent(&url, &Consent::allow(&[DEMO_COMPANY.id])).unwrap(), "code").unwrap()
    };
    assert_error(&rig.exchange(&code()), "invalid_grant");
    let code = code();
    let mut form = exchange_form(&code);
    form.push(("code_verifier", VERIFIER));
    assert_eq!(rig.token(&form).status, 200);
    let plain = demo_code(&rig);
    let mut form = exchange_form(&plain);
    form.push(("code_verifier", VERIFIER));
    assert_error(&rig.token(&form), "invalid_grant");
}

#[test]
fn a_code_is_good_once_for_five_minutes_and_for_its_own() {
    let rig = Rig::web();
    let code = demo_code(&rig);
    assert_eq!(rig.exchange(&code).status, 200);
    assert_error(&rig.exchange(&code), "invalid_grant");
    for redirect in ["http://localhost:8742/callback/", "http://localhost:8743/callback", ""] {
        let code = demo_code(&rig);
        let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", redirect)];
        assert_error(&rig.token(&form), "invalid_grant");
    }
    let other = rig.mock.create_web_app("Other", &[CALLBACK]).unwrap();
    let code = demo_code(&rig);
    let theirs = basic(&other.client_id, other.client_secret.as_deref().unwrap());
    assert_error(&post(&rig, Some(&theirs), &exchange_form(&code)), "invalid_grant");
    assert_eq!(rig.exchange(&code).status, 200, "another app's attempt does not spend the code");
    let (young, old) = (demo_code(&rig), demo_code(&rig));
    rig.mock.advance(Duration::from_secs(290));
    assert_eq!(rig.exchange(&young).status, 200);
    rig.mock.advance(Duration::from_secs(20));
    assert_error(&rig.exchange(&old), "invalid_grant");
    for code in ["", "invented"] {
        assert_error(&rig.exchange(code), "invalid_grant");
    }
}

#[test]
fn credentials_come_by_basic_or_in_the_form_and_not_both() {
    let rig = Rig::web();
    let (id, secret) = (rig.app.client_id.as_str(), rig.app.client_secret.as_deref().unwrap());
    let code = demo_code(&rig);
    let mut both = exchange_form(&code);
    both.extend([("client_id", id), ("client_secret", secret)]);
    assert_error(&post(&rig, Some(&basic(id, secret)), &both), "invalid_request");
    both.pop();
    assert_eq!(post(&rig, Some(&basic(id, secret)), &both).status, 200, "the id alone may be there twice");
    let code = demo_code(&rig);
    let mut in_form = exchange_form(&code);
    in_form.extend([("client_id", id), ("client_secret", secret)]);
    assert_eq!(post(&rig, None, &in_form).status, 200);
    assert_error(&post(&rig, None, &exchange_form(&code)), "invalid_request");
    assert_error(&post(&rig, Some("Basic "), &exchange_form(&code)), "invalid_request");
    assert_error(&post(&rig, Some("Basic !"), &exchange_form(&code)), "invalid_client");
    let unknown = basic(&"A".repeat(32), secret);
    for wrong in [basic(id, "wrong"), basic(id, ""), unknown] {
        assert_error(&post(&rig, Some(&wrong), &exchange_form(&code)), "invalid_client");
    }
}

#[test]
fn a_secret_must_be_form_encoded_before_basic() {
    let rig = Rig::web();
    let (id, secret) = (rig.app.client_id.as_str(), rig.app.client_secret.as_deref().unwrap());
    for character in ['+', '/', '=', '~', '%'] {
        assert!(secret.contains(character), "{secret} has no {character}");
    }
    let code = demo_code(&rig);
    let raw = rig.request(Method::POST, "/connect/token").basic_auth(id, Some(secret));
    assert_error(&raw.form(&exchange_form(&code)).answered(), "invalid_client");
    assert_eq!(post(&rig, Some(&basic(id, secret)), &exchange_form(&code)).status, 200);
}

#[test]
fn what_is_no_form_or_no_grant_is_refused() {
    let rig = Rig::web();
    let secret = rig.app.client_secret.as_deref().unwrap();
    let basic = basic(&rig.app.client_id, secret);
    let request = || rig.request(Method::POST, "/connect/token").header("Authorization", &basic);
    let json = request().json(&json!({"grant_type": "refresh_token"})).answered();
    assert_error(&json, "invalid_request");
    let mislabelled = request()
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("{\"grant_type\":\"refresh_token\"}")
        .answered();
    assert_error(&mislabelled, "unsupported_grant_type");
    for (grant, error) in [
        ("", "unsupported_grant_type"),
        ("password", "unsupported_grant_type"),
        ("client_credentials", "unauthorized_client"),
        ("refresh_token", "invalid_grant"),
        ("authorization_code", "invalid_grant"),
    ] {
        let refused = rig.token(&[("grant_type", grant)]);
        assert_error(&refused, error);
        assert_eq!(refused.header("cache-control"), "no-store, no-cache, max-age=0");
        assert_eq!(rig.mock.journal().last().unwrap().problem, Some(error));
    }
    assert_eq!(rig.get("/connect/token").status, 405);
}

#[test]
fn what_is_not_asked_for_does_not_come() {
    let rig = Rig::web();
    let scope = "accounting.contacts accounting.contacts";
    let tokens = rig.tokens(scope, &Consent::allow(&[DEMO_COMPANY.id]));
    let names: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(names, ["access_token", "expires_in", "token_type", "scope"]);
    assert_eq!(tokens["scope"], "accounting.contacts");
}

#[test]
fn a_regenerated_secret_ends_the_one_before() {
    let rig = Rig::web();
    let code = demo_code(&rig);
    let secret = rig.mock.generate_secret(&rig.app.client_id).unwrap();
    assert_error(&rig.exchange(&code), "invalid_client");
    let good = basic(&rig.app.client_id, &secret);
    assert_eq!(post(&rig, Some(&good), &exchange_form(&code)).status, 200);
    assert_eq!(rig.mock.client_app(&rig.app.client_id).unwrap().client_secret, Some(secret));
    rig.mock.delete_app(&rig.app.client_id).unwrap();
    assert_error(&post(&rig, Some(&good), &exchange_form(&code)), "invalid_client");
}

#[test]
fn the_access_token_says_what_xeros_says() {
    let rig = Rig::web();
    let before = unix(rig.mock.now());
    let tokens = rig.demo_tokens();
    let mut token = claims(&tokens["access_token"]);
    let issued = token["nbf"].as_u64().unwrap();
    assert!((before..=unix(rig.mock.now())).contains(&issued));
    let scopes: Vec<&str> = SCOPES.split(' ').collect();
    for (name, length) in [("sub", 32), ("global_session_id", 32), ("jti", 32), ("xero_userid", 36)] {
        assert_eq!(token[name].take().as_str().unwrap().len(), length, "{name}");
    }
    let event = token["authentication_event_id"].take();
    assert_eq!(rig.connections(tokens["access_token"].as_str().unwrap())[0]["authEventId"], event);
    let expected = json!({
        "nbf": issued, "exp": issued + 1800, "iss": "https://identity.xero.com",
        "aud": "https://identity.xero.com/resources", "client_id": rig.app.client_id, "sub": null,
        "auth_time": issued, "xero_userid": null, "global_session_id": null, "jti": null,
        "authentication_event_id": null, "scope": scopes,
    });
    assert_eq!(token, expected);
    let id = &rig.app.client_id;
    assert!(id.len() == 32 && id.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'A'..=b'F')), "{id}");
}

#[test]
fn the_id_token_says_who_it_is_and_for_whom() {
    let rig = Rig::web();
    let url = rig.authorize_url(SCOPES, &[("nonce", "n-1")]);
    let consent = Consent::allow(&["Maple Florist Ltd"]).by("BEN@example.com");
    let code = parameter(&rig.mock.consent(&url, &consent).unwrap(), "code").unwrap();
    let tokens = rig.exchange(&code).json();
    let (id, access) = (claims(&tokens["id_token"]), claims(&tokens["access_token"]));
    assert_eq!((&id["aud"], &id["nonce"]), (&json!(rig.app.client_id), &json!("n-1")));
    assert_eq!((&id["name"], &id["email"]), (&json!("Ben Okafor"), &json!("ben@example.com")));
    assert_eq!((&id["given_name"], &id["family_name"]), (&json!("Ben"), &json!("Okafor")));
    for same in ["sub", "xero_userid", "global_session_id", "iss", "nbf"] {
        assert_eq!(id[same], access[same], "{same}");
    }
    assert_eq!(id["exp"].as_u64().unwrap() - id["iat"].as_u64().unwrap(), 300);
    assert_eq!((id.get("authentication_event_id"), id.get("email_verified")), (None, None));
}

#[test]
fn scopes_add_up_over_consents() {
    let rig = Rig::web();
    let demo = Consent::allow(&[DEMO_COMPANY.id]);
    rig.tokens("offline_access accounting.settings", &demo);
    let tokens = rig.tokens("accounting.contacts", &demo);
    assert_eq!(tokens["scope"], "accounting.contacts accounting.settings");
    assert_eq!(tokens.get("refresh_token"), None, "offline_access is asked for each time");
    let ben =
        rig.tokens("accounting.contacts", &Consent::allow(&["Maple Florist Ltd"]).by("ben@example.com"));
    assert_eq!(ben["scope"], "accounting.contacts", "another user has granted nothing else");
    rig.mock.disconnect(&rig.app.client_id, DEMO_COMPANY.id).unwrap();
    assert_eq!(rig.tokens("accounting.contacts", &demo)["scope"], "accounting.contacts");
}

#[test]
fn the_journal_keeps_the_forms_of_token_requests() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    rig.refresh(&token);
    let journal = rig.mock.journal();
    let refreshes: Vec<_> =
        journal.iter().filter(|entry| entry.form_value("grant_type") == Some("refresh_token")).collect();
    assert_eq!(refreshes.len(), 1);
    assert_eq!(refreshes[0].form_value("refresh_token"), Some(token.as_str()));
    assert_eq!((refreshes[0].form_value("absent"), refreshes[0].status), (None, Some(200)));
    rig.get("/connections");
    assert!(rig.mock.journal().last().unwrap().form.is_empty());
    let shown: Value = rig.get("/_mock/journal").json();
    assert_eq!(shown[1]["form"][0], json!(["grant_type", "refresh_token"]));
}

#[test]
fn apps_of_one_name_and_other_bad_apps_are_not_made() {
    let mock = Mock::start_blocking().unwrap();
    mock.create_web_app("One", &[CALLBACK]).unwrap();
    let error = |made: Result<xero_mock::ClientApp, xero_mock::Error>| made.unwrap_err().to_string();
    assert_eq!(error(mock.create_web_app("One", &[CALLBACK])), "another app has this name");
    assert_eq!(
        error(mock.create_desktop_app("My xero tool", &[CALLBACK])),
        "the app's name contains \"Xero\""
    );
    assert_eq!(error(mock.create_web_app("Two", &[])), "the app has no redirect URI");
    assert_eq!(mock.generate_secret("nobody").unwrap_err().to_string(), "no such app");
    let desktop = mock.create_desktop_app("Two", &[CALLBACK]).unwrap();
    assert_eq!(
        mock.generate_secret(&desktop.client_id).unwrap_err().to_string(),
        "desktop apps have no secret"
    );
    assert_eq!(mock.client_app("nobody").map(|app| app.name), None);
}
