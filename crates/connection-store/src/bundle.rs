//! Bundles: connections with all that they need, in one document for another store.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{AppKind, Error};

/// The format that this version writes.
const FORMAT: u32 = 1;
/// Room for a bundle as it is written, in bytes: it is not moved about in memory, where copies of secrets would stay.
const ROOM: usize = 16 * 1024;

/// A bundle as read; holds secrets in clear. Its `Debug` prints none.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    xeroctl_bundle: u32,
    pub(crate) apps: Vec<BundledApp>,
    pub(crate) logins: Vec<BundledLogin>,
    pub(crate) connections: Vec<BundledConnection>,
}

/// A connection in a bundle, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its name.
    pub name: String,
    /// Its app's kind.
    pub kind: AppKind,
    /// The name of its organisation, if it was known.
    pub organisation: Option<String>,
    /// The server that stands in for Xero, where its app is registered at one.
    pub server: Option<String>,
    /// True where its login came along; without, a person logs in anew. Custom connections and private apps need none.
    pub with_login: bool,
}

/// An app. Binary values are in base 64, times are seconds since 1970.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundledApp {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) kind: String,
    pub(crate) client_id: String,
    pub(crate) server: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) secret: Zeroizing<String>,
    pub(crate) second: Option<BundledSecond>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundledSecond {
    pub(crate) secret: Zeroizing<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) since: i64,
}

/// An authorisation. Without tokens where its login stayed behind.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundledLogin {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) generation: i64,
    pub(crate) user_id: Option<String>,
    pub(crate) user_name: Option<String>,
    pub(crate) user_email: Option<String>,
    pub(crate) consent: Option<String>,
    pub(crate) scopes: String,
    pub(crate) asked: Option<String>,
    pub(crate) access: Option<BundledToken>,
    pub(crate) refresh: Option<Zeroizing<String>>,
    pub(crate) refreshed_at: i64,
    pub(crate) previous: Option<BundledToken>,
    /// When the refresh token was perhaps sent first, without an answer.
    pub(crate) sent_at: Option<i64>,
    pub(crate) spares: Vec<BundledSpare>,
    pub(crate) needs_login: Option<(String, i64)>,
    pub(crate) created_at: i64,
}

/// A token, and when it ends or was spent.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundledToken {
    pub(crate) token: Zeroizing<String>,
    pub(crate) at: i64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundledSpare {
    pub(crate) token: Zeroizing<String>,
    pub(crate) generation: i64,
    pub(crate) kept_at: i64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundledConnection {
    pub(crate) name: String,
    pub(crate) app: String,
    pub(crate) login: Option<String>,
    pub(crate) organisation: Option<BundledOrganisation>,
    pub(crate) is_default: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundledOrganisation {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) short_code: Option<String>,
}

/// What every version of the format begins with.
#[derive(Deserialize)]
struct Version {
    xeroctl_bundle: u32,
}

impl Bundle {
    pub(crate) fn new(
        apps: Vec<BundledApp>,
        logins: Vec<BundledLogin>,
        connections: Vec<BundledConnection>,
    ) -> Self {
        Self { xeroctl_bundle: FORMAT, apps, logins, connections }
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`Error::NotABundle`], [`Error::NewerBundle`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let version: Version = serde_json::from_slice(bytes).map_err(|_| Error::NotABundle)?;
        if version.xeroctl_bundle > FORMAT {
            return Err(Error::NewerBundle { found: version.xeroctl_bundle, known: FORMAT });
        }
        // What the parser says could quote a secret.
        let bundle: Self = serde_json::from_slice(bytes).map_err(|_| Error::NotABundle)?;
        let whole = bundle.connections.iter().all(|one| {
            bundle.app(&one.app).is_some_and(|app| {
                app.kind.parse::<AppKind>().is_ok()
                    && one
                        .login
                        .as_deref()
                        .is_none_or(|id| bundle.login(id).is_some_and(|login| login.app == app.id))
            })
        });
        if whole { Ok(bundle) } else { Err(Error::NotABundle) }
    }

    /// The document, in JSON. It holds secrets in clear: seal it before it is written anywhere.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let tokens = self.logins.len() + self.apps.len() + self.connections.len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM * (tokens + 1)));
        serde_json::to_writer(&mut *bytes, self)
            .expect("texts and numbers become JSON, and memory takes them");
        bytes
    }

    /// Its connections, in the order of their names.
    pub fn connections(&self) -> Vec<Packed> {
        let packed = |one: &BundledConnection| {
            let login = one.login.as_deref().and_then(|id| self.login(id));
            let app = self.app(&one.app)?;
            Some(Packed {
                name: one.name.clone(),
                kind: app.kind.parse().ok()?,
                server: app.server.clone(),
                organisation: one.organisation.as_ref().map(|organisation| organisation.name.clone()),
                with_login: login.is_some_and(|login| login.refresh.is_some()),
            })
        };
        self.connections.iter().filter_map(packed).collect()
    }

    pub(crate) fn app(&self, id: &str) -> Option<&BundledApp> {
        self.apps.iter().find(|app| app.id == id)
    }

    pub(crate) fn login(&self, id: &str) -> Option<&BundledLogin> {
        self.logins.iter().find(|login| login.id == id)
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

pub(crate) fn to_base64(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE64_STANDARD.encode(bytes))
}

pub(crate) fn from_base64(text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    BASE64_STANDARD.decode(text).map(Zeroizing::new).map_err(|_| Error::NotABundle)
}
