//! Refresh tokens: rotation with grace and without, idle expiry, and whose they are.

use std::time::Duration;

use serde_json::Value;
use xero_mock::{Consent, DEMO_COMPANY, MAPLE_FLORIST, Rotation};

use super::rig::{CALLBACK, Rig, SCOPES, assert_error, basic, claims, text};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn next(rig: &Rig, token: &str) -> String {
    let answer = rig.refresh(token);
    assert_eq!(answer.status, 200, "{}", answer.body);
    text(&answer.json()["refresh_token"])
}

#[test]
fn each_refresh_gives_a_new_pair_with_the_same_grant() {
    let rig = Rig::web();
    let first = rig.demo_tokens();
    let second = rig.refresh(&text(&first["refresh_token"])).json();
    assert_ne!(first["access_token"], second["access_token"]);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!((&second["scope"], second["expires_in"].as_u64()), (&first["scope"], Some(1800)));
    let event = |tokens: &Value| claims(&tokens["access_token"])["authentication_event_id"].clone();
    assert_eq!(event(&first), event(&second));
    assert_eq!(rig.organisation(&first, DEMO_COMPANY.id).status, 200, "issued tokens live to their end");
    assert_eq!(rig.organisation(&second, DEMO_COMPANY.id).status, 200);
}

#[test]
fn in_grace_a_spent_token_works_for_thirty_minutes_after_its_first_use() {
    let rig = Rig::web();
    let spent = rig.refresh_token();
    rig.mock.advance(50 * DAY);
    let heirs = [next(&rig, &spent), next(&rig, &spent)];
    assert_ne!(heirs[0], heirs[1]);
    rig.mock.advance(29 * MINUTE);
    assert!(rig.mock.is_refresh_token_alive(&spent));
    let late = next(&rig, &spent);
    rig.mock.advance(2 * MINUTE);
    assert!(!rig.mock.is_refresh_token_alive(&spent));
    assert_error(&rig.refresh(&spent), "invalid_grant");
    for heir in [&heirs[0], &heirs[1], &late] {
        assert!(rig.mock.is_refresh_token_alive(heir), "late reuse kills nobody else");
        next(&rig, heir);
    }
}

#[test]
fn strict_rotation_ends_the_family_at_the_second_use() {
    let rig = Rig::web();
    rig.mock.rotation(Rotation::Strict);
    let (spent, other) = (rig.refresh_token(), rig.refresh_token());
    let heir = next(&rig, &spent);
    assert!(rig.mock.is_refresh_token_alive(&heir) && !rig.mock.is_refresh_token_alive(&spent));
    assert_error(&rig.refresh(&spent), "invalid_grant");
    assert!(!rig.mock.is_refresh_token_alive(&heir));
    assert_error(&rig.refresh(&heir), "invalid_grant");
    next(&rig, &other);
    rig.mock.rotation(Rotation::Grace);
    next(&rig, &other);
    assert_error(&rig.refresh(&heir), "invalid_grant");
}

#[test]
fn sixty_idle_days_end_a_token_and_each_refresh_starts_them_anew() {
    let rig = Rig::web();
    let mut token = rig.refresh_token();
    for _ in 0..3 {
        rig.mock.advance(59 * DAY);
        token = next(&rig, &token);
    }
    rig.mock.advance(60 * DAY + MINUTE);
    assert!(!rig.mock.is_refresh_token_alive(&token));
    assert_error(&rig.refresh(&token), "invalid_grant");
}

#[test]
fn a_refresh_token_is_its_apps_own() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    let other = rig.mock.create_web_app("Other", &[CALLBACK]).unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let theirs = basic(&other.client_id, other.client_secret.as_deref().unwrap());
    let request = rig.request(reqwest::Method::POST, "/connect/token").header("Authorization", theirs);
    assert_eq!(request.form(&form).send().unwrap().status(), 400);
    next(&rig, &token);
    rig.mock.kill_refresh_tokens(&other.client_id);
    assert!(rig.mock.is_refresh_token_alive(&token));
    rig.mock.kill_refresh_tokens(&rig.app.client_id);
    assert!(!rig.mock.is_refresh_token_alive(&token) && !rig.mock.is_refresh_token_alive("invented"));
    assert_error(&rig.refresh(&token), "invalid_grant");
}

#[test]
fn consents_are_independent_and_losing_a_link_ends_no_token() {
    let rig = Rig::web();
    let one = rig.demo_tokens();
    let two = rig.tokens(SCOPES, &Consent::allow(&[MAPLE_FLORIST.id]));
    rig.mock.disconnect(&rig.app.client_id, DEMO_COMPANY.id).unwrap();
    rig.mock.disconnect(&rig.app.client_id, MAPLE_FLORIST.name).unwrap();
    for tokens in [one, two] {
        let refreshed = rig.refresh(&text(&tokens["refresh_token"])).json();
        assert_eq!(rig.connections(&text(&refreshed["access_token"])), serde_json::json!([]));
    }
}
