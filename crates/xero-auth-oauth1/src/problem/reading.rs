//! From an answer to a [`Problem`]: by the value of `oauth_problem` first, by text, and by status only at the last.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::{ClockOffset, Problem, RateLimit};
use crate::Answer;

/// Xero's longest limit is counted over a day.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// As much of a server's advice as is kept, in characters.
const LONGEST_ADVICE: usize = 200;

impl Problem {
    /// Reads an answer whose status is not a success. `now` is the local time at which it came; it is compared with
    /// the answer's `Date` when Xero refuses the time, and with a `Retry-After` that is a date.
    ///
    /// Xero's status alone says little: 503 is a rate limit, an organisation offline or an outage; 401 may come
    /// without an `oauth_problem` or with JSON.
    pub fn read(answer: &Answer<'_>, now: SystemTime) -> Self {
        let text = answer.text();
        by_oauth_problem(answer, &text, now)
            .or_else(|| by_text(&text))
            .or_else(|| by_json(answer, &text))
            .unwrap_or_else(|| by_status(answer, &text, now))
    }
}

fn by_oauth_problem(answer: &Answer<'_>, text: &str, now: SystemTime) -> Option<Problem> {
    let value = |name| form_urlencoded::parse(text.as_bytes()).find(|(key, _)| key == name);
    let (_, problem) = value("oauth_problem")?;
    let said = value("oauth_problem_advice").map(|(_, advice)| readable(&advice)).unwrap_or_default();
    let problem = readable(&problem).to_ascii_lowercase();
    Some(match problem.replace(' ', "_").as_str() {
        "signature_invalid" => Problem::SignatureInvalid,
        "consumer_key_unknown" => Problem::ConsumerKeyUnknown,
        "consumer_key_rejected" | "consumer_key_refused" => Problem::ConsumerKeyRejected { said },
        "signature_method_rejected" if mentions(&said, "certificate") => Problem::NoCertificate,
        "signature_method_rejected" => Problem::SignatureMethodRejected { said },
        "token_rejected" if mentions(&said, "revoked") => Problem::Revoked,
        "token_revoked" => Problem::Revoked,
        "token_rejected" => Problem::TokenRejected { said },
        "token_expired" => Problem::TokenExpired,
        "timestamp_refused" => Problem::ClockSkew { offset: clock_offset(answer, now) },
        "nonce_used" => Problem::NonceUsed,
        "rate_limit_exceeded" => rate_limited(answer, now),
        "organisation_offline" => Problem::OrganisationOffline,
        _ if mentions(&said, "organisation is offline") => Problem::OrganisationOffline,
        "permission_denied" | "permission_unknown" => Problem::PermissionDenied { said },
        "parameter_absent" | "parameter_rejected" | "version_rejected" => Problem::ParameterRefused { said },
        _ => Problem::Other { problem, said },
    })
}

/// Texts that Xero is known to send without an `oauth_problem`.
fn by_text(text: &str) -> Option<Problem> {
    let known = [
        ("<apiexception", Problem::Validation),
        ("\"errornumber\"", Problem::Validation),
        ("without the reporting role", Problem::ReportingRole),
        ("organisation is offline", Problem::OrganisationOffline),
        ("api is currently offline for maintenance", Problem::Maintenance),
        ("api is temporarily unavailable", Problem::Maintenance),
        ("resource you're looking for cannot be found", Problem::NotFound),
    ];
    let text = text.to_ascii_lowercase();
    known.into_iter().find(|(words, _)| text.contains(words)).map(|(_, problem)| problem)
}

/// The problem object of today (RFC 9457), whose members have been seen with small and with capital first letters.
#[derive(Deserialize)]
struct ProblemObject {
    #[serde(alias = "Detail")]
    detail: String,
}

fn by_json(answer: &Answer<'_>, text: &str) -> Option<Problem> {
    let object: ProblemObject = serde_json::from_str(text).ok()?;
    match answer.status {
        401 if object.detail == "AuthenticationUnsuccessful" => Some(Problem::SwitchedOff),
        403 => Some(Problem::PermissionDenied { said: readable(&object.detail) }),
        _ => None,
    }
}

fn by_status(answer: &Answer<'_>, text: &str, now: SystemTime) -> Problem {
    match answer.status {
        429 => rate_limited(answer, now),
        503 if answer.rate_limit_problem.is_some() => rate_limited(answer, now),
        status if is_web_page(text) => Problem::WebPage { status },
        404 => Problem::NotFound,
        status @ (500 | 502..=599) => Problem::ServerFault { status },
        status => Problem::Unknown { status },
    }
}

fn rate_limited(answer: &Answer<'_>, now: SystemTime) -> Problem {
    let limit = match answer.rate_limit_problem.map(|name| name.trim().to_ascii_lowercase()).as_deref() {
        Some("minute") => RateLimit::Minute,
        Some("day" | "daily") => RateLimit::Day,
        Some("appminute") => RateLimit::AppMinute,
        Some("concurrent") => RateLimit::Concurrent,
        _ => RateLimit::Unknown,
    };
    Problem::RateLimited { limit, retry_after: retry_after(answer, now) }
}

/// Seconds or a date (RFC 9110 section 10.2.3); a date is measured by the server's clock if its time is known.
fn retry_after(answer: &Answer<'_>, now: SystemTime) -> Option<Duration> {
    let text = answer.retry_after?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = httpdate::parse_http_date(text).ok()?;
            until.duration_since(server_time(answer).unwrap_or(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

fn clock_offset(answer: &Answer<'_>, now: SystemTime) -> Option<ClockOffset> {
    let server = server_time(answer)?;
    Some(match now.duration_since(server) {
        Ok(ahead) => ClockOffset::Ahead(ahead),
        Err(behind) => ClockOffset::Behind(behind.duration()),
    })
}

fn server_time(answer: &Answer<'_>) -> Option<SystemTime> {
    httpdate::parse_http_date(answer.date?.trim()).ok()
}

fn is_web_page(text: &str) -> bool {
    let start: String = text.chars().take(512).collect::<String>().to_ascii_lowercase();
    text.starts_with('<') && (start.contains("<!doctype html") || start.contains("<html"))
}

fn mentions(said: &str, words: &str) -> bool {
    said.to_ascii_lowercase().contains(words)
}

/// One line that is safe to show: no control characters, no characters that turn or hide text, white space joined.
fn readable(text: &str) -> String {
    let shown: String = text.chars().map(|c| if is_shown(c) { c } else { ' ' }).collect();
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST_ADVICE).collect()
}

fn is_shown(c: char) -> bool {
    let turns_or_hides = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !turns_or_hides
}
