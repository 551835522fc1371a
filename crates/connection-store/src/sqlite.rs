//! The store as one SQLite file: opening it safely, and the changes of state it knows.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rusqlite::{
    Connection as Db, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, ffi,
    params,
};
use rusqlite_migration::{M, Migrations};

use crate::{
    AppKind, Connection, Error, Lock, Organisation,
    error::DatabaseError,
    record::{ConnectionRecord, SELECT_CONNECTION, seconds, wrapped_key},
    store_key::WrappedKey,
};

/// `XctC`, in the file's header: this database is a store.
const APPLICATION_ID: i64 = 0x5863_7443;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const WAL_TRIES: u32 = 100;
const WAL_PAUSE: Duration = Duration::from_millis(20);
const MIGRATION_STEPS: &[M<'static>] = &[M::up(include_str!("schema-1.sql"))];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(MIGRATION_STEPS);
/// The format that the migrations above lead to.
const FORMAT: i64 = 1;

/// What to do with a database without anything in it.
#[derive(Clone, Copy)]
enum Empty {
    /// Make it a store.
    Fill,
    /// Leave it as it is: it is no store.
    Leave,
}

/// An open store file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    db: Db,
    path: PathBuf,
}

/// A row for the `apps` table.
pub(crate) struct AppRow<'a> {
    pub(crate) id: &'a str,
    pub(crate) kind: AppKind,
    pub(crate) client_id: &'a str,
    pub(crate) server: Option<&'a str>,
    pub(crate) certificate: &'a [u8],
    pub(crate) secret: &'a [u8],
}

/// A row for the `connections` table.
pub(crate) struct ConnectionRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) organisation: Option<&'a Organisation>,
    pub(crate) pin: &'a [u8],
    pub(crate) make_default: bool,
    pub(crate) replace: bool,
    pub(crate) tested_at: Option<SystemTime>,
}

/// What a test showed.
pub(crate) struct TestedRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) app: &'a str,
    pub(crate) seen: &'a Organisation,
    pub(crate) pin: &'a [u8],
}

impl Sqlite {
    /// Makes the file if need be, and writes the first data key. One process of several wins; the others get
    /// [`Error::Exists`].
    pub(crate) fn create(path: &Path, wrapped: &WrappedKey, now: SystemTime) -> Result<Self, Error> {
        create_private(path)?;
        let mut store = Self::connect(path)?;
        store.prepare(Empty::Fill)?;
        store
            .change(|tx| {
                if tx.query_row("SELECT count(*) FROM data_keys", [], |row| row.get::<_, i64>(0))? > 0 {
                    return Ok(false);
                }
                let (lock, hint) = match &wrapped.lock {
                    Lock::KeyFile(path) => ("key-file", path.as_str()),
                    Lock::Passphrase => ("passphrase", ""),
                };
                tx.execute(
                    "INSERT INTO data_keys (id, lock, hint, parameters, salt, sealed, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        wrapped.id,
                        lock,
                        hint,
                        wrapped.parameters,
                        wrapped.salt,
                        wrapped.sealed,
                        seconds(now)
                    ],
                )?;
                Ok(true)
            })?
            .then_some(store)
            .ok_or_else(|| Error::Exists(path.to_owned()))
    }

    /// Opens a store that is there, bringing an older format up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        match path.metadata() {
            Ok(file) if !file.is_file() => return Err(Error::NotADatabase(path.to_owned())),
            Ok(file) if file.len() == 0 => return Err(Error::NotFound(path.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotFound(path.to_owned()));
            }
            Err(source) => {
                return Err(Error::Io { path: path.to_owned(), source });
            }
        }
        let mut store = Self::connect(path)?;
        store.prepare(Empty::Leave)?;
        // Not before it is known to be a store: what is another program's is left as it is.
        make_private(path);
        Ok(store)
    }

    fn connect(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Db::open_with_flags(path, flags).map_err(|error| explain(error, path))?;
        let store = Self { db, path: path.to_owned() };
        store.db.busy_timeout(BUSY_TIMEOUT).map_err(|error| store.explain(error))?;
        Ok(store)
    }

    /// Checks whose file it is before anything is changed in it, then settings and migrations.
    fn prepare(&mut self, empty: Empty) -> Result<(), Error> {
        let owner = self.pragma("application_id")?;
        let format = self.pragma("user_version")?;
        let tables: i64 =
            self.read(|db| db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)))?;
        match (owner, tables, empty) {
            (APPLICATION_ID, ..) | (0, 0, Empty::Fill) => {}
            (0, 0, Empty::Leave) => return Err(Error::NotFound(self.path.clone())),
            _ => return Err(Error::Foreign(self.path.clone())),
        }
        if format > FORMAT {
            return Err(Error::NewerFormat { path: self.path.clone(), found: format, known: FORMAT });
        }
        self.configure()?;
        if format < FORMAT {
            self.migrate()?;
        }
        Ok(())
    }

    fn configure(&self) -> Result<(), Error> {
        let mode: String = self.read(|db| db.pragma_query_value(None, "journal_mode", |row| row.get(0)))?;
        if mode != "wal" {
            self.switch_to_wal()?;
        }
        // FULL: what was committed survives a power cut. A token that was rotated cannot be had again.
        self.read(|db| db.pragma_update(None, "synchronous", "full"))?;
        self.read(|db| db.pragma_update(None, "foreign_keys", true))?;
        self.read(|db| db.pragma_update(None, "secure_delete", true))
    }

    /// The one change that SQLite does not wait for while others open the new file too.
    fn switch_to_wal(&self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            match self.read(|db| db.pragma_update(None, "journal_mode", "wal")) {
                Err(Error::Busy) if tries < WAL_TRIES => {
                    tries += 1;
                    std::thread::sleep(WAL_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    fn migrate(&mut self) -> Result<(), Error> {
        if let Err(error) = MIGRATIONS.to_latest(&mut self.db) {
            // Another process may have migrated in the meantime.
            if self.pragma("user_version")? != FORMAT {
                return Err(match error {
                    rusqlite_migration::Error::RusqliteError { err, .. } => self.explain(err),
                    other => Error::Database(DatabaseError(other)),
                });
            }
        }
        Ok(())
    }

    /// The sealed data keys. None: the store was never finished.
    pub(crate) fn wrapped_keys(&self) -> Result<Vec<WrappedKey>, Error> {
        let keys = self.read(|db| {
            let mut statement =
                db.prepare("SELECT id, lock, hint, parameters, salt, sealed FROM data_keys")?;
            statement.query_map([], wrapped_key)?.collect::<Result<Vec<_>, _>>()
        })?;
        if keys.is_empty() { Err(Error::NotFound(self.path.clone())) } else { Ok(keys) }
    }

    /// All connections, by name.
    pub(crate) fn connections(&self) -> Result<Vec<Connection>, Error> {
        let rows = self.read(|db| {
            let mut statement = db.prepare(&format!("{SELECT_CONNECTION} ORDER BY c.name"))?;
            statement.query_map([], ConnectionRecord::read)?.collect::<Result<Vec<_>, _>>()
        })?;
        rows.into_iter().map(|row| self.finish(row)).collect()
    }

    /// One connection by name, or the default one.
    pub(crate) fn connection(&self, name: Option<&str>) -> Result<Option<Connection>, Error> {
        let row = self.read(|db| {
            let sql = format!(
                "{SELECT_CONNECTION} WHERE CASE WHEN ?1 IS NULL THEN c.is_default = 1 ELSE c.name = ?1 END"
            );
            db.query_row(&sql, [name], ConnectionRecord::read).optional()
        })?;
        row.map(|row| self.finish(row)).transpose()
    }

    /// The sealed secret of an app, with its generation.
    pub(crate) fn secret(&self, app: &str) -> Result<Option<(Vec<u8>, i64)>, Error> {
        self.read(|db| {
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            db.query_row("SELECT secret, generation FROM apps WHERE id = ?1", [app], read).optional()
        })
    }

    /// Stores an app and a connection together, or neither. False: the name is taken.
    pub(crate) fn add(
        &mut self,
        app: &AppRow<'_>,
        row: &ConnectionRow<'_>,
        now: SystemTime,
    ) -> Result<bool, Error> {
        self.change(|tx| {
            let taken = tx.prepare("SELECT 1 FROM connections WHERE name = ?1")?.exists([row.name])?;
            if taken && !row.replace {
                return Ok(false);
            }
            let was_default = taken && is_default(tx, row.name)?;
            if taken {
                delete(tx, row.name)?;
            }
            let others: i64 = tx.query_row("SELECT count(*) FROM connections", [], |row| row.get(0))?;
            let default = row.make_default || was_default || others == 0;
            if default {
                tx.execute("UPDATE connections SET is_default = 0", [])?;
            }
            insert_app(tx, app, now)?;
            insert_connection(tx, app.id, row, default, now)?;
            Ok(true)
        })
    }

    /// Removes connections and the apps that only they used; all or none. Gives the names that do not exist.
    pub(crate) fn remove(&mut self, names: &[String]) -> Result<Vec<String>, Error> {
        self.change(|tx| {
            let mut exists = tx.prepare("SELECT 1 FROM connections WHERE name = ?1")?;
            let mut missing = Vec::new();
            for name in names {
                if !exists.exists([name])? {
                    missing.push(name.clone());
                }
            }
            if missing.is_empty() {
                for name in names {
                    delete(tx, name)?;
                }
            }
            Ok(missing)
        })
    }

    /// Makes one connection the default. False: there is none of that name.
    pub(crate) fn set_default(&mut self, name: &str) -> Result<bool, Error> {
        self.change(|tx| {
            if !tx.prepare("SELECT 1 FROM connections WHERE name = ?1")?.exists([name])? {
                return Ok(false);
            }
            tx.execute("UPDATE connections SET is_default = 0", [])?;
            tx.execute("UPDATE connections SET is_default = 1 WHERE name = ?1", [name])?;
            Ok(true)
        })
    }

    /// Notes that a test succeeded, and the organisation that it showed. False: the connection is not there any more, or
    /// not with this app, or is pinned to another organisation.
    pub(crate) fn tested(&mut self, row: &TestedRow<'_>, now: SystemTime) -> Result<bool, Error> {
        self.change(|tx| {
            let changed = tx.execute(
                "UPDATE connections SET organisation_id = ?3, organisation_name = ?4, organisation_short_code = ?5, \
                 pin = ?6, tested_at = ?7 \
                 WHERE name = ?1 AND app = ?2 AND (organisation_id IS NULL OR organisation_id = ?3)",
                params![
                    row.name,
                    row.app,
                    row.seen.id,
                    row.seen.name,
                    row.seen.short_code,
                    row.pin,
                    seconds(now)
                ],
            )?;
            Ok(changed == 1)
        })
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

    fn pragma(&self, name: &str) -> Result<i64, Error> {
        self.read(|db| db.pragma_query_value(None, name, |row| row.get(0)))
    }

    fn explain(&self, error: rusqlite::Error) -> Error {
        explain(error, &self.path)
    }

    fn finish(&self, row: ConnectionRecord) -> Result<Connection, Error> {
        row.finish().ok_or_else(|| Error::Corrupt(self.path.clone()))
    }
}

/// Takes from others what they may do with the file, if it is ours.
fn make_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = path.metadata().is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
        if open {
            // Whoever may not change the mode may still use the store.
            drop(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Creates the directory (0700) and an empty file (0600) where there is none.
fn create_private(path: &Path) -> Result<(), Error> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::StorageFull => Error::DiskFull,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            Error::NotWritable(path.to_owned())
        }
        _ => Error::Io { path: path.to_owned(), source },
    };
    if path.exists() && !path.is_file() {
        return Err(Error::NotADatabase(path.to_owned()));
    }
    let mut folder = std::fs::DirBuilder::new();
    let mut file = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folder.mode(0o700);
        file.mode(0o600);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        folder.recursive(true).create(parent).map_err(failed)?;
    }
    let made = file.write(true).create(true).truncate(false).open(path).map_err(failed)?;
    // An empty file that was there before may have been open to others.
    #[cfg(unix)]
    if made.metadata().map_err(failed)?.len() == 0 {
        use std::os::unix::fs::PermissionsExt;
        made.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    #[cfg(not(unix))]
    drop(made);
    Ok(())
}

fn is_default(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    tx.query_row("SELECT is_default FROM connections WHERE name = ?1", [name], |row| row.get(0))
}

/// Removes a connection, and its app where no other connection uses it.
fn delete(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    let Some(app) = tx
        .query_row("DELETE FROM connections WHERE name = ?1 RETURNING app", [name], |row| {
            row.get::<_, String>(0)
        })
        .optional()?
    else {
        return Ok(());
    };
    tx.execute(
        "DELETE FROM apps WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM connections WHERE app = ?1)",
        [app],
    )?;
    Ok(())
}

fn insert_app(tx: &Transaction<'_>, app: &AppRow<'_>, now: SystemTime) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO apps (id, kind, client_id, server, certificate, secret, generation, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7)",
        params![
            app.id,
            app.kind.as_str(),
            app.client_id,
            app.server,
            app.certificate,
            app.secret,
            seconds(now)
        ],
    )?;
    Ok(())
}

fn insert_connection(
    tx: &Transaction<'_>,
    app: &str,
    row: &ConnectionRow<'_>,
    default: bool,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let seen = row.organisation;
    tx.execute(
        "INSERT INTO connections (name, app, organisation_id, organisation_name, organisation_short_code, pin, \
         is_default, created_at, tested_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            row.name,
            app,
            seen.map(|seen| &seen.id),
            seen.map(|seen| &seen.name),
            seen.and_then(|seen| seen.short_code.as_ref()),
            row.pin,
            default,
            seconds(now),
            row.tested_at.map(seconds),
        ],
    )?;
    Ok(())
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
