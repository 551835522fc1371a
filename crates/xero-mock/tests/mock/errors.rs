//! Every refusal that a private app can meet: status, exact body, content type.

use std::time::Duration;

use serde_json::{Value, json};
use xero_mock::{Fault, RateLimit};

use super::support::{Bench, SIGNATURE_INVALID, key_pair, other_key_pair, sign, unix, with};

const ORGANISATION: &str = "/api.xro/2.0/Organisation";
const REVOKED: &str = "oauth_problem=token_rejected&oauth_problem_advice=The%20access%20token%20has%20not%20been%20authorized%2C%20or%20has%20been%20revoked%20by%20the%20user";
const UNKNOWN: &str =
    "oauth_problem=consumer_key_unknown&oauth_problem_advice=Consumer%20key%20was%20not%20recognised";
const OLD: &str = "oauth_problem=timestamp_refused&oauth_problem_advice=The%20timestamp%20is%20to%20old%2C%20it%20must%20be%20at%20most%201800%20seconds%20before%20the%20servers%20current%20date%20and%20time";
const AHEAD: &str = "oauth_problem=timestamp_refused&oauth_problem_advice=The%20timestamp%20is%20to%20far%20in%20the%20future%2C%20if%20must%20be%20at%20most%201800%20seconds%20after%20the%20server%20current%20date%20and%20time";
const OVER_LIMIT: &str = "oauth_problem=rate%20limit%20exceeded&oauth_problem_advice=please%20wait%20before%20retrying%20the%20xero%20api";

fn organisation(bench: &Bench) -> Value {
    bench.order("GET", ORGANISATION)
}

#[test]
fn wrong_key() {
    let bench = Bench::new();
    let wire = sign(other_key_pair(), &[organisation(&bench)]).remove(0);
    bench.send(&wire).assert_problem(401, SIGNATURE_INVALID);
    assert_eq!(bench.mock.journal().last().unwrap().problem, Some("signature_invalid"));
}

#[test]
fn unknown_or_missing_consumer_key() {
    let bench = Bench::new();
    let other = with(organisation(&bench), "consumer_key", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123");
    bench.call(&other).assert_problem(401, UNKNOWN);
    let mut unsigned = bench.sign(&organisation(&bench));
    unsigned.headers.remove("Authorization");
    bench.send(&unsigned).assert_problem(401, UNKNOWN);
    unsigned.headers.insert("Authorization".to_owned(), "Basic abc".to_owned());
    bench.send(&unsigned).assert_problem(401, UNKNOWN);
}

#[test]
fn no_certificate() {
    let bench = Bench::new();
    bench.mock.remove_certificate(&bench.app.consumer_key).unwrap();
    let body = "oauth_problem=signature_method_rejected&oauth_problem_advice=No%20certificates%20have%20been%20registered%20for%20the%20consumer";
    bench.get(ORGANISATION).assert_problem(400, body);
}

#[test]
fn wrong_signature_method() {
    let bench = Bench::new();
    let body = "oauth_problem=signature_method_rejected&oauth_problem_advice=Private%20applications%20must%20use%20RSA-SHA1%20signature%20method";
    for method in ["HMAC-SHA1", "RSA-SHA256"] {
        bench.call(&with(organisation(&bench), "signature_method", method)).assert_problem(400, body);
    }
}

#[test]
fn missing_or_other_token() {
    let bench = Bench::new();
    let missing = "oauth_problem=token_rejected&oauth_problem_advice=Token%20has%20not%20been%20provided";
    bench.call(&with(organisation(&bench), "token", Value::Null)).assert_problem(401, missing);
    let other = "oauth_problem=token_rejected&oauth_problem_advice=Token%20ELSE%20does%20not%20match%20an%20expected%20ACCESS%20token";
    bench.call(&with(organisation(&bench), "token", "ELSE")).assert_problem(401, other);
}

#[test]
fn revoked_app() {
    let bench = Bench::new();
    assert_eq!(bench.get(ORGANISATION).status, 200);
    bench.mock.revoke(&bench.app.consumer_key).unwrap();
    bench.get(ORGANISATION).assert_problem(401, REVOKED);
}

#[test]
fn deleted_app() {
    let bench = Bench::new();
    bench.mock.delete_app(&bench.app.consumer_key).unwrap();
    bench.get(ORGANISATION).assert_problem(401, REVOKED);
    assert_eq!(bench.mock.delete_app(&bench.app.consumer_key), Err(xero_mock::Error::UnknownApp));
}

#[test]
fn clock_skew() {
    let bench = Bench::new();
    let now = unix(bench.mock.now());
    let stamped = |seconds: u64| with(organisation(&bench), "timestamp", seconds.to_string());
    let orders = [stamped(now - 1700), stamped(now + 1700), stamped(now - 1801), stamped(now + 3600)];
    let wires = sign(key_pair(), &orders);
    assert_eq!(bench.send(&wires[0]).status, 200);
    assert_eq!(bench.send(&wires[1]).status, 200);
    bench.send(&wires[2]).assert_problem(401, OLD);
    bench.send(&wires[3]).assert_problem(401, AHEAD);
}

#[test]
fn moving_the_mocks_clock_makes_a_good_stamp_old_or_early() {
    let bench = Bench::new();
    let wires = sign(key_pair(), &[organisation(&bench), organisation(&bench)]);
    let start = bench.mock.now();
    bench.mock.advance(Duration::from_secs(3600));
    let answer = bench.send(&wires[0]);
    answer.assert_problem(401, OLD);
    let date = httpdate::parse_http_date(answer.header("date")).unwrap();
    assert!(date >= start + Duration::from_secs(3599), "the Date header is the mock's time");
    bench.mock.set_time(start - Duration::from_secs(3600));
    bench.send(&wires[0]).assert_problem(401, AHEAD);
    bench.mock.set_time(start);
    assert_eq!(bench.send(&wires[0]).status, 200);
}

#[test]
fn stamps_that_are_no_numbers_or_missing() {
    let bench = Bench::new();
    for (value, body) in [("soon", OLD), ("18446744073709551615", AHEAD)] {
        bench.call(&with(organisation(&bench), "timestamp", value)).assert_problem(401, body);
    }
    for name in ["oauth_timestamp", "oauth_nonce", "oauth_signature_method"] {
        let mut wire = bench.sign(&organisation(&bench));
        let header = wire.headers["Authorization"].replace(&format!("{name}="), "x=");
        wire.headers.insert("Authorization".to_owned(), header);
        let answer = bench.send(&wire);
        if name == "oauth_nonce" {
            // It is looked at after the signature, which no longer fits.
            answer.assert_problem(401, SIGNATURE_INVALID);
        } else {
            let body = format!(
                "oauth_problem=parameter_absent&oauth_problem_advice=Missing%20required%20parameter%20%3A%20{name}&oauth_parameters_absent={name}"
            );
            answer.assert_problem(400, &body);
        }
    }
}

#[test]
fn token_secret_sent() {
    let bench = Bench::new();
    let order = with(organisation(&bench), "query", json!({"oauth_token_secret": "x"}));
    let body = "oauth_problem=parameter_rejected&oauth_problem_advice=The%20oauth_token_secret%20must%20not%20be%20transmitted%20to%20the%20provider.&oauth_parameters_rejected=oauth_token_secret";
    bench.call(&order).assert_problem(400, body);
}

#[test]
fn nonce_reuse() {
    let bench = Bench::new();
    let order = with(organisation(&bench), "nonce", "a nonce");
    let later = with(order.clone(), "timestamp", (unix(bench.mock.now()) + 60).to_string());
    let wires = sign(key_pair(), &[order, later]);
    assert_eq!(bench.send(&wires[0]).status, 200);
    let body = "oauth_problem=nonce_used&oauth_problem_advice=The%20nonce%20value%20%22a%20nonce%22%20has%20already%20been%20used";
    bench.send(&wires[0]).assert_problem(401, body);
    bench.send(&wires[1]).assert_problem(401, body);
}

#[test]
fn a_refused_request_does_not_spend_its_nonce() {
    let bench = Bench::new();
    let order = with(organisation(&bench), "nonce", "kept");
    let wrong = sign(other_key_pair(), std::slice::from_ref(&order)).remove(0);
    bench.send(&wrong).assert_problem(401, SIGNATURE_INVALID);
    assert_eq!(bench.call(&order).status, 200);
}

#[test]
fn expired_certificate() {
    let bench = Bench::new();
    let not_after = bench.app.certificate.as_ref().unwrap().not_after;
    bench.mock.set_time(not_after - Duration::from_secs(600));
    assert_eq!(bench.get(ORGANISATION).status, 200);
    bench.mock.set_time(not_after + Duration::from_secs(1));
    bench.get(ORGANISATION).assert_problem(401, SIGNATURE_INVALID);
}

#[test]
fn sixty_calls_a_minute() {
    let bench = Bench::new();
    let wires = sign(key_pair(), &vec![organisation(&bench); 62]);
    let first = bench.send(&wires[0]);
    assert_eq!(first.header("x-minlimit-remaining"), "59");
    assert_eq!(first.header("x-daylimit-remaining"), "4999");
    assert_eq!(first.header("x-appminlimit-remaining"), "9999");
    for wire in &wires[1..60] {
        assert_eq!(bench.send(wire).status, 200);
    }
    let refused = bench.send(&wires[60]);
    refused.assert_problem(503, OVER_LIMIT);
    assert_eq!(refused.header("x-rate-limit-problem"), "Minute");
    bench.mock.advance(Duration::from_secs(61));
    assert_eq!(bench.send(&wires[61]).status, 200);
}

#[test]
fn day_limit_by_fault() {
    let bench = Bench::new();
    bench
        .mock
        .fault(Fault::RateLimited { problem: RateLimit::Day, retry_after: Some(Duration::from_secs(7200)) });
    let refused = bench.get(ORGANISATION);
    refused.assert_problem(503, OVER_LIMIT);
    assert_eq!((refused.header("x-rate-limit-problem"), refused.header("retry-after")), ("Day", "7200"));
}

#[test]
fn organisation_offline_and_maintenance() {
    let bench = Bench::new();
    bench.mock.fault(Fault::OrganisationOffline);
    bench.mock.fault(Fault::Maintenance);
    let body = "oauth_problem=organisation%20offline&oauth_problem_advice=Organisation%20is%20offline";
    bench.get(ORGANISATION).assert_problem(503, body);
    let maintenance = bench.get(ORGANISATION);
    assert_eq!(maintenance.status, 503);
    assert_eq!(maintenance.body, "The Xero API is currently offline for maintenance");
    assert_eq!(maintenance.header("content-type"), "text/plain; charset=utf-8");
}

#[test]
fn oauth_endpoints_refuse_private_apps() {
    let bench = Bench::new();
    let rejected = "oauth_problem=consumer_key_rejected&oauth_problem_advice=";
    let no_request = format!("{rejected}Private%20applications%20cannot%20request%20a%20Request%20Token");
    bench.call(&bench.order("POST", "/oauth/RequestToken")).assert_problem(401, &no_request);
    bench.call(&bench.order("GET", "/oauth/Authorize")).assert_problem(401, &no_request);
    let denied = "oauth_problem=permission_denied&oauth_problem_advice=The%20consumer%20was%20denied%20access%20to%20this%20resource.";
    bench.call(&bench.order("POST", "/oauth/AccessToken")).assert_problem(401, denied);
    let unknown = with(bench.order("POST", "/oauth/RequestToken"), "consumer_key", "D3C4A466");
    let body = "oauth_problem=consumer_key_unknown&oauth_problem_advice=Unknown%20Consumer%20%28Realm%3A%20%2C%20Key%3A%20D3C4A466%29";
    bench.call(&unknown).assert_problem(401, body);
}

#[test]
fn migrate_checks_the_signature_and_then_refuses() {
    let bench = Bench::new();
    let order = bench.order("POST", "/oauth/migrate?tenantType=ORGANISATION");
    let refused = "oauth_problem=consumer_key_rejected&oauth_problem_advice=Private%20applications%20cannot%20be%20migrated";
    bench.call(&order).assert_problem(401, refused);
    let wrong = sign(other_key_pair(), &[order]).remove(0);
    bench.send(&wrong).assert_problem(401, SIGNATURE_INVALID);
}

#[test]
fn after_the_shutdown() {
    let bench = Bench::new();
    bench.mock.private_apps_off(true);
    for path in [ORGANISATION, "/oauth/RequestToken"] {
        let answer = bench.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (401, "application/json"));
        let mut problem = answer.json();
        let instance = problem["Instance"].take();
        assert_eq!(instance, answer.header("xero-correlation-id"));
        let expected = json!({"Type": null, "Title": "Unauthorized", "Status": 401, "Detail": "AuthenticationUnsuccessful", "Instance": null, "Extensions": {}});
        assert_eq!(problem, expected);
    }
    bench.mock.private_apps_off(false);
    assert_eq!(bench.get(ORGANISATION).status, 200);
}
