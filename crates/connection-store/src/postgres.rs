//! Where a store in PostgreSQL is: its address, and the clock of its server.

use std::{
    fmt,
    ops::Range,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::digest::{SHA256, digest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use url::Url;

use crate::{Clock, Error};

/// The address of a store in PostgreSQL: `postgres://USER@HOST:PORT/DATABASE`, as libpq writes it (its section "Connection
/// URIs").
///
/// TLS is on, and the server's certificate and name are verified, whatever `sslmode` says, but for `sslmode=disable`; a Unix
/// socket has none. `sslrootcert=FILE` names the certificates (PEM) that are trusted in place of the system's. Of several hosts,
/// with commas between them, the one is used that takes changes.
#[derive(Clone)]
pub struct PostgresAddress {
    config: Config,
    tls: Option<Arc<ClientConfig>>,
    shown: String,
    spelled: String,
    /// Nobody waits long for an answer.
    hasty: bool,
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresAddress").field(&self.spelled).finish()
    }
}

impl PostgresAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// [`Error::BadAddress`]: for a password too, which would be seen in arguments and logs; [`Error::BadParameter`].
    pub fn parse(address: &str) -> Result<Self, Error> {
        let written = Written::read(address)?;
        let mut config: Config = written.text(true).parse().map_err(|_| written.why_not())?;
        let tls = match written.mode.as_deref() {
            Some("disable") => None,
            None | Some("allow" | "prefer" | "require" | "verify-ca" | "verify-full") => {
                Some(Arc::new(tls(written.roots.clone())?))
            }
            Some(_) => return Err(Error::BadAddress(MODE)),
        };
        let sockets = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        config.ssl_mode(if tls.is_some() && !sockets { SslMode::Require } else { SslMode::Disable });
        if config.get_hosts().len() > 1 {
            // Of several the one that takes changes.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let (shown, spelled) = (written.text(false), written.spelled());
        Ok(Self { config, tls, shown, spelled, hasty: false })
    }

    /// The same, with the user's password.
    #[must_use]
    pub fn with_password(mut self, password: &SecretString) -> Self {
        self.config.password(password.expose_secret());
        self
    }

    /// The same for what is not worth a wait: a server that does not answer at once is done without.
    pub(crate) fn hasty(&self) -> Self {
        Self { hasty: true, ..self.clone() }
    }

    pub(crate) fn is_hasty(&self) -> bool {
        self.hasty
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

    /// The address as it can be given again: with what its query says of the way to the server. It has no secret.
    pub fn spelled(&self) -> &str {
        &self.spelled
    }

    /// A name for files that belong to it; a long one ends with a hash, since a name of a file has 255 bytes at most.
    pub(crate) fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
        let name: String =
            self.shown.split_once("://").map_or("", |(_, rest)| rest).chars().map(plain).collect();
        if name.len() <= LONGEST_NAME {
            return name;
        }
        let hash = digest(&SHA256, self.shown.as_bytes());
        let end: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{end}", &name[..LONGEST_NAME])
    }
}

/// Of a name of files that belong to an address, in bytes.
const LONGEST_NAME: usize = 150;
const PASSWORD: &str = "must not hold a password";
const MODE: &str =
    "has an sslmode that is none of disable, allow, prefer, require, verify-ca and verify-full";
const PORT: &str = "has a port that is no number from 1 to 65535";
/// What of a query says how the server is reached, and is worth to be given again.
const OF_THE_WAY: [&str; 4] = ["connect_timeout", "hostaddr", "options", "target_session_attrs"];
/// All but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const NO_ADDRESS: Error = Error::BadAddress("is no address");
/// What stands in the place of several hosts, which are no part of an address elsewhere.
const SEVERAL: &str = "several";

/// An address in its parts.
struct Written {
    /// Without a query.
    url: Url,
    /// Where there are more than one, as they were written.
    hosts: Option<String>,
    mode: Option<String>,
    roots: Option<String>,
    rest: Vec<(String, String)>,
}

impl Written {
    fn read(address: &str) -> Result<Self, Error> {
        let at = hosts_in(address).ok_or(NO_ADDRESS)?;
        let hosts = Some(&address[at.clone()]).filter(|hosts| hosts.contains(','));
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[],%".contains(c);
        if hosts.is_some_and(|hosts| !hosts.chars().all(plain)) {
            return Err(NO_ADDRESS);
        }
        let one = hosts.map(|_| [&address[..at.start], SEVERAL, &address[at.end..]].concat());
        let mut url = Url::parse(one.as_deref().unwrap_or(address)).map_err(|error| match error {
            url::ParseError::InvalidPort => Error::BadAddress(PORT),
            _ => NO_ADDRESS,
        })?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(Error::BadAddress("must begin with postgres://"));
        }
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        // Not as a form: there a plus sign would be a space.
        for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decoded(name)?, decoded(value)?) {
                (name, value) if name == "sslmode" => mode = Some(value),
                (name, file) if name == "sslrootcert" => roots = Some(file),
                (name, _) if name == "password" => return Err(Error::BadAddress(PASSWORD)),
                // libpq's newer word.
                (name, value) if name == "target_session_attrs" && value == "primary" => {
                    rest.push((name, "read-write".to_owned()));
                }
                pair => rest.push(pair),
            }
        }
        if url.password().is_some() {
            return Err(Error::BadAddress(PASSWORD));
        }
        url.set_query(None);
        Ok(Self { url, hosts: hosts.map(str::to_owned), mode, roots, rest })
    }

    /// The address with what the driver understands of its query, or without one.
    fn text(&self, query: bool) -> String {
        let mut url = self.url.clone();
        if query && !self.rest.is_empty() {
            url.set_query(Some(&query_of(self.rest.iter().map(|(name, value)| (&**name, &**value)))));
        }
        let text = url.to_string();
        match (&self.hosts, hosts_in(&text)) {
            (Some(hosts), Some(at)) => [&text[..at.start], hosts, &text[at.end..]].concat(),
            _ => text,
        }
    }

    /// Why the driver does not take it.
    fn why_not(&self) -> Error {
        let is_taken = |(name, value): &(String, String)| {
            let alone = format!("postgres://?{}", query_of([(&**name, &**value)].into_iter()));
            alone.parse::<Config>().is_ok()
        };
        // It may be a password's, with a question mark in it.
        let is_torn = self.rest.iter().any(|(name, value)| name.contains('@') || value.contains('@'));
        match self.rest.iter().find(|pair| !is_taken(pair)) {
            Some((name, _)) if !is_torn => Error::BadParameter(name.clone()),
            _ => Error::BadAddress("is not understood"),
        }
    }

    /// The address with what its query says of the way to the server.
    fn spelled(&self) -> String {
        let tls = [("sslmode", self.mode.as_deref()), ("sslrootcert", self.roots.as_deref())];
        let tls = tls.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let rest = self.rest.iter().map(|(name, value)| (&**name, &**value));
        let query = query_of(tls.chain(rest.filter(|(name, _)| OF_THE_WAY.contains(name))));
        let address = self.text(false);
        if query.is_empty() { address } else { format!("{address}?{query}") }
    }
}

/// Pairs as a query has them.
fn query_of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let encoded = |text| utf8_percent_encode(text, ENCODED);
    let pairs: Vec<_> = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

fn decoded(text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded.map_err(|_| Error::BadAddress("is not understood"))?.into_owned())
}

/// Where the hosts of an address stand.
fn hosts_in(address: &str) -> Option<Range<usize>> {
    let begin = address.find("://")? + 3;
    let end = address[begin..].find(['/', '?', '#']).map_or(address.len(), |length| begin + length);
    let user = address[begin..end].rfind('@').map_or(0, |length| length + 1);
    Some(begin + user..end)
}

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
    if store.is_empty() {
        return Err(Error::BadAddress("names an sslrootcert without a certificate in it"));
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// The clock of the database server, the same for all machines that use it. Between two looks it goes by a clock of this machine
/// that nobody sets.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    /// How far it is ahead of [`since_start`], in milliseconds. `None`: nobody has looked.
    ahead: Mutex<Option<i64>>,
}

impl ServerClock {
    /// Takes over what the server's clock says in this moment, in milliseconds since 1970.
    pub(crate) fn set(&self, now: i64) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(now - since_start());
    }
}

impl Clock for ServerClock {
    fn now(&self) -> SystemTime {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ahead) = ahead else { return SystemTime::now() };
        let now = u64::try_from(ahead + since_start()).unwrap_or_default();
        UNIX_EPOCH + Duration::from_millis(now)
    }
}

/// Milliseconds since this machine was started, those that it slept included.
#[cfg(target_os = "linux")]
fn since_start() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since = Duration::try_from(time).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since this program first asked; whether those that the machine slept are among them is the system's affair. The
/// next look puts it right.
#[cfg(not(target_os = "linux"))]
fn since_start() -> i64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let since = START.get_or_init(std::time::Instant::now).elapsed();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_spelled_with_its_way_and_arrives_as_it_was_given() {
        let address = PostgresAddress::parse(
            "postgres://ann@db/books?sslmode=disable&options=-c%20a%3Db+c&application_name=x&connect_timeout=5",
        )
        .unwrap();
        assert_eq!(address.config().get_options(), Some("-c a=b+c"));
        let spelled = "postgres://ann@db/books?sslmode=disable&options=-c%20a%3Db%2Bc&connect_timeout=5";
        assert_eq!(address.spelled(), spelled);
        assert_eq!(PostgresAddress::parse(spelled).unwrap().config().get_options(), Some("-c a=b+c"));
        assert_eq!(address.place(), PathBuf::from("postgres://ann@db/books"));
        let plain = "postgres://ann@a,b:7/books";
        assert_eq!(PostgresAddress::parse(plain).unwrap().spelled(), plain);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = format!("postgres://db/x?sslrootcert={}", empty.path().display());
        for (text, why) in [
            ("postgres://db:99999/x", PORT),
            ("postgres://db/x?sslmode=maybe", MODE),
            ("postgres://db/x?pass%77ord=y", PASSWORD),
            (empty.as_str(), "names an sslrootcert without a certificate in it"),
        ] {
            let refused = PostgresAddress::parse(text);
            assert!(matches!(&refused, Err(Error::BadAddress(said)) if *said == why), "{text}: {refused:?}");
        }
    }

    #[test]
    fn a_long_address_has_a_name_for_files_that_is_short_enough() {
        let host = "db-1.eu-west-1.compute.a-provider-with-a-long-name.example";
        let name = |last: &str| {
            let address = format!("postgres://xero@{host},{host},{host},{host},{last}/books");
            PostgresAddress::parse(&address).unwrap().file_name()
        };
        let (one, other) = (name("one.example"), name("two.example"));
        assert_eq!((one.len(), other.len()), (167, 167));
        assert!(one != other, "{one}");
    }

    #[test]
    fn the_servers_clock_goes_on_from_what_it_said() {
        let clock = ServerClock::default();
        let said = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        clock.set(1_700_000_000_000);
        let first = clock.now();
        assert!(first >= said, "whatever this machine takes for the time");
        assert!(clock.now() >= first);
        clock.set(0);
        assert!(clock.now() < first, "the last look counts");
    }
}
