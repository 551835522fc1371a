//! The counters' file, opened by many at once; a broken one is replaced where nobody has it open.
//!
//! Whoever has it open holds a lock file beside it, together with all others; whoever replaces it holds that alone. So no
//! file is ever taken away from under somebody who counts in it.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection as Db, ErrorCode};

/// Short: where it is over the call is not counted, and somebody waits for it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// What SQLite puts beside a file, and would take for the new one's.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];
const LOCK: &str = "-lock";
/// How long those are waited for who open it at the same time. SQLite asks its own timeout for neither the change of the
/// journal's form nor a lock file.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Why calls cannot be counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// Its database cannot be opened.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// Its lock file cannot be made or locked, or a broken file cannot be removed.
    #[error(transparent)]
    File(#[from] io::Error),
    /// Somebody replaces it.
    #[error("it is being replaced")]
    Locked,
    /// It is broken, and others have it open.
    #[error("it is broken, and others have it open")]
    BrokenInUse,
}

/// The open file. Fields are dropped in their order: the lock goes last.
#[derive(Debug)]
pub(super) struct Opened {
    db: Db,
    _shared: File,
}

impl Deref for Opened {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Opened {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

impl Opened {
    /// Opens the file, makes it where there is none, and replaces it where it is broken; `tables` is what it has at least.
    pub(super) fn at(path: &Path, tables: &str) -> Result<Self, Unusable> {
        let until = Instant::now() + PATIENCE;
        loop {
            match Self::attempt(path, tables) {
                Err(error) if error.may_pass() && Instant::now() < until => std::thread::sleep(PAUSE),
                opened => return opened,
            }
        }
    }

    fn attempt(path: &Path, tables: &str) -> Result<Self, Unusable> {
        let shared = lock_file(path)?;
        let locked = taken(shared.try_lock_shared(), Unusable::Locked)?;
        let broken = match database(path, tables) {
            Err(error) if is_broken(&error) => error,
            db => return Ok(Self { db: db?, _shared: shared }),
        };
        if !locked {
            return Err(broken.into());
        }
        shared.unlock()?;
        replace(path, tables)?;
        taken(shared.try_lock_shared(), Unusable::Locked)?;
        Ok(Self { db: database(path, tables)?, _shared: shared })
    }
}

impl Unusable {
    fn may_pass(&self) -> bool {
        match self {
            Self::Database(error) => is_busy(error),
            Self::File(_) => false,
            Self::Locked | Self::BrokenInUse => true,
        }
    }
}

/// True where others hold the database for a moment.
fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

fn database(path: &Path, tables: &str) -> rusqlite::Result<Db> {
    // SQLite gives its mode to what it puts beside it. Where it cannot be made SQLite says why.
    drop(private().create_new(true).open(path));
    let db = Db::open(path)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "synchronous", "off")?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.execute_batch(tables)?;
    Ok(db)
}

/// Makes it anew, if it is still broken once nobody else can open it. Nothing in it is worth anything a minute later.
fn replace(path: &Path, tables: &str) -> Result<(), Unusable> {
    let alone = lock_file(path)?;
    if !taken(alone.try_lock(), Unusable::BrokenInUse)? {
        return Err(Unusable::BrokenInUse);
    }
    if !database(path, tables).is_err_and(|error| is_broken(&error)) {
        return Ok(());
    }
    // The file itself goes last: until then it is still seen to be broken.
    for ending in BESIDE {
        remove(&beside(path, ending))?;
    }
    remove(path)?;
    drop(database(path, tables)?);
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// False where there are no locks here.
fn taken(tried: Result<(), TryLockError>, held: Unusable) -> Result<bool, Unusable> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Err(held),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    private().create(true).truncate(false).open(beside(path, LOCK))
}

/// For this user alone.
fn private() -> OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true);
    options
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Barrier, thread};

    use super::*;

    const TABLES: &str = "CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY) STRICT";

    fn open(path: &Path) -> Result<Opened, Unusable> {
        Opened::at(path, TABLES)
    }

    fn note(opened: &Opened) {
        opened.execute("INSERT INTO calls VALUES (NULL)", []).unwrap();
    }

    fn noted(opened: &Opened) -> i64 {
        opened.query_row("SELECT count(*) FROM calls", [], |row| row.get(0)).unwrap()
    }

    /// Opens it in six threads at once; all of them count in one file.
    fn all_at_once(path: &Path) {
        const MANY: usize = 6;
        let (begin, written) = (Barrier::new(MANY), Barrier::new(MANY));
        let count = || {
            begin.wait();
            let opened = open(path);
            if let Ok(opened) = &opened {
                note(opened);
            }
            written.wait();
            noted(&opened.unwrap())
        };
        let counts: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..MANY).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(counts, [6; MANY]);
    }

    /// What a process leaves that was killed: the file as it was at first, and the log of what came then.
    fn killed(folder: &Path) -> PathBuf {
        let live = folder.join("live");
        let opened = open(&live).unwrap();
        note(&opened);
        opened.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        note(&opened);
        let path = folder.join("calls");
        for ending in ["", "-wal"] {
            fs::copy(beside(&live, ending), beside(&path, ending)).unwrap();
        }
        path
    }

    #[test]
    fn many_who_make_it_at_once_all_count_in_it() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..60 {
            all_at_once(&folder.path().join(round.to_string()));
        }
    }

    #[test]
    fn a_broken_file_with_a_log_beside_it_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = killed(folder.path());
        assert_eq!(noted(&open(&path).unwrap()), 2, "the log is of this file");

        let path = killed(folder.path());
        fs::write(&path, "no database".repeat(1_000)).unwrap();
        let (one, other) = (open(&path).unwrap(), open(&path).unwrap());
        note(&one);
        note(&other);
        assert_eq!((noted(&one), noted(&other)), (2, 2));
    }

    #[test]
    fn many_who_find_it_broken_at_once_all_count_in_the_new_one() {
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let path = killed(folder.path());
            fs::write(&path, "no database".repeat(1_000)).unwrap();
            all_at_once(&path);
        }
    }

    #[test]
    fn what_somebody_has_open_is_not_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls");
        let first = open(&path).unwrap();
        first.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let broken = "no database".repeat(1_000);
        fs::write(&path, &broken).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(matches!(refused, Unusable::BrokenInUse), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        assert!(beside(&path, "-wal").exists());
        drop(first);
        note(&open(&path).unwrap());
    }

    #[test]
    fn what_is_no_broken_database_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), "").unwrap();
        assert!(matches!(open(&path), Err(Unusable::Database(_))));
        assert!(path.join("file").exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls");
        let opened = open(&path).unwrap();
        note(&opened);
        for ending in ["", "-wal", "-lock"] {
            let mode = fs::metadata(beside(&path, ending)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{ending}");
        }
    }
}
