//! Whose authority requests are made with: what the gateway asks of whatever keeps connections.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use connection_store::Told;
use hyper::header::HeaderValue;
use url::Url;

/// What comes of a question that may need a disk or the network.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'a>>;

/// Knows connections by name. Whoever asks may go away at any time: what was begun is finished all the same, and who waits for
/// a limit waits no more.
pub trait Authority: Send + Sync + 'static {
    /// How requests of a connection are made; `None` is the default connection. It may renew a token. `instead_of` is the
    /// [`generation`](Means::Bearer) of a token that Xero refused: only a newer one will do.
    fn grant(&self, connection: Option<&str>, instead_of: Option<i64>) -> Answer<'_, Grant>;

    /// The `Authorization` header of one request of a connection whose requests are signed, by this one of its keys.
    fn sign(&self, connection: &str, request: Signable, key: &Key) -> Answer<'_, HeaderValue>;

    /// Waits until one more request of the connection fits into Xero's limits, but no longer than `patience`.
    fn admit(&self, connection: &str, patience: Duration) -> Answer<'_, Box<dyn Counted>>;

    /// Xero took a signature with this one of the connection's keys and refused the other: it is to be the first. Nothing is
    /// to be done where it is that already.
    fn prefer(&self, connection: &str, key: &Key) -> Answer<'_, ()>;
}

/// A request that counts against Xero's limits for as long as this is there. Nothing here waits for a disk.
pub trait Counted: Send + Sync + fmt::Debug {
    /// It goes to Xero now. What is dropped before counts no more, and what is dropped later counts a minute longer.
    fn sent(&mut self);

    /// What its answer says of the limits, for all others from now on.
    fn told(&mut self, told: Told);
}

/// How requests of a connection are made, for a few seconds. Its `Debug` prints no token.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The connection's name, as it is kept.
    pub connection: String,
    /// Where its server's API begins: the only place where its requests go.
    pub api: Url,
    /// The organisation that it is pinned to, once that is known.
    pub tenant: Option<Tenant>,
    /// What stands for the connection in a request.
    pub means: Means,
}

/// An organisation, and since when it is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id, a UUID.
    pub id: String,
    /// Its name when last seen.
    pub name: String,
    /// When the connection to it was made.
    pub since: SystemTime,
}

/// What stands for a connection in a request.
#[derive(Clone)]
pub enum Means {
    /// An access token (OAuth 2.0).
    Bearer {
        /// The value of the `Authorization` header.
        authorization: HeaderValue,
        /// Which of the connection's tokens it is.
        generation: i64,
        /// True for client credentials, which have one organisation and no list of them.
        custom: bool,
    },
    /// A signature for each request (OAuth 1.0a).
    Signature {
        /// The one that signs as a rule.
        key: Key,
        /// The one beside it, while the portal changes over to another certificate.
        second: Option<Key>,
    },
}

/// A request that is to be signed.
#[derive(Debug, Clone)]
pub struct Signable {
    /// The method, in upper case.
    pub method: String,
    /// The whole URL.
    pub url: Url,
    /// The body, where it is form-encoded.
    pub form: Option<String>,
}

/// What one of a connection's keys is called, whichever of them is the first: no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(pub Arc<str>);

/// Why there is no authority for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The HTTP status that says so to a client.
    pub status: u16,
    /// What failed, and why.
    pub error: String,
    /// What to do next.
    pub next: Option<String>,
    /// After which time it may be tried again, where that is known.
    pub retry_after: Option<Duration>,
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer { generation, custom, .. } => {
                write!(f, "Bearer([redacted], generation {generation}, custom {custom})")
            }
            Self::Signature { key, second } => write!(f, "Signature({key:?}, second {second:?})"),
        }
    }
}
