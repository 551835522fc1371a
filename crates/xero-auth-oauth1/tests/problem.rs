//! Xero's error answers as they were seen on the wire, and what they are taken for.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::{collection::vec, prelude::*};
use xero_auth_oauth1::{Answer, ClockOffset, Problem, RateLimit, Retry};

fn read(status: u16, body: &str) -> Problem {
    Problem::read(&Answer::new(status, body.as_bytes()), UNIX_EPOCH)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Wed, 14 May 2014 10:00:00 GMT
fn ten_o_clock() -> SystemTime {
    UNIX_EPOCH + seconds(1_400_061_600)
}

fn assert_read(table: impl IntoIterator<Item = (u16, &'static str, Problem)>) {
    for (status, body, problem) in table {
        assert_eq!(read(status, body), problem, "{body}");
    }
}

/// A body with this problem and advice, encoded as Xero does it.
fn assert_problem(status: u16, problem: &str, advice: &str, expected: &Problem) {
    let advice = utf8_percent_encode(advice, NON_ALPHANUMERIC);
    let body = format!("oauth_problem={problem}&oauth_problem_advice={advice}");
    assert_eq!(&read(status, &body), expected, "{body}");
}

#[test]
fn problems_without_a_reason_to_tell() {
    for (status, problem, advice, expected) in [
        (401, "signature_invalid", "Failed to validate signature", Problem::SignatureInvalid),
        (401, "consumer_key_unknown", "Consumer key was not recognised", Problem::ConsumerKeyUnknown),
        (401, "consumer_key_unknown", "Unknown Consumer (Realm: , Key: D3C4)", Problem::ConsumerKeyUnknown),
        (
            400,
            "signature_method_rejected",
            "No certificates have been registered for the consumer",
            Problem::NoCertificate,
        ),
        (
            401,
            "token_rejected",
            "The access token has not been authorized, or has been revoked by the user",
            Problem::Revoked,
        ),
        (401, "token_expired", "The access token has expired", Problem::TokenExpired),
        (401, "nonce_used", "The nonce value \"b0e2\" has already been used ", Problem::NonceUsed),
        (503, "organisation%20offline", "Organisation is offline", Problem::OrganisationOffline),
        (503, "unheard_of", "The Organisation is offline", Problem::OrganisationOffline),
    ] {
        assert_problem(status, problem, advice, &expected);
    }
}

#[test]
fn problems_that_tell_the_reason() {
    type WithReason = fn(String) -> Problem;
    let table: [(u16, &str, &str, WithReason); 8] = [
        (401, "consumer_key_rejected", "Private applications cannot request a Request Token", |said| {
            Problem::ConsumerKeyRejected { said }
        }),
        (
            400,
            "signature_method_rejected",
            "Public applications must use the HMAC-SHA1 signature method",
            |said| Problem::SignatureMethodRejected { said },
        ),
        (401, "token_rejected", "Token 8QUZ does not match an expected ACCESS token", |said| {
            Problem::TokenRejected { said }
        }),
        (401, "token_rejected", "Token has not been provided", |said| Problem::TokenRejected { said }),
        (401, "permission_denied", "The consumer was denied access to this resource.", |said| {
            Problem::PermissionDenied { said }
        }),
        (400, "parameter_rejected", "Callback url is not in the registered callback domain", |said| {
            Problem::ParameterRefused { said }
        }),
        (400, "parameter_absent", "Missing required parameter : oauth_consumer_key", |said| {
            Problem::ParameterRefused { said }
        }),
        (401, "additional_authorization_required", "", |said| Problem::Other {
            problem: "additional_authorization_required".into(),
            said,
        }),
    ];
    for (status, problem, advice, expected) in table {
        assert_problem(status, problem, advice, &expected(advice.to_owned()));
    }
}

#[test]
fn texts_without_an_oauth_problem() {
    assert_read([
        (
            401,
            "You are not permitted to access this resource without the reporting role or higher privileges",
            Problem::ReportingRole,
        ),
        (503, "Organisation is offline", Problem::OrganisationOffline),
        (503, "The Xero API is currently offline for maintenance", Problem::Maintenance),
        (503, "The Xero API is temporarily unavailable", Problem::Maintenance),
        (404, "The resource you're looking for cannot be found", Problem::NotFound),
        (502, "<!DOCTYPE html>\n<html><body>Bad gateway</body></html>", Problem::WebPage { status: 502 }),
        (407, "<HTML><BODY>Proxy login</BODY></HTML>", Problem::WebPage { status: 407 }),
        (404, "", Problem::NotFound),
        (500, "", Problem::ServerFault { status: 500 }),
        (501, "", Problem::Unknown { status: 501 }),
        (412, "", Problem::Unknown { status: 412 }),
    ]);
}

#[test]
fn xml_and_json() {
    let small = r#"{"title":"Unauthorized","status":401,"detail":"AuthenticationUnsuccessful"}"#;
    let capital = r#"{"Type":null,"Title":"Unauthorized","Status":401,"Detail":"AuthenticationUnsuccessful","Instance":"d04e9f32","Extensions":{}}"#;
    let query = "<?xml version=\"1.0\" encoding=\"utf-16\"?><ApiException><ErrorNumber>16</ErrorNumber></ApiException>";
    let validation = r#"{"ErrorNumber":10,"Type":"ValidationException","Message":"organisation is offline"}"#;
    let expired = r#"{"Title":"Unauthorized","Status":401,"Detail":"TokenExpired"}"#;
    assert_read([
        (401, small, Problem::SwitchedOff),
        (401, capital, Problem::SwitchedOff),
        (403, capital, Problem::PermissionDenied { said: "AuthenticationUnsuccessful".into() }),
        (401, expired, Problem::Unknown { status: 401 }),
        (400, query, Problem::Validation),
        (400, validation, Problem::Validation),
    ]);
}

#[test]
fn order_of_the_pairs_and_white_space_do_not_matter() {
    let body = "\u{feff}\r\n oauth_problem_advice=x&oauth_problem=signature_invalid%20 \r\n";
    assert_eq!(read(401, body), Problem::SignatureInvalid);
}

#[test]
fn the_problem_decides_and_not_the_status() {
    let limit = "oauth_problem=rate%20limit%20exceeded&oauth_problem_advice=please%20wait%20before%20retrying%20the%20xero%20api";
    for status in [401, 429, 503] {
        assert!(matches!(read(status, limit), Problem::RateLimited { .. }), "{status}");
    }
    assert_eq!(read(503, "oauth_problem=signature_invalid"), Problem::SignatureInvalid);
}

#[test]
fn rate_limits() {
    let with = |status, headers: &[(&str, &'static str)]| {
        let answer = Answer::new(status, b"");
        let answer = headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
        let problem = Problem::read(&answer, ten_o_clock());
        (problem.retry(), problem)
    };
    let limited = |limit, retry_after| Problem::RateLimited { limit, retry_after };
    assert_eq!(
        with(503, &[("X-Rate-Limit-Problem", "Minute")]),
        (Retry::After(seconds(60)), limited(RateLimit::Minute, None))
    );
    assert_eq!(with(429, &[("x-rate-limit-problem", "day")]), (Retry::Later, limited(RateLimit::Day, None)));
    assert_eq!(
        with(429, &[("X-Rate-Limit-Problem", "appminute"), ("retry-after", "7")]),
        (Retry::After(seconds(7)), limited(RateLimit::AppMinute, Some(seconds(7))))
    );
    assert_eq!(with(429, &[("X-Rate-Limit-Problem", "Concurrent")]).0, Retry::After(seconds(1)));
    let date = ("Retry-After", "Wed, 14 May 2014 10:02:00 GMT");
    assert_eq!(with(429, &[date]).0, Retry::After(seconds(120)), "by the local clock");
    let server = ("Date", "Wed, 14 May 2014 10:01:30 GMT");
    assert_eq!(with(429, &[date, server]).0, Retry::After(seconds(30)), "by the server's clock");
    let past = ("Retry-After", "Wed, 14 May 2014 09:00:00 GMT");
    assert_eq!(with(429, &[past]).0, Retry::After(seconds(0)));
    assert_eq!(with(429, &[("Retry-After", "99999999")]).0, Retry::After(seconds(86_400)), "a day at most");
    assert_eq!(with(429, &[("Retry-After", "soon")]).1, limited(RateLimit::Unknown, None));
}

#[test]
fn clock_skew_by_how_much_and_which_way() {
    let body = b"oauth_problem=timestamp_refused&oauth_problem_advice=The%20timestamp%20is%20to%20old";
    let at = |date: Option<&'static str>| {
        let answer = Answer::new(401, body);
        let answer = date.into_iter().fold(answer, |answer, date| answer.header("Date", date));
        Problem::read(&answer, ten_o_clock())
    };
    let behind = at(Some("Wed, 14 May 2014 11:00:00 GMT"));
    assert_eq!(behind, Problem::ClockSkew { offset: Some(ClockOffset::Behind(seconds(3600))) });
    assert_eq!(
        behind.to_string(),
        "Xero refused the time of the request: the local clock is 3600 seconds behind Xero's"
    );
    assert_eq!(behind.retry(), Retry::Never);
    let ahead = at(Some("Wed, 14 May 2014 09:54:59 GMT"));
    assert_eq!(
        ahead.to_string(),
        "Xero refused the time of the request: the local clock is 301 seconds ahead of Xero's"
    );
    assert_eq!(ahead.retry(), Retry::Never);
    let right = at(Some("Wed, 14 May 2014 10:00:01 GMT"));
    assert_eq!(right.retry(), Retry::SignAgain, "the clock is right, so the stamp was old");
    let unknown = at(None);
    assert_eq!(unknown, Problem::ClockSkew { offset: None });
    assert_eq!(unknown.to_string(), "Xero refused the time of the request");
    assert_eq!(at(Some("yesterday")), unknown);
}

#[test]
fn what_may_be_sent_again() {
    assert_eq!(read(401, "oauth_problem=nonce_used").retry(), Retry::SignAgain);
    assert_eq!(read(503, "Organisation is offline").retry(), Retry::Later);
    assert_eq!(read(503, "").retry(), Retry::Later);
    assert_eq!(read(504, "<html>").retry(), Retry::Later);
    for (status, body) in [(401, "oauth_problem=signature_invalid"), (403, "<html>"), (404, ""), (418, "")] {
        assert_eq!(read(status, body).retry(), Retry::Never, "{status} {body}");
    }
}

#[test]
fn what_the_server_says_is_one_clean_short_line() {
    let said = |advice: &str| match read(
        401,
        &format!("oauth_problem=token_rejected&oauth_problem_advice={advice}"),
    ) {
        Problem::TokenRejected { said } => said,
        other => panic!("{other:?}"),
    };
    assert_eq!(said("%1b%5B31mred%0d%0a+two%00%e2%80%aelines"), "[31mred two lines");
    assert_eq!(said(&"é".repeat(1000)), "é".repeat(200));
    assert_eq!(
        read(401, "oauth_problem=token_rejected").to_string(),
        "Xero rejected the token",
        "no colon without a reason"
    );
    assert_eq!(
        read(401, "oauth_problem=%1b%5b2J&oauth_problem_advice=why").to_string(),
        "Xero reported the OAuth problem `[2j`: why"
    );
}

#[test]
fn bodies_are_not_kept() {
    for (status, body) in [
        (401, "MARKER7d1f"),
        (400, "<ApiException>MARKER7d1f</ApiException>"),
        (502, "<html>MARKER7d1f</html>"),
        (401, "oauth_problem=signature_invalid&other=MARKER7d1f"),
        (401, r#"{"Detail":"AuthenticationUnsuccessful","Instance":"MARKER7d1f"}"#),
    ] {
        let problem = read(status, body);
        assert!(!format!("{problem} {problem:?} {problem:#?}").contains("MARKER7d1f"), "{body}");
    }
}

#[test]
fn only_the_first_64_kib_are_looked_at() {
    let mut body = vec![b' '; Answer::BODY_LIMIT];
    body.extend(b"oauth_problem=nonce_used");
    assert_eq!(Problem::read(&Answer::new(401, &body), UNIX_EPOCH), Problem::Unknown { status: 401 });
    body.drain(..100);
    assert_eq!(Problem::read(&Answer::new(401, &body), UNIX_EPOCH), Problem::NonceUsed);
}

proptest! {
    #[test]
    fn any_answer_is_read(status in any::<u16>(), body in vec(any::<u8>(), 0..300), header in any::<String>()) {
        let answer = Answer::new(status, &body)
            .header("Date", &header)
            .header("Retry-After", &header)
            .header("X-Rate-Limit-Problem", &header);
        let problem = Problem::read(&answer, UNIX_EPOCH);
        prop_assert!(!problem.advice().is_empty() && !problem.to_string().is_empty());
    }

    #[test]
    fn any_reason_is_shown_on_one_line(problem in any::<String>(), advice in any::<String>()) {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("oauth_problem", &problem)
            .append_pair("oauth_problem_advice", &advice)
            .finish();
        let shown = read(401, &body).to_string();
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert!(shown.chars().count() < 500);
    }
}
