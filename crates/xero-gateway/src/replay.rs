//! Whether a request's body is kept to be sent a second time, or passes through.

use bytes::Bytes;
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{HeaderMap, Method, StatusCode, body::Incoming, header::CONTENT_TYPE};

use crate::{
    access_log::Entry,
    body::{Body, BodyError},
    refusal::Refusal,
};

/// The longest body that is kept, in bytes.
const KEPT: usize = 1024 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

/// A request's body on its way.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Kept: it can be sent again.
    Kept(Bytes),
    /// Passes through; nothing, once it was taken.
    Passing(Option<Body>),
}

impl Payload {
    /// Reads a body that is short and says so, or that must be had as a whole to be signed.
    pub(crate) async fn read(
        incoming: Incoming,
        entry: &mut Entry,
        limit: Option<u64>,
        whole: bool,
    ) -> Result<Self, Refusal> {
        if incoming.is_end_stream() {
            return Ok(Self::Kept(Bytes::new()));
        }
        let length = incoming.size_hint().exact();
        if length.zip(limit).is_some_and(|(length, limit)| length > limit) {
            return Err(too_long(limit.unwrap_or_default()));
        }
        let body = Body::stream(incoming).metered(entry.meter(), limit);
        if !whole && length.is_none_or(|length| length > KEPT as u64) {
            return Ok(Self::Passing(Some(body)));
        }
        match Limited::new(body, KEPT).collect().await {
            Ok(collected) => Ok(Self::Kept(collected.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(too_long(KEPT as u64)),
            Err(error) => match error.downcast_ref() {
                Some(BodyError::TooLong) => Err(too_long(limit.unwrap_or_default())),
                _ => Err(Refusal::bad("body", "the request's body broke off")),
            },
        }
    }

    /// The body to be sent; nothing where it has gone and was not kept.
    pub(crate) fn take(&mut self) -> Option<Body> {
        match self {
            Self::Kept(bytes) => Some(Body::whole(bytes.clone())),
            Self::Passing(body) => body.take(),
        }
    }

    /// The text of a form that OAuth 1.0a signs.
    pub(crate) fn form(&self) -> Result<Option<String>, Refusal> {
        let Self::Kept(bytes) = self else { return Ok(None) };
        let text =
            std::str::from_utf8(bytes).map_err(|_| Refusal::bad("body", "a form must be ASCII text"))?;
        Ok(Some(text.to_owned()))
    }
}

/// True for a body that OAuth 1.0a signs with the rest (RFC 5849 section 3.4.1.3.1).
pub(crate) fn is_form(method: &Method, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    method == Method::POST && essence.eq_ignore_ascii_case(FORM)
}

pub(crate) fn too_long(limit: u64) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body", format!("the body is longer than {limit} bytes"))
        .next("send less at once; --max-body sets the limit of the gateway's own")
}
