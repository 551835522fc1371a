//! Requests to Xero's API with a connection's authority.

mod download;
mod refusal;
mod sending;

use std::time::{Duration, SystemTime};

use connection_store::{
    ApiRequest, AppKind, Connection, Need, NewPrivateConnection, Organisation, RequestHeaders, Server, Store,
    sign_private,
};
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use url::Url;
use xero_auth_oauth1::{Answer, Problem, Retry};
use xero_auth_oauth2::{ApiAnswer, ApiProblem};
use xero_certs::Certificate;

use self::{download::Download, refusal::refused_at};
pub(crate) use self::{
    refusal::{Refusal, no_token, refused},
    sending::{IDEMPOTENCY_KEY, Patience, send},
};
use crate::{
    args::Global,
    failure::{Failure, Kind, Outcome},
    ui::{Ui, one_line},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is taken, in bytes: ten times the largest attachment that Xero keeps.
const MAX_ANSWER: usize = 256 * 1024 * 1024;
/// The largest answer to a test, in bytes.
const MAX_ORGANISATION: usize = 1024 * 1024;
/// The longest name of an organisation that is kept, in characters.
const MAX_NAME: usize = 200;
/// Headers that belong to the connection or to the signature.
const MADE_HERE: [&str; 10] = [
    "authorization",
    "connection",
    "content-length",
    "host",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "xero-tenant-id",
];
/// What Xero's APIs take; PATCH is for projects.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const FORM: &str = "application/x-www-form-urlencoded";

/// Whose authority a request is made with.
pub(crate) enum Authority<'a> {
    /// A connection of the store.
    Stored(&'a Store, &'a Connection),
    /// A connection that is being made.
    New(&'a NewPrivateConnection),
    /// A private app's connection as it would be.
    Trial(Trial<'a>),
}

/// What a private app's connection is tried with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial<'a> {
    pub(crate) store: &'a Store,
    pub(crate) connection: &'a Connection,
    /// `None`: the one that it has.
    pub(crate) consumer_key: Option<&'a str>,
    /// Of the key that signs; `None`: the first.
    pub(crate) certificate: Option<&'a Certificate>,
}

impl Authority<'_> {
    async fn authorise(&self, request: &ApiRequest<'_>) -> Outcome<RequestHeaders> {
        Ok(match self {
            Self::Stored(store, connection) => {
                store.authorise(connection, request).await.map_err(|error| no_token(error, connection))?
            }
            Self::New(new) => sign_private(new, request, SystemTime::now())?,
            Self::Trial(Trial { store, connection, consumer_key, certificate }) => {
                store.sign_with(connection, request, *consumer_key, *certificate)?
            }
        })
    }

    fn server(&self) -> &Server {
        match self {
            Self::Stored(_, connection) => &connection.app.server,
            Self::New(new) => &new.server,
            Self::Trial(trial) => &trial.connection.app.server,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Stored(_, connection) => &connection.name,
            Self::New(new) => &new.name,
            Self::Trial(trial) => &trial.connection.name,
        }
    }

    fn kind(&self) -> AppKind {
        match self {
            Self::Stored(_, connection) => connection.app.kind,
            Self::New(_) | Self::Trial(_) => AppKind::Private,
        }
    }

    /// True where the same call may succeed with a new signature or token, which is then had.
    async fn try_again(&self, refusal: &Refusal, headers: &RequestHeaders) -> Outcome<bool> {
        match (self, refusal, headers.generation()) {
            (_, Refusal::Signed(problem), _) => Ok(problem.retry() == Retry::SignAgain),
            (
                Self::Stored(store, connection),
                Refusal::Bearer(ApiProblem::TokenExpired | ApiProblem::TokenInvalid),
                Some(generation),
            ) => {
                let fresh = store.access(connection, Need::fresh(generation)).await;
                fresh.map(|_| true).map_err(|error| no_token(error, connection))
            }
            _ => Ok(false),
        }
    }
}

/// Refuses a connection of another server than the one named for this run.
pub(crate) fn check_server(global: &Global, connection: &Connection) -> Outcome {
    let Some(address) = &global.xero_url else { return Ok(()) };
    if Server::at(address)? == connection.app.server {
        return Ok(());
    }
    let own = connection.app.server.api().origin().ascii_serialization();
    Err(Failure::usage(format!(
        "{} is a connection to {own}, and --xero-url names another server",
        connection.name
    ))
    .hint("leave --xero-url and XEROCTL_XERO_URL out, or name a connection to that server"))
}

/// A request before it is authorised.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) patience: Patience,
    /// Who is shown how the answer comes.
    pub(crate) watcher: Option<Ui>,
    /// The largest answer that is taken, in bytes.
    limit: usize,
}

/// What came back, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A request for the path, URL or resource that a person typed.
    pub(crate) fn new(server: &Server, method: &str, target: &str) -> Outcome<Self> {
        let named = METHODS.iter().find(|known| known.as_str().eq_ignore_ascii_case(method));
        let method = named.cloned().ok_or_else(|| {
            Failure::usage(format!("{method:?} is not a method of Xero's API"))
                .hint("use GET, POST, PUT, PATCH or DELETE")
        })?;
        Ok(Self {
            method,
            url: target_url(server, target)?,
            headers: HeaderMap::new(),
            body: None,
            patience: Patience::SHORT,
            watcher: None,
            limit: MAX_ANSWER,
        })
    }

    /// The same call as the signer sees it.
    pub(crate) fn signable(&self) -> Outcome<ApiRequest<'_>> {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        let is_form = essence.eq_ignore_ascii_case(FORM);
        let form = match &self.body {
            Some(body) if is_form && self.method == Method::POST => {
                Some(std::str::from_utf8(body).map_err(|_| {
                    Failure::usage("a form-encoded body must be ASCII text")
                        .hint("write what is not ASCII as percent signs with two hexadecimal digits each")
                })?)
            }
            _ => None,
        };
        Ok(ApiRequest { method: self.method.as_str(), url: &self.url, form })
    }
}

/// The URL for `Invoices?page=1` (Accounting), `/files.xro/1.0/Files`, or a whole URL.
fn target_url(server: &Server, target: &str) -> Outcome<Url> {
    let bad = |_| {
        Failure::usage(format!("{target:?} is not a path or URL"))
            .hint("give a path such as Invoices?page=1, or a URL of the connection's server")
    };
    let before_query = target.split('?').next().unwrap_or_default();
    if before_query.contains("://") {
        return Url::parse(target).map_err(bad);
    }
    let base = server.api().join("api.xro/2.0/").expect("a constant path");
    if target.starts_with("//") {
        return Err(bad(url::ParseError::RelativeUrlWithoutBase));
    }
    // A resource may hold a colon in its query; without this it could be read as a scheme.
    let relative = if target.starts_with('/') { target.to_owned() } else { format!("./{target}") };
    base.join(&relative).map_err(bad)
}

impl Reply {
    /// `Ok(Err(…))`: the connection broke off.
    async fn read(mut response: Response, call: &Call) -> Outcome<Result<Self, reqwest::Error>> {
        let (status, headers) = (response.status(), response.headers().clone());
        tracing::info!(status = status.as_u16(), "answered");
        let limit = call.limit;
        let mut download = Download::new(call.watcher, response.content_length());
        let mut body = Vec::new();
        loop {
            let chunk = match download.next(response.chunk()).await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(Ok(Self { status, headers, body })),
                Err(error) => return Ok(Err(error)),
            };
            if body.len() + chunk.len() > limit {
                let message = format!("{} sent an answer of more than {limit} bytes", host(&call.url));
                return Err(Failure::new(Kind::Other, message).hint("ask for less, for example a page"));
            }
            body.extend_from_slice(&chunk);
            download.at(body.len());
        }
    }

    /// Why the call was refused, if it was.
    pub(crate) fn refusal(&self, kind: AppKind) -> Option<Refusal> {
        let headers = self.texts();
        let status = self.status.as_u16();
        if kind != AppKind::Private {
            return ApiProblem::read(&ApiAnswer { status, headers: &headers, body: &self.body })
                .map(Refusal::Bearer);
        }
        if self.status.is_success() {
            return None;
        }
        let answer = Answer::new(status, &self.body);
        let answer = headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value));
        Some(Refusal::Signed(Problem::read(&answer, SystemTime::now())))
    }

    /// The headers that are text.
    fn texts(&self) -> Vec<(&str, &str)> {
        let texts = self.headers.iter().map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        texts.flatten().collect()
    }

    /// The failure of a refused call.
    pub(crate) fn into_success(self, authority: &Authority<'_>) -> Outcome<Self> {
        match (self.refusal(authority.kind()), authority) {
            (None, _) => Ok(self),
            (Some(refusal), Authority::Stored(_, connection)) => Err(refused(refusal, connection)),
            (Some(refusal), _) => Err(refused_at(refusal, authority.server())),
        }
    }
}

/// Fetches the organisation that a connection reaches: the test of a connection.
pub(crate) async fn organisation(timeout: Duration, authority: &Authority<'_>) -> Outcome<Organisation> {
    let call = Call { limit: MAX_ORGANISATION, ..Call::new(authority.server(), "GET", "Organisation")? };
    let reply = send(&call, timeout, authority).await?.into_success(authority)?;
    let found = xero_auth_oauth2::Organisation::read(&reply.body).ok_or_else(|| not_xero(&call.url))?;
    Ok(kept(&found))
}

/// An organisation in the form in which it is kept.
pub(crate) fn kept(found: &xero_auth_oauth2::Organisation) -> Organisation {
    let short_code = found.short_code.as_deref().map(short);
    Organisation { id: short(&found.id), name: short(&found.name), short_code }
}

fn short(text: &str) -> String {
    one_line(text).chars().take(MAX_NAME).collect()
}

fn not_xero(url: &Url) -> Failure {
    Failure::new(Kind::Other, format!("{} answered with something else than an organisation", host(url)))
        .hint("check --xero-url and any proxy in between")
}

/// Built only when a request is made: loading the system's certificates takes longer than most commands.
pub(crate) fn client(url: &Url, timeout: Duration) -> Outcome<Client> {
    // A proxy has no way to a server on this machine.
    let builder =
        if connection_store::is_loopback(url) { Client::builder().no_proxy() } else { Client::builder() };
    builder
        .user_agent(concat!("xeroctl/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| {
            Failure::new(Kind::Other, "a TLS client cannot be made")
                .because(&error.without_url())
                .hint("install the system's root certificates (on Debian: the package ca-certificates)")
        })
}

fn unreachable_server(error: reqwest::Error, url: &Url) -> Failure {
    let host = host(url);
    let (message, hint) = if error.is_timeout() {
        (format!("{host} did not answer in time"), "try again; --timeout sets how long to wait")
    } else if error.is_connect() {
        (
            format!("{host} cannot be reached"),
            "check the network and proxy settings, and that the server runs",
        )
    } else {
        (format!("{host} broke the connection off"), "try again")
    };
    Failure::new(Kind::Temporary, message).because(&error.without_url()).hint(hint)
}

fn host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => "the server".to_owned(),
    }
}

/// `Name: value` as a header.
pub(crate) fn header(text: &str) -> Outcome<(HeaderName, HeaderValue)> {
    let bad = || Failure::usage(format!("a header is not of the form 'Name: value': {:?}", name_part(text)));
    let (name, value) = text.split_once(':').ok_or_else(bad)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| bad())?;
    if MADE_HERE.contains(&name.as_str()) {
        return Err(Failure::usage(format!("the {name} header is made by xeroctl")).hint("leave it out"));
    }
    Ok((name, HeaderValue::from_str(value.trim()).map_err(|_| bad())?))
}

/// A header's value might be a secret; its name is not.
fn name_part(text: &str) -> &str {
    text.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_becomes_a_url() {
        let url = |target: &str| Call::new(&Server::xero(), "get", target).unwrap().url.to_string();
        assert_eq!(url("Invoices?page=1"), "https://api.xero.com/api.xro/2.0/Invoices?page=1");
        assert_eq!(url("/files.xro/1.0/Files"), "https://api.xero.com/files.xro/1.0/Files");
        assert_eq!(url("https://api.xero.com/connections"), "https://api.xero.com/connections");
        assert_eq!(
            url("Contacts?where=Website==\"https://a.nz\""),
            "https://api.xero.com/api.xro/2.0/Contacts?where=Website==%22https://a.nz%22"
        );
        assert_eq!(url("Contacts?where=a:b"), "https://api.xero.com/api.xro/2.0/Contacts?where=a:b");
        assert_eq!(url("x:y"), "https://api.xero.com/api.xro/2.0/x:y");
        assert!(Call::new(&Server::xero(), "GET", "//evil.example/").is_err());
        assert!(Call::new(&Server::xero(), "GE T", "Invoices").is_err());
    }

    #[test]
    fn headers() {
        assert!(header("If-Modified-Since: 2026-01-01T00:00:00").is_ok());
        for bad in [
            "Host: x",
            "content-length: 1",
            "Transfer-Encoding: chunked",
            "nothing",
            "a b: c",
            "Authorization: x",
            "authorization: x",
            "A: b\nc",
            "Xero-Tenant-Id: 3be8d905-f76a-4c19-b2a4-917c05e6f003",
        ] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }
}
