//! Who may use the gateway, and for what: bearer tokens, of which only digests are kept.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    rand,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::{HeaderMap, Method, header::AUTHORIZATION};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::target::is_below;

const DIGEST_LENGTH: usize = 32;
const TOKEN_BYTES: usize = 32;
/// By which people and scanners for secrets tell what it is.
const PREFIX: &str = "xgw_";

/// The bearer token of one client of a gateway. A secret; its `Debug` prints nothing of it.
#[derive(Clone)]
pub struct GatewayToken(Zeroizing<String>);

impl GatewayToken {
    /// A new one, of 256 random bits.
    ///
    /// # Errors
    /// [`ClientError::Random`] where the system has no random numbers.
    pub fn generate() -> Result<Self, ClientError> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        rand::fill(&mut *bytes).map_err(|_| ClientError::Random)?;
        Ok(Self(Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*bytes)))))
    }

    /// The token itself: to be shown to whoever is to use it, once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its SHA-256 in hexadecimal digits, which is what a file of clients holds.
    pub fn sha256(&self) -> String {
        digest(&SHA256, self.0.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for GatewayToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayToken([redacted])")
    }
}

/// Why a file of clients cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// It is not TOML of the form that [`Clients::read`] wants.
    #[error("it is not a list of clients: {0}")]
    Form(String),
    /// An entry says something that cannot be.
    #[error("the client {client:?} {what}")]
    Entry {
        /// Its name.
        client: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There are no random numbers.
    #[error("the system has no random numbers")]
    Random,
}

/// One client, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    name: Arc<str>,
    digest: [u8; DIGEST_LENGTH],
    connections: Vec<Arc<str>>,
    methods: Vec<Method>,
    paths: Vec<String>,
}

/// All clients of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients(Vec<Arc<Client>>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    client: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    #[serde(default)]
    connections: Option<Vec<String>>,
    #[serde(default)]
    methods: Option<Vec<String>>,
    #[serde(default)]
    paths: Option<Vec<String>>,
}

impl Clients {
    /// One client that may do all that the gateway does.
    pub fn one(name: &str, token: &GatewayToken) -> Self {
        let digest = sha256(token.expose().as_bytes());
        let (connections, methods, paths) = (Vec::new(), Vec::new(), Vec::new());
        Self(vec![Arc::new(Client { name: name.into(), digest, connections, methods, paths })])
    }

    /// Those of a file: tables `[[client]]` with `name`, `sha256` (of the token, in hexadecimal digits), and lists
    /// `connections`, `methods`, `paths` of what the client is limited to; without a list it is not.
    ///
    /// # Errors
    /// [`ClientError::Form`], [`ClientError::Entry`].
    pub fn read(text: &str) -> Result<Self, ClientError> {
        let file: File =
            toml::from_str(text).map_err(|error| ClientError::Form(error.message().to_owned()))?;
        let mut clients = Self::default();
        for entry in file.client {
            let client = Client::checked(entry)?;
            if clients.0.iter().any(|other| other.name == client.name) {
                return Err(client.wrong("stands there twice"));
            }
            clients.0.push(Arc::new(client));
        }
        Ok(clients)
    }

    /// Their names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|client| &*client.name)
    }

    /// The client whose token a request brings. Every digest is compared, each in constant time.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<&Arc<Client>> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (value, None) = (values.next()?.as_bytes(), values.next()) else { return None };
        let (scheme, token) = value.split_at_checked("Bearer ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return None;
        }
        let given = sha256(token.trim_ascii());
        let same = |client: &&Arc<Client>| verify_slices_are_equal(&client.digest, &given).is_ok();
        self.0.iter().filter(same).fold(None, |found, client| found.or(Some(client)))
    }
}

impl Client {
    /// Its name, as the log shows it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The paths, if it is limited to some.
    pub(crate) fn may_path(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|prefix| is_below(path, prefix))
    }

    pub(crate) fn may_method(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    pub(crate) fn may_connection(&self, name: &str) -> bool {
        self.has_all_connections() || self.connections.iter().any(|one| one.eq_ignore_ascii_case(name))
    }

    pub(crate) fn has_all_connections(&self) -> bool {
        self.connections.is_empty()
    }

    /// The connection of a request that names none, where the client has only one.
    pub(crate) fn only_connection(&self) -> Option<&Arc<str>> {
        match &*self.connections {
            [only] => Some(only),
            _ => None,
        }
    }

    fn checked(entry: Entry) -> Result<Self, ClientError> {
        let wrong = |what| ClientError::Entry { client: entry.name.clone(), what };
        let named = !entry.name.is_empty() && entry.name.bytes().all(|byte| byte.is_ascii_graphic());
        if !named {
            return Err(wrong("has a name that is not of visible ASCII characters"));
        }
        let digest = digest_of(&entry.sha256)
            .ok_or_else(|| wrong("has a sha256 that is not 64 hexadecimal digits"))?;
        let method = |name: &String| match name.as_str() {
            "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" | "PATCH" | "DELETE" => {
                name.parse().map_err(|_| wrong("has a method that is none"))
            }
            _ => Err(wrong("has a method that is not GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE")),
        };
        let limits = |list: &Option<Vec<String>>| match list {
            // It would read as nothing, and be everything.
            Some(list) if list.is_empty() => {
                Err(wrong("has an empty list; leave the line out where it is not limited"))
            }
            list => Ok(list.clone().unwrap_or_default()),
        };
        let (connections, paths) = (limits(&entry.connections)?, limits(&entry.paths)?);
        let methods = limits(&entry.methods)?.iter().map(method).collect::<Result<Vec<Method>, _>>()?;
        if !paths.iter().all(|path| path.starts_with('/')) {
            return Err(wrong("has a path that does not begin with /"));
        }
        let connections = connections.iter().map(|name| name.as_str().into()).collect();
        Ok(Self { name: entry.name.into(), digest, connections, methods, paths })
    }

    fn wrong(&self, what: &'static str) -> ClientError {
        ClientError::Entry { client: self.name.to_string(), what }
    }
}

fn sha256(bytes: &[u8]) -> [u8; DIGEST_LENGTH] {
    digest(&SHA256, bytes).as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

fn digest_of(hex: &str) -> Option<[u8; DIGEST_LENGTH]> {
    if hex.len() != 2 * DIGEST_LENGTH || !hex.is_ascii() {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..DIGEST_LENGTH).map(byte).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearing(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    fn entry(more: &str) -> String {
        format!("[[client]]\nname = \"nightly\"\nsha256 = \"{}\"\n{more}", "0a".repeat(32))
    }

    #[test]
    fn a_token_is_one_clients_and_is_not_printed() {
        let (one, other) = (GatewayToken::generate().unwrap(), GatewayToken::generate().unwrap());
        let file = format!("[[client]]\nname = \"one\"\nsha256 = \"{}\"", one.sha256());
        let clients = Clients::read(&file).unwrap();
        assert_eq!(clients, Clients::one("one", &one));
        let name = |value: &str| clients.of(&bearing(value)).map(|client| client.name().to_string());
        assert_eq!(name(&format!("Bearer {}", one.expose())).as_deref(), Some("one"));
        assert_eq!(name(&format!("bearer  {} ", one.expose())).as_deref(), Some("one"));
        for wrong in
            ["Bearer", "Bearer ", &format!("Basic {}", one.expose()), &format!("Bearer {}", other.expose())]
        {
            assert_eq!(name(wrong), None, "{wrong}");
        }
        let mut twice = bearing(&format!("Bearer {}", one.expose()));
        twice.append(AUTHORIZATION, "Bearer x".parse().unwrap());
        assert!(clients.of(&twice).is_none());
        assert!(!format!("{one:?}{clients:?}").contains(one.expose()));
    }

    #[test]
    fn limits() {
        let lists = "connections = [\"acme\"]\nmethods = [\"GET\"]\npaths = [\"/api.xro/2.0/Invoices\"]";
        let clients = Clients::read(&entry(lists)).unwrap();
        let client = &clients.0[0];
        assert!(client.may_connection("ACME") && !client.may_connection("acme2"));
        assert!(client.may_method(&Method::GET) && !client.may_method(&Method::PUT));
        assert!(client.may_path("/api.xro/2.0/invoices/1") && !client.may_path("/api.xro/2.0/InvoicesX"));
        assert_eq!(client.only_connection().map(|name| &**name), Some("acme"));
        let free = Clients::read(&entry("")).unwrap();
        assert!(
            free.0[0].may_path("/x") && free.0[0].may_method(&Method::PUT) && free.0[0].may_connection("x")
        );
    }

    #[test]
    fn files_that_are_none() {
        for (text, said) in [
            ("[[client]]".to_owned(), "missing field `name`"),
            (entry("token = \"x\""), "unknown field `token`"),
            (entry("methods = [\"get\"]"), "has a method"),
            (entry("methods = [\"CONNECT\"]"), "has a method"),
            (entry("paths = [\"api.xro\"]"), "does not begin with /"),
            (entry("connections = []"), "empty list"),
            (entry("methods = []"), "empty list"),
            (entry("paths = []"), "empty list"),
            (entry("").replace("0a", "0"), "64 hexadecimal digits"),
            (entry("").replace("nightly", "a b"), "visible ASCII"),
            (format!("{0}\n{0}", entry("")), "stands there twice"),
        ] {
            let error = Clients::read(&text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
