//! One request at Xero: authorised, sent, and sent once more where a new token or signature may help.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use connection_store::{ApiAnswer, ApiProblem, SignatureAnswer, SignatureProblem, SignatureRetry, Told};
use http_body_util::{BodyExt, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, HOST, HeaderValue},
    http::{response, uri::PathAndQuery},
};
use url::Url;

use crate::{
    access_log::Entry,
    authority::{Key, Means, Signable},
    body::Body,
    gateway::Shared,
    headers::{self, TENANT},
    refusal::Refusal,
    replay::Payload,
    way::Way,
};

/// The longest refusal that is read to find out why, in bytes.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// A request that was let in.
pub(crate) struct Exchange<'a> {
    pub(crate) shared: &'a Shared,
    /// The connection's name as it was asked for.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) way: Arc<Way>,
    pub(crate) method: Method,
    pub(crate) path: PathAndQuery,
    /// Without what ends here.
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    /// The body, where it is signed with the rest.
    pub(crate) form: Option<String>,
    pub(crate) with_tenant: bool,
}

/// An answer, read as far as it had to be.
pub(crate) struct Answered(pub(crate) response::Parts, pub(crate) Body);

impl Exchange<'_> {
    /// The answer, whatever its status.
    pub(crate) async fn run(mut self, entry: &Entry) -> Result<Answered, Refusal> {
        let way = Arc::clone(&self.way);
        let authorization = self.authorization(&way, Key::First).await?;
        let answer = self.send(&way, authorization, entry).await?;
        let (parts, body) = answer.into_parts();
        if parts.status != StatusCode::UNAUTHORIZED {
            return Ok(Answered(parts, body));
        }
        let read = Limited::new(body, LONGEST_REFUSAL).collect();
        let Ok(Ok(refusal)) = tokio::time::timeout(self.shared.settings.answer, read).await else {
            return Err(Refusal::new(StatusCode::BAD_GATEWAY, "upstream", "Xero broke a refusal off"));
        };
        let refusal = refusal.to_bytes();
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
        entry: &Entry,
    ) -> Result<Option<Response<Body>>, Refusal> {
        match self.way.grant.means {
            Means::Bearer { generation, .. } if is_stale(parts, body) => {
                self.again_with_new_token(generation, entry).await
            }
            Means::Bearer { .. } => Ok(None),
            Means::Signature { second_key } => {
                self.again_with_new_signature(signs_again(parts, body), second_key, entry).await
            }
        }
    }

    async fn again_with_new_token(
        &mut self,
        refused: i64,
        entry: &Entry,
    ) -> Result<Option<Response<Body>>, Refusal> {
        // The next request has the new token, also where this one cannot be sent again.
        let renewed = self.shared.grants.instead_of(self.name.as_ref(), refused).await?;
        let Some(way) = renewed else { return Ok(None) };
        self.shared.metrics.renewed(&way.name);
        let Payload::Kept(_) = self.payload else { return Ok(None) };
        let authorization = self.authorization(&way, Key::First).await?;
        self.send(&way, authorization, entry).await.map(Some)
    }

    async fn again_with_new_signature(
        &mut self,
        same_key: bool,
        second_key: bool,
        entry: &Entry,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let Payload::Kept(_) = self.payload else { return Ok(None) };
        if !same_key && !second_key {
            return Ok(None);
        }
        let key = if same_key { Key::First } else { Key::Second };
        let way = Arc::clone(&self.way);
        let authorization = self.authorization(&way, key).await?;
        let answer = self.send(&way, authorization, entry).await?;
        if key == Key::Second && answer.status() != StatusCode::UNAUTHORIZED {
            tracing::info!("the server takes the app's second key: it is the first from now on");
            self.shared.authority.swap_keys(&way.name).await?;
        }
        Ok(Some(answer))
    }

    async fn authorization(&self, way: &Way, key: Key) -> Result<HeaderValue, Refusal> {
        match &way.grant.means {
            Means::Bearer { authorization, .. } => Ok(authorization.clone()),
            Means::Signature { .. } => {
                let (method, url) = (self.method.to_string(), self.url()?);
                let signable = Signable { method, url, form: self.form.clone() };
                Ok(self.shared.authority.sign(&way.name, signable, key).await?)
            }
        }
    }

    /// As it is signed: the very text that is sent.
    fn url(&self) -> Result<Url, Refusal> {
        let text = format!("{}{}", self.way.grant.api.as_str().trim_end_matches('/'), self.path);
        match Url::parse(&text) {
            Ok(url) if url.as_str() == text => Ok(url),
            _ => Err(Refusal::bad("path", "the address has characters that must be escaped to be signed")),
        }
    }

    async fn send(
        &mut self,
        way: &Way,
        authorization: HeaderValue,
        entry: &Entry,
    ) -> Result<Response<Body>, Refusal> {
        let request = self.request(way, authorization)?;
        let settings = &self.shared.settings;
        // What is of no organisation does not count against the limits of one.
        let mut counted = match self.with_tenant {
            true => Some(self.shared.authority.admit(&way.name, settings.max_wait).await?),
            false => None,
        };
        let mut answer = way.server.send(request, entry.received(), settings.answer).await?;
        if let Some(counted) = &mut counted {
            counted.told(told(answer.status(), answer.headers()));
        }
        headers::to_client(answer.headers_mut());
        Ok(answer.map(|body| Body::stream(body).counted(counted)))
    }

    fn request(&mut self, way: &Way, authorization: HeaderValue) -> Result<Request<Body>, Refusal> {
        let body = self.payload.take().unwrap_or_else(|| Body::whole(Bytes::new()));
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
fn told(status: StatusCode, headers: &HeaderMap) -> Told {
    let minute_left =
        headers.get("x-minlimit-remaining").and_then(|left| left.to_str().ok()?.trim().parse().ok());
    if !status.is_client_error() {
        return Told { minute_left, refused: None };
    }
    let headers = texts(headers);
    let answer = ApiAnswer { status: status.as_u16(), headers: &headers, body: &[] };
    let refused = match ApiProblem::read(&answer) {
        Some(ApiProblem::RateLimited { which, retry_after }) => Some((which, retry_after)),
        _ => None,
    };
    Told { minute_left, refused }
}

fn texts(headers: &HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}
