//! The facade: what a program does with a store.

mod access;
mod apps;
mod at_xero;
mod authorisations;
mod ballast;
mod commit;
mod connections;
mod events;
mod export;
mod file;
mod import;
mod keeping;
mod keys;
mod leader;
mod limits;
mod locked;
mod moving;
mod owner;
mod pending;
mod pinned;
mod rescue;
mod restore;
mod traffic;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::watch;
use xero_auth_oauth2::Identity;

pub(crate) use self::file::beside;
pub(crate) use self::owner::Sign;
#[cfg(feature = "postgres")]
pub(crate) use self::owner::is_name;
pub use self::{
    export::{Export, Logins},
    file::{Replace, Restored, Restoring, Status},
    import::{Existing, Imported, Importing},
    locked::{Fitted, LockedStore},
    moving::{Destination, MoveStep, Moved},
    traffic::Call,
};
use crate::{
    Clock, Error, Host, KeySlot, NewKey, Server, StoreKey, SystemClock,
    backend::Backend,
    refresh::LONGEST_LEASE,
    seal::{SealingKey, random_key},
};

/// How often a change is sealed again where others replace the data key one time after the other.
const TRIES_TO_SEAL: usize = 10;
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much longer than a call a lease lasts: for the writing before and after it. Whoever is stopped with a lease makes
/// the next caller wait for its end; whoever dies does not. A save that takes longer, because the file is locked or the disk full, needs no lease:
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
    host: Arc<Host>,
    /// Where else a pair is written that cannot be saved.
    rescue_folders: Arc<Vec<PathBuf>>,
    /// One HTTP client for each server and place where it is used, with the timeout.
    identities: Arc<Mutex<Identities>>,
}

/// By the server's address, and whether leaders use it.
type Identities = HashMap<(Option<String>, bool), Identity>;

struct Shared {
    backend: Mutex<Backend>,
    /// The store's id when it was opened.
    id: String,
    /// The file beside which this machine keeps what is its own.
    local: PathBuf,
    /// Where calls are counted, if not beside that.
    #[cfg(feature = "postgres")]
    server: Option<crate::PostgresAddress>,
    data_key: Arc<SealingKey>,
    /// Where calls to Xero are made whose answers must be seen, if not where the caller is.
    caller: Option<tokio::runtime::Handle>,
    /// How many calls that must not be broken off are under way.
    leaders: watch::Sender<usize>,
    /// There once a call was counted.
    counting: Mutex<traffic::Counting>,
}

impl Store {
    /// Makes a store at `path`, its directory (mode 0700) included, opened by one key.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is a store already; nothing is changed then.
    pub fn create(path: &Path, key: &NewKey) -> Result<Self, Error> {
        Self::unlocked_by(Backend::create(path, key, SystemTime::now())?, &key.key)
    }

    /// The keys that open the store at `path`, in the order in which they were added. Needs none of them, and changes
    /// nothing.
    pub fn key_slots(path: &Path) -> Result<Vec<KeySlot>, Error> {
        Backend::slots_of(path)
    }

    /// Opens a store with any of its keys.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongKey`], [`Error::WrongPassphrase`], [`Error::OtherLock`], and what may be
    /// wrong with the file itself. None of them changes the file, but that an older format may have been brought up to date
    /// by then; a copy of it as it was lies beside it (`.format-2`).
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self, Error> {
        Self::unlocked_by(Backend::open(path)?, key)
    }

    /// Makes a store in a PostgreSQL database, in a schema of its own, opened by one key. In `folder`, made with mode 0700, this
    /// machine keeps what is its own.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is a store already; nothing is changed then. [`Error::Unreachable`].
    #[cfg(feature = "postgres")]
    pub fn create_at(address: &crate::PostgresAddress, folder: &Path, key: &NewKey) -> Result<Self, Error> {
        Self::unlocked_by(Backend::create_in(address, folder, key)?, &key.key)
    }

    /// The keys that open the store at `address`, as [`key_slots`](Self::key_slots).
    #[cfg(feature = "postgres")]
    pub fn key_slots_at(address: &crate::PostgresAddress, folder: &Path) -> Result<Vec<KeySlot>, Error> {
        Backend::slots_in(address, folder)
    }

    /// The statements by which the owner of a store's tables lets another role use the store: read and change rows, and no more.
    /// Only making a store ([`create_at`](Self::create_at), which needs the right to create a schema in the database) and
    /// bringing it up to date are the owner's.
    #[cfg(feature = "postgres")]
    pub fn grants_at(role: &str) -> String {
        crate::backend::grants(role)
    }

    /// Opens a store in a PostgreSQL database with any of its keys. Its clock is the server's, the same for all machines. An older
    /// format is brought up to date, for which the role must own the tables; otherwise those of
    /// [`grants_at`](Self::grants_at) will do.
    ///
    /// A store takes one connection, and keeps it: a pooler in transaction mode does not do. One that is cut is made anew, and a
    /// server that is away is waited for where a token is at stake: for a minute. Of several hosts the one is used that takes
    /// changes. A standby that may lag behind loses, when it takes over, the last tokens that Xero gave; within 30 minutes the
    /// tokens before them are good, and later a person must log in again. `synchronous_standby_names` keeps them.
    ///
    /// A database that was restored from a dump, or carried over by `pg_upgrade`, is a copy: one [`adopt`](Self::adopt) makes it
    /// the store of all machines. A copy of the server's own files cannot be told from it: of a base backup, a snapshot of a
    /// volume, a server put back to a point in time, only one may be used.
    ///
    /// # Errors
    /// As [`open`](Self::open), [`Error::Unreachable`], [`Error::OlderFormat`].
    #[cfg(feature = "postgres")]
    pub fn open_at(address: &crate::PostgresAddress, folder: &Path, key: &StoreKey) -> Result<Self, Error> {
        Self::unlocked_by(Backend::open_in(address, folder)?, key)
    }

    /// The store's own id; its copies have the same.
    pub fn id(&self) -> &str {
        &self.shared.id
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

    /// The same store, used by this machine and this program: for the history, and to tell a copy of a store.
    #[must_use]
    pub fn with_host(self, host: Host) -> Self {
        Self { host: Arc::new(host), ..self }
    }

    /// The same store with another folder in which tokens are kept, sealed, that were had and cannot be saved. The store's own
    /// folder comes first.
    #[must_use]
    pub fn with_rescue_folder(self, folder: PathBuf) -> Self {
        let folders = self.rescue_folders.iter().cloned().chain([folder]).collect();
        Self { rescue_folders: Arc::new(folders), ..self }
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

    fn unlocked_by(mut backend: Backend, key: &StoreKey) -> Result<Self, Error> {
        let data_key = backend.unlock(key)?;
        Self::unlocked(backend, data_key)
    }

    fn unlocked(backend: Backend, data_key: Arc<SealingKey>) -> Result<Self, Error> {
        let (clock, id, local) = (clock_of(&backend), backend.store_id()?, backend.local().to_owned());
        #[cfg(feature = "postgres")]
        let server = backend.server().cloned();
        let (caller, leaders) = (backend.runtime(), watch::Sender::new(0));
        let backend = Mutex::new(backend);
        let shared = Shared {
            backend,
            id,
            local,
            #[cfg(feature = "postgres")]
            server,
            data_key,
            caller,
            leaders,
            counting: Mutex::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            clock,
            timeout: TIMEOUT,
            host: Arc::default(),
            rescue_folders: Arc::default(),
            identities: Arc::default(),
        })
    }

    /// The database. Nobody awaits anything while holding it.
    fn db(&self) -> MutexGuard<'_, Backend> {
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
        self.identity_within(server, false)
    }

    /// The same for those who [`call`](Self::call): what is kept of a connection is of use only where it was made.
    fn leaders_identity(&self, server: &Server) -> Identity {
        self.identity_within(server, self.shared.caller.is_some())
    }

    fn identity_within(&self, server: &Server, caller: bool) -> Identity {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (server.address().map(str::to_owned), caller);
        identities.entry(of).or_insert_with(|| Identity::new(server.endpoints(), self.timeout)).clone()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &*self.db()).finish_non_exhaustive()
    }
}

/// The machine's clock, or that of the server that several machines share.
fn clock_of(backend: &Backend) -> Arc<dyn Clock> {
    #[cfg(feature = "postgres")]
    if let Some(clock) = backend.clock() {
        return clock;
    }
    let _ = backend;
    Arc::new(SystemClock)
}

/// Does again what was sealed under a data key that was replaced meanwhile.
fn sealed_anew<T>(work: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 1..TRIES_TO_SEAL {
        match work() {
            Err(Error::Rekeyed) => {}
            done => return done,
        }
    }
    work()
}

/// A random id of 32 hexadecimal digits.
pub(crate) fn new_id() -> Result<String, Error> {
    Ok(random_key()?[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}
