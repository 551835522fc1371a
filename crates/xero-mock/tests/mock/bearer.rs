//! The API with access tokens: expiry, tampering, tenants, scopes and limits, each with Xero's body and headers.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;
use xero_mock::{Consent, DEMO_COMPANY, HEXAGON_TOOLS, MAPLE_FLORIST};

use super::rig::{ORGANISATION, Rig, SCOPES, assert_api_problem, claims, text};
use super::support::{Answer, Answered as _};

const CONTACTS: &str = "/api.xro/2.0/Contacts";
const INVOICES: &str = "/api.xro/2.0/Invoices";

#[track_caller]
fn assert_invalid_token(answer: &Answer, detail: &str) {
    assert_api_problem(answer, 401, detail);
    assert_eq!(answer.header("www-authenticate"), "Bearer error=invalid_token");
}

#[test]
fn an_expired_token_says_when_it_ended() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    rig.mock.advance(Duration::from_secs(29 * 60));
    assert_eq!(rig.organisation(&tokens, DEMO_COMPANY.id).status, 200);
    rig.mock.advance(Duration::from_secs(60));
    let end = claims(&tokens["access_token"])["exp"].as_i64().unwrap();
    let format = format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");
    let end = OffsetDateTime::from_unix_timestamp(end).unwrap().format(format).unwrap();
    for path in [ORGANISATION, "/connections", "/connections/x"] {
        let answer = rig.call(Method::GET, path, &text(&tokens["access_token"]), DEMO_COMPANY.id);
        assert_invalid_token(&answer, &format!("TokenExpired: token expired at {end}"));
        assert_eq!(answer.headers.get("content-type"), None);
    }
    assert_eq!(rig.mock.journal().last().unwrap().problem, Some("TokenExpired"));
}

#[test]
fn what_is_no_token_of_this_server() {
    let rig = Rig::web();
    for path in [ORGANISATION, "/connections"] {
        for bad in ["abc", "a.b.c", ""] {
            let answer = rig.call(Method::GET, path, bad, DEMO_COMPANY.id);
            assert_invalid_token(&answer, "AuthenticationUnsuccessful");
            assert_eq!(answer.header("content-type"), "application/json");
        }
    }
    assert_invalid_token(&rig.get("/connections"), "AuthenticationUnsuccessful");
}

#[test]
fn tampered_and_mistaken_tokens() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    let token = text(&tokens["access_token"]);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = text(&rig.demo_tokens()["access_token"]);
    let swapped = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    for forged in [swapped, format!("{signed}."), format!("{signed}.{}", "A".repeat(342))] {
        let answer = rig.call(Method::GET, ORGANISATION, &forged, DEMO_COMPANY.id);
        assert_invalid_token(&answer, "TokenInvalidSignature: token signature is invalid");
    }
    let answer = rig.call(Method::GET, ORGANISATION, &text(&tokens["id_token"]), DEMO_COMPANY.id);
    assert_invalid_token(&answer, "TokenInvalidAudience: token audience is invalid");
    rig.mock.delete_app(&rig.app.client_id).unwrap();
    assert_invalid_token(&rig.organisation(&tokens, DEMO_COMPANY.id), "AuthenticationUnsuccessful");
}

#[test]
fn an_organisation_must_be_named_and_connected() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    let link = text(&rig.connections(&text(&tokens["access_token"]))[0]["id"]);
    for (spent, wrong) in ["", "not-a-uuid", MAPLE_FLORIST.id, &link].into_iter().enumerate() {
        let answer = rig.organisation(&tokens, wrong);
        assert_api_problem(&answer, 403, "AuthenticationUnsuccessful");
        assert_eq!(answer.headers.get("www-authenticate"), None);
        assert_eq!(answer.header("x-appminlimit-remaining"), (9998 - spent).to_string());
    }
    assert_eq!(rig.organisation(&tokens, &DEMO_COMPANY.id.to_uppercase()).status, 200);
    rig.mock.disconnect(&rig.app.client_id, DEMO_COMPANY.id).unwrap();
    assert_api_problem(&rig.organisation(&tokens, DEMO_COMPANY.id), 403, "AuthenticationUnsuccessful");
}

#[test]
fn a_reset_demo_company_is_another_organisation() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    let new = rig.mock.reset_demo_company();
    assert_ne!(new, DEMO_COMPANY.id);
    assert_eq!(rig.connections(&text(&tokens["access_token"])), json!([]));
    assert_eq!(rig.organisation(&tokens, DEMO_COMPANY.id).status, 403);
    assert_eq!(rig.organisation(&tokens, &new).status, 403);
    let tokens = rig.tokens(SCOPES, &Consent::allow(&[DEMO_COMPANY.name]));
    let body = rig.organisation(&tokens, &new).json();
    assert_eq!(body["Organisations"][0]["OrganisationID"], new);
    assert_eq!(body["Organisations"][0]["Name"], DEMO_COMPANY.name);
    let again = rig.mock.reset_demo_company();
    assert_ne!(again, new);
}

#[test]
fn a_missing_scope_is_said_with_xeros_spelling() {
    let rig = Rig::web();
    let (contact, invoice) = (json!({"Name": "N"}).to_string(), json!({}).to_string());
    let attachments = format!("{INVOICES}/INV-0003/Attachments");
    let cases = [
        ("accounting.settings", Method::GET, ORGANISATION, ""),
        ("accounting.settings.read", Method::GET, ORGANISATION, ""),
        ("accounting.contacts.read", Method::GET, CONTACTS, ""),
        ("accounting.contacts", Method::POST, CONTACTS, contact.as_str()),
        ("accounting.invoices.read", Method::GET, INVOICES, ""),
        ("accounting.transactions.read", Method::GET, INVOICES, ""),
        ("accounting.transactions", Method::POST, INVOICES, invoice.as_str()),
        ("accounting.attachments.read", Method::GET, &attachments, ""),
        ("accounting.reports.trialbalance.read", Method::GET, "/api.xro/2.0/Reports/TrialBalance", ""),
    ];
    rig.mock.created_before_march_2026(&rig.app.client_id, true).unwrap();
    for (scope, method, path, body) in cases {
        let send = |rig: &Rig, scope: &str| {
            // Scopes add up until the user is gone.
            rig.mock.disconnect(&rig.app.client_id, DEMO_COMPANY.id).unwrap();
            let token = text(&rig.tokens(scope, &Consent::allow(&[DEMO_COMPANY.id]))["access_token"]);
            let request = rig.call_ready(method.clone(), path, &token, DEMO_COMPANY.id);
            request.body(body.to_owned()).header("Content-Type", "application/json").answered()
        };
        let refused = send(&rig, "files");
        assert_api_problem(&refused, 401, "AuthorizationUnsuccessful");
        assert_eq!(refused.header("www-authenticate"), "insufficent_scope");
        let allowed = send(&rig, scope);
        assert_ne!(allowed.json_or_null()["Detail"], "AuthorizationUnsuccessful", "{scope}: {allowed:?}");
        assert!(allowed.headers.contains_key("x-minlimit-remaining"), "{scope}: {allowed:?}");
    }
}

#[test]
fn to_read_is_not_to_write() {
    let rig = Rig::web();
    let token =
        text(&rig.tokens("accounting.contacts.read", &Consent::allow(&[DEMO_COMPANY.id]))["access_token"]);
    assert_eq!(rig.call(Method::GET, CONTACTS, &token, DEMO_COMPANY.id).status, 200);
    let answer = rig.call(Method::POST, CONTACTS, &token, DEMO_COMPANY.id);
    assert_api_problem(&answer, 401, "AuthorizationUnsuccessful");
}

#[test]
fn the_headers_count_a_starter_apps_calls() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    let first = rig.organisation(&tokens, DEMO_COMPANY.id);
    let left = |answer: &Answer| {
        ["x-minlimit-remaining", "x-daylimit-remaining", "x-appminlimit-remaining"]
            .map(|name| answer.header(name).to_owned())
    };
    assert_eq!(left(&first), ["59", "999", "9999"]);
    let tenantless = rig.call(Method::GET, "/connections", &text(&tokens["access_token"]), "");
    assert_eq!(left(&tenantless), ["", "", "9998"]);
    for _ in 0..59 {
        assert_eq!(rig.organisation(&tokens, DEMO_COMPANY.id).status, 200);
    }
    let over = rig.organisation(&tokens, DEMO_COMPANY.id);
    assert_eq!((over.status, over.body.as_str(), over.header("content-length")), (429, "", "0"));
    assert_eq!(over.headers.get("content-type"), None);
    assert_eq!(
        (over.header("x-rate-limit-problem"), left(&over)),
        ("minute", ["0", "940", "9939"].map(str::to_owned))
    );
    let wait: u64 = over.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let others = rig.tokens(SCOPES, &Consent::allow(&[HEXAGON_TOOLS.id]));
    assert_eq!(
        rig.organisation(&others, HEXAGON_TOOLS.id).status,
        200,
        "each organisation has its own minute"
    );
    rig.mock.advance(Duration::from_secs(wait));
    assert_eq!(rig.organisation(&others, DEMO_COMPANY.id).status, 200);
}

#[test]
fn a_day_of_a_starter_app_has_a_thousand_calls() {
    let rig = Rig::web();
    let mut tokens: Value = Value::Null;
    for minute in 0..17 {
        if minute % 15 == 0 {
            tokens = rig.demo_tokens();
        }
        for _ in 0..if minute == 16 { 40 } else { 60 } {
            assert_eq!(rig.organisation(&tokens, DEMO_COMPANY.id).status, 200);
        }
        rig.mock.advance(Duration::from_secs(61));
    }
    let over = rig.organisation(&tokens, DEMO_COMPANY.id);
    assert_eq!((over.status, over.header("x-rate-limit-problem"), over.body.as_str()), (429, "day", ""));
    let wait: u64 = over.header("retry-after").parse().unwrap();
    assert!(wait > 22 * 3600 && wait < 24 * 3600, "{wait}");
}

#[test]
fn tokens_work_when_private_apps_are_off() {
    let rig = Rig::web();
    rig.mock.private_apps_off(true);
    assert_eq!(rig.organisation(&rig.demo_tokens(), DEMO_COMPANY.id).status, 200);
    let unsigned = rig.get(ORGANISATION);
    assert_api_problem(&unsigned, 401, "AuthenticationUnsuccessful");
}

#[test]
fn without_accept_the_answer_is_xml() {
    let rig = Rig::web();
    let token = text(&rig.demo_tokens()["access_token"]);
    let request = rig.request(Method::GET, ORGANISATION).bearer_auth(token);
    let answer = request.header("xero-tenant-id", DEMO_COMPANY.id).answered();
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/xml; charset=utf-8"));
    assert!(answer.body.contains("<ProviderName>Night sync</ProviderName>"));
}

#[test]
fn an_idempotency_key_gives_the_first_answer_again_for_six_minutes() {
    let rig = Rig::web();
    let tokens = rig.tokens("accounting.contacts", &Consent::allow(&[DEMO_COMPANY.id]));
    let token = text(&tokens["access_token"]);
    let post = |key: &str, name: &str| {
        let request = rig.call_ready(Method::POST, CONTACTS, &token, DEMO_COMPANY.id);
        request.header("Idempotency-Key", key).json(&json!({"Name": name})).answered()
    };
    let first = post("k-1", "Once");
    let again = post("k-1", "Once");
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert_eq!([&first, &again].map(|answer| answer.header("x-minlimit-remaining").to_owned()), ["59", "58"]);
    let different = post("k-1", "Another");
    assert_eq!(different.status, 400);
    assert!(different.body.contains("already used with a different request"), "{}", different.body);
    let error = post("k-2", "Once");
    assert_eq!((error.status, &error.body), (400, &post("k-2", "Once").body));
    assert_eq!(post(&"k".repeat(129), "Long").status, 400);
    rig.mock.advance(Duration::from_secs(361));
    assert_eq!(post("k-1", "Another").status, 200);
    let read =
        rig.call_ready(Method::GET, CONTACTS, &token, DEMO_COMPANY.id).header("Idempotency-Key", "k-1");
    assert_eq!(read.answered().json()["Contacts"].as_array().unwrap().len(), 14);
}
