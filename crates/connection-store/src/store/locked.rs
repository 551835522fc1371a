//! A store that no key has opened yet: its keys are looked at and tried without opening the database anew.

use std::{path::Path, sync::Arc};

use super::Store;
use crate::{Error, KeySlot, StoreKey, backend::Backend, seal::SealingKey};

/// A store that no key has opened yet.
#[derive(Debug)]
pub struct LockedStore {
    backend: Backend,
}

/// What one of a store's keys has opened, for [`LockedStore::open`].
pub struct Fitted(Arc<SealingKey>);

impl LockedStore {
    /// The store at `path`. What is wrong with the file is said now; an older format is brought up to date.
    ///
    /// # Errors
    /// As [`Store::open`], but for those of keys.
    pub fn find(path: &Path) -> Result<Self, Error> {
        Ok(Self { backend: Backend::open(path)? })
    }

    /// The store in a PostgreSQL database, as [`Store::open_at`].
    ///
    /// # Errors
    /// As [`Store::open_at`], but for those of keys.
    #[cfg(feature = "postgres")]
    pub fn find_at(address: &crate::PostgresAddress, folder: &Path) -> Result<Self, Error> {
        Ok(Self { backend: Backend::open_in(address, folder)? })
    }

    /// The keys that open it, in the order in which they were added.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there are none: no store was made there.
    pub fn key_slots(&self) -> Result<Vec<KeySlot>, Error> {
        Ok(self.backend.slots()?.into_iter().map(|slot| slot.slot).collect())
    }

    /// The store's own id; its copies have the same.
    ///
    /// # Errors
    /// Those of the database.
    pub fn id(&self) -> Result<String, Error> {
        self.backend.store_id()
    }

    /// Tries a key.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::WrongPassphrase`], [`Error::OtherLock`]: try another.
    pub fn fit(&mut self, key: &StoreKey) -> Result<Fitted, Error> {
        self.backend.unlock(key).map(Fitted)
    }

    /// The open store.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open(self, fitted: Fitted) -> Result<Store, Error> {
        Store::unlocked(self.backend, fitted.0)
    }
}

impl std::fmt::Debug for Fitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fitted").finish_non_exhaustive()
    }
}
