//! Where the stores of these tests are: in SQLite files.

use std::path::{Path, PathBuf};

use connection_store::{Destination, Error, KeySlot, NewKey, Store, StoreKey};
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
    refuse_update(path, "refresh");
}

pub(crate) fn admit_saving(path: &Path) {
    sql(path, "DROP TRIGGER no");
}

/// That a token is about to be spent cannot be noted.
pub(crate) fn refuse_intents(path: &Path) {
    refuse_update(path, "intent_at");
}

fn refuse_update(path: &Path, column: &str) {
    let sql_of = format!(
        "CREATE TRIGGER no BEFORE UPDATE OF {column} ON authorisations BEGIN SELECT RAISE(ABORT, 'no'); END"
    );
    sql(path, &sql_of);
}

pub(crate) fn slots(path: &Path) -> Result<Vec<KeySlot>, Error> {
    Store::key_slots(path)
}

/// The file beside which this machine keeps what is its own.
pub(crate) fn local(path: &Path) -> PathBuf {
    path.to_owned()
}

/// What marks a store as that of another file.
pub(crate) const ANOTHER: &str = "made another day";
/// 33 bytes, of zeros.
pub(crate) const ZEROS: &str = "zeroblob(33)";
/// Only the machine of a dead owner can tell at once that he is dead: here all are on it.
pub(crate) const ONE_MACHINE: bool = true;

/// An expression for bytes as text.
pub(crate) fn hex(bytes: &str) -> String {
    format!("hex({bytes})")
}

/// The first column of all rows.
pub(crate) fn texts(path: &Path, query: &str) -> Vec<String> {
    let db = Db::open(path).unwrap();
    let mut statement = db.prepare(query).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Changes rows that others name.
pub(crate) fn sql_unchecked(path: &Path, batch: &str) {
    sql(path, &format!("PRAGMA foreign_keys = OFF; {batch}"));
}

/// Reads and writes one sealed value, over and over.
pub(crate) struct Hand(Db);

impl Hand {
    pub(crate) fn of(path: &Path) -> Self {
        let db = Db::open(path).unwrap();
        // A commit for each byte would wait for the disk each time; what is tested is the reading.
        db.pragma_update(None, "synchronous", "off").unwrap();
        Self(db)
    }

    /// A name and a value.
    pub(crate) fn read(&self, query: &str) -> (String, Vec<u8>) {
        self.0.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    /// `?1` is the name, `?2` the value.
    pub(crate) fn write(&self, sql: &str, name: &str, value: &[u8]) {
        assert_eq!(self.0.execute(sql, (name, value)).unwrap(), 1);
    }
}

/// True where the bytes are in any file of the store, or in a copy of it.
pub(crate) fn holds(path: &Path, store: &Store, marker: &[u8]) -> bool {
    let backup = path.with_file_name("backup.db");
    if !backup.exists() {
        store.backup(&backup).unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert!(files.len() >= 3, "the write-ahead log is there");
    let holds =
        |file: PathBuf| std::fs::read(file).unwrap().windows(marker.len()).any(|window| window == marker);
    files.into_iter().any(|file| holds(file.unwrap().path()))
}

/// Fails where a transaction is open.
pub(crate) fn write_at_once(path: &Path) {
    let db = Db::open(path).unwrap();
    db.busy_timeout(std::time::Duration::ZERO).unwrap();
    db.execute_batch("BEGIN EXCLUSIVE; UPDATE pending SET expires_at = 0; COMMIT").unwrap();
}

/// The store as after a power cut in this moment: file and log as they are now.
pub(crate) fn after_a_power_cut(path: &Path, key: &StoreKey) -> Store {
    let copy = path.with_file_name("copy.db");
    for end in ["", "-wal"] {
        let named = |path: &Path| format!("{}{end}", path.display());
        std::fs::copy(named(path), named(&copy)).unwrap();
    }
    Store::open(&copy, key).unwrap()
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
