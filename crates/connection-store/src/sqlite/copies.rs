//! Copies of the database: made whole, and taken over from.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    time::SystemTime,
};

use rusqlite::{Connection as Db, Transaction, TransactionBehavior};

use super::{Fault, Sqlite, opening::FORMAT, recorded::StoreRow};
use crate::{
    Error,
    ledger::{self, Ledger},
    record::system_time,
    store::beside,
};

/// The tables whose rows belong to an authorisation, without their own numbers.
const OF_AUTHORISATION: [(&str, &str); 2] = [
    ("spares", "authorisation, generation, token, kept_at"),
    ("events", "authorisation, at, event, actor, detail"),
];

/// What can be counted in a store.
pub(crate) struct Counts {
    pub(crate) id: String,
    pub(crate) format: i64,
    pub(crate) data_key: u32,
    pub(crate) data_key_since: SystemTime,
    pub(crate) apps: usize,
    pub(crate) authorisations: usize,
    pub(crate) connections: usize,
}

impl Sqlite {
    /// What a status says.
    pub(crate) fn counts(&self) -> Result<Counts, Error> {
        self.read(|db| {
            let count = |table| count(db, table);
            let since = db.query_row("SELECT data_key_since FROM store", [], |row| row.get(0))?;
            let row = StoreRow::read(db)?;
            Ok(Counts {
                id: row.id,
                format: FORMAT,
                data_key: row.data_key,
                data_key_since: system_time(since).unwrap_or(SystemTime::UNIX_EPOCH),
                apps: count("apps")?,
                authorisations: count("authorisations")?,
                connections: count("connections")?,
            })
        })
    }

    /// Writes a copy, whole or not at all, durable when this returns.
    pub(crate) fn copy_to(&self, to: &Path) -> Result<(), Error> {
        if to.symlink_metadata().is_ok() {
            return Err(Error::FileExists(to.to_owned()));
        }
        let failed = |source| unwritable(to, source);
        let copy = tempfile::Builder::new().prefix(".xeroctl-").tempfile_in(folder_of(to)).map_err(failed)?;
        let name = copy.path().to_string_lossy().into_owned();
        self.read(|db| db.execute("VACUUM INTO ?1", [name]))?;
        copy.as_file().sync_all().map_err(failed)?;
        copy.into_temp_path().persist_noclobber(to).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Error::FileExists(to.to_owned()),
            _ => failed(error.error),
        })?;
        sync_folder(to).map_err(failed)
    }

    /// Copies a database file with its log as they lie there, without opening them.
    pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
        match from.metadata() {
            Ok(file) if !file.is_file() => return Err(Error::NotADatabase(from.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NotFound(from.to_owned()));
            }
            Err(source) => return Err(Error::Io { path: from.to_owned(), source }),
        }
        copy_private(from, to).map_err(|source| unwritable(to, source))?;
        let (log, copy) = (beside(from, "-wal"), beside(to, "-wal"));
        if log.is_file() {
            copy_private(&log, &copy).map_err(|source| unwritable(&copy, source))?;
        }
        Ok(())
    }

    /// Makes the file the only one of its database, without a log, for it to be moved.
    pub(crate) fn fold(&self) -> Result<(), Error> {
        self.read(|db| db.pragma_update(None, "journal_mode", "delete"))?;
        let synced = File::open(self.path()).and_then(|file| file.sync_all());
        synced.map_err(|source| unwritable(self.path(), source))
    }

    /// Takes over everything that stands in another store's file, which was verified, in one transaction. Where both are
    /// sealed under the same data key, tokens and app secrets that are newer here stay, and so do the keys that open the
    /// store. Gives of how many authorisations the tokens stayed.
    pub(crate) fn take_from(&mut self, other: &Path) -> Result<usize, Error> {
        let other = other.to_string_lossy().into_owned();
        self.read(|db| db.execute("ATTACH ?1 AS backup", [other]))?;
        let done = self.take_attached();
        drop(self.read(|db| db.execute("DETACH backup", [])));
        done
    }

    fn take_attached(&mut self) -> Result<usize, Error> {
        let Self { db, unlocked, path } = self;
        let unlocked = unlocked.as_ref().ok_or(Error::WrongKey)?;
        let done = (|| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute_batch("PRAGMA defer_foreign_keys = ON")?;
            let row = StoreRow::read(&tx)?;
            unlocked.catch_up(&tx, &row)?;
            let newer = if same_key(&tx)? {
                let ledger = row.open_ledger(&unlocked.data)?;
                let newer = unite(&tx, &ledger)?;
                row.write_ledger(&tx, &unlocked.data, &Ledger::of_rows(&tx)?)?;
                newer
            } else {
                replace(&tx)?;
                0
            };
            tx.commit()?;
            Ok(newer)
        })();
        done.map_err(|fault: Fault| match fault {
            Fault::Sql(error) => super::explain(error, path),
            Fault::Ours(error) => error,
        })
    }
}

/// True where the other store is an older or newer state of this one, under the same data key.
fn same_key(tx: &Transaction<'_>) -> rusqlite::Result<bool> {
    tx.prepare("SELECT 1 FROM main.store m JOIN backup.store b USING (id, data_key)")?.exists([])
}

/// Puts the other store's rows in the place of this one's, but for what is newer here. Rows that were put back do not count
/// as newer.
fn unite(tx: &Transaction<'_>, ledger: &Ledger) -> rusqlite::Result<usize> {
    for row in ledger::noted_rows(tx)? {
        if !ledger.vouches_for(&row.table, &row.id, row.state) {
            let key = if row.table == "connections" { "name" } else { "id" };
            tx.execute(&format!("DELETE FROM main.{} WHERE {key} = ?1", row.table), [row.id])?;
        }
    }
    tx.execute_batch(
        "DELETE FROM main.connections;
         DELETE FROM main.authorisations WHERE NOT EXISTS
             (SELECT 1 FROM backup.authorisations b WHERE b.id = authorisations.id AND b.generation < authorisations.generation);
         DELETE FROM main.apps WHERE NOT EXISTS
             (SELECT 1 FROM backup.apps b WHERE b.id = apps.id AND b.generation < apps.generation);
         CREATE TEMP TABLE newer AS SELECT id FROM main.authorisations;",
    )?;
    let newer = count(tx, "newer")?;
    tx.execute_batch(
        "INSERT INTO main.apps SELECT * FROM backup.apps WHERE id NOT IN (SELECT id FROM main.apps);
         INSERT INTO main.authorisations SELECT * FROM backup.authorisations WHERE id NOT IN (SELECT id FROM newer);
         UPDATE main.authorisations SET lease_owner = NULL, lease_until = NULL WHERE id NOT IN (SELECT id FROM newer);
         INSERT INTO main.connections SELECT * FROM backup.connections;",
    )?;
    for (table, columns) in OF_AUTHORISATION {
        tx.execute(
            &format!(
                "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM backup.{table} \
                 WHERE authorisation NOT IN (SELECT id FROM newer)"
            ),
            [],
        )?;
    }
    tx.execute_batch("DROP TABLE temp.newer")?;
    Ok(newer)
}

/// Puts all of the other store in the place of this one; only the owner stays, since the file does.
fn replace(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    for table in ["connections", "events", "spares", "authorisations", "apps", "pending", "key_slots"] {
        tx.execute(&format!("DELETE FROM main.{table}"), [])?;
    }
    for table in ["key_slots", "apps", "authorisations", "spares", "events", "connections", "pending"] {
        tx.execute(&format!("INSERT INTO main.{table} SELECT * FROM backup.{table}"), [])?;
    }
    tx.execute_batch(
        "UPDATE main.authorisations SET lease_owner = NULL, lease_until = NULL;
         UPDATE main.store SET (id, data_key, data_key_since, ledger, ledger_generation) =
             (SELECT id, data_key, data_key_since, ledger, ledger_generation FROM backup.store);",
    )
}

fn count(db: &Db, table: &str) -> rusqlite::Result<usize> {
    let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
    Ok(usize::try_from(rows).unwrap_or_default())
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes what happened to a file's name durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder_of(path))?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// The error for a file that cannot be written.
pub(crate) fn unwritable(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::NotWritable(path.to_owned())
        }
        _ => Error::Io { path: path.to_owned(), source },
    }
}

/// Copies a file into a new one that nobody else can read.
fn copy_private(from: &Path, to: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut copy = options.write(true).create_new(true).open(to)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()
}
