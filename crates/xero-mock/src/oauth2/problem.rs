//! How the API refuses a request with a token.

use std::time::{Duration, SystemTime};

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::journal::AnsweredProblem;
use crate::limits::{Over, RateLimit, Remaining};

/// Why a request with a token is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ApiProblem {
    /// The token ended at this time.
    TokenExpired(SystemTime),
    /// Not a token of this server, or one of an app that is gone.
    NotAuthentic,
    /// Another token than an access token. What follows the first word is assumed, here and below.
    InvalidAudience,
    InvalidSignature,
    MissingScope,
    /// The organisation is not named, or not connected.
    NotConnected {
        app_minute: usize,
    },
    OverLimit(Over),
}

impl ApiProblem {
    fn detail(self) -> String {
        match self {
            Self::TokenExpired(end) => format!("TokenExpired: token expired at {}", american(end)),
            Self::NotAuthentic | Self::NotConnected { .. } => "AuthenticationUnsuccessful".to_owned(),
            Self::InvalidAudience => "TokenInvalidAudience: token audience is invalid".to_owned(),
            Self::InvalidSignature => "TokenInvalidSignature: token signature is invalid".to_owned(),
            Self::MissingScope => "AuthorizationUnsuccessful".to_owned(),
            Self::OverLimit(_) => String::new(),
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NotConnected { .. } => StatusCode::FORBIDDEN,
            Self::OverLimit(_) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// Xero's own spelling of the scope error.
    fn challenge(self) -> Option<&'static str> {
        match self {
            Self::NotConnected { .. } | Self::OverLimit(_) => None,
            Self::MissingScope => Some("insufficent_scope"),
            _ => Some("Bearer error=invalid_token"),
        }
    }

    /// What the journal says.
    fn word(self) -> &'static str {
        match self {
            Self::TokenExpired(_) => "TokenExpired",
            Self::NotAuthentic | Self::NotConnected { .. } => "AuthenticationUnsuccessful",
            Self::InvalidAudience => "TokenInvalidAudience",
            Self::InvalidSignature => "TokenInvalidSignature",
            Self::MissingScope => "AuthorizationUnsuccessful",
            Self::OverLimit(over) => over.limit.word(),
        }
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let mut response = match self {
            Self::OverLimit(over) => too_many_requests(over.limit, over.retry_after, Some(over.remaining)),
            _ => problem(self.status(), &self.detail()),
        };
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Self::TokenExpired(_) = self {
            // The one recording of it has none.
            headers.remove(header::CONTENT_TYPE);
        }
        if let Self::NotConnected { app_minute } = self {
            headers.insert("x-appminlimit-remaining", app_minute.into());
        }
        response.extensions_mut().insert(AnsweredProblem(self.word()));
        response
    }
}

/// Xero's 429: no body, no content type. `Retry-After` is rounded up to whole seconds.
pub(crate) fn too_many_requests(
    limit: RateLimit,
    retry_after: Option<Duration>,
    remaining: Option<Remaining>,
) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert("x-rate-limit-problem", HeaderValue::from_static(limit.word()));
    if let Some(wait) = retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(remaining) = remaining {
        remaining.write(headers);
    }
    response
}

/// The older of the two casings, which most answers have; `Instance` is also the `Xero-Correlation-Id`.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let instance = Uuid::new_v4().to_string();
    let body = json!({
        "Type": null,
        "Title": status.canonical_reason(),
        "Status": status.as_u16(),
        "Detail": detail,
        "Instance": instance,
        "Extensions": {},
    });
    (status, [("xero-correlation-id", instance)], Json(body)).into_response()
}

fn american(time: SystemTime) -> String {
    let format = format_description!("[month]/[day]/[year] [hour]:[minute]:[second]");
    OffsetDateTime::from(time).format(format).expect("the clock stays within four-digit years")
}
