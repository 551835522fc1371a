//! How a server is reached: plainly on this machine, by TLS with the system's roots, through the system's proxy.

use std::{fmt, time::Duration};

use hyper::{
    StatusCode, Uri,
    rt::{Read, Write},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, builderstates::WantsSchemes};
use hyper_util::client::{
    legacy::connect::{HttpConnector, proxy::Tunnel},
    proxy::matcher::{Intercept, Matcher},
};
use rustls::crypto::aws_lc_rs;
use tower_service::Service;
use url::Url;

use crate::refusal::Refusal;

const CONNECT: Duration = Duration::from_secs(10);

/// What bytes go through, whatever lies below.
pub(crate) type Stream = Box<dyn Pipe>;

pub(crate) trait Pipe: Read + Write + Unpin + Send {}

impl<T: Read + Write + Unpin + Send> Pipe for T {}

#[derive(Clone)]
pub(crate) enum Route {
    /// For this machine: neither TLS nor a proxy.
    Plain(HttpConnector),
    Tls(HttpsConnector<HttpConnector>),
    Proxy(Box<HttpsConnector<Tunnel<HttpsConnector<HttpConnector>>>>),
}

impl Route {
    /// The way to an origin, as the system's settings are now.
    pub(crate) fn to(origin: &Url) -> Result<Self, Refusal> {
        if origin.scheme() != "https" {
            return Ok(Self::Plain(connector()));
        }
        Ok(match Matcher::from_system().intercept(&uri(origin).ok_or_else(no_address)?) {
            None => Self::Tls(tls()?.https_only().enable_http1().wrap_connector(connector())),
            Some(proxy) => {
                let tunnel = tunnel(&proxy)?;
                Self::Proxy(Box::new(tls()?.https_only().enable_http1().wrap_connector(tunnel)))
            }
        })
    }

    /// A new connection; nothing where the server, or the proxy, is not reached or is not who it should be.
    pub(crate) async fn connect(self, origin: &Url) -> Option<Stream> {
        let uri = uri(origin)?;
        Some(match self {
            Self::Plain(mut connector) => Box::new(connector.call(uri).await.ok()?),
            Self::Tls(mut connector) => Box::new(connector.call(uri).await.ok()?),
            Self::Proxy(mut connector) => Box::new(connector.call(uri).await.ok()?),
        })
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Tls(_) => "Tls",
            Self::Proxy(_) => "Proxy",
        })
    }
}

fn uri(origin: &Url) -> Option<Uri> {
    origin.as_str().parse().ok()
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector
}

fn tls() -> Result<HttpsConnectorBuilder<WantsSchemes>, Refusal> {
    let cannot = || {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "tls", "a TLS client cannot be made")
            .next("install the system's root certificates (on Debian: the package ca-certificates)")
    };
    HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(aws_lc_rs::default_provider())
        .map_err(|_| cannot())
}

fn tunnel(proxy: &Intercept) -> Result<Tunnel<HttpsConnector<HttpConnector>>, Refusal> {
    if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
        let error =
            "the system's proxy is reached by neither http nor https, and the gateway knows no other way";
        return Err(
            Refusal::new(StatusCode::BAD_GATEWAY, "proxy", error).next("`xeroctl doctor` shows the proxy")
        );
    }
    let to_proxy = tls()?.https_or_http().enable_http1().wrap_connector(connector());
    let tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
    Ok(match proxy.basic_auth() {
        Some(basic) => tunnel.with_auth(basic.clone()),
        None => tunnel,
    })
}

fn no_address() -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, "upstream", "the server's address is none")
}
