//! Where the stores of these tests are: in SQLite files.

use std::path::Path;

use connection_store::{Error, NewKey, Store, StoreKey};
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

impl Home {
    pub(crate) fn db(&self) -> Db {
        Db::open(&self.path).unwrap()
    }
}
