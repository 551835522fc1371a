//! The store as one SQLite file, and the changes of state it knows, each whole or not at all.

mod apps;
mod authorisations;
mod connections;
mod copies;
mod events;
mod handing;
mod keys;
mod limits;
mod opening;
mod owner;
mod pending;
mod recorded;
mod rekey;
mod sealed;
mod spares;
mod verify;

use std::path::{Path, PathBuf};

use rusqlite::{Connection as Db, ErrorCode, Transaction, TransactionBehavior, ffi};

pub(crate) use self::{
    apps::{AppRow, StoredApp},
    authorisations::{Kept, Lease, OVERDUE},
    connections::{ConnectionRow, TestedRow},
    copies::{BEGUN, Taken, folder_of, sweep_leftovers, sync_folder, unwritable},
    handing::{Handing, ImportRows, ImportedApp, LoginRow},
    opening::make_folder,
    owner::OwnerRow,
    recorded::Unlocked,
};
use crate::{Error, error::DatabaseError};

/// An open store file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    db: Db,
    path: PathBuf,
    /// What reads sealed values that the backend itself keeps; there once a key has opened the store.
    unlocked: Option<Unlocked>,
}

/// Why a piece of work on the database failed: the database, or something that was found in it.
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    Ours(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl Sqlite {
    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A change that the ledger does not note: of leases, marks, spares, events and pending logins.
    fn change<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        let done = (|| {
            let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&tx)?;
            tx.commit()?;
            Ok(result)
        })();
        done.map_err(|fault| settle(fault, &self.path))
    }

    fn read<T>(&self, work: impl FnOnce(&Db) -> rusqlite::Result<T>) -> Result<T, Error> {
        work(&self.db).map_err(|error| self.explain(error))
    }

    fn explain(&self, error: rusqlite::Error) -> Error {
        explain(error, &self.path)
    }
}

fn settle(fault: Fault, path: &Path) -> Error {
    match fault {
        Fault::Sql(error) => explain(error, path),
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
        _ => Error::Database(DatabaseError(error.into())),
    }
}
