//! Where the stores of these tests are: each in a database of its own on one server. The owner makes them; they are used by a role
//! that may do no more than must be.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Mutex,
};

use connection_store::{Destination, Error, KeySlot, NewKey, PostgresAddress, Store, StoreKey};
use futures_executor::block_on;
use tokio_postgres::Client;

use crate::cluster::{connect, dump, port};

pub(crate) fn create(path: &Path, key: &NewKey) -> Result<Store, Error> {
    make(path);
    drop(Store::create_at(&owners(path), path, key)?);
    open(path, &key.key)
}

/// Who uses the stores.
const USER: &str = "xeroctl_user";
/// What is done to all databases is done by one at a time; and the databases in which the user has rights.
static ONE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// An empty database, where there is none.
pub(crate) fn make(path: &Path) {
    let there = "SELECT count(*) FROM pg_database WHERE datname = $1";
    // They are copies of one template.
    let _one = ONE.lock().unwrap();
    let client = connect(port(), "postgres").unwrap();
    if block_on(client.query_one(there, &[&name(path)])).unwrap().get::<_, i64>(0) == 0 {
        block_on(client.batch_execute(&format!("CREATE DATABASE \"{}\"", name(path)))).unwrap();
    }
}

/// Gives the user rights, where there are tables.
fn admit_user(path: &Path) {
    let mut admitted = ONE.lock().unwrap();
    let there = "SELECT count(*) FROM pg_namespace WHERE nspname = 'xeroctl'";
    if admitted.contains(&name(path)) || one(path, there) == 0 {
        return;
    }
    let role = format!(
        "IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{USER}') THEN CREATE ROLE {USER} LOGIN; END IF"
    );
    sql(path, &format!("DO $$ BEGIN {role}; END $$; {}", Store::grants_at(USER)));
    admitted.insert(name(path));
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
    refuse_update(path, "refresh");
}

pub(crate) fn admit_saving(path: &Path) {
    sql(path, "DROP TRIGGER no ON authorisations");
}

/// That a token is about to be spent cannot be noted.
pub(crate) fn refuse_intents(path: &Path) {
    refuse_update(path, "intent_at");
}

fn refuse_update(path: &Path, column: &str) {
    let no = "CREATE OR REPLACE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN RAISE EXCEPTION ''no''; END'";
    let on = format!("BEFORE UPDATE OF {column} ON authorisations FOR EACH ROW EXECUTE FUNCTION no()");
    sql(path, &format!("{no}; CREATE TRIGGER no {on}"));
}

pub(crate) fn slots(path: &Path) -> Result<Vec<KeySlot>, Error> {
    Store::key_slots_at(&address(path), path)
}

/// The file beside which this machine keeps what is its own.
pub(crate) fn local(path: &Path) -> PathBuf {
    path.join(format!("{USER}_127.0.0.1_{}_{}", port(), name(path)))
}

/// What marks a store as that of another database.
pub(crate) const ANOTHER: &str = "cluster of another day";
/// 33 bytes, of zeros.
pub(crate) const ZEROS: &str = "decode(repeat('00', 33), 'hex')";
/// A dead owner may be one of another machine whose link was cut: that takes seconds to tell.
pub(crate) const ONE_MACHINE: bool = false;

/// An expression for bytes as text.
pub(crate) fn hex(bytes: &str) -> String {
    format!("encode({bytes}, 'hex')")
}

/// The first column of all rows.
pub(crate) fn texts(path: &Path, query: &str) -> Vec<String> {
    let client = hand(path);
    block_on(client.query(query, &[])).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Changes rows that others name.
pub(crate) fn sql_unchecked(path: &Path, batch: &str) {
    sql(path, &format!("SET session_replication_role = replica; {batch}"));
}

fn hand(path: &Path) -> Client {
    let client = connect(port(), &name(path)).unwrap();
    block_on(client.batch_execute("SET search_path = xeroctl")).unwrap();
    client
}

/// Reads and writes one sealed value, over and over.
pub(crate) struct Hand(Client);

impl Hand {
    pub(crate) fn of(path: &Path) -> Self {
        Self(hand(path))
    }

    /// A name and a value.
    pub(crate) fn read(&self, query: &str) -> (String, Vec<u8>) {
        let row = block_on(self.0.query_one(query, &[])).unwrap();
        (row.get(0), row.get(1))
    }

    /// `?1` is the name, `?2` the value.
    pub(crate) fn write(&self, sql: &str, name: &str, value: &[u8]) {
        let changed = block_on(self.0.execute(&sql.replace('?', "$"), &[&name, &value])).unwrap();
        assert_eq!(changed, 1);
    }
}

/// True where the bytes are in a dump of the database, or in what this machine keeps beside it.
pub(crate) fn holds(path: &Path, _: &Store, marker: &[u8]) -> bool {
    let mut files: Vec<_> =
        std::fs::read_dir(path).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    let dump = dump(&name(path));
    assert!(dump.windows(14).any(|window| window == b"authorisations"), "it is of the store");
    files.push(dump);
    let hex: String = marker.iter().map(|byte| format!("{byte:02x}")).collect();
    let has = |file: &[u8], marker: &[u8]| file.windows(marker.len()).any(|window| window == marker);
    files.iter().any(|file| has(file, marker) || has(file, hex.as_bytes()))
}

/// Fails where a transaction is open.
pub(crate) fn write_at_once(path: &Path) {
    let all = "authorisations, apps, connections, store, events, ledger_pages, pending";
    sql(path, &format!("BEGIN; LOCK TABLE {all} IN ACCESS EXCLUSIVE MODE NOWAIT; COMMIT"));
}

/// The store as another one sees it in this moment. What a crash of the server leaves, `failover.rs` shows.
pub(crate) fn after_a_power_cut(path: &Path, key: &StoreKey) -> Store {
    open(path, key).unwrap()
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
        Self { address: owners(path), folder: path.to_owned() }
    }

    pub(crate) fn destination(&self) -> Destination<'_> {
        Destination::Server { address: &self.address, folder: &self.folder }
    }

    pub(crate) fn name(&self) -> String {
        format!("{:?}", self.address).split('"').nth(1).unwrap().to_owned()
    }
}

pub(crate) fn open(path: &Path, key: &StoreKey) -> Result<Store, Error> {
    admit_user(path);
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
    of(USER, port, path)
}

/// That of who made the tables.
pub(crate) fn owners(path: &Path) -> PostgresAddress {
    of("tester", port(), path)
}

fn of(role: &str, port: u16, path: &Path) -> PostgresAddress {
    let address = format!("postgres://{role}@127.0.0.1:{port}/{}?sslmode=disable", name(path));
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
    shut_out(beside, path, &format!("SELECT pg_terminate_backend(l.pid) FROM {}", locks(path)));
    while living(beside, path) > 0 {
        std::thread::yield_now();
    }
}

/// Cuts all links, and lets nobody in until [`let_in`].
pub(crate) fn cut_all(beside: &Client, path: &Path) {
    let all = format!("pg_stat_activity WHERE datname = '{}'", name(path));
    shut_out(beside, path, &format!("SELECT pg_terminate_backend(pid) FROM {all}"));
    let there = format!("SELECT count(*) FROM {all}");
    while block_on(beside.query_one(&there, &[])).unwrap().get::<_, i64>(0) > 0 {
        std::thread::yield_now();
    }
}

fn shut_out(beside: &Client, path: &Path, cut: &str) {
    let shut = format!("ALTER DATABASE \"{}\" ALLOW_CONNECTIONS false", name(path));
    // One after the other: who is cut comes back at once.
    block_on(beside.batch_execute(&shut)).unwrap();
    block_on(beside.batch_execute(cut)).unwrap();
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
