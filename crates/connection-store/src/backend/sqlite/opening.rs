//! Opening a store's file: whose it is, who may read it, its settings and its format.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{
    super::{
        Backend, Session, explain,
        keys::{format_2_slots, slots},
    },
    folder_of,
};
use crate::{Error, KeySlot, NewKey, error::DatabaseError, store::beside};

/// `XctC`, in the file's header: this database is a store.
const APPLICATION_ID: i64 = 0x5863_7443;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// In bytes.
const LOG_LIMIT: i64 = 1024 * 1024;
const WAL_TRIES: u32 = 100;
const WAL_PAUSE: Duration = Duration::from_millis(20);
const MIGRATION_STEPS: &[M<'static>] = &[
    M::up(include_str!("../../schema-1.sql")),
    M::up(include_str!("../../schema-2.sql")),
    M::up(include_str!("../../schema-3.sql")),
    M::up(include_str!("../../schema-4.sql")),
    M::up(include_str!("../../schema-5.sql")),
];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(MIGRATION_STEPS);
/// The format that the migrations above lead to.
pub(crate) const FORMAT: i64 = 5;

/// Before this format there was one key, in another table.
const FIRST_WITH_SLOTS: i64 = 3;

/// What to do with a database without anything in it.
#[derive(Clone, Copy)]
enum Empty {
    /// Make it a store.
    Fill,
    /// Leave it as it is: it is no store.
    Leave,
}

/// What a database says of itself.
struct Header {
    owner: i64,
    format: i64,
    tables: i64,
}

impl Backend {
    /// Makes the file if need be, and writes the first key. One process of several wins; the others get [`Error::Exists`].
    pub(crate) fn create(path: &Path, key: &NewKey, now: SystemTime) -> Result<Self, Error> {
        create_private(path)?;
        let mut store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.prepare(Empty::Fill)?;
        let made = store.write_first_slot(key, now)?;
        made.then_some(store).ok_or_else(|| Error::Exists(path.to_owned()))
    }

    /// Opens a store that is there, bringing an older format up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        look_at(path)?;
        let mut store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.prepare(Empty::Leave)?;
        // Not before it is known to be a store: what is another program's is left as it is.
        make_private(path);
        Ok(store)
    }

    /// Opens what a store can be moved to: tables without one, which are made if need be, or a store of this format.
    pub(crate) fn make_room(path: &Path) -> Result<Self, Error> {
        match Self::look_into(path) {
            Ok(there) => there.admit_format().map_err(|_| Error::Exists(path.to_owned()))?,
            Err(Error::NotFound(_)) => create_private(path)?,
            Err(error) => return Err(error),
        }
        let mut store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        store.prepare(Empty::Fill)?;
        Ok(store)
    }

    /// Opens a store of any format to read it, and changes nothing.
    pub(crate) fn look_into(path: &Path) -> Result<Self, Error> {
        look_at(path)?;
        let store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        store.admit(Empty::Leave)?;
        Ok(store)
    }

    /// The keys that open the store at `path`, whatever its format. Nothing is changed.
    pub(crate) fn slots_of(path: &Path) -> Result<Vec<KeySlot>, Error> {
        let store = Self::look_into(path)?;
        let slots = store.read(|db| {
            let format: i64 = db.one("PRAGMA user_version", &[], |row| row.get(0))?;
            if format < FIRST_WITH_SLOTS { format_2_slots(db) } else { slots(db) }
        })?;
        let slots: Vec<_> = slots.into_iter().map(|slot| slot.slot).collect();
        if slots.is_empty() { Err(Error::NotFound(path.to_owned())) } else { Ok(slots) }
    }

    fn connect(path: &Path, access: OpenFlags) -> Result<Self, Error> {
        let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| explain(error, path))?;
        db.busy_timeout(BUSY_TIMEOUT).map_err(|error| explain(error, path))?;
        Ok(Self {
            session: Session::Sqlite(db),
            path: path.to_owned(),
            local: path.to_owned(),
            unlocked: None,
        })
    }

    /// Waits for nobody: what waits longer than SQLite does can then be tested in no time.
    #[cfg(test)]
    pub(crate) fn impatient(&self) {
        self.plainly(|db| db.busy_timeout(Duration::ZERO)).unwrap();
    }

    /// Does what SQLite does not do in a transaction.
    ///
    /// # Errors
    /// [`Error::InServer`].
    pub(super) fn plainly<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        work(self.session.sqlite(&self.path)?).map_err(|error| explain(error, &self.path))
    }

    /// Checks whose file it is before anything is changed in it, then settings and migrations.
    fn prepare(&mut self, empty: Empty) -> Result<(), Error> {
        let format = self.admit(empty)?;
        self.configure()?;
        if format < FORMAT {
            self.migrate(format)?;
        }
        Ok(())
    }

    /// Checks whose file it is. Gives its format.
    fn admit(&self, empty: Empty) -> Result<i64, Error> {
        let Header { owner, format, tables } = self.header()?;
        match (owner, tables, empty) {
            (APPLICATION_ID, ..) | (0, 0, Empty::Fill) => {}
            (0, 0, Empty::Leave) => return Err(Error::NotFound(self.path.clone())),
            _ => return Err(Error::Foreign(self.path.clone())),
        }
        if format > FORMAT && self.oldest()?.is_none_or(|oldest| oldest > FORMAT) {
            return Err(Error::NewerFormat { path: self.path.clone(), found: format, known: FORMAT });
        }
        Ok(format)
    }

    /// The oldest format whose programs can use a file that a newer one has changed. Formats that only add something say so in a
    /// table `store_format`, as a store in a server has it; up to format 5 there is none.
    fn oldest(&self) -> Result<Option<i64>, Error> {
        self.read(|db| {
            let there = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'store_format'";
            if !db.exists(there, &[])? {
                return Ok(None);
            }
            db.first("SELECT oldest FROM store_format", &[], |row| row.get(0))
        })
    }

    /// Reads all of it at one time: another process may be making the store.
    fn header(&self) -> Result<Header, Error> {
        self.read(|db| {
            let pragma = |name| db.one(&format!("PRAGMA {name}"), &[], |row| row.get(0));
            Ok(Header {
                owner: pragma("application_id")?,
                format: pragma("user_version")?,
                tables: db.one("SELECT count(*) FROM sqlite_schema", &[], |row| row.get(0))?,
            })
        })
    }

    fn configure(&self) -> Result<(), Error> {
        let mode: String =
            self.plainly(|db| db.pragma_query_value(None, "journal_mode", |row| row.get(0)))?;
        if mode != "wal" {
            self.switch_to_wal()?;
        }
        // FULL: what was committed survives a power cut. A token that was rotated cannot be had again.
        self.plainly(|db| db.pragma_update(None, "synchronous", "full"))?;
        // What a log was for a moment it does not stay for ever.
        self.plainly(|db| db.pragma_update(None, "journal_size_limit", LOG_LIMIT))?;
        self.plainly(|db| db.pragma_update(None, "foreign_keys", true))?;
        self.plainly(|db| db.pragma_update(None, "secure_delete", true))
    }

    /// The one change that SQLite does not wait for while others open the new file too.
    fn switch_to_wal(&self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            match self.plainly(|db| db.pragma_update(None, "journal_mode", "wal")) {
                Err(Error::Busy) if tries < WAL_TRIES => {
                    tries += 1;
                    std::thread::sleep(WAL_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    /// Brings an older format up to date, with a copy of it kept beside it.
    fn migrate(&mut self, format: i64) -> Result<(), Error> {
        if format > 0 {
            match self.copy_to(&beside(&self.path, &format!(".format-{format}"))) {
                // Another process was faster, or it was done before.
                Ok(()) | Err(Error::FileExists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if let Err(error) = MIGRATIONS.to_latest(self.session.sqlite_mut(&self.path)?) {
            // Another process may have migrated in the meantime.
            if self.header()?.format != FORMAT {
                return Err(match error {
                    rusqlite_migration::Error::RusqliteError { err, .. } => explain(err, &self.path),
                    other => Error::Database(DatabaseError::from(other)),
                });
            }
        }
        Ok(())
    }
}

/// Whether there may be a store at all.
fn look_at(path: &Path) -> Result<(), Error> {
    match path.metadata() {
        Ok(file) if !file.is_file() => Err(Error::NotADatabase(path.to_owned())),
        Ok(file) if file.len() == 0 => Err(Error::NotFound(path.to_owned())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NotFound(path.to_owned())),
        Err(source) => Err(Error::Io { path: path.to_owned(), source }),
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
    let mut file = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        file.mode(0o600);
    }
    make_folder(folder_of(path)).map_err(failed)?;
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

/// Makes a directory (0700), with those above it, where there is none.
pub(crate) fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
