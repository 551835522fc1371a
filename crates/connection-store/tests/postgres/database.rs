//! Where the stores of these tests are: each in a database of its own on one server.

use std::path::Path;

use connection_store::{Error, NewKey, PostgresAddress, Store, StoreKey};
use futures_executor::block_on;

use crate::cluster::{connect, port};

pub(crate) fn create(path: &Path, key: &NewKey) -> Result<Store, Error> {
    let sql = format!("CREATE DATABASE \"{}\"", name(path));
    // One at a time: they are copies of one template.
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let one = ONE.lock().unwrap();
    block_on(connect(port(), "postgres").unwrap().batch_execute(&sql)).unwrap();
    drop(one);
    Store::create_at(&address(path), path, key)
}

pub(crate) fn open(path: &Path, key: &StoreKey) -> Result<Store, Error> {
    Store::open_at(&address(path), path, key)
}

pub(crate) fn sql(path: &Path, batch: &str) {
    let batch = format!("SET search_path = xeroctl; {batch}");
    block_on(connect(port(), &name(path)).unwrap().batch_execute(&batch)).unwrap();
}

pub(crate) fn count(path: &Path, table: &str) -> i64 {
    one(path, &format!("SELECT count(*) FROM xeroctl.{table}"))
}

/// The one number that a query gives.
pub(crate) fn one(path: &Path, query: &str) -> i64 {
    block_on(connect(port(), &name(path)).unwrap().query_one(query, &[])).unwrap().get(0)
}

pub(crate) fn address(path: &Path) -> PostgresAddress {
    let address = format!("postgres://tester@127.0.0.1:{}/{}?sslmode=disable", port(), name(path));
    PostgresAddress::parse(&address).unwrap()
}

/// A database for each folder.
fn name(path: &Path) -> String {
    let folder = path.parent().and_then(Path::parent).and_then(Path::file_name).unwrap();
    folder.to_string_lossy().trim_start_matches('.').to_owned()
}
