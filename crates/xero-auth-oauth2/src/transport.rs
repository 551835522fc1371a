//! Sends a request and reads the answer, within limits.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{Client, RequestBuilder, Response, header::HeaderMap, redirect, retry, tls};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::{ApiAnswer, Cause, Error};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is taken, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// HTTP clients, each made when it is first needed: loading the system's certificates takes longer than all else.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    timeout: Duration,
    /// By way of the system's proxy.
    proxied: Arc<OnceLock<Client>>,
    /// To this machine, where no proxy has a way to.
    direct: Arc<OnceLock<Client>>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// As much of it as came.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Why the body is not whole, if it is not.
    pub(crate) cut: Option<Error>,
}

impl Transport {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, proxied: Arc::default(), direct: Arc::default() }
    }

    /// The client for an address.
    pub(crate) fn client(&self, url: &Url) -> Result<Client, Error> {
        let direct = is_loopback(url);
        let place = if direct { &self.direct } else { &self.proxied };
        if let Some(client) = place.get() {
            return Ok(client.clone());
        }
        let client = self.build(direct).map_err(|error| Error::TlsClient { source: Cause::of(&error) })?;
        Ok(place.get_or_init(|| client).clone())
    }

    fn build(&self, direct: bool) -> reqwest::Result<Client> {
        let builder = if direct { Client::builder().no_proxy() } else { Client::builder() };
        builder
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            .timeout(self.timeout)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .tls_version_min(tls::Version::TLS_1_2)
            .build()
    }
}

/// Sends a request once.
///
/// # Errors
/// [`Error::Unreachable`] if no connection was made, [`Error::Interrupted`] if one was and no answer began.
pub(crate) async fn send(request: RequestBuilder, url: &Url) -> Result<Answer, Error> {
    let response = request.send().await.map_err(|error| broken(&error, url))?;
    Ok(read(response, url).await)
}

async fn read(mut response: Response, url: &Url) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Zeroizing::new(Vec::new());
    let cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER => {
                break Some(Error::NotXero { status });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break None,
            Err(error) => break Some(broken(&error, url)),
        }
    };
    Answer { status, headers, body, cut }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Refuses an answer that is not whole.
    pub(crate) fn whole(self) -> Result<Self, Error> {
        match self.cut {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// Hands the answer over as [`ApiProblem::read`](crate::ApiProblem::read) takes it.
    pub(crate) fn as_api_answer<T>(&self, read: impl FnOnce(&ApiAnswer<'_>) -> T) -> T {
        let headers: Vec<_> = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        read(&ApiAnswer { status: self.status, headers: &headers, body: &self.body })
    }
}

fn broken(error: &reqwest::Error, url: &Url) -> Error {
    let (host, source) = (host(url), Cause::of(error));
    if error.is_connect() || error.is_builder() {
        Error::Unreachable { host, source }
    } else {
        Error::Interrupted { host, source }
    }
}

fn host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => "the server".to_owned(),
    }
}

/// True for URLs on this machine: `localhost`, 127.0.0.0/8 and ::1. No proxy has a way there, and no other machine can
/// listen in.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_others() {
        let is_loopback = |url: &str| is_loopback(&Url::parse(url).unwrap());
        for own in [
            "http://localhost",
            "https://localhost:1/x",
            "http://127.0.0.1",
            "http://127.9.9.9",
            "http://[::1]:2/",
        ] {
            assert!(is_loopback(own), "{own}");
        }
        for other in [
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://128.0.0.1",
            "http://[::2]",
            "http://0.0.0.0",
            "data:localhost",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
