//! What can go wrong with a store, one variant for each thing to do next.

mod reason;

use std::{fmt, io, path::PathBuf, time::SystemTime};

pub use self::reason::Reason;

use crate::{AppKind, Wait};

/// The errors of this crate. None carries a secret, a key or a statement's values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no store at the path.
    #[error("there is no store at {0}")]
    NotFound(PathBuf),
    /// There is a store already where one was to be made.
    #[error("there is a store at {0} already")]
    Exists(PathBuf),
    /// The file is not a SQLite database.
    #[error("{0} is not a store: it is not an SQLite database")]
    NotADatabase(PathBuf),
    /// The file is a SQLite database of another program.
    #[error("{0} is not a store: it is the database of another program")]
    Foreign(PathBuf),
    /// The file is a store and is damaged.
    #[error("the store {0} is damaged")]
    Corrupt(PathBuf),
    /// The store was made or changed by a newer version of this program.
    #[error("the store {path} has format {found}; this version knows formats up to {known}")]
    NewerFormat {
        /// The store's file.
        path: PathBuf,
        /// The format found.
        found: i64,
        /// The newest format that this version knows.
        known: i64,
    },
    /// The store in a database server has an older format, and the role may not change its tables: the one that made them has
    /// to open it once with this version.
    #[error("the store {path} has format {found}, and this role may not bring it to format {known}")]
    OlderFormat {
        /// The store's address.
        path: PathBuf,
        /// The format found.
        found: i64,
        /// The format that this version needs.
        known: i64,
    },
    /// The key does not open the store.
    #[error("the key does not open this store")]
    WrongKey,
    /// The passphrase does not open the store.
    #[error("the passphrase does not open this store")]
    WrongPassphrase,
    /// The store is not opened by a key of this kind.
    #[error("the store is locked with {0}")]
    OtherLock(&'static str),
    /// The bytes are not a key file.
    #[error("not a key file of a store")]
    NotAKeyFile,
    /// A sealed value does not belong where it stands, or was changed.
    #[error("the sealed {column} of {table} row {row} was changed, moved or put back; it is not used")]
    Tampered {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id.
        row: String,
    },
    /// Another process keeps the store busy.
    #[error("the store is busy")]
    Busy,
    /// The disk is full: nothing was changed.
    #[error("the disk is full; nothing was saved")]
    DiskFull,
    /// The store or its directory cannot be written: nothing was changed.
    #[error("{0} cannot be written")]
    NotWritable(PathBuf),
    /// There is no connection of that name.
    #[error("there is no connection named {name:?}")]
    NoSuchConnection {
        /// The name asked for.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// No connection was named and none is the default.
    #[error("no connection was named and none is the default")]
    NoDefault {
        /// The names that there are.
        known: Vec<String>,
    },
    /// The name is taken.
    #[error("there is a connection named {0:?} already")]
    NameTaken(String),
    /// The text cannot be the name of a connection or an app.
    #[error("a name {0}")]
    BadName(&'static str),
    /// The address cannot be used in place of Xero.
    #[error("the address {0}")]
    BadServer(&'static str),
    /// A request for another server than the connection's own.
    #[error("this connection talks to {expected} and to no other server")]
    OtherServer {
        /// Scheme, host and port of the connection's server.
        expected: String,
    },
    /// Signing failed.
    #[error("the request cannot be signed")]
    Sign(#[source] xero_auth_oauth1::Error),
    /// The stored key or certificate cannot be used.
    #[error("the stored key cannot be used")]
    Key(#[source] xero_certs::Error),
    /// Nothing but a new login helps: Xero takes the refresh token no more, or there is none.
    #[error("a person must log in again: {reason}")]
    NeedsLogin {
        /// The connections that wait for it, by name.
        connections: Vec<String>,
        /// What happened, in words for a person.
        reason: String,
    },
    /// A token could not be had. The stored tokens are as good as before.
    #[error("Xero did not give a new token")]
    Auth(#[source] xero_auth_oauth2::Error),
    /// Something else that Xero was asked for was not done.
    #[error("Xero did not {asked}")]
    Xero {
        /// What it was asked for.
        asked: &'static str,
        /// What it answered.
        source: xero_auth_oauth2::Error,
    },
    /// A refresh token was spent at Xero, and what came for it could not be saved, though this was tried for some ten
    /// seconds. That it was sent is noted, and Xero takes it again for 30 minutes: the next try inside them makes it good.
    #[error(
        "a refresh token was spent and the new one could not be saved; \
         within 30 minutes the next try recovers it, later a person must log in again"
    )]
    NotSaved {
        /// Why it could not be saved.
        source: Box<Error>,
        /// The file into which it was put instead, sealed: the next refresh takes it up. `None`: not even that worked.
        rescued: Option<PathBuf>,
    },
    /// Another task or process has been refreshing the same authorisation for too long; try again. Nothing was
    /// refreshed here.
    #[error("another process is refreshing this authorisation and has not finished; nothing was refreshed")]
    RefreshBusy,
    /// Renewals at a server's store were left half-way. What Xero answered may wait, sealed, on another machine, where nobody could
    /// open it after this.
    #[error(
        "a renewal of {} was left half-way, and what Xero answered may wait on another machine",
        half_way(connections)
    )]
    HalfWay {
        /// The connections of the logins, by name; none where they have none yet.
        connections: Vec<String>,
    },
    /// The call would break one of Xero's limits, for longer than its caller waits. It was not made.
    #[error("the rate limit{} is used up", .0.limit)]
    LimitReached(Wait),
    /// The custom connection was authorised for another organisation in the portal. The token for that was not kept, and
    /// nothing was sent with it.
    #[error("the connection is for {pinned}, and {found} answered")]
    OtherOrganisation {
        /// The connection's name.
        connection: String,
        /// The organisation that it is pinned to, by name.
        pinned: String,
        /// What its app reaches now, by name; a text of the server's.
        found: String,
    },
    /// There is no authorisation of that id (any more).
    #[error("there is no authorisation {0}")]
    NoSuchAuthorisation(String),
    /// There is no app of that id (any more).
    #[error("there is no app {0}")]
    NoSuchApp(String),
    /// The new consent was given to another app than the stored one.
    #[error("the new login was for another app than the stored one")]
    AppMismatch,
    /// An app of this kind has nothing of the sort.
    #[error("a {} app has no {wanted}", kind.as_str())]
    WrongKind {
        /// The app's kind.
        kind: AppKind,
        /// What was asked for.
        wanted: &'static str,
    },
    /// The store has an app of a kind that this version does not know.
    #[error("an app of the kind {kind:?} is unknown to this version")]
    UnknownKind {
        /// The word for the kind.
        kind: String,
    },
    /// The login was begun too long ago; begin it again.
    #[error("the login was begun too long ago")]
    PendingExpired,
    /// The file is a copy of a store, or lies on another machine than it did: two that refresh would spend each other's
    /// tokens, so this one does not before [`Store::adopt`](crate::Store::adopt) says that it is the one.
    #[error("this is a copy of the store that {owner} owns; a copy does not renew logins")]
    Copied {
        /// The name of the machine that owns the store.
        owner: String,
        /// Since when.
        since: SystemTime,
    },
    /// The store was moved: it is used where it is now. [`Store::adopt`](crate::Store::adopt) takes it into use here all the same.
    #[error("this store was moved to {to}")]
    Moved {
        /// Where it is now.
        to: String,
        /// Since when.
        since: SystemTime,
    },
    /// The store was being moved to here, and that was not finished: [`Store::move_to`](crate::Store::move_to) of the old one
    /// goes on with it.
    #[error("the move of this store from {from} was not finished")]
    Arriving {
        /// Where it comes from.
        from: String,
        /// Where it is to be.
        to: String,
        /// Since when.
        since: SystemTime,
    },
    /// What was written to another place is not what was read; nothing was changed here.
    #[error("the rows of {table} in {place} are not those of this store")]
    NotTheSame {
        /// The other place.
        place: PathBuf,
        /// The table.
        table: &'static str,
    },
    /// The login was exported: the store that imported it renews it, so this one does not before
    /// [`Store::adopt_logins`](crate::Store::adopt_logins) takes it back.
    #[error("this login was handed over to another store")]
    HandedOver {
        /// The connections that use it, by name.
        connections: Vec<String>,
        /// Since when.
        since: SystemTime,
    },
    /// The login was imported and not adopted: another store may be renewing it, so this one does not before
    /// [`Store::adopt_logins`](crate::Store::adopt_logins).
    #[error("this login was imported and not adopted yet")]
    NotAdopted {
        /// The connections that use it, by name.
        connections: Vec<String>,
        /// Since when.
        since: SystemTime,
    },
    /// A login goes with all of its connections: these others use it too.
    #[error("other connections use the same login")]
    SharedLogin {
        /// The connections that would have to go too, by name.
        others: Vec<String>,
    },
    /// The bytes are not a bundle of connections.
    #[error("not a bundle of connections")]
    NotABundle,
    /// The bundle was written by a newer version of this program.
    #[error("the bundle has format {found}; this version knows format {known}")]
    NewerBundle {
        /// The format found.
        found: u32,
        /// The newest format that this version knows.
        known: u32,
    },
    /// An app of the bundle has the id of one that is here, and is another one: of another server, kind or client id.
    #[error("the app {client_id} is registered at {here} here, and is another app at {packed} in the bundle")]
    OtherApp {
        /// The client id or consumer key of the one that is here.
        client_id: String,
        /// Where the one that is here is registered.
        here: String,
        /// Where the bundle's is.
        packed: String,
    },
    /// There is an app of that name.
    #[error("there is an app named {0:?} already")]
    AppNameTaken(String),
    /// The app has one secret only.
    #[error("the app has no second secret")]
    NoSecondSecret,
    /// The key is the only one that opens the store.
    #[error("this is the last key that opens the store")]
    LastKey,
    /// The store has no key of that number.
    #[error("the store has no key number {0}")]
    NoSuchKey(i64),
    /// There is something where a new file was to be made; it was left as it is.
    #[error("there is a file {0} already")]
    FileExists(PathBuf),
    /// Another process gave the store a new data key in this moment; nothing was changed.
    #[error("the store's data key was changed in this moment")]
    Rekeyed,
    /// A key cannot be carried over to a new data key before the store was opened with it once.
    #[error("the store was never opened with its key number {0} since this version came")]
    KeyNotSeen(i64),
    /// The cryptographic library failed at something that should not fail.
    #[error("the cryptographic library could not {0}")]
    Crypto(&'static str),
    /// The operating system refused.
    #[error("{path} cannot be used")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The text is no address of a store in a database server.
    #[error("the store's address {0}")]
    BadAddress(&'static str),
    /// A parameter of such an address, by its name, is not known or has a value that cannot be.
    #[error("the store's address has {0:?}, which is not known or has a value that cannot be")]
    BadParameter(String),
    /// The store is in a database server: it is no file that could be copied, moved or put back. One that was put back from a
    /// dump has to be adopted.
    #[error("the store {0} is in a database server, which copies it by its own means")]
    InServer(PathBuf),
    /// The database server's version is too old.
    #[error("the database server of {place} has version {found}; the oldest that will do is {oldest}")]
    OldServer {
        /// Its address.
        place: PathBuf,
        /// Its version.
        found: u32,
        /// The oldest version that will do.
        oldest: u32,
    },
    /// The database server cannot be reached, or went away; what was being changed may have been changed or not.
    #[error("the database {place} cannot be reached")]
    Unreachable {
        /// Its address.
        place: PathBuf,
        /// What happened.
        source: DatabaseError,
    },
    /// The database refused for another reason.
    #[error("the store's database failed")]
    Database(#[source] DatabaseError),
}

fn half_way(connections: &[String]) -> String {
    if connections.is_empty() { "a login without a connection".to_owned() } else { connections.join(", ") }
}

/// What the database said. Its text names tables and causes, never values.
pub struct DatabaseError(Said);

/// By which database.
enum Said {
    Sqlite(rusqlite_migration::Error),
    #[cfg(feature = "postgres")]
    Postgres(tokio_postgres::Error),
    /// Nothing, for too long.
    #[cfg(feature = "postgres")]
    Nothing,
    /// That it takes no changes.
    #[cfg(feature = "postgres")]
    Standby,
}

#[cfg(feature = "postgres")]
impl DatabaseError {
    pub(crate) fn silence() -> Self {
        Self(Said::Nothing)
    }

    pub(crate) fn is_silence(&self) -> bool {
        matches!(self.0, Said::Nothing)
    }

    pub(crate) fn standby() -> Self {
        Self(Said::Standby)
    }
}

impl From<rusqlite_migration::Error> for DatabaseError {
    fn from(error: rusqlite_migration::Error) -> Self {
        Self(Said::Sqlite(error))
    }
}

#[cfg(feature = "postgres")]
impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(Said::Postgres(error))
    }
}

impl fmt::Debug for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseError({self})")
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Said::Sqlite(rusqlite_migration::Error::RusqliteError { err, .. }) => err.fmt(f),
            Said::Sqlite(other) => other.fmt(f),
            #[cfg(feature = "postgres")]
            Said::Nothing => f.write_str("it does not answer"),
            #[cfg(feature = "postgres")]
            Said::Standby => f.write_str("it is a standby, which takes no changes"),
            #[cfg(feature = "postgres")]
            Said::Postgres(error) => match error.as_db_error() {
                Some(said) => said.message().fmt(f),
                None => error.fmt(f),
            },
        }
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            #[cfg(feature = "postgres")]
            Said::Postgres(error) if error.as_db_error().is_none() => error.source(),
            _ => None,
        }
    }
}
