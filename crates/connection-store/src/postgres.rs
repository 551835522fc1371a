//! Where a store in PostgreSQL is: its address, and the clock of its server.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};
use url::Url;

use crate::{Clock, Error};

/// The address of a store in PostgreSQL: `postgres://USER@HOST:PORT/DATABASE`, as libpq writes it (its section "Connection
/// URIs").
///
/// TLS is on, and the server's certificate and name are verified, whatever `sslmode` says, but for `sslmode=disable`; a Unix
/// socket has none. `sslrootcert=FILE` names the certificates (PEM) that are trusted in place of the system's.
#[derive(Clone)]
pub struct PostgresAddress {
    config: Config,
    tls: Option<Arc<ClientConfig>>,
    shown: String,
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresAddress").field(&self.shown).finish()
    }
}

impl PostgresAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`Error::BadAddress`]: for a password too, which would be seen in arguments and logs.
    pub fn parse(address: &str) -> Result<Self, Error> {
        let mut url = Url::parse(address).map_err(|_| Error::BadAddress("is no address"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(Error::BadAddress("must begin with postgres://"));
        }
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for (name, value) in url.query_pairs() {
            match &*name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => roots = Some(value.into_owned()),
                "password" => return Err(Error::BadAddress(PASSWORD)),
                _ => rest.push((name.into_owned(), value.into_owned())),
            }
        }
        if url.password().is_some() {
            return Err(Error::BadAddress(PASSWORD));
        }
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(&rest);
        }
        let config: Config = url.as_str().parse().map_err(|_| Error::BadAddress("is not understood"))?;
        let tls = match mode.as_deref() {
            Some("disable") => None,
            None | Some("allow" | "prefer" | "require" | "verify-ca" | "verify-full") => {
                Some(Arc::new(tls(roots)?))
            }
            Some(_) => return Err(Error::BadAddress("has an sslmode that there is not")),
        };
        let mut config = config;
        let sockets = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        config.ssl_mode(if tls.is_some() && !sockets { SslMode::Require } else { SslMode::Disable });
        url.set_query(None);
        Ok(Self { config, tls, shown: url.to_string() })
    }

    /// The same, with the user's password.
    #[must_use]
    pub fn with_password(mut self, password: &SecretString) -> Self {
        self.config.password(password.expose_secret());
        self
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn tls(&self) -> Option<ClientConfig> {
        self.tls.as_deref().cloned()
    }

    /// The address without what is asked for after a `?`.
    pub(crate) fn place(&self) -> PathBuf {
        PathBuf::from(&self.shown)
    }

    /// A name for files that belong to it.
    pub(crate) fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
        self.shown.split_once("://").map_or("", |(_, rest)| rest).chars().map(plain).collect()
    }
}

const PASSWORD: &str = "must not hold a password";

fn tls(roots: Option<String>) -> Result<ClientConfig, Error> {
    let failed = |_: rustls::Error| Error::Crypto("prepare TLS");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
    let Some(file) = roots.filter(|file| file != "system") else {
        return Ok(builder.with_platform_verifier().map_err(failed)?.with_no_client_auth());
    };
    let unreadable = |_| Error::BadAddress("names an sslrootcert that cannot be read");
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&file).map_err(unreadable)? {
        store.add(certificate.map_err(unreadable)?).map_err(failed)?;
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// The clock of the database server, the same for all machines that use it.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    /// How far it is ahead of this machine's, in milliseconds.
    ahead: AtomicI64,
}

impl ServerClock {
    pub(crate) fn set(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::Relaxed);
    }
}

impl Clock for ServerClock {
    fn now(&self) -> SystemTime {
        let (ahead, now) = (self.ahead.load(Ordering::Relaxed), SystemTime::now());
        let by = Duration::from_millis(ahead.unsigned_abs());
        if ahead < 0 { now - by } else { now + by }
    }
}
