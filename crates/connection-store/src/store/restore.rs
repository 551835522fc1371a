//! A backup put in the place of a store.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Replace, Restored, Restoring, Store, file::beside, owner::has_died};
use crate::{
    Error, Host, Ownership,
    backend::{BEGUN, Backend, Taken, folder_of, make_folder, sweep_leftovers, sync_folder, unwritable},
};

pub(super) fn restore(restoring: &Restoring<'_>) -> Result<Restored, Error> {
    let Restoring { from, to, key, host, existing } = restoring;
    let present = to.symlink_metadata().is_ok_and(|file| !file.is_file() || file.len() > 0);
    if present && *existing == Replace::No {
        return Err(Error::Exists(to.to_path_buf()));
    }
    make_folder(folder_of(to)).map_err(|source| unwritable(to, source))?;
    let room = private_folder(folder_of(to)).map_err(|source| unwritable(to, source))?;
    let copy = room.path().join("store.db");
    Backend::copy_file(from, &copy)?;
    let backup = Store::open(&copy, key)?;
    if !backup.db().verify()?.is_empty() {
        return Err(Error::Corrupt(from.to_path_buf()));
    }
    if !present {
        return put(&backup, to, host, None);
    }
    let over =
        Store::open(to, key).and_then(|current| take_over(&current.with_host((*host).clone()), &backup));
    match over {
        // What does not open with this key, or not any more, is no state of the backup's store that could be gone on with.
        Err(error) if is_of_no_use(&error) && to.is_file() && !is_in_use(to) => {
            let kept = free_name(to);
            fs::hard_link(to, &kept)
                .or_else(|_| fs::copy(to, &kept).map(drop))
                .map_err(|source| unwritable(to, source))?;
            put(&backup, to, host, Some(kept))
        }
        done => done,
    }
}

/// Puts the file where there is none, or over the one that has another name as well by now.
fn put(backup: &Store, to: &Path, host: &Host, kept: Option<PathBuf>) -> Result<Restored, Error> {
    let failed = |source| unwritable(to, source);
    let from = backup.db().path().to_owned();
    let path = folder_of(to).canonicalize().map_err(failed)?.join(to.file_name().unwrap_or_default());
    let here = host.owner_of(&from, backup.now());
    let owner = backup.db().owner()?;
    // The file is another one in any case. What lay in this place, on this machine, nobody else has taken over.
    let adopted = owner.is_none_or(|owner| {
        let machine = owner.machine.is_none() || here.machine.is_none() || owner.machine == here.machine;
        machine && owner.mark().is_none() && owner.path.as_deref() == path.to_str()
    });
    if adopted {
        let here = crate::backend::OwnerRow { path: path.to_str().map(str::to_owned), ..here };
        backup.db().own(&here, &backup.actor(), false)?;
    }
    backup.db().fold()?;
    // A log that another file has left would be replayed over this one.
    move_log(to, kept.as_deref()).map_err(failed)?;
    match &kept {
        Some(_) => fs::rename(&from, to).map_err(failed)?,
        None => place_anew(&from, to)?,
    }
    sync_folder(to).map_err(failed)?;
    Ok(Restored { kept, newer_tokens: 0, dropped: Vec::new(), adopted })
}

fn place_anew(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| unwritable(to, source);
    if to.metadata().is_ok_and(|file| file.is_file() && file.len() == 0) {
        fs::remove_file(to).map_err(failed)?;
    }
    let file = tempfile::TempPath::try_from_path(from).map_err(failed)?;
    file.persist_noclobber(to).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(to.to_owned()),
        _ => failed(error.error),
    })
}

/// Puts what the backup has into the store, which others may be using.
fn take_over(current: &Store, backup: &Store) -> Result<Restored, Error> {
    let (to, from) = (current.db().path().to_owned(), backup.db().path().to_owned());
    if current.db().store_id()? == backup.db().store_id()? {
        backup.db().seal_as(&current.db())?;
    }
    let kept = free_name(&to);
    current.backup(&kept)?;
    let taken = current.db().take_from(&from, current.now(), &|owner| !has_died(&to, owner));
    // Where nothing was changed nothing needs to be kept.
    let Taken { newer_tokens, dropped } = taken.inspect_err(|_| drop(fs::remove_file(&kept)))?;
    let adopted = matches!(current.ownership()?, Ownership::Here | Ownership::Nobody);
    Ok(Restored { kept: Some(kept), newer_tokens, dropped, adopted })
}

/// A folder for the time being that only its owner can look into.
pub(super) fn private_folder(within: &Path) -> io::Result<tempfile::TempDir> {
    sweep_leftovers(within);
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix(BEGUN).tempdir_in(within)
}

/// True for a store that cannot be read as a state of the one that was backed up.
fn is_of_no_use(error: &Error) -> bool {
    matches!(
        error,
        Error::NotADatabase(_)
            | Error::Corrupt(_)
            | Error::NotFound(_)
            | Error::Tampered { .. }
            | Error::WrongKey
            | Error::WrongPassphrase
            | Error::OtherLock(_)
    )
}

/// True while somebody refreshes with it.
fn is_in_use(path: &Path) -> bool {
    let leased = |store: Backend| store.is_leased(SystemTime::now(), &|owner| !has_died(path, owner));
    Backend::open(path).and_then(leased).unwrap_or(false)
}

/// Gives a store's log the name of what is kept of the store.
fn move_log(path: &Path, kept: Option<&Path>) -> io::Result<()> {
    let kept = kept.map_or_else(|| free_name(path), Path::to_owned);
    for end in ["-wal", "-shm"] {
        match fs::rename(beside(path, end), beside(&kept, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A name beside the store's that nothing has yet.
fn free_name(path: &Path) -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut names = (seconds..).map(|number| beside(path, &format!(".before-restore-{number}")));
    names.find(|name| name.symlink_metadata().is_err()).expect("there are more numbers than files")
}
