//! Where the stores of these tests are: each in a database of its own on one server.

use std::path::{Path, PathBuf};

use connection_store::{Destination, Error, NewKey, PostgresAddress, Store, StoreKey};
use futures_executor::block_on;
use tokio_postgres::Client;

use crate::cluster::{connect, port};

pub(crate) fn create(path: &Path, key: &NewKey) -> Result<Store, Error> {
    make(path);
    Store::create_at(&address(path), path, key)
}

/// An empty database.
pub(crate) fn make(path: &Path) {
    let sql = format!("CREATE DATABASE \"{}\"", name(path));
    // One at a time: they are copies of one template.
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let one = ONE.lock().unwrap();
    block_on(connect(port(), "postgres").unwrap().batch_execute(&sql)).unwrap();
    drop(one);
}

/// Whatever is written into a table fails.
pub(crate) fn refuse(path: &Path, table: &str) {
    sql(path, &format!("ALTER TABLE {table} ADD CONSTRAINT no CHECK (false)"));
}

pub(crate) fn admit(path: &Path, table: &str) {
    sql(path, &format!("ALTER TABLE {table} DROP CONSTRAINT no"));
}

/// What a refresh brings cannot be saved.
pub(crate) fn refuse_saving(path: &Path) {
    sql(path, "ALTER TABLE authorisations ADD CONSTRAINT no CHECK (generation < 2)");
}

pub(crate) fn admit_saving(path: &Path) {
    sql(path, "ALTER TABLE authorisations DROP CONSTRAINT no");
}

/// A place that a store can be moved to.
pub(crate) struct Room {
    address: PostgresAddress,
    folder: PathBuf,
}

impl Room {
    /// A new one.
    pub(crate) fn new(path: &Path) -> Self {
        make(path);
        Self::of(path)
    }

    /// One that is there.
    pub(crate) fn of(path: &Path) -> Self {
        Self { address: address(path), folder: path.to_owned() }
    }

    pub(crate) fn destination(&self) -> Destination<'_> {
        Destination::Server { address: &self.address, folder: &self.folder }
    }

    pub(crate) fn name(&self) -> String {
        format!("{:?}", self.address).split('"').nth(1).unwrap().to_owned()
    }
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
    address_at(port(), path)
}

/// The same by another port.
pub(crate) fn address_at(port: u16, path: &Path) -> PostgresAddress {
    let address = format!("postgres://tester@127.0.0.1:{port}/{}?sslmode=disable", name(path));
    PostgresAddress::parse(&address).unwrap()
}

/// A client that stays when nobody is let into the store's database.
pub(crate) fn beside() -> Client {
    connect(port(), "postgres").unwrap()
}

/// How many owners of leases show that they are alive.
pub(crate) fn living(beside: &Client, path: &Path) -> i64 {
    let sql = format!("SELECT count(*) FROM {}", locks(path));
    block_on(beside.query_one(&sql, &[])).unwrap().get(0)
}

/// Cuts the links of those who have leases, and lets nobody in until [`let_in`].
pub(crate) fn cut_leaders(beside: &Client, path: &Path) {
    let shut = format!("ALTER DATABASE \"{}\" ALLOW_CONNECTIONS false", name(path));
    let cut = format!("SELECT pg_terminate_backend(l.pid) FROM {}", locks(path));
    block_on(beside.batch_execute(&format!("{shut}; {cut}"))).unwrap();
    while living(beside, path) > 0 {
        std::thread::yield_now();
    }
}

pub(crate) fn let_in(beside: &Client, path: &Path) {
    let open = format!("ALTER DATABASE \"{}\" ALLOW_CONNECTIONS true", name(path));
    block_on(beside.batch_execute(&open)).unwrap();
}

fn locks(path: &Path) -> String {
    format!(
        "pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE l.locktype = 'advisory' AND l.granted AND d.datname = '{}'",
        name(path)
    )
}

/// A database for each folder.
pub(crate) fn name(path: &Path) -> String {
    let folder = path.parent().and_then(Path::parent).and_then(Path::file_name).unwrap();
    folder.to_string_lossy().trim_start_matches('.').to_owned()
}
