//! One connection of a browser, or of whoever else comes to the port.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time};

use super::page::{self, ReturnPage};
use crate::{AuthorizationCode, Error, RedirectUri, State, read_callback};

/// How long a request's head may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may take in all.
const WHOLE_LIMIT: Duration = Duration::from_secs(20);
/// The longest head, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// How a login ended.
pub(crate) type Outcome = Result<AuthorizationCode, Error>;

/// Who is expected, and what is said to those who come.
#[derive(Debug)]
pub(super) struct Reception {
    redirect_uri: RedirectUri,
    state: State,
    page: ReturnPage,
}

/// Answers one request and hangs up. The login's outcome, if this request brought it, is had once the page is sent.
pub(super) async fn converse(stream: TcpStream, reception: Arc<Reception>) -> Option<Outcome> {
    let brought = Mutex::new(None);
    let service = service_fn(|request| {
        let (response, outcome) = reception.answer(&request);
        *brought.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A browser that goes away early has done its part.
    let _ = time::timeout(WHOLE_LIMIT, connection).await;
    brought.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Reception {
    pub(super) fn new(redirect_uri: RedirectUri, state: State, page: ReturnPage) -> Self {
        Self { redirect_uri, state, page }
    }

    fn answer(&self, request: &Request<Incoming>) -> (Response<String>, Option<Outcome>) {
        let uri = request.uri();
        if uri.authority().is_some() || !self.is_own_host(request) {
            return (self.reply(StatusCode::BAD_REQUEST, &page::NOTHING), None);
        }
        if uri.path() != self.redirect_uri.url().path() {
            return (self.reply(StatusCode::NOT_FOUND, &page::NOTHING), None);
        }
        if request.method() != Method::GET {
            return (self.reply(StatusCode::METHOD_NOT_ALLOWED, &page::NOTHING), None);
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        match read_callback(target, &self.redirect_uri, &self.state) {
            Err(Error::StateMismatch | Error::NotACallback { .. }) => {
                (self.reply(StatusCode::BAD_REQUEST, &page::OTHER_LOGIN), None)
            }
            Err(error) => (self.refused(&error), Some(Err(error))),
            Ok(code) => (self.reply(StatusCode::OK, &page::CONSENT), Some(Ok(code))),
        }
    }

    fn reply(&self, status: StatusCode, message: &page::Message) -> Response<String> {
        respond(status, page::render(&self.page, message, ""))
    }

    fn refused(&self, error: &Error) -> Response<String> {
        respond(StatusCode::OK, page::render(&self.page, &page::REFUSED, &error.to_string()))
    }

    /// Only pages of this very origin: a name that someone else made point to this machine is not it.
    fn is_own_host(&self, request: &Request<Incoming>) -> bool {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
        let port = self.redirect_uri.port();
        let own = host == format!("localhost:{port}") || port == 80 && host == "localhost";
        own && hosts.next().is_none()
    }
}

fn respond(status: StatusCode, html: String) -> Response<String> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, page::content_security_policy())
        .header(CACHE_CONTROL, "no-store")
        .header(REFERRER_POLICY, "no-referrer")
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(html)
        .expect("constant headers")
}
