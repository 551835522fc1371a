//! The store as one SQLite file, and the changes of state it knows, each whole or not at all.

mod apps;
mod authorisations;
mod connections;
mod opening;
mod pending;

use std::path::{Path, PathBuf};

use rusqlite::{Connection as Db, ErrorCode, Transaction, TransactionBehavior, ffi};

pub(crate) use self::{
    apps::{AppRow, StoredApp},
    authorisations::Lease,
    connections::{ConnectionRow, TestedRow},
};
use crate::{Error, error::DatabaseError};

/// An open store file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    db: Db,
    path: PathBuf,
}

impl Sqlite {
    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn change<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, Error> {
        let done = self.db.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|tx| {
            let result = work(&tx)?;
            tx.commit()?;
            Ok(result)
        });
        done.map_err(|error| self.explain(error))
    }

    fn read<T>(&self, work: impl FnOnce(&Db) -> rusqlite::Result<T>) -> Result<T, Error> {
        work(&self.db).map_err(|error| self.explain(error))
    }

    fn explain(&self, error: rusqlite::Error) -> Error {
        explain(error, &self.path)
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
