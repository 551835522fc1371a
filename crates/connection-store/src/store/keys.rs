//! The keys that open a store: added, removed, and the data key behind them replaced.

use super::{Store, owner::has_died, sealed_anew};
use crate::{
    DerivedKey, Error, KeySlot, NewKey, StoreKey,
    backend::{folder_of, sweep_leftovers},
};

impl Store {
    /// The keys that open the store, in the order in which they were added.
    pub fn slots(&self) -> Result<Vec<KeySlot>, Error> {
        Ok(self.db().slots()?.into_iter().map(|slot| slot.slot).collect())
    }

    /// What was made of the passphrase that this store was opened with, and the number of its slot; `None` where it was opened
    /// with something else.
    pub fn derived_key(&self) -> Result<Option<(i64, DerivedKey)>, Error> {
        self.db().derived()
    }

    /// The keys of the store that are this very key: whoever has it opens the store as any of them.
    pub fn same_as(&self, key: &StoreKey) -> Result<Vec<KeySlot>, Error> {
        sealed_anew(|| self.db().opened_by(key))
    }

    /// The other keys of the store that are the same as that one, as far as can be told: of a passphrase it cannot.
    pub fn same_as_slot(&self, id: i64) -> Result<Vec<KeySlot>, Error> {
        sealed_anew(|| self.db().opened_as(id))
    }

    /// Adds a key; durable when this returns.
    pub fn add_key(&self, key: &NewKey) -> Result<KeySlot, Error> {
        sealed_anew(|| self.db().add_slot(key, self.now()))
    }

    /// Removes a key. Whoever had it may know the data key, which still opens older copies of the file and this one;
    /// [`rekey`](Self::rekey) makes another.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::LastKey`].
    pub fn remove_key(&self, id: i64) -> Result<KeySlot, Error> {
        sealed_anew(|| self.db().remove_slot(id))
    }

    /// Seals everything under a new data key, which all the keys of the store open; whole or not at all, also where the
    /// program is killed. Others that use the store go on with the new one. `progress` is told how many values are done, of
    /// how many. Gives their number.
    ///
    /// # Errors
    /// [`Error::RefreshBusy`] while a refresh is under way, [`Error::HalfWay`], [`Error::Tampered`] for a value that does not open, [`Error::KeyNotSeen`]. Nothing was changed then.
    pub fn rekey(&self, progress: &mut dyn FnMut(usize, usize)) -> Result<usize, Error> {
        // What lies around opens with the key of now.
        sweep_leftovers(folder_of(self.db().local()));
        // What was rescued is sealed under the key of now.
        for authorisation in self.authorisations()? {
            self.take_up(&self.stored(&authorisation.id)?)?;
        }
        let path = self.db().local().to_owned();
        self.db().rekey(self.now(), &|owner| !has_died(&path, owner), progress)
    }
}
