//! A backup put in the place of a store.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Replace, Restored, Restoring, Store, file::beside};
use crate::{
    Error, Host, Ownership,
    sqlite::{Sqlite, folder_of, sync_folder, unwritable},
};

pub(super) fn restore(restoring: &Restoring<'_>) -> Result<Restored, Error> {
    let Restoring { from, to, key, host, existing } = restoring;
    let present = to.symlink_metadata().is_ok_and(|file| !file.is_file() || file.len() > 0);
    if present && *existing == Replace::No {
        return Err(Error::Exists(to.to_path_buf()));
    }
    make_folder(folder_of(to)).map_err(|source| unwritable(to, source))?;
    let room = tempfile::Builder::new().prefix(".xeroctl-restore-").tempdir_in(folder_of(to));
    let room = room.map_err(|source| unwritable(to, source))?;
    let copy = room.path().join("store.db");
    Sqlite::copy_file(from, &copy)?;
    let backup = Store::open(&copy, key)?;
    if !backup.db().verify()?.is_empty() {
        return Err(Error::Corrupt(from.to_path_buf()));
    }
    if !present {
        return put(&backup, to, host, None);
    }
    match Store::open(to, key) {
        Ok(current) => take_over(&current.with_host((*host).clone()), &copy),
        // There is nothing in it that could be used, so nobody uses it.
        Err(Error::NotADatabase(_) | Error::Corrupt(_) | Error::NotFound(_)) if to.is_file() => {
            let kept = set_aside(to).map_err(|source| unwritable(to, source))?;
            put(&backup, to, host, Some(kept))
        }
        Err(error) => Err(error),
    }
}

/// Moves the restored file to where there is none.
fn put(backup: &Store, to: &Path, host: &Host, kept: Option<PathBuf>) -> Result<Restored, Error> {
    let failed = |source| unwritable(to, source);
    let from = backup.db().path().to_owned();
    let here = host.owner_of(&from, backup.now());
    let owner = backup.db().owner()?;
    // The file is another one in any case; the machine tells.
    let adopted = owner.is_none_or(|owner| owner.machine.is_none() || owner.machine == here.machine);
    if adopted {
        backup.db().own(&here, &host.actor, false)?;
    }
    backup.db().fold()?;
    fs::hard_link(&from, to).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(to.to_owned()),
        _ => failed(error),
    })?;
    sync_folder(to).map_err(failed)?;
    Ok(Restored { kept, newer_tokens: 0, adopted })
}

/// Puts what the backup has into the store, which others may be using.
fn take_over(current: &Store, backup: &Path) -> Result<Restored, Error> {
    let to = current.db().path().to_owned();
    let kept = free_name(&to);
    current.backup(&kept)?;
    let newer_tokens = current.db().take_from(backup)?;
    let adopted = !matches!(current.ownership()?, Ownership::Copied { .. });
    Ok(Restored { kept: Some(kept), newer_tokens, adopted })
}

/// Gives a damaged file another name, with its log.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let kept = free_name(path);
    for end in ["-wal", "-shm"] {
        match fs::rename(beside(path, end), beside(&kept, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, &kept)?;
    sync_folder(path)?;
    Ok(kept)
}

/// A name beside the store's that nothing has yet.
fn free_name(path: &Path) -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let names = (seconds..).map(|number| beside(path, &format!(".before-restore-{number}")));
    names
        .into_iter()
        .find(|name| name.symlink_metadata().is_err())
        .expect("there are more numbers than files")
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
