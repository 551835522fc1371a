//! What only a store in PostgreSQL has: how it is reached, made and opened.

mod link;
mod opening;

use std::{cell::RefCell, fmt, path::Path, sync::Arc};

use tokio_postgres::error::{Severity, SqlState};

pub(crate) use self::link::Link;
use crate::{
    Error,
    database::{Db, Fault},
    error::DatabaseError,
    postgres::{PostgresAddress, ServerClock},
};

/// Where the tables are.
const SCHEMA: &str = "xeroctl";
/// One transaction that alone may write: it has the store's row, which all who write want.
const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT 1 FROM store FOR UPDATE";
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A database server. The link to it is made when it is needed, and anew when it was cut.
pub(crate) struct Server {
    address: PostgresAddress,
    clock: Arc<ServerClock>,
    link: RefCell<Option<Link>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    fn new(address: PostgresAddress) -> Self {
        Self { address, clock: Arc::default(), link: RefCell::default() }
    }

    /// A new link, which has told what the server's clock says.
    fn link(&self) -> Result<Link, Fault> {
        let link = Link::open(&self.address)?;
        self.clock.set(link.ahead()?);
        Ok(link)
    }

    /// One transaction that alone may write. Commits what `work` did, if it did not fail.
    pub(super) fn write<T>(&self, work: impl FnOnce(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.transaction(WRITE, work)
    }

    /// Reads at one moment.
    pub(super) fn read<T>(&self, work: impl FnOnce(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.transaction(READ, work)
    }

    fn transaction<T>(&self, begin: &str, work: impl FnOnce(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let link = self.begin(begin)?;
        let done = work(Db::Postgres(&link)).and_then(|result| link.batch("COMMIT").map(|()| result));
        // A link whose transaction cannot be ended is given up, and the server ends it.
        if done.is_ok() || link.batch("ROLLBACK").is_ok() {
            self.link.replace(Some(link));
        }
        done
    }

    /// A link on which the transaction is open. Nothing has been done on a link that was cut before: then it is made anew.
    fn begin(&self, begin: &str) -> Result<Link, Fault> {
        if let Some(link) = self.link.take() {
            match link.batch(begin) {
                Ok(()) => return Ok(link),
                Err(error) if link.is_cut() || is_fatal(&error) => {}
                Err(error) => {
                    if link.batch("ROLLBACK").is_ok() {
                        self.link.replace(Some(link));
                    }
                    return Err(error);
                }
            }
        }
        let link = self.link()?;
        link.batch(begin)?;
        Ok(link)
    }
}

/// True where the server has ended the link.
fn is_fatal(fault: &Fault) -> bool {
    let Fault::Postgres(error) = fault else { return false };
    let severity = error.as_db_error().and_then(|said| said.parsed_severity());
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

/// What a failure of the server means for a caller.
pub(super) fn explain(error: tokio_postgres::Error, place: &Path) -> Error {
    let Some(code) = error.code() else {
        return Error::Unreachable { place: place.to_owned(), source: DatabaseError::from(error) };
    };
    match *code {
        SqlState::LOCK_NOT_AVAILABLE
        | SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED => Error::Busy,
        SqlState::DISK_FULL => Error::DiskFull,
        SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::INSUFFICIENT_PRIVILEGE => {
            Error::NotWritable(place.to_owned())
        }
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME => Error::NotFound(place.to_owned()),
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::TOO_MANY_CONNECTIONS => {
            Error::Unreachable { place: place.to_owned(), source: DatabaseError::from(error) }
        }
        _ => Error::Database(DatabaseError::from(error)),
    }
}
