//! The facade: what a program does with a store.

mod access;
mod at_xero;
mod authorisations;
mod ballast;
mod connections;
mod leader;
mod pending;

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::watch;
use xero_auth_oauth2::Identity;

use crate::{
    Clock, Error, Lock, Server, StoreKey, SystemClock,
    refresh::LONGEST_LEASE,
    seal::{SealingKey, random_key},
    sqlite::Sqlite,
    store_key::WrappedKey,
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// How much longer than a call a lease lasts: for the writing before and after it. Whoever dies with a lease makes the
/// next caller wait for its end. A save that takes longer, because the file is locked or the disk full, needs no lease:
/// nobody else can write that he takes it over either.
const LEASE_SLACK: Duration = Duration::from_secs(5);

/// An open store: connections, and the key that opens their secrets. Cheap to clone; clones share everything.
///
/// Its calls may block for as long as it takes to write to a disk; those that ask Xero are `async` and want a Tokio
/// runtime.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    /// One HTTP client for each server, with the timeout.
    identities: Arc<Mutex<HashMap<Option<String>, Identity>>>,
}

struct Shared {
    backend: Mutex<Sqlite>,
    data_key: SealingKey,
    /// How many calls that must not be broken off are under way.
    leaders: watch::Sender<usize>,
}

impl Store {
    /// Makes a store at `path`, its directory (mode 0700) included, locked with `key`. `key_path` is where the key file
    /// lies, so that later commands find it; it is ignored for a passphrase.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is a store already; nothing is changed then.
    pub fn create(path: &Path, key: &StoreKey, key_path: &str) -> Result<Self, Error> {
        let wrapped = WrappedKey::create(key, key_path)?;
        let backend = Sqlite::create(path, &wrapped, SystemTime::now())?;
        Ok(Self::new(backend, wrapped.open(key)?))
    }

    /// How the store at `path` is locked. Needs no key.
    pub fn lock(path: &Path) -> Result<Lock, Error> {
        let keys = Sqlite::open(path)?.wrapped_keys()?;
        keys.into_iter().next().map(|key| key.lock).ok_or_else(|| Error::NotFound(path.to_owned()))
    }

    /// Opens a store.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongKey`], [`Error::WrongPassphrase`], [`Error::OtherLock`], and what may be
    /// wrong with the file itself. None of them changes the file.
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self, Error> {
        let backend = Sqlite::open(path)?;
        let mut failure = Error::NotFound(path.to_owned());
        for wrapped in backend.wrapped_keys()? {
            match wrapped.open(key) {
                Ok(data_key) => return Ok(Self::new(backend, data_key)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// The same store with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same store with another limit to the time that one call to Xero may take in all: 30 seconds unless told, at
    /// most nine minutes.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let timeout = timeout.min(LONGEST_LEASE - Duration::from_secs(60));
        Self { timeout, identities: Arc::default(), ..self }
    }

    /// Where it reads the time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Waits until no refresh is under way that was begun through this store or a clone of it. A program calls it before
    /// its runtime ends: a refresh that is broken off may cost a login.
    pub async fn settled(&self) {
        let mut leaders = self.shared.leaders.subscribe();
        // It fails only where there is no store any more.
        drop(leaders.wait_for(|count| *count == 0).await);
    }

    fn new(backend: Sqlite, data_key: SealingKey) -> Self {
        let shared = Shared { backend: Mutex::new(backend), data_key, leaders: watch::Sender::new(0) };
        Self {
            shared: Arc::new(shared),
            clock: Arc::new(SystemClock),
            timeout: TIMEOUT,
            identities: Arc::default(),
        }
    }

    /// The database. Nobody awaits anything while holding it.
    fn db(&self) -> MutexGuard<'_, Sqlite> {
        // A panic has undone its transaction.
        self.shared.backend.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data_key(&self) -> &SealingKey {
        &self.shared.data_key
    }

    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// What speaks to a server.
    fn identity(&self, server: &Server) -> Identity {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let address = server.address().map(str::to_owned);
        identities.entry(address).or_insert_with(|| Identity::new(server.endpoints(), self.timeout)).clone()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &*self.db()).finish_non_exhaustive()
    }
}

/// A random id of 32 hexadecimal digits.
fn new_id() -> Result<String, Error> {
    Ok(random_key()?[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}
