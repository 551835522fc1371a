//! What the refusals of Xero's APIs mean.

use std::{fmt, time::Duration};

use serde_json::Value;

use crate::{
    Retry,
    said::{colon, said},
};

/// An answer of one of Xero's APIs, as it came.
#[derive(Clone, Copy)]
pub struct ApiAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Names (any case) and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; may be empty or cut short.
    pub body: &'a [u8],
}

/// Why an API did not do what was asked. A variant is what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiProblem {
    /// 401 `TokenExpired`.
    #[error("the access token has expired")]
    TokenExpired,
    /// 401 `AuthenticationUnsuccessful` or `TokenInvalid…`: not a token of Xero's, or revoked.
    #[error("Xero does not accept the access token")]
    TokenInvalid,
    /// 401 or 403 `AuthorizationUnsuccessful` or `insufficient_scope`.
    #[error("the consent does not cover this: a scope is missing")]
    MissingScope,
    /// 403 `AuthenticationUnsuccessful`: the organisation is not, or no longer, connected to the app.
    #[error("the organisation is not connected to the app")]
    NotConnected,
    /// Any other 403: most often the user's role in the organisation.
    #[error("Xero denied permission{}", colon(said))]
    Forbidden {
        /// What the server said; empty without a reason.
        said: String,
    },
    /// 429.
    #[error("the rate limit{which} is used up")]
    RateLimited {
        /// Which limit.
        which: Limit,
        /// How long to wait, if the server said so; at most a day.
        retry_after: Option<Duration>,
    },
    /// 400: the content was refused.
    #[error("Xero refused the content of the request{}", colon(&messages.join("; ")))]
    Validation {
        /// What is wrong with it, in Xero's words, at most ten; may be empty.
        messages: Vec<String>,
    },
    /// 404.
    #[error("nothing was found at this address")]
    NotFound,
    /// Any other refusal.
    #[error("Xero refused the request with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// 5xx.
    #[error("Xero's server is not available at the moment (status {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
}

/// Which of Xero's limits was met (`X-Rate-Limit-Problem`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// 60 calls in a minute for one organisation and app.
    Minute,
    /// 1,000 (Starter) or 5,000 calls in a day for one organisation and app.
    Day,
    /// 10,000 calls of the app in a minute.
    AppMinute,
    /// Five calls at the same time for one organisation and app.
    Concurrent,
    /// The server did not say, or named one that is not known here.
    Unknown,
}

impl Limit {
    /// One word for programs: `minute`, `day`, `app-minute`, `concurrent` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
            Self::AppMinute => "app-minute",
            Self::Concurrent => "concurrent",
            Self::Unknown => "unknown",
        }
    }
}

impl ApiProblem {
    /// Reads an answer. `None`: it is no refusal (1xx to 3xx, among them 304).
    ///
    /// Missing scopes and disconnected organisations come as 401 and as 403, told apart by what is said; see
    /// developer.xero.com/documentation/guides/oauth2/troubleshooting.
    pub fn read(answer: &ApiAnswer<'_>) -> Option<Self> {
        Some(match answer.status {
            ..400 => return None,
            401 => unauthorized(answer),
            403 => forbidden(answer),
            404 => Self::NotFound,
            429 => Self::RateLimited {
                which: limit(answer),
                retry_after: retry_after(answer.header("retry-after")),
            },
            400 | 422 => Self::Validation { messages: messages(answer.body) },
            status @ 500.. => Self::Unavailable { status },
            status => Self::Refused { status },
        })
    }

    /// What to do, in one sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::TokenExpired => "take a fresh access token",
            Self::TokenInvalid => "take a fresh access token; if that one is refused too, log in again",
            Self::MissingScope => "log in again and ask for the scope that the endpoint needs",
            Self::NotConnected => {
                "check in Xero, under Connected apps, that the organisation is connected, and connect it again"
            }
            Self::Forbidden { .. } => "check the role that the user who logged in has in the organisation",
            Self::RateLimited { .. } => "wait before the next call, and send fewer",
            Self::Validation { .. } => "mend the content of the request",
            Self::NotFound => "check the path and the identifier in it",
            Self::Refused { .. } => "check the request; Xero gave no reason that is known here",
            Self::Unavailable { .. } => "try again later, and look at status.xero.com",
        }
    }

    /// When, and how, the call may be made again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::TokenExpired | Self::TokenInvalid => Retry::WithFreshToken,
            Self::RateLimited { retry_after: Some(wait), .. } => Retry::After(*wait),
            Self::RateLimited { which, .. } => which.retry(),
            Self::Unavailable { .. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

impl Limit {
    /// The wait where the server names none, as for the limit on calls at the same time.
    fn retry(self) -> Retry {
        match self {
            Self::Day => Retry::Later,
            Self::Concurrent => Retry::After(Duration::from_secs(1)),
            Self::Minute | Self::AppMinute | Self::Unknown => Retry::After(Duration::from_secs(60)),
        }
    }
}

impl ApiAnswer<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// The longest wait that is told, a day: the longest of Xero's limits is counted over one.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// How many validation messages are kept.
const MOST_MESSAGES: usize = 10;

/// `Retry-After` in seconds, the one form that Xero sends.
pub(crate) fn retry_after(value: Option<&str>) -> Option<Duration> {
    let seconds = value?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn unauthorized(answer: &ApiAnswer<'_>) -> ApiProblem {
    let detail = detail(answer.body).to_ascii_lowercase();
    if lacks_scope(answer, &detail) {
        ApiProblem::MissingScope
    } else if detail.starts_with("tokenexpired") {
        ApiProblem::TokenExpired
    } else {
        ApiProblem::TokenInvalid
    }
}

fn forbidden(answer: &ApiAnswer<'_>) -> ApiProblem {
    let said = detail(answer.body);
    if lacks_scope(answer, &said.to_ascii_lowercase()) {
        ApiProblem::MissingScope
    } else if said.eq_ignore_ascii_case("AuthenticationUnsuccessful") {
        ApiProblem::NotConnected
    } else {
        ApiProblem::Forbidden { said }
    }
}

/// Xero's own spelling of the header lacks an `i`.
fn lacks_scope(answer: &ApiAnswer<'_>, detail: &str) -> bool {
    let header = answer.header("www-authenticate").unwrap_or_default().to_ascii_lowercase();
    detail.starts_with("authorizationunsuccessful")
        || header.contains("insufficient_scope")
        || header.contains("insufficent_scope")
}

fn limit(answer: &ApiAnswer<'_>) -> Limit {
    let name = answer.header("x-rate-limit-problem").unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        "minute" => Limit::Minute,
        "day" | "daily" => Limit::Day,
        "appminute" | "app-minute" => Limit::AppMinute,
        "concurrent" => Limit::Concurrent,
        _ => Limit::Unknown,
    }
}

/// `Detail` of a problem body, whose members come with small and with capital first letters.
fn detail(body: &[u8]) -> String {
    let object = serde_json::from_slice(body).unwrap_or(Value::Null);
    said(member(&object, "detail").and_then(Value::as_str).unwrap_or_default())
}

/// What is wrong with the content: of each element of an Accounting answer, else of the whole.
fn messages(body: &[u8]) -> Vec<String> {
    let object = serde_json::from_slice(body).unwrap_or(Value::Null);
    let elements = member(&object, "elements").and_then(Value::as_array);
    let errors =
        elements.into_iter().flatten().filter_map(|element| member(element, "validationerrors")?.as_array());
    let fields = member(&object, "invalidfields").and_then(Value::as_array);
    let mut found = Vec::new();
    for error in errors.flatten().chain(fields.into_iter().flatten()) {
        found.extend(text(error, &["message", "reason"]));
    }
    if found.is_empty() {
        found.extend(text(&object, &["detail", "message", "title"]));
    }
    found.dedup();
    found.truncate(MOST_MESSAGES);
    found
}

fn text(object: &Value, names: &[&str]) -> Option<String> {
    let first = names.iter().find_map(|name| member(object, name)?.as_str())?;
    Some(said(first)).filter(|text| !text.is_empty())
}

fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

impl fmt::Debug for ApiAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => " for one minute",
            Self::Day => " for one day",
            Self::AppMinute => " of the app for one minute",
            Self::Concurrent => " for calls at the same time",
            Self::Unknown => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, headers: &[(&str, &str)], body: &str) -> ApiProblem {
        ApiProblem::read(&ApiAnswer { status, headers, body: body.as_bytes() }).unwrap()
    }

    fn problem(detail: &str) -> [String; 2] {
        [
            format!(
                r#"{{"Type":null,"Title":"Unauthorized","Status":401,"Detail":"{detail}","Extensions":{{}}}}"#
            ),
            format!(
                r#"{{"title":"Unauthorized","status":401,"detail":"{detail}","instance":"1","new":[1]}}"#
            ),
        ]
    }

    #[test]
    fn refused_tokens_are_told_apart() {
        let header = [("WWW-Authenticate", "Bearer error=invalid_token")];
        for (status, detail, expected) in [
            (401, "TokenExpired: token expired at 04/29/2020 09:22:02", ApiProblem::TokenExpired),
            (401, "AuthenticationUnsuccessful", ApiProblem::TokenInvalid),
            (401, "TokenInvalidSignature", ApiProblem::TokenInvalid),
            (401, "", ApiProblem::TokenInvalid),
            (401, "AuthorizationUnsuccessful", ApiProblem::MissingScope),
            (403, "AuthorizationUnsuccessful", ApiProblem::MissingScope),
            (403, "AuthenticationUnsuccessful", ApiProblem::NotConnected),
            (
                403,
                "The user has no reports",
                ApiProblem::Forbidden { said: "The user has no reports".into() },
            ),
        ] {
            for body in problem(detail) {
                assert_eq!(read(status, &header, &body), expected, "{body}");
            }
        }
        assert_eq!(read(401, &[], "<html>oauth_problem=token_rejected"), ApiProblem::TokenInvalid);
        assert_eq!(read(403, &[], "<html>"), ApiProblem::Forbidden { said: String::new() });
    }

    #[test]
    fn both_spellings_of_a_missing_scope() {
        for spelling in ["insufficient_scope", "insufficent_scope", "Bearer error=Insufficent_Scope"] {
            for status in [401, 403] {
                assert_eq!(read(status, &[("www-authenticate", spelling)], ""), ApiProblem::MissingScope);
            }
        }
    }

    #[test]
    fn limits() {
        for (value, which) in [
            ("minute", Limit::Minute),
            (" Day", Limit::Day),
            ("appminute", Limit::AppMinute),
            ("app-minute", Limit::AppMinute),
            ("concurrent", Limit::Concurrent),
            ("weekly", Limit::Unknown),
        ] {
            let found = read(429, &[("X-Rate-Limit-Problem", value), ("Retry-After", "22")], "");
            let retry_after = Some(Duration::from_secs(22));
            assert_eq!(found, ApiProblem::RateLimited { which, retry_after });
            assert_eq!(found.retry(), Retry::After(Duration::from_secs(22)));
        }
        let wait = |retry_after| match read(429, &[("retry-after", retry_after)], "") {
            ApiProblem::RateLimited { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("9999999"), Some(Duration::from_secs(86_400)));
        assert!(["-1", "soon", "", "99999999999999999999999"].map(wait).iter().all(Option::is_none));
        let concurrent = read(429, &[("x-rate-limit-problem", "concurrent")], "");
        assert_eq!(concurrent.retry(), Retry::After(Duration::from_secs(1)));
        assert_eq!(read(429, &[("x-rate-limit-problem", "day")], "").retry(), Retry::Later);
    }

    #[test]
    fn what_is_wrong_with_the_content() {
        let messages = |body: &str| match read(400, &[], body) {
            ApiProblem::Validation { messages } => messages,
            other => panic!("{other:?}"),
        };
        let accounting = r#"{"ErrorNumber":10,"Type":"ValidationException","Message":"A validation exception occurred",
            "Elements":[{"ValidationErrors":[{"Message":"Name is\u001b needed"},{"Message":"Date is wrong"}]},{}]}"#;
        assert_eq!(messages(accounting), ["Name is needed", "Date is wrong"]);
        assert_eq!(messages(r#"{"title":"Bad","detail":"No such period"}"#), ["No such period"]);
        assert_eq!(
            messages(r#"{"title":"Bad","invalidFields":[{"name":"a","reason":"too long"}]}"#),
            ["too long"]
        );
        assert_eq!(messages(r#"{"Elements":[1],"Message":""}"#), [""; 0]);
        assert_eq!(messages("<html>"), [""; 0]);
        let many = format!(
            r#"{{"Elements":[{{"ValidationErrors":[{}]}}]}}"#,
            (0..50).map(|n| format!(r#"{{"Message":"m{n}"}}"#)).collect::<Vec<_>>().join(",")
        );
        assert_eq!(messages(&many).len(), MOST_MESSAGES);
    }

    #[test]
    fn the_rest() {
        assert_eq!(ApiProblem::read(&ApiAnswer { status: 200, headers: &[], body: b"" }), None);
        assert_eq!(ApiProblem::read(&ApiAnswer { status: 304, headers: &[], body: b"" }), None);
        assert_eq!(read(404, &[], "<html>"), ApiProblem::NotFound);
        assert_eq!(read(412, &[], ""), ApiProblem::Refused { status: 412 });
        assert_eq!(read(503, &[], "<html>"), ApiProblem::Unavailable { status: 503 });
        assert_eq!(read(503, &[], "").retry(), Retry::Later);
        assert_eq!(read(404, &[], "").retry(), Retry::Never);
        assert_eq!(ApiProblem::TokenExpired.retry(), Retry::WithFreshToken);
        assert_eq!(ApiProblem::MissingScope.retry(), Retry::Never);
    }
}
