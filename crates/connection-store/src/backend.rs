//! The store's database, and the changes of state it knows, each whole or not at all.

mod apps;
mod authorisations;
mod connections;
mod counts;
mod events;
mod handing;
mod keys;
mod limits;
mod moving;
mod owner;
mod pending;
#[cfg(feature = "postgres")]
mod postgres;
mod recorded;
mod rekey;
mod rows;
mod sealed;
mod spares;
mod sqlite;
mod verify;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, ffi};
use tokio::sync::watch;

#[cfg(feature = "postgres")]
pub(crate) use self::postgres::{Counted, Link, grants};
use self::recorded::StoreRow;
pub(crate) use self::{
    apps::{AppRow, StoredApp},
    authorisations::{Kept, Lease, OVERDUE},
    connections::{ConnectionRow, TestedRow},
    handing::{Handing, ImportRows, ImportedApp, LoginRow},
    moving::{Marks, There},
    owner::OwnerRow,
    recorded::Unlocked,
    rows::Report,
    sqlite::{BEGUN, Taken, folder_of, make_folder, sweep_leftovers, sync_folder, unwritable},
};
use crate::{
    Error,
    database::{Db, Fault},
    error::DatabaseError,
    store::Sign,
};

/// An open store.
#[derive(Debug)]
pub(crate) struct Backend {
    session: Session,
    /// The file, or the server's address.
    path: PathBuf,
    /// The file beside which this machine keeps what is its own: signs of life, room, what was rescued.
    local: PathBuf,
    /// What reads sealed values that the backend itself keeps; there once a key has opened the store.
    unlocked: Option<Unlocked>,
}

/// A way to the database.
#[derive(Debug)]
enum Session {
    Sqlite(Connection),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Server>),
}

impl Session {
    /// One transaction that alone may write. Commits what `work` did, if it did not fail.
    fn write<T>(&mut self, mut work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self {
            Self::Sqlite(db) => {
                let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let result = work(Db::Sqlite(&tx))?;
                tx.commit()?;
                Ok(result)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.write(work),
        }
    }

    /// Reads at one moment.
    fn read<T>(&self, mut work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self {
            Self::Sqlite(db) => {
                let tx = db.unchecked_transaction()?;
                work(Db::Sqlite(&tx))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => server.read(work),
        }
    }
}

impl Backend {
    /// The file, or the server's address.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file beside which this machine keeps what is its own.
    pub(crate) fn local(&self) -> &Path {
        &self.local
    }

    /// What tells this database from a copy of it, where it is in no file.
    pub(crate) fn cluster(&self) -> Result<Option<String>, Error> {
        self.read(|db| db.cluster())
    }

    pub(crate) fn is_at_a_server(&self) -> bool {
        !matches!(self.session, Session::Sqlite(_))
    }

    /// What the owner of a lease who has no file here is: dead, where all who use the store are on one machine.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "only a server knows"))]
    pub(crate) fn sign_of(&self, owner: &str) -> Result<Sign, Error> {
        match &self.session {
            Session::Sqlite(_) => Ok(Sign::Dead),
            #[cfg(feature = "postgres")]
            Session::Postgres(server) => server.sign_of(owner).map_err(|fault| settle(fault, &self.path)),
        }
    }

    /// Takes away the sign that the owner of a lease is alive, which [`take_lease`](Self::take_lease) gave.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "only a server knows"))]
    pub(crate) fn let_go(&self, owner: &str) {
        #[cfg(feature = "postgres")]
        if let Session::Postgres(server) = &self.session {
            // Where the link is cut there is no sign.
            drop(server.let_go(owner));
        }
    }

    /// Tells each time when the link to the server has ended; `None` for a file.
    pub(crate) fn link_ended(&self) -> Option<watch::Receiver<u64>> {
        match &self.session {
            Session::Sqlite(_) => None,
            #[cfg(feature = "postgres")]
            Session::Postgres(server) => Some(server.ended()),
        }
    }

    /// Where nobody waits for the server, where the store is at one.
    pub(crate) fn runtime(&self) -> Option<tokio::runtime::Handle> {
        match &self.session {
            Session::Sqlite(_) => None,
            #[cfg(feature = "postgres")]
            Session::Postgres(server) => Some(server.runtime().clone()),
        }
    }

    /// Makes the link to the server anew where it has ended.
    pub(crate) fn keep_link(&self) -> Result<(), Error> {
        match &self.session {
            Session::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Session::Postgres(server) => server.keep_link().map_err(|fault| settle(fault, &self.path)),
        }
    }

    /// Shows to all who use the server that the owner of a lease is alive.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, clippy::unnecessary_wraps, reason = "only a server knows")
    )]
    fn hold(&self, owner: &str) -> Result<(), Error> {
        match &self.session {
            Session::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Session::Postgres(server) => server.hold(owner).map_err(|fault| settle(fault, &self.path)),
        }
    }

    /// A change that the ledger does not note: of leases, marks, spares, events and pending logins.
    fn change<T>(&mut self, mut work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        self.change_whosever(|db| {
            StoreRow::read(db)?.admit_change()?;
            work(db)
        })
    }

    /// The same in a store that was moved away too, or that has not arrived.
    fn change_whosever<T>(&mut self, work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        self.session.write(work).map_err(|fault| settle(fault, &self.path))
    }

    fn read<T>(&self, work: impl FnMut(Db<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        self.session.read(work).map_err(|fault| settle(fault, &self.path))
    }
}

/// What a failure means for a caller, of the database at this path.
pub(crate) fn settle(fault: Fault, path: &Path) -> Error {
    match fault {
        Fault::Sql(error) => explain(error, path),
        #[cfg(feature = "postgres")]
        Fault::Postgres(error) => postgres::explain(error, path),
        Fault::Ours(error) => error,
    }
}

fn explain(error: rusqlite::Error, path: &Path) -> Error {
    // The file that readers and writers share could not be made as large as it must be.
    if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE) {
        return Error::DiskFull;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::NotADatabase(path.to_owned()),
        Some(ErrorCode::DatabaseCorrupt) => Error::Corrupt(path.to_owned()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
        Some(ErrorCode::DiskFull) => Error::DiskFull,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::NotWritable(path.to_owned())
        }
        _ => Error::Database(DatabaseError::from(rusqlite_migration::Error::from(error))),
    }
}
