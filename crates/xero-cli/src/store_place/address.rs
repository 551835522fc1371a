//! The address of a store at a server, read as libpq reads it, and completed as libpq does: by the `PG…` variables, and by
//! what is usual.

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use connection_store::Error;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Way;

/// All but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Where servers have their sockets that were told nothing else.
const SOCKETS: [&str; 3] = ["/run/postgresql", "/var/run/postgresql", "/tmp"];
const PORT: &str = "5432";
/// What an address may leave out, and the variable that says it then.
const VARIABLES: [(&str, &str); 7] = [
    ("host", "PGHOST"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("dbname", "PGDATABASE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    (PASSFILE, "PGPASSFILE"),
];
const PASSFILE: &str = "passfile";
/// What stands before the `?` of an address.
const BEFORE: [&str; 4] = ["host", "port", "user", "dbname"];

/// Gives the value of a variable that is set.
type Variables = dyn Fn(&str) -> Option<String>;

/// What libpq would look at besides the address.
pub(super) struct Surroundings {
    pub(super) variable: Box<Variables>,
    pub(super) home: Option<PathBuf>,
    /// The user of this process.
    pub(super) user: Option<String>,
}

/// What an address says, by libpq's keywords; `host` and `port` may be lists.
#[derive(Debug)]
pub(super) struct Address(BTreeMap<String, String>);

impl Address {
    /// Reads an address. Nothing that is empty counts.
    ///
    /// # Errors
    /// [`Error::BadAddress`], also for a password.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let (_, rest) = text.split_once("://").ok_or(Error::BadAddress("must begin with postgres://"))?;
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = before.split_once('/').unwrap_or((before, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        if user.contains(':') {
            return Err(Error::BadAddress(PASSWORD));
        }
        let parts = hosts.split(',').map(host_and_port).collect::<Result<Vec<_>, _>>()?;
        let ports: Vec<_> = parts.iter().map(|(_, port)| *port).collect();
        if !ports.iter().all(|port| port.is_empty() || is_port(port)) {
            return Err(Error::BadAddress(NO_PORT));
        }
        let hosts = parts.iter().map(|(host, _)| decoded(host)).collect::<Result<Vec<_>, _>>()?;
        let mut found = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) =
                pair.split_once('=').ok_or(Error::BadAddress("has an option without a value"))?;
            found.insert(decoded(name)?, decoded(value)?);
        }
        if found.contains_key("password") {
            return Err(Error::BadAddress(PASSWORD));
        }
        let ports = if ports.iter().all(|port| port.is_empty()) { String::new() } else { ports.join(",") };
        let written = [
            ("host", hosts.join(",")),
            ("port", ports),
            ("user", decoded(user)?),
            ("dbname", decoded(database)?),
        ];
        let written = written.into_iter().filter(|(_, value)| !value.is_empty());
        found.extend(written.map(|(name, value)| (name.to_owned(), value)));
        found.retain(|_, value| !value.is_empty());
        Ok(Self(found))
    }

    /// The same with all that is needed to find the server.
    pub(super) fn completed(mut self, around: &Surroundings) -> Self {
        for (name, variable) in VARIABLES {
            self.fill(name, || (around.variable)(variable));
        }
        self.fill("user", || around.user.clone());
        let user = self.value("user").map(str::to_owned);
        self.fill("dbname", || user);
        let port = self.value("port").unwrap_or(PORT).to_owned();
        self.fill("host", || Some(usual_host(&port)));
        let has_tls = self.value("sslmode") != Some("disable");
        self.fill("sslrootcert", || around.home.as_deref().filter(|_| has_tls).and_then(root_certificates));
        let home = around.home.as_deref();
        self.0.entry("sslrootcert".to_owned()).and_modify(|file| make_absolute(file, home));
        self
    }

    /// What a keyword says.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The file of passwords that is named.
    pub(super) fn password_file(&self) -> Option<&str> {
        self.value(PASSFILE)
    }

    /// Each host and its port.
    pub(super) fn hosts(&self) -> Vec<(&str, &str)> {
        let ports: Vec<_> = self.value("port").unwrap_or(PORT).split(',').collect();
        let port = |at: usize| if ports.len() == 1 { Some(&ports[0]) } else { ports.get(at) };
        let known = |at| port(at).copied().filter(|port| !port.is_empty()).unwrap_or(PORT);
        let hosts = self.value("host").unwrap_or_default().split(',').enumerate();
        hosts.map(|(at, host)| (host, known(at))).collect()
    }

    /// How the server is reached.
    pub(super) fn way(&self) -> Way {
        let hosts = self.hosts();
        let is_here = |(host, _): &(&str, &str)| is_of_this_machine(host);
        match self.value("sslmode") {
            _ if hosts.iter().all(|(host, _)| host.starts_with('/')) => Way::OnThisMachine,
            Some("disable") if hosts.iter().all(is_here) => Way::OnThisMachine,
            Some("disable") => Way::InTheOpen,
            _ => Way::Verified,
        }
    }

    /// A name for files that belong to the store.
    pub(super) fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
        self.before_query().chars().map(plain).collect()
    }

    fn fill(&mut self, name: &str, value: impl FnOnce() -> Option<String>) {
        if !self.0.contains_key(name)
            && let Some(value) = value()
        {
            self.0.insert(name.to_owned(), value);
        }
    }

    fn before_query(&self) -> String {
        let host = |(host, port): (&str, &str)| {
            let host = if host.contains(':') && !host.starts_with('/') {
                format!("[{host}]")
            } else {
                encoded(host)
            };
            if port == PORT { host } else { format!("{host}:{}", encoded(port)) }
        };
        let hosts: Vec<_> = self.hosts().into_iter().map(host).collect();
        let [user, database] = ["user", "dbname"].map(|name| encoded(self.value(name).unwrap_or_default()));
        format!("{user}@{}/{database}", hosts.join(","))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}", self.before_query())?;
        let left_out = |name: &str| BEFORE.contains(&name) || name == PASSFILE;
        let after = self.0.iter().filter(|(name, _)| !left_out(name));
        for (at, (name, value)) in after.enumerate() {
            write!(f, "{}{}={}", if at == 0 { '?' } else { '&' }, encoded(name), encoded(value))?;
        }
        Ok(())
    }
}

const PASSWORD: &str = "must not hold a password";
const NO_PORT: &str = "has a port that is no number from 1 to 65535";

/// True for a directory in which libpq looks for a socket where no host is named.
pub(super) fn is_usual_socket(host: &str) -> bool {
    SOCKETS.contains(&host)
}

fn is_of_this_machine(host: &str) -> bool {
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    host.starts_with('/') || host == "localhost" || is_loopback
}

fn host_and_port(text: &str) -> Result<(&str, &str), Error> {
    let Some(rest) = text.strip_prefix('[') else { return Ok(text.rsplit_once(':').unwrap_or((text, ""))) };
    let (host, after) = rest.split_once(']').ok_or(Error::BadAddress("has a [ without a ]"))?;
    Ok((host, after.strip_prefix(':').unwrap_or_default()))
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn decoded(text: &str) -> Result<String, Error> {
    // No server takes the character that ends a text.
    let decoded = percent_decode_str(text).decode_utf8().ok().filter(|text| !text.contains('\0'));
    Ok(decoded.ok_or(Error::BadAddress("is not understood"))?.into_owned())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The socket of a server of this machine, or the machine's name for itself.
fn usual_host(port: &str) -> String {
    let socket = |folder: &&&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
    SOCKETS.iter().find(socket).copied().unwrap_or("localhost").to_owned()
}

/// `system` stands for the certificates that this machine trusts.
fn make_absolute(file: &mut String, home: Option<&Path>) {
    if let (Some(rest), Some(home)) = (file.strip_prefix("~/"), home.and_then(Path::to_str)) {
        *file = format!("{home}/{rest}");
    }
    let absolute = std::path::absolute(&file).ok().filter(|_| file != "system");
    if let Some(absolute) = absolute.and_then(|path| path.into_os_string().into_string().ok()) {
        *file = absolute;
    }
}

/// The certificates that libpq trusts where none are named.
fn root_certificates(home: &Path) -> Option<String> {
    let file = home.join(".postgresql").join("root.crt");
    file.is_file().then(|| file.to_str().map(str::to_owned)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: &[(&str, &str)] = &[];

    fn around(variables: &'static [(&'static str, &'static str)]) -> Surroundings {
        let found = |name: &str| variables.iter().find(|(known, _)| *known == name);
        let variable = move |name: &str| found(name).map(|(_, value)| (*value).to_owned());
        Surroundings { variable: Box::new(variable), home: None, user: Some("me".to_owned()) }
    }

    fn completed(text: &str, variables: &'static [(&'static str, &'static str)]) -> String {
        Address::parse(text).unwrap().completed(&around(variables)).to_string()
    }

    #[test]
    fn an_address_that_says_all_stays_as_it_is() {
        for text in [
            "postgres://ann@db.example/books",
            "postgres://ann@db.example:6432/books?connect_timeout=5&sslmode=disable",
            "postgres://ann@[::1]:6432,db.example/books?target_session_attrs=read-write",
            "postgres://a%40b@%2Fvar%2Frun%2Fpg/two%20words?sslrootcert=%2Fca.pem",
        ] {
            assert_eq!(completed(text, &[("PGUSER", "eve"), ("PGDATABASE", "x"), ("PGHOST", "y")]), text);
        }
    }

    #[test]
    fn what_it_leaves_out_comes_from_the_variables_and_then_from_what_is_usual() {
        let all: &[_] = &[
            ("PGHOST", "db.example"),
            ("PGPORT", "6432"),
            ("PGUSER", "ann"),
            ("PGDATABASE", "books"),
            ("PGSSLMODE", "require"),
            ("PGSSLROOTCERT", "/ca.pem"),
            ("PGPASSFILE", "/pass"),
        ];
        let whole = "postgres://ann@db.example:6432/books?sslmode=require&sslrootcert=%2Fca.pem";
        assert_eq!(completed("postgres://", all), whole);
        assert_eq!(completed("postgresql:///?user=bob", all), whole.replace("ann", "bob"));
        for (text, expected) in [
            ("postgres://db.example", "postgres://me@db.example/me"),
            ("postgres://ann@db.example", "postgres://ann@db.example/ann"),
            ("postgres://ann@?host=/run/pg&dbname=x", "postgres://ann@%2Frun%2Fpg/x"),
            ("postgres://ann@a,b:7/x", "postgres://ann@a,b:7/x"),
            ("postgres://ann@a,b/x?port=7", "postgres://ann@a:7,b:7/x"),
            ("postgres://ann@a:5432/x?sslrootcert=system", "postgres://ann@a/x?sslrootcert=system"),
        ] {
            assert_eq!(completed(text, NOTHING), expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_refused_wherever_it_stands_and_never_said() {
        for (text, why) in [
            ("postgres://ann:marker@db/x", "must not hold a password"),
            ("postgres://ann:@db/x", "must not hold a password"),
            ("postgres://db/x?password=marker", "must not hold a password"),
            ("postgres://db/x?pass%77ord=marker", "must not hold a password"),
            ("postgres:db", "must begin with postgres://"),
            ("postgres://[::1/x", "has a [ without a ]"),
            ("postgres://db/x?marker", "has an option without a value"),
            ("postgres://%ff/x", "is not understood"),
            ("postgres://a%00b@db/x", "is not understood"),
            ("postgres://db:99999/x", NO_PORT),
            ("postgres://db:0/x", NO_PORT),
            ("postgres://a:5432,b:port/x", NO_PORT),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(matches!(error, Error::BadAddress(said) if said == why), "{text}: {error}");
        }
    }

    #[test]
    fn trusted_certificates_lie_where_libpq_has_them() {
        let home = tempfile::tempdir().unwrap();
        let around = || Surroundings { home: Some(home.path().to_owned()), ..around(NOTHING) };
        let roots = |text| {
            let address = Address::parse(text).unwrap().completed(&around());
            address.value("sslrootcert").map(str::to_owned)
        };
        assert_eq!(roots("postgres://db"), None);
        std::fs::create_dir(home.path().join(".postgresql")).unwrap();
        let file = home.path().join(".postgresql/root.crt");
        std::fs::write(&file, "").unwrap();
        assert_eq!(roots("postgres://db").as_deref(), file.to_str());
        assert_eq!(roots("postgres://db?sslmode=disable"), None);
        assert_eq!(roots("postgres://db?sslrootcert=/ca").as_deref(), Some("/ca"));
        assert!(Path::new(&roots("postgres://db?sslrootcert=ca.pem").unwrap()).is_absolute());
        let own = home.path().join("ca.pem");
        assert_eq!(roots("postgres://db?sslrootcert=~/ca.pem").as_deref(), own.to_str());
    }

    #[test]
    fn without_tls_only_this_machine_is_not_in_the_open() {
        let disabled = |host: &str| format!("postgres://ann@{host}/x?sslmode=disable");
        for (text, way) in [
            ("postgres://ann@db/x".to_owned(), Way::Verified),
            ("postgres://ann@db/x?sslmode=prefer".to_owned(), Way::Verified),
            ("postgres://ann@%2Frun%2Fpg/x".to_owned(), Way::OnThisMachine),
            (disabled("localhost"), Way::OnThisMachine),
            (disabled("127.0.0.1,[::1]"), Way::OnThisMachine),
            (disabled("db"), Way::InTheOpen),
            (disabled("localhost,10.0.0.7"), Way::InTheOpen),
        ] {
            let address = Address::parse(&text).unwrap().completed(&around(NOTHING));
            assert_eq!(address.way(), way, "{text}");
        }
    }

    #[test]
    fn files_that_belong_to_it_have_plain_names() {
        let address = Address::parse("postgres://ann@db.example:6432/b%2Fooks?a=b").unwrap();
        assert_eq!(address.completed(&around(NOTHING)).file_name(), "ann_db.example_6432_b_2Fooks");
    }
}
