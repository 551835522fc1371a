//! What trials need: tokens without a login, access tokens that end soon, the count of refreshes, a journal begun anew.

use std::thread;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use xero_mock::{Consent, DEMO_COMPANY, Fault, MAPLE_FLORIST, Mock};

use super::rig::{CALLBACK, ORGANISATION, Rig, assert_error, claims, text};
use super::support::Answered as _;

const MINTED: &str = "offline_access accounting.settings";

#[test]
fn minted_tokens_are_those_of_a_login() {
    for rig in [Rig::web(), Rig::desktop()] {
        let tokens =
            rig.mock.mint_tokens(&rig.app.client_id, MINTED, &Consent::allow(&[MAPLE_FLORIST.id])).unwrap();
        let call = rig.call(Method::GET, ORGANISATION, &tokens.access_token, MAPLE_FLORIST.id);
        assert_eq!(call.status, 200, "{}", call.body);
        assert_eq!(rig.refresh(&tokens.refresh_token.unwrap()).status, 200);
        assert_eq!(rig.mock.refreshes(), 1);
    }
}

#[test]
fn what_cannot_be_minted() {
    let rig = Rig::web();
    let mint = |id: &str, scopes: &str, consent: &Consent| rig.mock.mint_tokens(id, scopes, consent);
    let (id, maple) = (rig.app.client_id.as_str(), Consent::allow(&[MAPLE_FLORIST.id]));
    assert_eq!(mint("none", MINTED, &maple).unwrap_err(), "there is no such app");
    assert!(mint(id, "no.such.scope", &maple).unwrap_err().contains("invalid_scope"));
    assert!(mint(id, MINTED, &Consent::cancel()).unwrap_err().starts_with("no code came: "));
    assert!(mint(id, MINTED, &maple.clone().by("nobody@example.com")).is_err());
    assert_eq!(mint(id, "accounting.settings", &maple).unwrap().refresh_token, None);
    let custom = rig.mock.create_custom_app("Till", DEMO_COMPANY.id, &["accounting.settings"]).unwrap();
    assert_eq!(mint(&custom.client_id, MINTED, &maple).unwrap_err(), "the app has no redirect URI");
}

#[test]
fn minting_over_http() {
    let rig = Rig::web();
    let mint = |order: &Value| rig.request(Method::POST, "/_mock/tokens").json(order).answered();
    let order = json!({"client_id": rig.app.client_id, "scopes": MINTED, "organisations": [DEMO_COMPANY.id]});
    let tokens = mint(&order).json();
    assert_eq!(rig.refresh(&text(&tokens["refresh_token"])).status, 200);
    assert!(rig.mock.is_access_token_good(&text(&tokens["access_token"])));
    let refused = mint(&json!({"client_id": "none", "scopes": MINTED}));
    assert_eq!((refused.status, refused.json()), (422, json!({"error": "there is no such app"})));
    assert_eq!(rig.get("/_mock/refreshes").json(), json!({"refreshes": 1}));
}

#[test]
fn access_tokens_live_as_long_as_they_say() {
    let mock = Mock::builder().access_lifetime(Duration::from_secs(90)).start_blocking().unwrap();
    let app = mock.create_web_app("Sync", &[CALLBACK]).unwrap();
    let tokens = mock.mint_tokens(&app.client_id, MINTED, &Consent::allow(&[DEMO_COMPANY.id])).unwrap();
    assert!(mock.is_access_token_good(&tokens.access_token) && !mock.is_access_token_good("invented"));
    mock.advance(Duration::from_secs(91));
    assert!(!mock.is_access_token_good(&tokens.access_token));
}

#[test]
fn the_lifetime_of_access_tokens_can_change() {
    let rig = Rig::web();
    rig.mock.set_access_lifetime(Duration::from_secs(60));
    let tokens = rig.demo_tokens();
    let token = claims(&tokens["access_token"]);
    assert_eq!(token["exp"].as_u64().unwrap() - token["nbf"].as_u64().unwrap(), 60);
    assert_eq!(tokens["expires_in"], 60);
    let order = json!({"seconds": 0});
    assert_eq!(rig.request(Method::POST, "/_mock/access-lifetime").json(&order).answered().status, 204);
    let ended = rig.refresh(&text(&tokens["refresh_token"])).json();
    assert_eq!(rig.organisation(&ended, DEMO_COMPANY.id).status, 401);
    rig.mock.reset();
    let app = rig.mock.create_web_app("Sync", &[CALLBACK]).unwrap();
    let tokens = rig.mock.mint_tokens(&app.client_id, MINTED, &Consent::allow(&[DEMO_COMPANY.id])).unwrap();
    rig.mock.advance(Duration::from_secs(29 * 60));
    assert!(rig.mock.is_access_token_good(&tokens.access_token), "as built");
}

#[test]
fn refreshes_are_counted_where_a_token_was_taken() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    assert_eq!(rig.mock.refreshes(), 0, "a code is no refresh token");
    assert_error(&rig.refresh("invented"), "invalid_grant");
    assert_eq!(rig.refresh(&token).status, 200);
    assert_eq!(rig.refresh(&token).status, 200);
    assert_eq!(rig.mock.refreshes(), 2);
    assert!(rig.mock.wait_for_refreshes(2, Duration::ZERO));
    assert!(!rig.mock.wait_for_refreshes(3, Duration::ZERO));
    rig.mock.reset();
    assert_eq!(rig.mock.refreshes(), 0);
}

#[test]
fn a_refresh_can_be_waited_for_while_its_reply_is_held_back() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    rig.mock.fault(Fault::DelayReply(Duration::from_secs(3600)).on("/connect/token"));
    let request = rig.request(Method::POST, "/connect/token").timeout(Duration::from_secs(3600));
    let (id, secret) = (rig.app.client_id.clone(), rig.app.client_secret.clone().unwrap());
    let form = [("grant_type", "refresh_token"), ("refresh_token", &token)]
        .map(|(name, value)| (name, value.to_owned()));
    let request = request.header("Authorization", super::rig::basic(&id, &secret)).form(&form);
    let asking = thread::spawn(move || request.send());
    assert!(rig.mock.wait_for_refreshes(1, Duration::from_secs(60)));
    assert_eq!(rig.mock.journal().last().unwrap().status, None);
    drop(rig);
    assert!(asking.join().unwrap().is_err());
}

#[test]
fn a_journal_begun_anew_keeps_the_rest() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    assert_eq!(rig.refresh(&token).status, 200);
    rig.mock.clear_journal();
    assert!(rig.mock.journal().is_empty() && rig.mock.client_app(&rig.app.client_id).is_some());
    assert_eq!(rig.refresh(&token).status, 200);
    assert_eq!(rig.mock.journal().len(), 1);
    assert_eq!(rig.request(Method::DELETE, "/_mock/journal").answered().status, 204);
    assert!(rig.mock.journal().is_empty());
}
