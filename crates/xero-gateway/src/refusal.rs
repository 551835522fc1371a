//! What the gateway itself answers where it does not pass a request on.

use std::time::Duration;

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
    },
};
use serde_json::json;

use crate::{authority::Trouble, body::Body};

/// The header by which a client tells an answer of the gateway from one of Xero's: `error`, or `own`.
pub const MARK: HeaderName = HeaderName::from_static("xeroctl-gateway");

/// Why a request was not passed on. Holds no secret, and nothing of the request but what was parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// One word for the metrics and the log.
    pub(crate) reason: &'static str,
    pub(crate) error: String,
    /// What to do, where that is more than what the reason says.
    pub(crate) next: Option<String>,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: &'static str, error: impl Into<String>) -> Self {
        Self { status, reason, error: error.into(), next: None, retry_after: None }
    }

    pub(crate) fn bad(reason: &'static str, error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, error)
    }

    pub(crate) fn forbidden(reason: &'static str, error: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason, error)
    }

    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// As JSON. Who was not let in does not get a second request over the same connection.
    pub(crate) fn answer(&self) -> Response<Body> {
        let next = self.next.as_deref().unwrap_or_else(|| next_step(self.reason));
        let document = json!({ "error": self.error, "next": next });
        let mut answer = own(self.status, "application/json", format!("{document}\n"));
        let headers = answer.headers_mut();
        headers.insert(MARK, HeaderValue::from_static("error"));
        if let Some(time) = self.retry_after {
            let seconds = u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"xero-gateway\""));
        }
        answer
    }

    /// The same over HTTP/1, where what is left of the request's body is not to be read.
    pub(crate) fn close(headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        let status = StatusCode::from_u16(trouble.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let Trouble { error, next, retry_after, .. } = trouble;
        let reason = if status == StatusCode::TOO_MANY_REQUESTS { "limit" } else { "authority" };
        Self { status, reason, error, next, retry_after }
    }
}

/// What to do about a refusal for this reason.
fn next_step(reason: &str) -> &'static str {
    match reason {
        "body" => "send the request again with its whole body, as Xero takes it",
        "connection" => "name one connection, as `xeroctl list` shows it",
        "form" => "ask for a path at the gateway's own address, such as /api.xro/2.0/Organisation",
        "framing" => "say how long the body is in one way: Content-Length or Transfer-Encoding",
        "host" => "send one Host header: that of the address that is asked",
        "method" => "put the method that Xero documents into the request line, and no header in its place",
        "origin" => "let a program ask in place of a page",
        "path" => "write the path as Xero documents it, with each character escaped once at most",
        "upstream" => "look whether the request was done before sending it again",
        _ => "`xeroctl doctor` looks for the reason",
    }
}

/// An answer that did not come from Xero.
pub(crate) fn own(status: StatusCode, kind: &'static str, text: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut answer = Response::new(Body::whole(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(MARK, HeaderValue::from_static("own"));
    answer
}
