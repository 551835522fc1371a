//! A store moved to another place, with all that it remembers.

use std::path::{Path, PathBuf};

use super::{
    Store, new_id,
    owner::{Sign, look_for},
};
use crate::{
    Error,
    backend::{Backend, Marks, OwnerRow, Report, There},
};

/// Where a store is to be moved.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// A file.
    File(&'a Path),
    /// A PostgreSQL database.
    #[cfg(feature = "postgres")]
    Server {
        /// Its address.
        address: &'a crate::PostgresAddress,
        /// Where this machine keeps what is its own.
        folder: &'a Path,
    },
}

/// How far a move has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStep {
    /// So many rows of a table were written.
    Copied {
        /// The table.
        table: &'static str,
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// So many rows were read again, to be compared with those that they were made of.
    Compared {
        /// The table.
        table: &'static str,
        /// How many.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// The old place is marked as left. The new one does not know that yet, and renews nothing.
    Left,
}

/// What a move did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Where the store is now.
    pub to: String,
    /// How many rows of each table were copied and compared. Empty where an earlier move had done that.
    pub rows: Vec<(&'static str, usize)>,
    /// Files with tokens that could not be saved and do not open: they are where they were.
    pub left: Vec<PathBuf>,
}

impl Store {
    /// Moves the store, as it is: its id, the keys that open it, its sealed values, its history. It is copied in one
    /// transaction, read again and compared row by row while nobody changes it; then this place is marked as left, and the new
    /// one as this machine's (a database: as that of all who use it). From the first mark on this place refuses with
    /// [`Error::Moved`], until the second the other renews nothing ([`Error::Arriving`]): at no moment do both.
    ///
    /// Where it was broken off, the same call goes on: with this store, however it was found then. Where it had been done it does
    /// nothing. A place that the store was moved away from before is taken again. What was rescued of logins is taken up first.
    /// Waits for refreshes under way, as a caller of [`access`](Self::access) does.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is another store, this one included; [`Error::RefreshBusy`], [`Error::HalfWay`]; [`Error::Copied`] for a copy,
    /// [`Error::Arriving`], [`Error::Moved`] where it is somewhere else by now; those of the new place. But for
    /// [`Error::Unreachable`], which does not say whether the last step was done, this store is as it was then.
    pub async fn move_to(
        &self,
        to: Destination<'_>,
        progress: &mut (dyn FnMut(MoveStep) + Send),
    ) -> Result<Moved, Error> {
        match self.admit_refresh() {
            Err(moved @ Error::Moved { .. }) => self.go_on(to, moved),
            Err(error) => Err(error),
            Ok(()) => self.begin(to, progress).await,
        }
    }

    /// The first table whose rows are not the same in another store, column by column; `None`: they are equal. Whose they are,
    /// and where, is not compared.
    pub fn difference(&self, other: &Self) -> Result<Option<&'static str>, Error> {
        if std::sync::Arc::ptr_eq(&self.shared, &other.shared) {
            return Ok(None);
        }
        self.db().difference(&other.db())
    }

    async fn begin(&self, to: Destination<'_>, progress: &mut Report<'_>) -> Result<Moved, Error> {
        self.db().admit_format()?;
        let mut there = to.make_room()?;
        if matches!(there.what_is_there(&self.shared.id)?, There::Same | There::Other) {
            return Err(Error::Exists(there.path().to_owned()));
        }
        let mut waiting = self.waiting();
        let rows = loop {
            // Whoever was waited for may have left something.
            self.take_up_all()?;
            match self.copy_into(&mut there, progress) {
                Err(Error::RefreshBusy | Error::Busy) => waiting.pause().await?,
                copied => break copied?,
            }
        };
        progress(MoveStep::Left);
        self.arrive(&mut there, rows)
    }

    /// After this place was left: the other one may not know it yet.
    fn go_on(&self, to: Destination<'_>, moved: Error) -> Result<Moved, Error> {
        let mut there = match to.open() {
            Err(Error::NotFound(_)) => return Err(moved),
            there => there?,
        };
        let own = self.db().owner()?;
        let of_this_move =
            own.as_ref().and_then(OwnerRow::way) == there.owner()?.as_ref().and_then(OwnerRow::way);
        let is_there =
            matches!(&moved, Error::Moved { to, .. } if place_in(to) == place_in(&name_of(&there)));
        match there.what_is_there(&self.shared.id)? {
            There::Half if of_this_move => self.arrive(&mut there, Vec::new()),
            There::Same if is_there => self.arrive(&mut there, Vec::new()),
            // What another move has left, or begun, is not where the store is.
            _ => Err(moved),
        }
    }

    /// What waits in rescue files is the newest that there is.
    fn take_up_all(&self) -> Result<(), Error> {
        if self.rescued()?.is_empty() {
            return Ok(());
        }
        for authorisation in self.authorisations()? {
            self.take_up(&self.stored(&authorisation.id)?)?;
        }
        Ok(())
    }

    fn copy_into(
        &self,
        there: &mut Backend,
        progress: &mut Report<'_>,
    ) -> Result<Vec<(&'static str, usize)>, Error> {
        let (mut db, local) = (self.db(), self.shared.local.clone());
        let (from, to) = (name_of(&db), name_of(there));
        let way = new_id()?;
        let marks = Marks {
            moved: self.owner_at(&db)?.moved_to(&from, &to, &way),
            arriving: self.owner_at(there)?.arriving_from(&to, &from, &way),
        };
        let lives = |owner: &str| match look_for(&local, owner) {
            Sign::Alive => Some(true),
            Sign::Dead => Some(false),
            Sign::Unknown => None,
        };
        db.move_into(there, &marks, &lives, progress)
    }

    fn arrive(&self, there: &mut Backend, rows: Vec<(&'static str, usize)>) -> Result<Moved, Error> {
        let owner = self.owner_at(there)?;
        // False: another call was quicker.
        there.arrive(&owner)?;
        Ok(Moved { to: name_of(there), rows, left: self.rescued()? })
    }
}

impl Destination<'_> {
    fn make_room(self) -> Result<Backend, Error> {
        match self {
            Self::File(path) => Backend::make_room(path),
            #[cfg(feature = "postgres")]
            Self::Server { address, folder } => Backend::make_room_in(address, folder),
        }
    }

    fn open(self) -> Result<Backend, Error> {
        match self {
            Self::File(path) => Backend::open(path),
            #[cfg(feature = "postgres")]
            Self::Server { address, folder } => Backend::open_in(address, folder),
        }
    }
}

/// What a name says of a place, and not of the way to it.
fn place_in(name: &str) -> &str {
    let address = name.split('?').next().filter(|address| address.contains("://"));
    address.unwrap_or(name)
}

/// A file by its whole path, a server by its address as it can be given again.
fn name_of(store: &Backend) -> String {
    #[cfg(feature = "postgres")]
    if let Some(address) = store.server() {
        return address.spelled().to_owned();
    }
    let path = store.path();
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}
