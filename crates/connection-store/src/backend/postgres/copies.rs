//! A copy, in a file, of a store that is at a server.

use std::path::Path;

use super::super::{
    Backend, OwnerRow,
    owner::mark,
    rows::{self, Side},
    settle, sync_folder, unwritable,
};
use crate::{
    Error,
    database::{Db, Fault},
};

impl Backend {
    /// Copies all rows, as they are at one moment, into a new file in this folder, compares them, and gives the copy to this
    /// owner. The file gets its name when all is done, and is durable then.
    ///
    /// # Errors
    /// [`Error::FileExists`], [`Error::NotTheSame`].
    pub(crate) fn copy_rows_to(
        &self,
        to: &Path,
        room: &Path,
        owner: impl FnOnce(&Self) -> OwnerRow,
    ) -> Result<(), Error> {
        let failed = |source| unwritable(to, source);
        let file = room.join("store.db");
        let mut copy = Self::make_room(&file)?;
        let owner = owner(&copy);
        let copied = self.session.read(|from| copy.take_rows(Side { db: from, path: &self.path }, &owner));
        copied.map_err(|fault| settle(fault, &self.path))?;
        copy.fold()?;
        drop(copy);
        let file = tempfile::TempPath::try_from_path(file).map_err(failed)?;
        file.persist_noclobber(to).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::FileExists(to.to_owned()),
            _ => failed(error.error),
        })?;
        sync_folder(to).map_err(failed)
    }

    fn take_rows(&mut self, from: Side<'_>, owner: &OwnerRow) -> Result<(), Fault> {
        let Self { session, path, .. } = self;
        let written = session.write(|to| {
            rows::copy(from, to, &mut |_| {})?;
            mark(to, owner)
        });
        written.map_err(|fault| settle(fault, path))?;
        let compared =
            self.read(|db: Db<'_>| rows::difference(from, Side { db, path: &self.path }, &mut |_| {}))?;
        match compared {
            Some(table) => Err(Error::NotTheSame { place: self.path.clone(), table }.into()),
            None => Ok(()),
        }
    }
}
