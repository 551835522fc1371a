//! How it is seen at once that whoever has a lease is dead: by a file that he holds locked while he lives.
//!
//! The lock goes with the process, however that ends. All who use a store share a kernel: SQLite's write-ahead log wants
//! shared memory. So the lock tells the truth; and where the file system has none, only the lease's end counts.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Seek, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::{
    Error,
    backend::{folder_of, sync_folder, unwritable},
};

/// What stands between the store's name and the owner's.
const LEASE: &str = "-lease-";
/// How long an owner's name is.
const NAME: usize = 32;
/// More than a grant of two long tokens takes when it is sealed, in bytes.
const ROOM: usize = 16 * 1024;

/// The locked file of one owner. Dropped, it is gone. It also has the room for what he may have to rescue, so that there
/// is room on a disk that is full by then.
pub(super) struct SignOfLife {
    file: NamedTempFile,
    owner: String,
}

impl SignOfLife {
    /// Makes an owner, and takes away what dead ones have left.
    ///
    /// # Errors
    /// Those of a folder that cannot be written.
    pub(super) fn show(store: &Path) -> Result<Self, Error> {
        let store = &real(store);
        sweep(store);
        loop {
            if let Some(shown) = Self::make(store).map_err(|source| unwritable(store, source))? {
                return Ok(shown);
            }
        }
    }

    /// None: somebody has swept the file before it was locked.
    fn make(store: &Path) -> io::Result<Option<Self>> {
        let prefix = prefix(store);
        // Unlike ids, the name need not be hard to guess, and true random numbers take longer than all the rest.
        let mut file = Builder::new().prefix(&prefix).rand_bytes(NAME).tempfile_in(folder_of(store))?;
        // Without a lock nobody ever takes him for dead.
        drop(file.as_file().lock());
        if !file.path().exists() {
            return Ok(None);
        }
        file.write_all(&[0; ROOM])?;
        let name = file.path().file_name().unwrap_or_default().to_string_lossy();
        let owner = name.strip_prefix(&prefix).unwrap_or_default().to_owned();
        Ok(Some(Self { file, owner }))
    }

    /// His name.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// Gives the file these contents and another name in its folder, where nothing has that; durable when this returns.
    pub(super) fn keep_as(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        if path.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut file = self.file.as_file();
        file.rewind()?;
        file.write_all(contents)?;
        file.set_len(contents.len() as u64)?;
        file.sync_all()?;
        fs::hard_link(self.file.path(), path)?;
        sync_folder(path)
    }
}

/// The file itself, however it is reached: whoever comes by a link must look in the same folder.
pub(super) fn real(store: &Path) -> PathBuf {
    store.canonicalize().unwrap_or_else(|_| store.to_owned())
}

/// What an owner's file, or his lock at a server, says of him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It is gone, or nobody holds its lock.
    Dead,
    /// He holds its lock.
    Alive,
    /// There are no locks here, or he has no file; or he may come back in this moment.
    Unknown,
}

/// True where the owner of a lease is certainly dead.
pub(super) fn has_died(store: &Path, owner: &str) -> bool {
    look_for(store, owner) == Sign::Dead
}

/// Looks for the sign of life of an owner, who is dead where he has no file.
pub(super) fn look_for(store: &Path, owner: &str) -> Sign {
    look_here(store, owner).unwrap_or(Sign::Dead)
}

/// Looks for the sign of life of an owner. `None`: there is no file of his.
pub(super) fn look_here(store: &Path, owner: &str) -> Option<Sign> {
    if !is_name(owner) {
        return Some(Sign::Unknown);
    }
    match File::open(path_of(&real(store), owner)).map(|file| file.try_lock_shared()) {
        Ok(Ok(())) => Some(Sign::Dead),
        Ok(Err(TryLockError::WouldBlock)) => Some(Sign::Alive),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Ok(Err(TryLockError::Error(_))) | Err(_) => Some(Sign::Unknown),
    }
}

/// Removes the files of the dead. Whoever has made his and has not locked it yet looks again after that.
fn sweep(store: &Path) {
    let prefix = prefix(store);
    let Ok(folder) = fs::read_dir(folder_of(store)) else { return };
    for entry in folder.flatten() {
        if entry.file_name().to_str().and_then(|name| name.strip_prefix(&prefix)).is_some_and(is_name) {
            remove_dead(&entry.path());
        }
    }
}

/// What is no name of an owner has no file.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() == NAME && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn remove_dead(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    match file.try_lock() {
        Ok(()) => drop(fs::remove_file(path)),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
    }
}

fn path_of(store: &Path, owner: &str) -> PathBuf {
    folder_of(store).join(format!("{}{owner}", prefix(store)))
}

fn prefix(store: &Path) -> String {
    format!("{}{LEASE}", store.file_name().unwrap_or_default().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(store: &Path) -> usize {
        fs::read_dir(folder_of(store)).unwrap().count()
    }

    #[test]
    fn an_owner_lives_until_his_file_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        let [one, two] = [SignOfLife::show(&store).unwrap(), SignOfLife::show(&store).unwrap()];
        let name = one.owner().to_owned();
        assert!(!has_died(&store, &name) && !has_died(&store, two.owner()));
        assert_eq!(files(&store), 2);
        drop(one);
        assert!(has_died(&store, &name) && !has_died(&store, two.owner()));
        assert_eq!(files(&store), 1);
    }

    #[test]
    fn what_the_dead_left_tells_of_it_and_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        let dead = "d".repeat(NAME);
        fs::write(path_of(&store, &dead), "").unwrap();
        assert!(has_died(&store, &dead));
        let living = SignOfLife::show(&store).unwrap();
        assert!(!path_of(&store, &dead).exists() && path_of(&store, living.owner()).exists());
        assert!(has_died(&store, &dead));
    }

    #[cfg(unix)]
    #[test]
    fn whoever_comes_by_a_link_sees_the_same() {
        let [real, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [store, link] = [real.path().join("store.db"), other.path().join("link.db")];
        fs::write(&store, "").unwrap();
        std::os::unix::fs::symlink(&store, &link).unwrap();
        let [one, two] = [SignOfLife::show(&store).unwrap(), SignOfLife::show(&link).unwrap()];
        assert!(!has_died(&link, one.owner()) && !has_died(&store, two.owner()));
        assert_eq!((files(&store), files(&link)), (3, 1));
    }

    #[test]
    fn no_other_name_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        for name in ["", "from an older version", "../../../../../../../etc/passwd..", &"/".repeat(NAME)] {
            assert!(!has_died(&store, name), "{name}");
        }
    }

    #[test]
    fn nobody_else_can_read_the_file_and_it_holds_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        let sign = SignOfLife::show(&store).unwrap();
        let file = fs::metadata(sign.file.path()).unwrap();
        assert_eq!(file.len(), 16 * 1024);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
    }

    #[test]
    fn what_is_kept_stays_when_the_owner_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (store, kept) = (folder.path().join("store.db"), folder.path().join("kept"));
        let sign = SignOfLife::show(&store).unwrap();
        sign.keep_as(&kept, b"sealed").unwrap();
        assert!(sign.keep_as(&kept, b"other").is_err(), "there is one already");
        drop(sign);
        assert_eq!((files(&store), fs::read(&kept).unwrap().as_slice()), (1, &b"sealed"[..]));
    }
}
