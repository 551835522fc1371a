//! Apps: what was registered in Xero's developer portal.

use std::{str::FromStr, sync::Arc, time::SystemTime};

use xero_auth_oauth2::{AppIdentity, ClientSecret, RedirectUri};
use xero_certs::{Certificate, PrivateKey};

use crate::{Error, Server};

/// The kind of app, by how it proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AppKind {
    /// OAuth 1.0a with consumer key and certificate. Xero switched it off on 30 September 2021.
    Private,
    /// Authorisation code with a client secret ("Web app").
    Web,
    /// Authorisation code with PKCE and no secret ("Mobile or desktop app").
    Desktop,
    /// Client credentials ("Custom connection"): one organisation, no refresh token.
    Custom,
}

impl AppKind {
    /// The word for it, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Web => "web",
            Self::Desktop => "desktop",
            Self::Custom => "custom",
        }
    }
}

impl FromStr for AppKind {
    type Err = Error;

    /// # Errors
    /// [`Error::UnknownKind`]: a newer version may know it.
    fn from_str(word: &str) -> Result<Self, Error> {
        match word {
            "private" => Ok(Self::Private),
            "web" => Ok(Self::Web),
            "desktop" => Ok(Self::Desktop),
            "custom" => Ok(Self::Custom),
            _ => Err(Error::UnknownKind { kind: word.to_owned() }),
        }
    }
}

/// What was registered in the developer portal. Secrets stay in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The store's own id of it.
    pub id: String,
    /// What people call it, if they gave it a name; no two apps of a store have the same.
    pub name: Option<String>,
    /// Its kind.
    pub kind: AppKind,
    /// The client id, or the consumer key of a private app.
    pub client_id: String,
    /// Where it is registered.
    pub server: Server,
    /// The certificate that was uploaded; private apps alone have one.
    pub certificate: Option<Certificate>,
    /// Redirect URIs that consents were given through; web and desktop apps alone have some.
    pub redirect_uris: Vec<RedirectUri>,
    /// What is kept beside its secret while the portal changes over to another one.
    pub second: Option<SecondSecret>,
    /// When it was stored.
    pub created_at: SystemTime,
}

/// A secret beside the one that is used: the one before, or one that the portal may not have yet. Where the first is refused
/// and this one taken, the two change places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondSecret {
    /// Its certificate; private apps alone have one.
    pub certificate: Option<Certificate>,
    /// Since when there are two.
    pub since: SystemTime,
}

/// A secret that an app is to have.
#[derive(Debug)]
pub enum NewSecret {
    /// A client secret, for web apps and custom connections.
    Client(ClientSecret),
    /// A key and its certificate, for private apps.
    Key {
        /// The private key.
        key: Arc<PrivateKey>,
        /// The certificate that the portal has or is to have.
        certificate: Box<Certificate>,
    },
}

/// Where a new secret goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// It is used from now on; the one before is kept beside it.
    First,
    /// It is kept beside the one that is used, in place of what was kept there.
    Second,
    /// It is used from now on, and nothing else is kept.
    Alone,
}

/// What is to change of an app; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AppChanges {
    /// What people call it; empty: nothing. As [`check_name`](crate::check_name) has it.
    pub name: Option<String>,
    /// The consumer key of a private app. Other apps keep their client id: another one is another app.
    pub consumer_key: Option<String>,
    /// All redirect URIs, of web and desktop apps.
    pub redirect_uris: Option<Vec<RedirectUri>>,
}

/// An OAuth 2.0 app, to be stored with its first authorisation.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// Its kind; a private app is stored with [`Store::add_private`](crate::Store::add_private).
    pub kind: AppKind,
    /// Client id and, unless it is a desktop app, secret.
    pub identity: AppIdentity,
    /// Where it is registered.
    pub server: Server,
    /// Redirect URIs that are registered for it, as far as known.
    pub redirect_uris: Vec<RedirectUri>,
}
