//! Failures that a test orders for the next requests.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};

use crate::limits::RateLimit;
use crate::oauth1::Problem;
use crate::oauth2::too_many_requests;

/// One way to fail. A fault alone meets the next request; see [`times`](Self::times) and [`on`](FaultRule::on).
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Waits this long (real time, not the mock's) before it does what is asked, and answers as usual.
    Slow(Duration),
    /// Does what is asked, then waits this long before it answers (real time, not the mock's).
    DelayReply(Duration),
    /// Does what is asked and closes the connection without an answer.
    LoseReply,
    /// Does nothing with the request and closes the connection.
    Cut,
    /// Does what is asked and closes the connection after so many bytes of the answer's body.
    CutAfterBytes(usize),
    /// Does what is asked and closes the connection after so many bytes of the answer as they go over the wire: status
    /// line, headers, body.
    CutAfterWireBytes(usize),
    /// Closes the next connection after so many bytes that the client sent, with none at once. It meets connections
    /// and not requests: path and journal have no part in it.
    HangUpAfterBytes(usize),
    /// Answers with this status, body and content type.
    Status(u16, String, String),
    /// Does nothing with the request and answers 200 with this text: so many bytes at once, the rest after this long (real
    /// time, not the mock's).
    Halt(String, usize, Duration),
    /// Answers with this status and an HTML page, as a proxy in between would.
    Html(u16),
    /// 503, the organisation is offline for a while.
    OrganisationOffline,
    /// 503 in plain text, Xero is offline for maintenance.
    Maintenance,
    /// 503 as over the rate limit (OAuth 1.0a era).
    RateLimited {
        /// The limit that the answer names.
        problem: RateLimit,
        /// Whether and what `Retry-After` says; whole seconds.
        retry_after: Option<Duration>,
    },
    /// 429 without a body, as over the rate limit today.
    TooManyRequests {
        /// The limit that the answer names.
        problem: RateLimit,
        /// Whether and what `Retry-After` says; whole seconds.
        retry_after: Option<Duration>,
    },
}

impl Fault {
    /// Meets the next `times` requests instead of one.
    pub fn times(self, times: u32) -> FaultRule {
        FaultRule { fault: self, times, path_prefix: None }
    }

    /// Meets the next request whose path starts with this, in any case.
    pub fn on(self, path_prefix: &str) -> FaultRule {
        self.times(1).on(path_prefix)
    }
}

/// A fault, how often it comes, and for which paths.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    fault: Fault,
    times: u32,
    path_prefix: Option<String>,
}

impl FaultRule {
    /// Meets only requests whose path starts with this, in any case.
    #[must_use]
    pub fn on(mut self, path_prefix: &str) -> Self {
        self.path_prefix = Some(path_prefix.to_ascii_lowercase());
        self
    }

    fn meets(&self, path: &str) -> bool {
        let prefix = self.path_prefix.as_deref().unwrap_or_default();
        self.hang_up().is_none() && path.to_ascii_lowercase().starts_with(prefix)
    }

    fn hang_up(&self) -> Option<usize> {
        match self.fault {
            Fault::HangUpAfterBytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        fault.times(1)
    }
}

/// The rules in the order they were given; the first that meets a request is spent on it.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FaultRule>);

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.0.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn take(&mut self, path: &str) -> Option<Fault> {
        self.spend(|rule| rule.meets(path).then(|| rule.fault.clone()))
    }

    /// After how many bytes the next connection is to be closed.
    pub(crate) fn take_hang_up(&mut self) -> Option<usize> {
        self.spend(FaultRule::hang_up)
    }

    fn spend<T>(&mut self, matching: impl Fn(&FaultRule) -> Option<T>) -> Option<T> {
        self.0.retain(|rule| rule.times > 0);
        let (found, rule) = self.0.iter_mut().find_map(|rule| Some((matching(rule)?, rule)))?;
        rule.times -= 1;
        Some(found)
    }
}

impl Fault {
    /// The answer that stands for the real one, for faults that have one.
    pub(crate) fn answer(&self) -> Option<Response> {
        match self {
            Self::Slow(_) | Self::DelayReply(_) | Self::LoseReply | Self::Cut => None,
            Self::CutAfterBytes(_) | Self::CutAfterWireBytes(_) | Self::HangUpAfterBytes(_) => None,
            Self::Status(code, body, content_type) => Some(answer(*code, body.clone(), content_type)),
            Self::Halt(body, first, pause) => Some(halting(body.clone(), *first, *pause)),
            Self::Html(code) => Some(answer(*code, proxy_page(*code), "text/html")),
            Self::OrganisationOffline => Some(Problem::OrganisationOffline.into_response()),
            Self::Maintenance => {
                let text = "The Xero API is currently offline for maintenance";
                Some(answer(503, text.to_owned(), "text/plain; charset=utf-8"))
            }
            Self::RateLimited { problem, retry_after } => Some(rate_limited(*problem, *retry_after)),
            Self::TooManyRequests { problem, retry_after } => {
                Some(too_many_requests(*problem, *retry_after, None))
            }
        }
    }
}

/// Sends the head and the first bytes of an answer, then fails, so that the connection closes in mid-body.
pub(crate) async fn cut_after(bytes: usize, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let sent = body.slice(..bytes.min(body.len()));
    let start = stream::once(async move { Ok::<Bytes, io::Error>(sent) });
    let end = stream::once(async {
        // Lets the connection write what it has before it learns of the failure.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    Response::from_parts(parts, Body::from_stream(start.chain(end)))
}

fn answer(code: u16, body: String, content_type: &str) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("text/plain"));
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// The whole length is told at once.
fn halting(body: String, first: usize, pause: Duration) -> Response {
    let length = body.len();
    let mut start = Bytes::from(body);
    let rest = start.split_off(first.min(length));
    let start = stream::once(async move { Ok::<Bytes, io::Error>(start) });
    let end = stream::once(async move {
        tokio::time::sleep(pause).await;
        Ok(rest)
    });
    ([(header::CONTENT_LENGTH, length)], Body::from_stream(start.chain(end))).into_response()
}

fn proxy_page(code: u16) -> String {
    let reason = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason());
    let title = format!("{code} {}", reason.unwrap_or("Error"));
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1><hr>proxy</body>\r\n</html>\r\n"
    )
}

fn rate_limited(problem: RateLimit, retry_after: Option<Duration>) -> Response {
    let mut response = Problem::RateLimit { header: problem.header() }.into_response();
    if let Some(wait) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().into());
    }
    response
}
