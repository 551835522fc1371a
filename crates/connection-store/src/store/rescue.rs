//! The rescue file: a pair that was had from Xero and cannot be saved, sealed, until the next refresh takes it up.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{
    Store,
    file::RESCUE,
    owner::{SignOfLife, real},
    sealed_anew,
};
use crate::{
    Error, EventKind,
    backend::{BEGUN, Kept, folder_of, sync_folder},
    event::NewEvent,
    grant::{Grant, Rescued, StoredAuthorisation},
};

/// No rescue file is longer, in bytes.
const LONGEST: u64 = 1024 * 1024;
const RESCUED: &str = "with a refresh token that could not be saved before";

impl Store {
    /// Writes the grant, sealed, into the first folder that takes it. `None`: none does.
    pub(super) fn rescue(&self, grant: &Grant, sign: &SignOfLife) -> Option<PathBuf> {
        let sealed = grant.seal_whole(self.data_key()).ok()?;
        let name = self.rescue_name(&grant.id, &grant.generation.to_string()).ok()?;
        let own = folder_of(&real(&self.shared.local)).join(&name);
        if sign.keep_as(&own, &sealed).is_ok() {
            return Some(own);
        }
        let folders = self.rescue_folders.iter().map(|folder| folder.join(&name));
        [own].into_iter().chain(folders).find(|path| write_new(path, &sealed).is_ok())
    }

    /// Commits what was rescued of an authorisation, or keeps it as a spare where that has gone on, and removes the files.
    /// One that does not open is left alone. Gives what became of them, the oldest first.
    pub(super) fn take_up(&self, stored: &StoredAuthorisation) -> Result<Vec<Kept>, Error> {
        let mut taken = Vec::new();
        for (generation, path) in self.rescued_of(&stored.authorisation.id)? {
            let Some(sealed) = read(&path) else { continue };
            let Some(rescued) = stored.open_whole(self.data_key(), generation, &sealed) else { continue };
            taken.push(match rescued {
                Rescued::Grant(grant) => self.commit_rescued(&grant)?,
                Rescued::OfAnotherConsent => Kept::Superseded,
            });
            // Where this fails it is only taken up once more, as a spare.
            drop(fs::remove_file(&path));
        }
        Ok(taken)
    }

    fn rescued_of(&self, authorisation: &str) -> Result<Vec<(i64, PathBuf)>, Error> {
        let begin = self.rescue_name(authorisation, "")?;
        let generation = |path: &Path| path.file_name()?.to_str()?.strip_prefix(&begin)?.parse().ok();
        let named = |path: PathBuf| generation(&path).map(|generation| (generation, path));
        let mut found: Vec<_> = self.rescued()?.into_iter().filter_map(named).collect();
        found.sort();
        Ok(found)
    }

    fn commit_rescued(&self, grant: &Grant) -> Result<Kept, Error> {
        let (by, at, what) = (self.actor(), self.now(), EventKind::Recovered);
        let event = NewEvent { at, what, by: &by, detail: RESCUED };
        sealed_anew(|| {
            let sealed = grant.seal(self.data_key())?;
            self.db().commit_refresh(&sealed, None, &event)
        })
    }

    fn rescue_name(&self, authorisation: &str, generation: &str) -> Result<String, Error> {
        // A server that is away would be waited for once more.
        let store = match self.is_at_a_server() {
            true => self.shared.id.clone(),
            false => self.db().store_id().unwrap_or_else(|_| self.shared.id.clone()),
        };
        Ok(format!("{RESCUE}{store}-{authorisation}-{generation}"))
    }
}

/// A file of this name with these contents, whole and durable, or nothing.
fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(BEGUN).tempfile_in(folder_of(path))?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    sync_folder(path)
}

/// The contents of a regular file of a size that can be. Nothing is followed and nothing is waited for: others may be able to
/// write in the folder.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut options = File::options();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.cast_signed());
    }
    let file = options.read(true).open(path).ok()?;
    let there = file.metadata().ok().filter(|file| file.is_file() && file.len() <= LONGEST)?;
    let mut contents = Vec::with_capacity(usize::try_from(there.len()).ok()?);
    file.take(LONGEST).read_to_end(&mut contents).ok()?;
    Some(contents)
}
