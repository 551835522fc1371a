//! Copies of the database: made whole, and taken over from.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use super::super::{Backend, recorded::Ledger, rekey::leased};
use crate::{
    Error,
    database::{Db, Fault, values},
    ledger::{States, Table, noted_rows},
};

/// The tables whose rows belong to an authorisation, without their own numbers.
const OF_AUTHORISATION: [(&str, &str); 2] = [
    ("spares", "authorisation, generation, token, kept_at"),
    ("events", "authorisation, at, event, actor, detail"),
];

/// How the names of files and folders begin that are not finished.
pub(crate) const BEGUN: &str = ".xeroctl-";
/// No copy takes as long as this.
const LONGEST_COPY: Duration = Duration::from_secs(10 * 60);

/// What a backup put in the place of a store changed.
pub(crate) struct Taken {
    /// Of how many authorisations the tokens are newer than in the backup.
    pub(crate) newer_tokens: usize,
    /// The connections that are in the store no more.
    pub(crate) dropped: Vec<String>,
}

impl Backend {
    /// Writes a copy, whole or not at all, durable when this returns.
    pub(crate) fn copy_to(&self, to: &Path) -> Result<(), Error> {
        if to.symlink_metadata().is_ok() {
            return Err(Error::FileExists(to.to_owned()));
        }
        let failed = |source| unwritable(to, source);
        sweep_leftovers(folder_of(to));
        let copy = tempfile::Builder::new().prefix(BEGUN).tempfile_in(folder_of(to)).map_err(failed)?;
        let name = copy.path().to_string_lossy().into_owned();
        self.plainly(|db| db.execute("VACUUM INTO ?1", [name]))?;
        copy.as_file().sync_all().map_err(failed)?;
        copy.into_temp_path().persist_noclobber(to).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Error::FileExists(to.to_owned()),
            _ => failed(error.error),
        })?;
        sync_folder(to).map_err(failed)
    }

    /// Copies a store's file, whatever its format, which is not changed by that.
    pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
        let source = Self::look_into(from)?;
        drop(new_private(to).map_err(|source| unwritable(to, source))?);
        let name = to.to_string_lossy().into_owned();
        source.plainly(|db| db.execute("VACUUM INTO ?1", [name])).map(drop)
    }

    /// Makes the file the only one of its database, without a log, for it to be moved.
    pub(crate) fn fold(&self) -> Result<(), Error> {
        self.plainly(|db| db.pragma_update(None, "journal_mode", "delete"))?;
        let synced = File::open(self.path()).and_then(|file| file.sync_all());
        synced.map_err(|source| unwritable(self.path(), source))
    }

    /// Takes over everything that stands in another store's file, which was verified, in one transaction. Where both are
    /// states of one store, sealed under the same data key, tokens and app secrets that are not older here stay, and so do the
    /// keys that open the store.
    ///
    /// # Errors
    /// [`Error::RefreshBusy`] while a refresh is under way: what it brings would be lost.
    pub(crate) fn take_from(
        &mut self,
        other: &Path,
        now: SystemTime,
        lives: &dyn Fn(&str) -> bool,
    ) -> Result<Taken, Error> {
        let other = other.to_string_lossy().into_owned();
        self.plainly(|db| db.execute("ATTACH ?1 AS backup", [other]))?;
        let done = self.take_attached(now, lives);
        drop(self.plainly(|db| db.execute("DETACH backup", [])));
        done
    }

    fn take_attached(&mut self, now: SystemTime, lives: &dyn Fn(&str) -> bool) -> Result<Taken, Error> {
        self.change_unlocked(|tx, row, unlocked| {
            tx.batch("PRAGMA defer_foreign_keys = ON")?;
            if leased(tx, now, lives)? {
                return Err(Error::RefreshBusy.into());
            }
            let mut taken = Taken { newer_tokens: 0, dropped: dropped(tx)? };
            if same_key(tx)? {
                let noted = Ledger::open(tx, row, unlocked)?.all()?;
                taken.newer_tokens = unite(tx, &noted)?;
                row.write_ledger(tx, &unlocked.data, &States::of(&noted_rows(tx)?))?;
            } else {
                replace(tx)?;
            }
            Ok(taken)
        })
    }
}

/// The connections that the other store does not have.
fn dropped(tx: Db<'_>) -> Result<Vec<String>, Fault> {
    let sql = "SELECT name FROM main.connections WHERE name NOT IN (SELECT name FROM backup.connections) ORDER BY name";
    tx.rows(sql, &[], |row| row.get(0))
}

/// True where the other store is an older or newer state of this one, under the same data key.
fn same_key(tx: Db<'_>) -> Result<bool, Fault> {
    tx.exists("SELECT 1 FROM main.store m JOIN backup.store b USING (id, data_key)", &[])
}

/// Puts the other store's rows in the place of this one's, but for what is not older here: with it its spares and its
/// history stay. Rows that were put back do not. Gives of how many authorisations the tokens are newer here.
fn unite(tx: Db<'_>, noted: &States) -> Result<usize, Fault> {
    for row in noted_rows(tx)? {
        if row.table != Table::Default && noted.get(row.table.key(&row.id)) != Some(row.state) {
            let key = if row.table.is_by_name() { "name" } else { "id" };
            tx.execute(&format!("DELETE FROM main.{} WHERE {key} = ?1", row.table.name()), values![row.id])?;
        }
    }
    tx.batch(
        "DELETE FROM main.connections;
         DELETE FROM main.authorisations WHERE NOT EXISTS
             (SELECT 1 FROM backup.authorisations b WHERE b.id = authorisations.id AND b.generation <= authorisations.generation);
         DELETE FROM main.apps WHERE NOT EXISTS
             (SELECT 1 FROM backup.apps b WHERE b.id = apps.id AND b.generation <= apps.generation);
         CREATE TEMP TABLE stays AS SELECT id FROM main.authorisations;",
    )?;
    let newer = "SELECT count(*) FROM main.authorisations u JOIN backup.authorisations b USING (id) \
         WHERE b.generation < u.generation";
    let newer: i64 = tx.one(newer, &[], |row| row.get(0))?;
    tx.batch(
        "INSERT INTO main.apps SELECT * FROM backup.apps WHERE id NOT IN (SELECT id FROM main.apps);
         INSERT INTO main.authorisations SELECT * FROM backup.authorisations WHERE id NOT IN (SELECT id FROM stays);
         UPDATE main.authorisations SET lease_owner = NULL, lease_until = NULL WHERE id NOT IN (SELECT id FROM stays);
         INSERT INTO main.connections SELECT * FROM backup.connections;",
    )?;
    for (table, columns) in OF_AUTHORISATION {
        tx.execute(
            &format!(
                "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM backup.{table} \
                 WHERE authorisation NOT IN (SELECT id FROM stays)"
            ),
            &[],
        )?;
    }
    tx.batch("DROP TABLE temp.stays")?;
    Ok(usize::try_from(newer).unwrap_or_default())
}

/// Puts all of the other store in the place of this one; only the owner stays, since the file does.
fn replace(tx: Db<'_>) -> Result<(), Fault> {
    for table in
        ["connections", "events", "spares", "authorisations", "apps", "pending", "key_slots", "ledger_pages"]
    {
        tx.execute(&format!("DELETE FROM main.{table}"), &[])?;
    }
    for table in
        ["key_slots", "apps", "authorisations", "spares", "events", "connections", "pending", "ledger_pages"]
    {
        tx.execute(&format!("INSERT INTO main.{table} SELECT * FROM backup.{table}"), &[])?;
    }
    tx.batch(
        "UPDATE main.authorisations SET lease_owner = NULL, lease_until = NULL;
         UPDATE main.store SET (id, data_key, data_key_since, ledger, ledger_generation) =
             (SELECT id, data_key, data_key_since, ledger, ledger_generation FROM backup.store);",
    )?;
    Ok(())
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

/// Takes away what was left where a copy was broken off: by now nobody is making it any more.
pub(crate) fn sweep_leftovers(folder: &Path) {
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(BEGUN)) {
        let age = entry.metadata().and_then(|file| file.modified()).map(|since| since.elapsed());
        if age.is_ok_and(|age| age.is_ok_and(|age| age > LONGEST_COPY)) {
            drop(std::fs::remove_file(entry.path()).or_else(|_| std::fs::remove_dir_all(entry.path())));
        }
    }
}

/// An empty file that nobody else can read, where there was none.
fn new_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}
