//! Where the stores of these tests are: in SQLite files.

use std::path::{Path, PathBuf};

use connection_store::{Destination, Error, NewKey, Store, StoreKey};
use rusqlite::Connection as Db;

use crate::home::Home;

pub(crate) fn create(path: &Path, key: &NewKey) -> Result<Store, Error> {
    Store::create(path, key)
}

pub(crate) fn open(path: &Path, key: &StoreKey) -> Result<Store, Error> {
    Store::open(path, key)
}

pub(crate) fn sql(path: &Path, batch: &str) {
    Db::open(path).unwrap().execute_batch(batch).unwrap();
}

pub(crate) fn count(path: &Path, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    Db::open(path).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// Whatever is written into a table fails.
pub(crate) fn refuse(path: &Path, table: &str) {
    sql(path, &format!("CREATE TRIGGER no BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"));
}

pub(crate) fn admit(path: &Path, _: &str) {
    sql(path, "DROP TRIGGER no");
}

/// What a refresh brings cannot be saved.
pub(crate) fn refuse_saving(path: &Path) {
    sql(
        path,
        "CREATE TRIGGER no BEFORE UPDATE OF refresh ON authorisations BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
}

pub(crate) fn admit_saving(path: &Path) {
    sql(path, "DROP TRIGGER no");
}

/// A place that a store can be moved to.
pub(crate) struct Room(PathBuf);

impl Room {
    /// A new one.
    pub(crate) fn new(path: &Path) -> Self {
        Self::of(path)
    }

    /// One that is there.
    pub(crate) fn of(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn destination(&self) -> Destination<'_> {
        Destination::File(&self.0)
    }

    pub(crate) fn name(&self) -> String {
        self.0.canonicalize().unwrap().to_str().unwrap().to_owned()
    }
}

impl Home {
    pub(crate) fn db(&self) -> Db {
        Db::open(&self.path).unwrap()
    }
}
