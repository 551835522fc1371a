//! The way to Xero: connections that are kept, TLS with the system's roots, a proxy where the system names one.

use std::{
    collections::HashMap,
    error::Error as StdError,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{Request, Response, StatusCode, Uri, body::Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::{
        legacy::{
            Builder, Client,
            connect::{HttpConnector, proxy::Tunnel},
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::crypto::aws_lc_rs;

use crate::{
    body::{Body, BodyError, Meter},
    refusal::Refusal,
    replay::too_long,
};

const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection to Xero is kept that nobody uses.
const KEEP: Duration = Duration::from_secs(60);

/// All servers that requests go to.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// For this machine: neither TLS nor a proxy.
    plain: Client<HttpConnector, Body>,
    /// By host and port. Made when there is something to send: reading the system's roots takes its time.
    secure: Mutex<HashMap<String, Secure>>,
}

#[derive(Debug, Clone)]
enum Secure {
    Direct(Client<HttpsConnector<HttpConnector>, Body>),
    ByProxy(Client<HttpsConnector<Tunnel<HttpConnector>>, Body>),
}

impl Upstream {
    pub(crate) fn new() -> Self {
        Self { plain: builder().build(connector()), secure: Mutex::default() }
    }

    /// Sends a request and waits for the head of the answer: so long after the last piece of the body has gone.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        sent: &Arc<Meter>,
        limit: Duration,
    ) -> Result<Response<Incoming>, Refusal> {
        let secure = match request.uri().scheme_str() {
            Some("https") => Some(self.secure(request.uri())?),
            _ => None,
        };
        let answered = async {
            match secure {
                None => self.plain.request(request).await,
                Some(Secure::Direct(client)) => client.request(request).await,
                Some(Secure::ByProxy(client)) => client.request(request).await,
            }
        };
        tokio::pin!(answered);
        loop {
            let before = sent.bytes();
            match tokio::time::timeout(limit, answered.as_mut()).await {
                Ok(answer) => return answer.map_err(|error| unanswered(&error)),
                Err(_) if sent.bytes() == before => {
                    return Err(Refusal::new(
                        StatusCode::GATEWAY_TIMEOUT,
                        "upstream",
                        "Xero did not answer in time",
                    )
                    .next("look whether the request was done before sending it again"));
                }
                Err(_) => {}
            }
        }
    }

    fn secure(&self, uri: &Uri) -> Result<Secure, Refusal> {
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let mut known = self.secure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.get(&host) {
            return Ok(client.clone());
        }
        let client = match Matcher::from_system().intercept(uri) {
            None => Secure::Direct(builder().build(tls(connector())?)),
            Some(proxy) => Secure::ByProxy(builder().build(tls(tunnel(&proxy)?)?)),
        };
        known.insert(host, client.clone());
        Ok(client)
    }
}

fn builder() -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(KEEP).pool_timer(TokioTimer::new()).timer(TokioTimer::new());
    builder
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

fn tls<C>(connector: C) -> Result<HttpsConnector<C>, Refusal> {
    let cannot = || {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "tls", "a TLS client cannot be made")
            .next("install the system's root certificates (on Debian: the package ca-certificates)")
    };
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(aws_lc_rs::default_provider())
        .map_err(|_| cannot())?;
    Ok(builder.https_only().enable_all_versions().wrap_connector(connector))
}

fn tunnel(proxy: &Intercept) -> Result<Tunnel<HttpConnector>, Refusal> {
    if proxy.uri().scheme_str() != Some("http") {
        let error = "the system's proxy is not reached by http, which is the only way that the gateway knows";
        return Err(
            Refusal::new(StatusCode::BAD_GATEWAY, "proxy", error).next("`xeroctl doctor` shows the proxy")
        );
    }
    let tunnel = Tunnel::new(proxy.uri().clone(), connector());
    Ok(match proxy.basic_auth() {
        Some(basic) => tunnel.with_auth(basic.clone()),
        None => tunnel,
    })
}

/// Whose fault it was that no answer came. What the libraries say of it names no header.
fn unanswered(error: &hyper_util::client::legacy::Error) -> Refusal {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    match causes.find_map(|cause| cause.downcast_ref()) {
        Some(BodyError::TooLong) => return too_long_for_settings(),
        Some(BodyError::Wire(_)) => return Refusal::bad("body", "the request's body broke off"),
        None => {}
    }
    if error.is_connect() {
        return Refusal::new(StatusCode::BAD_GATEWAY, "upstream", "Xero cannot be reached")
            .next("try again; `xeroctl doctor` looks for the reason");
    }
    Refusal::new(StatusCode::BAD_GATEWAY, "upstream", "Xero broke the connection off")
        .next("look whether the request was done before sending it again")
}

fn too_long_for_settings() -> Refusal {
    let mut refusal = too_long(0);
    "the body is longer than this gateway lets through".clone_into(&mut refusal.error);
    refusal
}
