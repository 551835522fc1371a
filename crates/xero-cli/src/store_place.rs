//! Where a store is: in a file of this machine, or at a PostgreSQL server that several machines share.

#[cfg(feature = "postgres")]
mod address;
pub(crate) mod of_run;
#[cfg(feature = "postgres")]
mod password;
#[cfg(feature = "postgres")]
mod server;

use std::path::{Path, PathBuf};

use connection_store::{Destination, Error, KeySlot, LockedStore, NewKey, Store};

#[cfg(feature = "postgres")]
pub(crate) use self::server::ServerPlace;
use crate::{
    args::Global,
    failure::{Failure, Outcome},
    store_access::base,
};

/// How an address of PostgreSQL begins.
const SCHEMES: [&str; 2] = ["postgres:", "postgresql:"];
/// How an address begins in libpq's other form.
const KEYWORDS: [&str; 10] = [
    "dbname",
    "host",
    "hostaddr",
    "passfile",
    "password",
    "port",
    "service",
    "sslmode",
    "sslrootcert",
    "user",
];
/// How an address is written, and where the password comes from.
pub(crate) const WRITE_IT: &str = "write it as postgres://USER@HOST:PORT/DATABASE; the password comes from --store-password-file \
     FILE, PGPASSWORD or ~/.pgpass";
/// How the address of a file may begin.
const FILE: &str = "sqlite:";

/// Where a store is.
pub(crate) enum StorePlace {
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Server(Box<ServerPlace>),
}

/// How a store at a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(any(feature = "postgres", test)), expect(dead_code, reason = "a file has none"))]
pub(crate) enum Way {
    /// By TLS.
    Verified,
    /// Without, by a socket or a loopback address.
    OnThisMachine,
    /// Without, over a network.
    InTheOpen,
}

/// Where the password at a server is looked for before libpq's file.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "a file has none"))]
pub(crate) struct Password<'a> {
    /// The file that is named for it.
    pub(crate) file: Option<&'a Path>,
    /// Whether what `PGPASSWORD` holds is for this server.
    pub(crate) by_variable: bool,
}

/// What an option, a variable or the configuration file names.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    File(&'a Path),
    Server(&'a str),
}

/// True for the address of a server, well-formed or not.
pub(crate) fn is_at_server(named: &str) -> bool {
    SCHEMES.iter().any(|scheme| named.starts_with(scheme))
}

/// The path in what may be the address of a file.
pub(crate) fn file_in(named: &str) -> &str {
    named.strip_prefix(FILE).unwrap_or(named)
}

/// True where these options name a server.
pub(crate) fn is_named_at_server(global: &Global) -> bool {
    global.store.as_deref().and_then(Path::to_str).is_some_and(is_at_server)
}

/// Where the store of these options is, for people.
pub(crate) fn shown(global: &Global) -> Outcome<String> {
    Ok(match &global.store {
        None => default_file()?.display().to_string(),
        Some(value) => match named(value)? {
            Named::File(path) => path.display().to_string(),
            Named::Server(address) => without_secrets(address),
        },
    })
}

/// An address as it may be shown, whatever somebody wrote into it.
fn without_secrets(address: &str) -> String {
    let shown = address.split('?').next().unwrap_or_default();
    let (scheme, rest) = shown.split_once("://").unwrap_or(("", shown));
    match rest.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}://{}@{host}", user.split(':').next().unwrap_or_default()),
        None => shown.to_owned(),
    }
}

impl<'a> Password<'a> {
    /// Of the server of this run.
    pub(crate) fn of(global: &'a Global) -> Self {
        Self { file: global.store_password_file.as_deref(), by_variable: true }
    }

    /// Of another server: what is meant for the one of this run is not shown to it.
    pub(crate) fn of_another(file: Option<&'a Path>) -> Self {
        Self { file, by_variable: false }
    }
}

impl StorePlace {
    /// The place that the option or the variable names, or the file in the platform's data directory.
    ///
    /// # Errors
    /// Those of an address, and of the files that hold its password.
    pub(crate) fn of(global: &Global) -> Outcome<Self> {
        match &global.store {
            Some(value) => Self::at(value, Password::of(global)),
            None => Ok(Self::File(default_file()?)),
        }
    }

    /// The place of this name.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn at(value: &Path, password: Password<'_>) -> Outcome<Self> {
        match named(value)? {
            Named::File(path) => Ok(Self::File(path.to_owned())),
            #[cfg(feature = "postgres")]
            Named::Server(address) => Ok(Self::Server(Box::new(ServerPlace::of(address, password)?))),
            #[cfg(not(feature = "postgres"))]
            Named::Server(_) => {
                let _ = password;
                Err(Failure::usage("this xeroctl was built without PostgreSQL")
                    .hint("build it with the feature `postgres`, or name a file with --store"))
            }
        }
    }

    /// The path, or the address without what stands after a `?`.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.path(),
        }
    }

    /// The path or the address as the next command is given it.
    pub(crate) fn spelled(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.spelled().to_owned(),
        }
    }

    /// True where this names the same database of the same server.
    pub(crate) fn is_server_at(&self, named: &Path) -> Outcome<bool> {
        match (self, named.to_str()) {
            #[cfg(feature = "postgres")]
            (Self::Server(server), Some(address)) if is_at_server(address) => server.is_at(address),
            _ => Ok(false),
        }
    }

    /// The store's own file, where it has one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            #[cfg(feature = "postgres")]
            Self::Server(_) => None,
        }
    }

    /// The file, or a file's name, beside which this machine keeps what is its own.
    pub(crate) fn local(&self) -> &Path {
        match self {
            Self::File(path) => path,
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.local(),
        }
    }

    /// How it is reached; nothing for a file.
    pub(crate) fn way(&self) -> Option<Way> {
        match self {
            Self::File(_) => None,
            #[cfg(feature = "postgres")]
            Self::Server(server) => Some(server.way()),
        }
    }

    /// The keys that open the store.
    pub(crate) fn key_slots(&self) -> Result<Vec<KeySlot>, Error> {
        match self {
            Self::File(path) => Store::key_slots(path),
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.key_slots(),
        }
    }

    /// The store, for a key to open it.
    pub(crate) fn find(&self) -> Result<LockedStore, Error> {
        match self {
            Self::File(path) => LockedStore::find(path),
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.find(),
        }
    }

    /// As a place that a store can be moved to.
    pub(crate) fn destination(&self) -> Destination<'_> {
        match self {
            Self::File(path) => Destination::File(path),
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.destination(),
        }
    }

    /// Makes the store.
    pub(crate) fn create(&self, key: &NewKey) -> Result<Store, Error> {
        match self {
            Self::File(path) => Store::create(path, key),
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.create(key),
        }
    }

    /// What another role of the server must be given to use the store; nothing for a file.
    pub(crate) fn grants(&self, role: &str) -> String {
        match self {
            #[cfg(feature = "postgres")]
            Self::Server(_) => Store::grants_at(role),
            Self::File(_) => {
                let _ = role;
                String::new()
            }
        }
    }

    /// What names this place on the command line of a job, whose directory and variables are others.
    pub(crate) fn job_arguments(&self) -> Outcome<Vec<String>> {
        match self {
            Self::File(path) => Ok(vec!["--store".to_owned(), absolute(path)?]),
            #[cfg(feature = "postgres")]
            Self::Server(server) => server.job_arguments(),
        }
    }
}

/// A path that means the same wherever a program is started.
pub(crate) fn absolute(path: &Path) -> Outcome<String> {
    let absolute = std::path::absolute(path).map_err(|error| Failure::unreadable(path, &error))?;
    absolute.into_os_string().into_string().map_err(|path| {
        Failure::usage(format!("the path {} is not UTF-8", path.display()))
            .hint("choose another: it must stand in a file of the system's")
    })
}

fn default_file() -> Outcome<PathBuf> {
    Ok(folder()?.join("connections.db"))
}

/// Where this machine keeps stores, and what belongs to those at servers.
fn folder() -> Outcome<PathBuf> {
    use etcetera::BaseStrategy;
    Ok(base()?.data_dir().join("xeroctl"))
}

fn named(value: &Path) -> Outcome<Named<'_>> {
    let Some(text) = value.to_str() else { return Ok(Named::File(value)) };
    if is_at_server(text) {
        return Ok(Named::Server(text));
    }
    if is_in_keywords(text) {
        return Err(Failure::usage(
            "the store's address is written in keywords, as only PostgreSQL's own programs take it",
        )
        .hint(WRITE_IT));
    }
    let file = file_in(text);
    if file.is_empty() {
        return Err(Failure::usage("the store's address names no file")
            .hint("write it as sqlite:PATH, or as a path alone"));
    }
    match file.split_once("://") {
        Some((scheme, _)) => {
            Err(Failure::usage(format!("a store cannot be at an address of the kind {scheme}://"))
                .hint("give a path, or postgres://USER@HOST/DATABASE"))
        }
        None => Ok(Named::File(Path::new(file))),
    }
}

/// True for libpq's other form of an address, `host=… user=…`, which may hold a password.
fn is_in_keywords(text: &str) -> bool {
    let keyword = text.split('=').next().filter(|keyword| keyword.len() < text.len());
    keyword.is_some_and(|keyword| KEYWORDS.contains(&keyword.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (address, shown) in [
            ("postgres://ada:p@ss:word@db/books?password=x", "postgres://ada@db/books"),
            ("postgres://ada@db/books", "postgres://ada@db/books"),
            ("postgres:///books", "postgres:///books"),
        ] {
            assert_eq!(without_secrets(address), shown);
        }
    }

    #[test]
    fn files_and_servers() {
        for (value, expected) in [
            ("a/b.db", Named::File(Path::new("a/b.db"))),
            ("sqlite:a/b.db", Named::File(Path::new("a/b.db"))),
            ("sqlite:///a/b.db", Named::File(Path::new("///a/b.db"))),
            ("postgres.db", Named::File(Path::new("postgres.db"))),
            ("C:\\x.db", Named::File(Path::new("C:\\x.db"))),
            ("postgres://", Named::Server("postgres://")),
            ("postgresql://a@b/c?d=e", Named::Server("postgresql://a@b/c?d=e")),
            ("postgres:b", Named::Server("postgres:b")),
        ] {
            assert_eq!(named(Path::new(value)).unwrap(), expected, "{value}");
        }
        for keywords in ["host=db password=geheim", " user = ann dbname=x", "password=geheim"] {
            let refused = named(Path::new(keywords)).unwrap_err();
            assert!(!format!("{refused:?}").contains("geheim") && refused.kind.status() == 2, "{keywords}");
        }
        assert_eq!(named(Path::new("a=b.db")).unwrap(), Named::File(Path::new("a=b.db")));
        for wrong in ["sqlite:", "mysql://a/b", "POSTGRES://a/b", "sqlite:mysql://a"] {
            assert!(named(Path::new(wrong)).is_err(), "{wrong}");
        }
    }
}
