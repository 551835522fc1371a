//! The controls over HTTP do what the methods do.

use std::time::{Duration, SystemTime};

use reqwest::Method;
use serde_json::{Value, json};
use xero_mock::{DEMO_COMPANY, MAPLE_FLORIST, Mock};

use super::support::{Answer, Answered as _, Bench, key_pair, other_key_pair, sign, unix};

fn control(bench: &Bench, method: Method, path: &str, body: &Value) -> Answer {
    bench.plain(method, &format!("/_mock/{path}")).json(body).answered()
}

fn read(bench: &Bench, path: &str) -> Value {
    bench.plain(Method::GET, &format!("/_mock/{path}")).answered().json()
}

#[test]
fn clock() {
    let bench = Bench::new();
    let set = control(&bench, Method::POST, "clock", &json!({"set": "2021-10-01T00:00:00Z"})).json();
    assert_eq!(set["unix"], 1_633_046_400);
    let moved = control(&bench, Method::POST, "clock", &json!({"advance_seconds": 86_400})).json();
    assert!(moved["now"].as_str().unwrap().starts_with("2021-10-02T00:"), "{moved}");
    let shown = read(&bench, "clock")["unix"].as_u64().unwrap();
    assert!(shown <= unix(bench.mock.now()));
    assert_eq!(control(&bench, Method::POST, "clock", &json!({"set": "tomorrow"})).status, 422);
    assert_eq!(control(&bench, Method::POST, "clock", &json!({"ago": 1})).status, 422);
}

#[test]
fn clocks_out_of_bounds_stay_within_http_dates() {
    let bench = Bench::new();
    bench.mock.set_time(SystemTime::UNIX_EPOCH - Duration::from_secs(1));
    assert_eq!(read(&bench, "clock")["unix"], 0);
    bench.mock.advance(Duration::MAX);
    assert!(read(&bench, "clock")["now"].as_str().unwrap().starts_with("9999-12-31"));
}

#[test]
fn mode() {
    let bench = Bench::new();
    assert_eq!(read(&bench, "mode"), json!({"private_apps_off": false}));
    control(&bench, Method::POST, "mode", &json!({"private_apps_off": true}));
    assert_eq!(bench.get("/api.xro/2.0/Organisation").json()["Detail"], "AuthenticationUnsuccessful");
}

#[test]
fn apps() {
    let bench = Bench::new();
    let new =
        json!({"name": "Shop", "organisation": MAPLE_FLORIST.name, "certificate": key_pair().certificate});
    let made = control(&bench, Method::POST, "apps", &new);
    assert_eq!(made.status, 201);
    let app = made.json();
    assert_eq!((&app["organisation"], &app["connected"]), (&json!(MAPLE_FLORIST.id), &json!(true)));
    assert_eq!(read(&bench, "apps").as_array().unwrap().len(), 2);
    let key = app["consumer_key"].as_str().unwrap();
    assert!(
        key.len() == 30 && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()),
        "{key}"
    );
    assert_eq!(control(&bench, Method::POST, "revoke", &json!({"consumer_key": key})).status, 204);
    assert_eq!(read(&bench, "apps")[1]["connected"], false);
    assert_eq!(control(&bench, Method::DELETE, &format!("apps/{key}"), &Value::Null).status, 204);
    assert_eq!(control(&bench, Method::DELETE, &format!("apps/{key}"), &Value::Null).status, 404);
    assert_eq!(read(&bench, "apps").as_array().unwrap().len(), 1);
}

#[test]
fn certificates() {
    let bench = Bench::new();
    let path = format!("apps/{}/certificate", bench.app.consumer_key);
    let new = json!({"certificate": other_key_pair().certificate});
    assert_eq!(control(&bench, Method::PUT, &path, &new).status, 204);
    let order = bench.order("GET", "/api.xro/2.0/Organisation");
    assert_eq!(bench.send(&sign(other_key_pair(), &[order]).remove(0)).status, 200);
    assert_eq!(control(&bench, Method::DELETE, &path, &Value::Null).status, 204);
    assert_eq!(read(&bench, "apps")[0]["certificate_sha1"], Value::Null);
    let refused = control(&bench, Method::PUT, &path, &json!({"certificate": key_pair().key}));
    assert_eq!(
        (refused.status, refused.json()),
        (422, json!({"error": "a private key was given instead of a certificate"}))
    );
}

#[test]
fn every_fault_can_be_ordered() {
    let bench = Bench::new();
    let orders = [
        (json!({"fault": "slow", "milliseconds": 1}), 200),
        (json!({"fault": "status", "status": 500, "body": "", "content_type": "text/plain"}), 500),
        (json!({"fault": "html", "status": 504}), 504),
        (json!({"fault": "organisation_offline"}), 503),
        (json!({"fault": "maintenance", "times": 1}), 503),
        (json!({"fault": "rate_limited", "problem": "minute", "retry_after": 5, "path": "/my"}), 503),
        (json!({"fault": "rate_limited", "problem": "day"}), 503),
    ];
    for (order, status) in orders {
        assert_eq!(control(&bench, Method::POST, "faults", &order).status, 204, "{order}");
        assert_eq!(bench.plain(Method::GET, "/myapps").answered().status, status, "{order}");
        assert_eq!(bench.plain(Method::GET, "/myapps").answered().status, 200, "{order} came twice");
    }
    for order in [json!({"fault": "cut"}), json!({"fault": "cut_after_bytes", "bytes": 3})] {
        assert_eq!(control(&bench, Method::POST, "faults", &order).status, 204);
        let answer = bench.plain(Method::GET, "/myapps").send().and_then(|response| response.bytes());
        assert!(answer.is_err(), "{order}");
    }
    control(&bench, Method::POST, "faults", &json!({"fault": "html", "status": 504}));
    assert_eq!(control(&bench, Method::DELETE, "faults", &Value::Null).status, 204);
    assert_eq!(bench.plain(Method::GET, "/myapps").answered().status, 200);
    assert_eq!(control(&bench, Method::POST, "faults", &json!({"fault": "flood"})).status, 422);
}

#[test]
fn journal_and_reset() {
    let bench = Bench::new();
    bench.plain(Method::GET, "/myapps?x=1").answered();
    let journal = read(&bench, "journal");
    assert_eq!((journal.as_array().unwrap().len(), &journal[0]["query"]), (1, &json!("x=1")));
    assert_eq!((&journal[0]["status"], &journal[0]["problem"]), (&json!(200), &Value::Null));
    assert_eq!(control(&bench, Method::POST, "reset", &Value::Null).status, 204);
    assert_eq!(read(&bench, "journal"), json!([]));
    assert_eq!(read(&bench, "apps"), json!([]));
    assert_eq!(control(&bench, Method::GET, "nothing", &Value::Null).status, 404);
}

#[test]
fn reset_comes_back_to_how_the_mock_was_built() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let mock = Mock::builder().clock(start).private_apps_off(true).start_blocking().unwrap();
    mock.advance(Duration::from_secs(1_000_000));
    mock.private_apps_off(false);
    mock.reset();
    assert!(mock.now() >= start && mock.now() < start + Duration::from_secs(500_000));
    let mode: Value = reqwest::blocking::get(format!("{}/_mock/mode", mock.url())).unwrap().json().unwrap();
    assert_eq!(mode, json!({"private_apps_off": true}));
    assert_eq!(DEMO_COMPANY.name, "Demo Company (NZ)");
}

#[test]
fn a_dropped_mock_is_gone() {
    let bench = Bench::new();
    let url = bench.url("/");
    drop(bench);
    assert!(reqwest::blocking::get(url).unwrap_err().is_connect());
}

#[tokio::test]
async fn starts_on_the_callers_runtime_and_beside_it() {
    let mocks = [Mock::start().await.unwrap(), Mock::start_blocking().unwrap()];
    assert_ne!(mocks[0].url(), mocks[1].url());
    for mock in mocks {
        let url = mock.url().to_owned();
        assert_eq!(reqwest::get(format!("{url}/myapps")).await.unwrap().status(), 200);
        assert_eq!(mock.journal().len(), 1);
    }
}
