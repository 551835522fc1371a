//! The store as a file: whose it is, what state it is in, its copies.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::Store;
use crate::{
    Error, Finding, Host, KeySlot, Ownership, StoreKey,
    backend::{Backend, OwnerRow, folder_of, unwritable},
};

/// How the names of rescue files begin, before the store's id.
pub(super) const RESCUE: &str = "xeroctl-rescue-";

/// What can be said of a store without opening a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The file.
    pub path: PathBuf,
    /// The store's own id; its copies have the same.
    pub id: String,
    /// The format of the file.
    pub format: i64,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The size of its write-ahead log, in bytes.
    pub log_size: u64,
    /// The number of the data key in use.
    pub data_key: u32,
    /// Since when it is in use.
    pub data_key_since: SystemTime,
    /// How many apps there are.
    pub apps: usize,
    /// How many authorisations.
    pub authorisations: usize,
    /// How many connections.
    pub connections: usize,
    /// The keys that open it.
    pub slots: Vec<KeySlot>,
    /// Whose it is.
    pub ownership: Ownership,
    /// Files with tokens that could not be saved in it and were not yet taken up.
    pub rescued: Vec<PathBuf>,
}

/// What to do with a store that is in the place of the one to be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Leave it, and restore nothing.
    No,
    /// Keep it under another name, and take over from it what is newer.
    Yes,
}

/// What is to be restored, and where.
#[derive(Debug, Clone)]
pub struct Restoring<'a> {
    /// The backup.
    pub from: &'a Path,
    /// Where the store is, or is to be.
    pub to: &'a Path,
    /// A key that opens the backup.
    pub key: &'a StoreKey,
    /// This machine: where the backup is its own, nobody needs to adopt the restored store.
    pub host: &'a Host,
    /// What to do where there is a store.
    pub existing: Replace,
}

/// What a restoring did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The store that was there before, under its new name.
    pub kept: Option<PathBuf>,
    /// Of how many authorisations the tokens were newer in it, and were taken over.
    pub newer_tokens: usize,
    /// The connections that were made since, and are only in what was kept.
    pub dropped: Vec<String>,
    /// False where another machine owns the store: [`Store::adopt`] comes next.
    pub adopted: bool,
}

impl Store {
    /// What can be said of the store.
    pub fn status(&self) -> Result<Status, Error> {
        let (slots, ownership, rescued) = (self.slots()?, self.ownership()?, self.rescued()?);
        let counts = self.db().counts()?;
        let path = self.db().path().to_owned();
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        Ok(Status {
            size: size(&path),
            log_size: size(&beside(&path, "-wal")),
            path,
            id: counts.id,
            format: counts.format,
            data_key: counts.data_key,
            data_key_since: counts.data_key_since,
            apps: counts.apps,
            authorisations: counts.authorisations,
            connections: counts.connections,
            slots,
            ownership,
            rescued,
        })
    }

    /// Whose the store is, as seen from this machine.
    pub fn ownership(&self) -> Result<Ownership, Error> {
        let owner = self.db().owner()?;
        let here = self.here()?;
        Ok(owner.map_or(Ownership::Nobody, |owner| owner.seen_from(&here)))
    }

    /// Makes this machine the owner of this very file: from now on it refreshes, and a copy does not. Two that do spend each
    /// other's refresh tokens, so the other one must have stopped.
    pub fn adopt(&self) -> Result<(), Error> {
        let here = self.here()?;
        self.db().own(&here, &self.actor(), false)
    }

    /// Writes a copy of the store, whole and at one moment, while others go on using it. It is opened by the same keys, and is
    /// as safe as they are; as a copy it does not refresh.
    ///
    /// A store at a server is written into such a file too: [`move_to`](Self::move_to) brings it to a server again, after
    /// [`adopt`](Self::adopt).
    ///
    /// # Errors
    /// [`Error::FileExists`]; [`Error::DiskFull`] and the like: then nothing is left there.
    pub fn backup(&self, to: &Path) -> Result<(), Error> {
        if self.db().cluster()?.is_none() {
            return self.db().copy_to(to);
        }
        self.backup_from_server(to)
    }

    /// The copy is that of a server: on no machine does it refresh before it is adopted.
    #[cfg(feature = "postgres")]
    fn backup_from_server(&self, to: &Path) -> Result<(), Error> {
        if to.symlink_metadata().is_ok() {
            return Err(Error::FileExists(to.to_owned()));
        }
        let room = super::restore::private_folder(folder_of(to)).map_err(|source| unwritable(to, source))?;
        let (db, now) = (self.db(), self.now());
        let server = db.path().to_string_lossy().into_owned();
        let owner = |copy: &Backend| self.host.owner_of(copy.path(), now).copy_of(&server);
        db.copy_rows_to(to, room.path(), owner)
    }

    #[cfg(not(feature = "postgres"))]
    fn backup_from_server(&self, _: &Path) -> Result<(), Error> {
        Err(Error::InServer(self.db().path().to_owned()))
    }

    /// Looks through the whole store: the database, each sealed value, the ledger, the rescue files. Empty: all is well.
    pub fn verify(&self) -> Result<Vec<Finding>, Error> {
        let mut found = self.db().verify()?;
        let logins: Vec<_> = self.authorisations()?.into_iter().map(|one| format!("-{}-", one.id)).collect();
        let waiting = self.rescued()?.into_iter().filter(|path| {
            let name = path.to_string_lossy();
            logins.iter().any(|login| name.contains(login))
        });
        found.extend(waiting.map(|path| Finding {
            table: "file".to_owned(),
            row: path.display().to_string(),
            what: "tokens that could not be saved wait here; the next refresh takes them up".to_owned(),
        }));
        Ok(found)
    }

    /// As [`verify`](Self::verify), for a backup or any other file, which is not changed: a copy is made for the time being in
    /// `folder`.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn verify_copy(path: &Path, folder: &Path, key: &StoreKey) -> Result<Vec<Finding>, Error> {
        let room = super::restore::private_folder(folder).map_err(|source| unwritable(folder, source))?;
        let copy = room.path().join("store.db");
        Backend::copy_file(path, &copy)?;
        Self::open(&copy, key)?.db().verify()
    }

    /// Puts a backup in the place of a store. Killed at any moment, it leaves the old or the new state, whole. Where the
    /// store that is there opens with the same key, others may go on using it, and refresh tokens that came since the backup
    /// was made are not lost.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is a store and it is not to be replaced; [`Error::Corrupt`] for a backup that is not
    /// whole, [`Error::RefreshBusy`] while a refresh is under way, and those of [`open`](Self::open) for the backup.
    pub fn restore(restoring: &Restoring<'_>) -> Result<Restored, Error> {
        super::restore::restore(restoring)
    }

    /// Nothing is refreshed with a copy: that would spend the tokens of the store that it was copied from. What nobody owns
    /// yet is this machine's from now on.
    pub(super) fn admit_refresh(&self) -> Result<(), Error> {
        // Not in the condition: the database would be held while the other side is looked at.
        let owner = self.db().owner()?;
        if let Some(owner) = owner {
            return owner.seen_from(&self.here()?).refusal().map_or(Ok(()), Err);
        }
        self.own_if_nobody_does()?;
        self.ownership()?.refusal().map_or(Ok(()), Err)
    }

    pub(super) fn own_if_nobody_does(&self) -> Result<(), Error> {
        if self.db().owner()?.is_some() {
            return Ok(());
        }
        let here = self.here()?;
        self.db().own(&here, &self.actor(), true)
    }

    /// The owner that this machine would be.
    fn here(&self) -> Result<OwnerRow, Error> {
        self.owner_at(&self.db())
    }

    /// The owner that this machine would be of a database.
    pub(super) fn owner_at(&self, database: &Backend) -> Result<OwnerRow, Error> {
        let here = self.host.owner_of(database.path(), self.now());
        Ok(match database.cluster()? {
            // All machines may use it; a copy of the database may not be used.
            Some(cluster) => OwnerRow { machine: None, file: Some(cluster), path: None, ..here },
            None => here,
        })
    }

    /// Files with tokens of this store that were rescued and not yet taken up.
    pub(super) fn rescued(&self) -> Result<Vec<PathBuf>, Error> {
        let begin = format!("{RESCUE}{}-", self.db().store_id()?);
        let path = super::owner::real(self.db().local());
        let folders = [folder_of(&path)].into_iter().chain(self.rescue_folders.iter().map(PathBuf::as_path));
        let files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        let named = files.filter(|file| file.file_name().to_string_lossy().starts_with(&begin));
        Ok(named.map(|file| file.path()).collect())
    }
}

/// The file's name with something after it.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
