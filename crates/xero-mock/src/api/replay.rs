//! `Idempotency-Key`: the answer to a write is kept for six minutes and given again to the same request.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderName, Response as HttpResponse};
use axum::response::Response;
use futures_util::FutureExt as _;
use ring::digest::{SHA256, digest};

use super::{Call, Refusal, Verb};

const KEPT: Duration = Duration::from_secs(6 * 60);
const LONGEST: usize = 128;
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The answers kept, by app and key.
#[derive(Debug, Default)]
pub(crate) struct Replays(HashMap<(String, String), Kept>);

#[derive(Debug)]
struct Kept {
    request: Vec<u8>,
    answer: HttpResponse<Bytes>,
    since: SystemTime,
}

/// A write with a key.
pub(super) struct Keyed {
    key: (String, String),
    request: Vec<u8>,
}

impl Keyed {
    /// None for reads, for requests without a key, and for private apps, which came before it.
    pub(super) fn read(call: &Call<'_>) -> Result<Option<Self>, Refusal> {
        let (Some(key), Some(app)) = (call.header(&HEADER), &call.client_id) else {
            return Ok(None);
        };
        if call.verb() == Verb::Read {
            return Ok(None);
        }
        if key.len() > LONGEST {
            return Err(Refusal::body(format!("The idempotency key has more than {LONGEST} characters")));
        }
        let mut request =
            format!("{} {} {}\n", call.parts.method, call.parts.uri, call.tenant.id).into_bytes();
        request.extend_from_slice(call.body);
        let request = digest(&SHA256, &request).as_ref().to_vec();
        Ok(Some(Self { key: (app.clone(), key.to_owned()), request }))
    }
}

impl Replays {
    /// The answer to the same request, if it came before. The text of the refusal is assumed.
    pub(super) fn find(&mut self, keyed: &Keyed, now: SystemTime) -> Result<Option<Response>, Refusal> {
        self.0.retain(|_, kept| now.duration_since(kept.since).is_ok_and(|age| age < KEPT));
        match self.0.get(&keyed.key) {
            None => Ok(None),
            Some(kept) if kept.request == keyed.request => Ok(Some(kept.answer.clone().map(Body::from))),
            Some(_) => Err(Refusal::body("The idempotency key was already used with a different request")),
        }
    }

    /// Keeps an answer, an error too.
    pub(super) fn keep(&mut self, keyed: Keyed, answer: Response, now: SystemTime) -> Response {
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).now_or_never().expect("answers are whole in memory");
        let answer = HttpResponse::from_parts(head, body.expect("memory can be read"));
        let kept = Kept { request: keyed.request, answer: answer.clone(), since: now };
        self.0.insert(keyed.key, kept);
        answer.map(Body::from)
    }
}
