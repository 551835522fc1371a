//! One request at Xero: authorised, sent, and sent once more where a new token or signature may help.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use connection_store::{
    ApiAnswer, ApiProblem, AppKind, SignatureAnswer, SignatureProblem, SignatureRetry, Told,
};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, HOST, HeaderValue},
    http::{response, uri::PathAndQuery},
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use url::Url;

use crate::{
    access_log::Entry,
    authority::{Counted, Key, Means, Signable},
    body::{Body, BodyError},
    gateway::Shared,
    headers::{self, TENANT},
    refusal::Refusal,
    replay::Payload,
    way::Way,
};

/// The longest refusal that is read to find out why, in bytes.
const LONGEST_REFUSAL: usize = 64 * 1024;
/// Who was let in a moment ago has not waited.
const NO_WAIT: Duration = Duration::from_millis(100);
/// When to come again where nobody knows when a request will end.
const A_MOMENT: Duration = Duration::from_secs(1);

/// A request that was let in.
pub(crate) struct Exchange<'a> {
    pub(crate) shared: &'a Shared,
    /// The connection's name as it was asked for.
    pub(crate) name: Option<Arc<str>>,
    /// As it was when it was last looked at.
    pub(crate) way: Arc<Way>,
    /// Since when the way may have changed.
    pub(crate) looked: Instant,
    pub(crate) method: Method,
    pub(crate) path: PathAndQuery,
    /// Without what ends here.
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    /// The body, where it is signed with the rest.
    pub(crate) form: Option<String>,
    pub(crate) with_tenant: bool,
    /// How long it may wait for its turn still, in all.
    pub(crate) patience: Duration,
}

/// An answer, read as far as it had to be.
pub(crate) struct Answered(pub(crate) response::Parts, pub(crate) Body);

impl Exchange<'_> {
    /// The answer, whatever its status.
    pub(crate) async fn run(mut self, entry: &mut Entry) -> Result<Answered, Refusal> {
        let (parts, body) = self.attempt(None, entry).await?.into_parts();
        if parts.status != StatusCode::UNAUTHORIZED {
            return Ok(Answered(parts, body));
        }
        let read = tokio::time::timeout(self.shared.settings.answer, begun(body)).await;
        let Ok(Ok(read)) = read else {
            return Err(Refusal::new(StatusCode::BAD_GATEWAY, "upstream", "Xero broke a refusal off")
                .next("send the request again; it was not done"));
        };
        let refusal = match read {
            Begun::Whole(refusal) => refusal,
            // Whatever it is, it is none of those that are known.
            Begun::Longer(body) => return Ok(Answered(parts, body)),
        };
        match self.again(&parts, &refusal, entry).await? {
            Some(answer) => {
                let (parts, body) = answer.into_parts();
                Ok(Answered(parts, body))
            }
            None => Ok(Answered(parts, Body::whole(refusal))),
        }
    }

    async fn again(
        &mut self,
        parts: &response::Parts,
        body: &Bytes,
        entry: &mut Entry,
    ) -> Result<Option<Response<Body>>, Refusal> {
        match &self.way.grant.means {
            Means::Bearer { generation, .. } if is_stale(parts, body) => {
                self.again_with_new_token(*generation, entry).await
            }
            Means::Bearer { .. } => Ok(None),
            Means::Signature { .. } if signs_again(parts, body) => self.again_with(None, entry).await,
            Means::Signature { second: None, .. } => Ok(None),
            Means::Signature { second: Some(second), .. } => {
                self.again_with(Some(second.clone()), entry).await
            }
        }
    }

    async fn again_with_new_token(
        &mut self,
        refused: i64,
        entry: &mut Entry,
    ) -> Result<Option<Response<Body>>, Refusal> {
        // The next request has the new token, also where this one cannot be sent again.
        let renewed = self.shared.grants.instead_of(self.name.as_ref(), refused).await?;
        let Some(way) = renewed else { return Ok(None) };
        self.shared.metrics.renewed(&way.name);
        self.look_again().await?;
        self.again_with(None, entry).await
    }

    /// With this key, where it is signed. The one that the server takes is the first from then on.
    async fn again_with(
        &mut self,
        key: Option<Key>,
        entry: &mut Entry,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let Payload::Kept(_) = self.payload else { return Ok(None) };
        let answer = self.attempt(key.as_ref(), entry).await?;
        if let Some(key) = key.filter(|_| answer.status().is_success()) {
            self.prefer(&key).await;
        }
        Ok(Some(answer))
    }

    /// Xero has done what was asked: that the key cannot be kept as the first is no reason to ask it again.
    async fn prefer(&self, key: &Key) {
        match self.shared.authority.prefer(&self.way.name, key).await {
            Ok(()) => tracing::info!("the server takes the app's second key: it is the first from now on"),
            Err(trouble) => {
                tracing::warn!(error = trouble.error, "the app's second key cannot be kept as the first");
            }
        }
        self.shared.grants.forget(self.name.as_ref());
    }

    /// Waits for its turn, and is sent by the authority that there is then: with the first key where none is named.
    async fn attempt(&mut self, key: Option<&Key>, entry: &mut Entry) -> Result<Response<Body>, Refusal> {
        let mut counted = self.admitted(entry).await?;
        if self.looked.elapsed() >= self.shared.settings.trust.min(NO_WAIT) {
            self.look_again().await?;
        }
        let authorization = self.authorization(key).await?;
        let request = self.request(authorization)?;
        if let Some(counted) = &mut counted {
            counted.sent();
        }
        let mut answer = self.way.server.send(request, entry.received(), self.shared.settings.answer).await?;
        entry.touch();
        if let Some(counted) = &mut counted {
            counted.told(told(&self.way.grant.means, &answer));
        }
        headers::to_client(answer.headers_mut());
        Ok(answer.map(|body| Body::stream(body).counted(counted)))
    }

    /// Waits until it may be with Xero: by what this gateway sends at once, and by the limits.
    async fn admitted(&mut self, entry: &mut Entry) -> Result<Option<Box<dyn Counted>>, Refusal> {
        let (_waits, began) = (self.shared.metrics.waits(), Instant::now());
        if entry.place.is_none() {
            entry.place = Some(self.place().await?);
        }
        // What is of no organisation does not count against the limits of one.
        let counted = match self.with_tenant {
            true => {
                let left = self.patience.saturating_sub(began.elapsed());
                Some(self.shared.authority.admit(&self.way.name, left).await?)
            }
            false => None,
        };
        self.patience = self.patience.saturating_sub(began.elapsed());
        entry.touch();
        Ok(counted)
    }

    /// It counts until the answer has gone.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        if let Ok(place) = Arc::clone(&self.way.places).try_acquire_owned() {
            return Ok(place);
        }
        let freed = Arc::clone(&self.way.places).acquire_owned();
        match tokio::time::timeout(self.patience, freed).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the gateway stops")
                .next("send the request again when it has been started; nothing was sent")),
            Err(_) => Err(too_many()),
        }
    }

    /// The way as it is by now: what was removed, or is another organisation's, while the request waited is not served.
    async fn look_again(&mut self) -> Result<(), Refusal> {
        let now = self.shared.grants.of(self.name.as_ref()).await?;
        if Arc::ptr_eq(&self.way, &now) || self.way.leads_where(&now) {
            (self.way, self.looked) = (now, Instant::now());
            return Ok(());
        }
        Err(Refusal::new(
            StatusCode::CONFLICT,
            "connection",
            "the connection was changed while the request waited",
        )
        .next("look whether it is still the one that is meant, and send the request again; nothing was sent"))
    }

    async fn authorization(&self, key: Option<&Key>) -> Result<HeaderValue, Refusal> {
        match &self.way.grant.means {
            Means::Bearer { authorization, .. } => Ok(authorization.clone()),
            Means::Signature { key: first, .. } => {
                let (method, url) = (self.method.to_string(), self.url()?);
                let signable = Signable { method, url, form: self.form.clone() };
                Ok(self.shared.authority.sign(&self.way.name, signable, key.unwrap_or(first)).await?)
            }
        }
    }

    /// As it is signed: the very text that is sent.
    fn url(&self) -> Result<Url, Refusal> {
        let text = format!("{}{}", self.way.grant.api.as_str().trim_end_matches('/'), self.path);
        match Url::parse(&text) {
            Ok(url) if url.as_str() == text => Ok(url),
            _ => Err(Refusal::bad("path", "the address has characters that must be escaped to be signed")
                .next("write them as percent signs with two hexadecimal digits each")),
        }
    }

    fn request(&mut self, authorization: HeaderValue) -> Result<Request<Body>, Refusal> {
        let (way, body) = (&self.way, self.payload.take().unwrap_or_else(|| Body::whole(Bytes::new())));
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        let uri = way.uri(&self.path);
        *request.uri_mut() =
            uri.map_err(|_| Refusal::bad("path", "the path and query are not those of a URL"))?;
        let mut headers = self.headers.clone();
        headers.insert(HOST, way.server.host.clone());
        headers.insert(AUTHORIZATION, authorization);
        if let (true, Means::Bearer { .. }, Some(tenant)) = (self.with_tenant, &way.grant.means, &way.tenant)
        {
            headers.insert(TENANT, tenant.clone());
        }
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// The beginning of a body.
enum Begun {
    Whole(Bytes),
    Longer(Body),
}

/// Reads a body as far as a refusal is long that is read.
async fn begun(mut body: Body) -> Result<Begun, BodyError> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        read.extend_from_slice(frame?.data_ref().map(Bytes::as_ref).unwrap_or_default());
        if read.len() > LONGEST_REFUSAL {
            return Ok(Begun::Longer(body.after(read.into())));
        }
    }
    Ok(Begun::Whole(read.into()))
}

fn too_many() -> Refusal {
    let error = "as many requests as may be are with Xero, and none of them has ended in time";
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "limit", error)
        .next("wait before the next call, and send fewer at once; nothing was sent");
    Refusal { retry_after: Some(A_MOMENT), ..refusal }
}

/// True where Xero's refusal means that another token may help.
fn is_stale(parts: &response::Parts, body: &Bytes) -> bool {
    let headers = texts(&parts.headers);
    let answer = ApiAnswer { status: parts.status.as_u16(), headers: &headers, body };
    matches!(ApiProblem::read(&answer), Some(ApiProblem::TokenExpired | ApiProblem::TokenInvalid))
}

/// True where the same key may do with another nonce and time.
fn signs_again(parts: &response::Parts, body: &Bytes) -> bool {
    let answer = SignatureAnswer::new(parts.status.as_u16(), body);
    let headers = texts(&parts.headers);
    let answer = headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
    SignatureProblem::read(&answer, SystemTime::now()).retry() == SignatureRetry::SignAgain
}

/// What an answer says of Xero's limits.
fn told<B>(means: &Means, answer: &Response<B>) -> Told {
    let headers = answer.headers();
    if answer.status().is_success() {
        let left = headers.get("x-minlimit-remaining");
        let minute_left = left.and_then(|left| left.to_str().ok()?.trim().parse().ok());
        return Told { minute_left, refused: None };
    }
    let kind = match means {
        Means::Bearer { .. } => AppKind::Web,
        Means::Signature { .. } => AppKind::Private,
    };
    // The body is the client's to read; the limit has a header of its own.
    let answer = ApiAnswer { status: answer.status().as_u16(), headers: &texts(headers), body: &[] };
    Told::read(kind, &answer, SystemTime::now())
}

fn texts(headers: &HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}
