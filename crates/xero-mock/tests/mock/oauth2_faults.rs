//! Lost and late replies, limits at once, and the controls over HTTP.

use std::thread;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use xero_mock::{DEMO_COMPANY, Fault, HEXAGON_TOOLS, RateLimit};

use super::rig::{CALLBACK, ORGANISATION, Rig, SCOPES, assert_error, parameter, text};
use super::support::{Answer, Answered as _};

fn control(rig: &Rig, method: Method, path: &str, body: &Value) -> Answer {
    rig.request(method, &format!("/_mock/{path}")).json(body).answered()
}

#[test]
fn a_lost_reply_was_rotated_all_the_same() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    rig.mock.rotation(xero_mock::Rotation::Strict);
    rig.mock.fault(Fault::LoseReply.on("/connect/token"));
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let secret = rig.app.client_secret.as_deref().unwrap();
    let request = rig.request(Method::POST, "/connect/token").form(&form);
    let lost = request.header("Authorization", super::rig::basic(&rig.app.client_id, secret)).send();
    assert!(lost.unwrap_err().is_request());
    assert!(!rig.mock.is_refresh_token_alive(&token), "it was spent");
    let entry = rig.mock.journal().pop().unwrap();
    assert_eq!((entry.status, entry.form_value("grant_type")), (None, Some("refresh_token")));
    assert_error(&rig.refresh(&token), "invalid_grant");
}

#[test]
fn a_cut_request_spends_nothing() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    rig.mock.rotation(xero_mock::Rotation::Strict);
    rig.mock.fault(Fault::Cut.on("/connect/token"));
    let cut = rig.request(Method::POST, "/connect/token").form(&[("refresh_token", &token)]).send();
    assert!(cut.is_err());
    assert_eq!(rig.mock.journal().last().unwrap().form_value("refresh_token"), Some(token.as_str()));
    assert_eq!(rig.refresh(&token).status, 200);
}

#[test]
fn a_late_reply_is_of_work_that_is_done_before_it_waits() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    rig.mock.rotation(xero_mock::Rotation::Strict);
    rig.mock.fault(Fault::DelayReply(Duration::from_secs(3600)).on("/connect/"));
    let secret = rig.app.client_secret.as_deref().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let request = rig.request(Method::POST, "/connect/token").timeout(Duration::from_secs(3600)).form(&form);
    let request = request.header("Authorization", super::rig::basic(&rig.app.client_id, secret));
    let waiting = thread::spawn(move || request.send());
    while rig.mock.is_refresh_token_alive(&token) {
        thread::yield_now();
    }
    assert_eq!(rig.mock.journal().last().unwrap().status, None);
    drop(rig);
    assert!(waiting.join().unwrap().is_err());
}

#[test]
fn the_sixth_call_at_once_is_refused_without_a_time_to_wait() {
    let rig = Rig::web();
    let token = text(&rig.demo_tokens()["access_token"]);
    rig.mock.fault(Fault::Slow(Duration::from_secs(3600)).times(5).on("/api.xro/"));
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let call = rig.call_ready(Method::GET, ORGANISATION, &token, DEMO_COMPANY.id);
            let call = call.timeout(Duration::from_secs(3600));
            thread::spawn(move || call.send())
        })
        .collect();
    let in_progress =
        |rig: &Rig| rig.mock.journal().iter().filter(|entry| entry.path == ORGANISATION).count();
    while in_progress(&rig) < 5 {
        thread::yield_now();
    }
    let over = rig.call(Method::GET, ORGANISATION, &token, DEMO_COMPANY.id);
    assert_eq!((over.status, over.body.as_str()), (429, ""));
    assert_eq!(over.header("x-rate-limit-problem"), "concurrent");
    assert_eq!(over.headers.get("retry-after"), None);
    assert_eq!(over.header("x-minlimit-remaining"), "60", "none of the five was counted yet");
    let other = text(&rig.tokens(SCOPES, &xero_mock::Consent::allow(&[HEXAGON_TOOLS.id]))["access_token"]);
    assert_eq!(rig.call(Method::GET, ORGANISATION, &other, HEXAGON_TOOLS.id).status, 200);
    drop(rig);
    for call in waiting {
        assert!(call.join().unwrap().is_err());
    }
}

#[test]
fn a_fault_of_todays_limits() {
    let rig = Rig::web();
    let wait = Some(Duration::from_millis(21_001));
    rig.mock.fault(Fault::TooManyRequests { problem: RateLimit::Day, retry_after: wait });
    let over = rig.get(ORGANISATION);
    assert_eq!((over.status, over.header("retry-after"), over.body.as_str()), (429, "22", ""));
    assert_eq!(over.header("x-rate-limit-problem"), "day");
    for (name, word) in [("concurrent", "concurrent"), ("app_minute", "appminute"), ("minute", "minute")] {
        let order = json!({"fault": "too_many_requests", "problem": name, "path": "/connect"});
        assert_eq!(control(&rig, Method::POST, "faults", &order).status, 204);
        let over = rig.refresh("x");
        assert_eq!((over.status, over.header("x-rate-limit-problem")), (429, word));
        assert_eq!(over.headers.get("retry-after"), None);
    }
    let delay = json!({"fault": "delay_reply", "milliseconds": 1});
    assert_eq!(control(&rig, Method::POST, "faults", &delay).status, 204);
    assert_eq!(rig.get("/myapps").status, 200);
    assert_eq!(control(&rig, Method::POST, "faults", &json!({"fault": "lose_reply"})).status, 204);
    assert!(rig.request(Method::GET, "/myapps").send().is_err());
}

#[test]
fn apps_and_consents_over_http() {
    let rig = Rig::web();
    let web = json!({"kind": "web", "name": "Web", "redirect_uris": [CALLBACK], "bulk_connections": true});
    let web = control(&rig, Method::POST, "apps", &web);
    assert_eq!(web.status, 201, "{}", web.body);
    let (web, desktop) = (
        web.json(),
        json!({"kind": "desktop", "name": "Desk", "redirect_uris": [CALLBACK], "created_before_march_2026": true}),
    );
    assert_eq!((&web["kind"], &web["bulk_connections"]), (&json!("web"), &json!(true)));
    let desktop = control(&rig, Method::POST, "apps", &desktop).json();
    assert_eq!(
        (&desktop["client_secret"], &desktop["created_before_march_2026"]),
        (&Value::Null, &json!(true))
    );
    let id = text(&web["client_id"]);
    let url = rig.authorize_url(SCOPES, &[("client_id", &id)]);
    let order = json!({"url": url, "organisations": [DEMO_COMPANY.name, HEXAGON_TOOLS.id]});
    let allowed = control(&rig, Method::POST, "consent", &order).json();
    assert!(parameter(&text(&allowed["location"]), "code").is_some(), "{allowed}");
    let order = json!({"url": url, "decision": "cancel", "email": "ben@example.com"});
    let cancelled = control(&rig, Method::POST, "consent", &order).json();
    assert!(text(&cancelled["location"]).contains("error=access_denied"));
    let order = json!({"url": url.replace(&id, "0"), "organisations": []});
    let refused = control(&rig, Method::POST, "consent", &order);
    let error = "unauthorized_client : Unknown client or client not enabled";
    assert_eq!((refused.status, refused.json()), (422, json!({"error": error})));
    assert_eq!(control(&rig, Method::GET, "apps", &Value::Null).json().as_array().unwrap().len(), 3);
    assert_eq!(control(&rig, Method::DELETE, &format!("apps/{id}"), &Value::Null).status, 204);
    assert_eq!(control(&rig, Method::DELETE, &format!("apps/{id}"), &Value::Null).status, 404);
    let taken =
        control(&rig, Method::POST, "apps", &json!({"kind": "desktop", "name": "Desk", "redirect_uris": []}));
    assert_eq!((taken.status, taken.json()["error"].as_str()), (422, Some("another app has this name")));
}

#[test]
fn a_custom_connection_over_http() {
    let rig = Rig::web();
    let order = json!({"kind": "custom", "name": "Till", "organisation": HEXAGON_TOOLS.id, "scopes": ["accounting.settings"]});
    let app = control(&rig, Method::POST, "apps", &order).json();
    let id = text(&app["client_id"]);
    let grant = |secret: &str| {
        let form =
            [("grant_type", "client_credentials"), ("client_id", id.as_str()), ("client_secret", secret)];
        rig.request(Method::POST, "/connect/token").form(&form).answered()
    };
    assert_error(&grant(&text(&app["client_secret"])), "unauthorized_client");
    assert_eq!(control(&rig, Method::POST, "apps/authorise", &json!({"client_id": id})).status, 204);
    assert_eq!(grant(&text(&app["client_secret"])).status, 200);
    let new = control(&rig, Method::POST, "apps/secret", &json!({"client_id": id})).json();
    assert_error(&grant(&text(&app["client_secret"])), "invalid_client");
    assert_eq!(grant(&text(&new["client_secret"])).status, 200);
    assert_eq!(control(&rig, Method::POST, "apps/secret", &json!({"client_id": "none"})).status, 404);
}

#[test]
fn what_xeros_side_does_over_http() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    let (access, refresh) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
    assert_eq!(control(&rig, Method::POST, "rotation", &json!({"mode": "strict"})).status, 204);
    assert_eq!(rig.refresh(&refresh).status, 200);
    assert_error(&rig.refresh(&refresh), "invalid_grant");
    assert_eq!(control(&rig, Method::POST, "rotation", &json!({"mode": "grace"})).status, 204);
    assert_eq!(control(&rig, Method::POST, "rotation", &json!({"mode": "none"})).status, 422);
    let order = json!({"client_id": rig.app.client_id, "organisation": DEMO_COMPANY.id});
    assert_eq!(control(&rig, Method::POST, "disconnect", &order).status, 204);
    assert_eq!(rig.connections(&access), json!([]));
    let token = rig.refresh_token();
    let order = json!({"client_id": rig.app.client_id});
    assert_eq!(control(&rig, Method::DELETE, "refresh-tokens", &order).status, 204);
    assert_error(&rig.refresh(&token), "invalid_grant");
    assert_eq!(control(&rig, Method::POST, "cap", &json!({"cap": 0})).status, 204);
    let order = json!({"url": rig.authorize_url(SCOPES, &[]), "organisations": [HEXAGON_TOOLS.id]});
    assert_eq!(control(&rig, Method::POST, "consent", &order).status, 422);
    assert_eq!(control(&rig, Method::POST, "cap", &json!({"cap": null})).status, 204);
    assert_eq!(control(&rig, Method::POST, "consent", &order).status, 200);
    let new = control(&rig, Method::POST, "demo-company/reset", &Value::Null).json();
    assert_ne!(new["id"], DEMO_COMPANY.id);
    assert_eq!(text(&new["id"]).len(), 36);
    assert_eq!(rig.connections(&access)[0]["tenantId"], HEXAGON_TOOLS.id);
}

#[test]
fn a_private_app_loses_the_demo_company_when_it_is_reset() {
    let bench = super::support::Bench::new();
    bench.mock.reset_demo_company();
    let answer = bench.get(ORGANISATION);
    assert_eq!((answer.status, answer.body.starts_with("oauth_problem=token_rejected")), (401, true));
    assert!(bench.plain(Method::GET, "/myapps").answered().body.contains("Private app · Demo Company (NZ)"));
}

#[test]
fn a_reset_forgets_apps_tokens_and_log_ins() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    rig.mock.reset_demo_company();
    rig.mock.reset();
    assert_eq!(rig.organisation(&tokens, DEMO_COMPANY.id).status, 401);
    assert_error(&rig.refresh(&text(&tokens["refresh_token"])), "invalid_client");
    let app = rig.mock.create_web_app("Night sync", &[CALLBACK]).unwrap();
    assert_ne!(app.client_id, rig.app.client_id);
    let url = rig.authorize_url(SCOPES, &[("client_id", &app.client_id)]);
    assert!(rig.mock.consent(&url, &xero_mock::Consent::allow(&[DEMO_COMPANY.id])).is_ok());
}
