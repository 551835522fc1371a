//! All that a mock knows, behind one lock.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::api::Replays;
use crate::app::{AppState, Apps, PrivateApp, Registration};
use crate::client_app::ClientApps;
use crate::clock::Clock;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::oauth1::Provider;
use crate::oauth2::{Identity, InProgress};
use crate::organisation::{Tenant, Tenants};
use crate::{Certificate, Error};

/// How a mock starts, and what a reset brings back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) start: Option<SystemTime>,
    pub(crate) private_apps_off: bool,
    /// How long access tokens live.
    pub(crate) access_lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { start: None, private_apps_off: false, access_lifetime: Duration::from_secs(30 * 60) }
    }
}

#[derive(Debug)]
pub(crate) struct World {
    settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) private_apps_off: bool,
    pub(crate) access_lifetime: Duration,
    pub(crate) apps: Apps,
    pub(crate) provider: Provider,
    pub(crate) tenants: Tenants,
    pub(crate) clients: ClientApps,
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
    pub(crate) replays: Replays,
    pub(crate) in_progress: InProgress,
    pub(crate) connections: Connections,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    ledgers: HashMap<String, Ledger>,
}

/// The connections that clients have made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Connections {
    pub(crate) open: usize,
    /// Whose was accepted last; they are accepted in the order in which they were made.
    pub(crate) last: Option<SocketAddr>,
}

/// One connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Open(Shared);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().connections.open -= 1;
        self.0.tell();
    }
}

/// The world as the server's tasks and the handle of the mock share it.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    world: Mutex<World>,
    changed: Condvar,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(Inside { world: Mutex::new(World::new(settings)), changed: Condvar::new() }))
    }

    /// Never held across an await. A panic elsewhere does not spoil the world: each change is one assignment.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection that was accepted.
    pub(crate) fn accepted(&self, from: SocketAddr) -> Open {
        let mut world = self.lock();
        world.connections.open += 1;
        world.connections.last = Some(from);
        drop(world);
        self.tell();
        Open(self.clone())
    }

    /// Wakes whoever waits for something to be done.
    pub(crate) fn tell(&self) {
        self.0.changed.notify_all();
    }

    /// Waits until the world is as asked for; false when that takes longer.
    pub(crate) fn wait(&self, within: Duration, until: impl Fn(&World) -> bool) -> bool {
        let waited = self.0.changed.wait_timeout_while(self.lock(), within, |world| !until(world));
        let (world, _) = waited.unwrap_or_else(PoisonError::into_inner);
        until(&world)
    }
}

impl World {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock: Clock::starting_at(settings.start),
            private_apps_off: settings.private_apps_off,
            access_lifetime: settings.access_lifetime,
            apps: Apps::default(),
            provider: Provider::default(),
            tenants: Tenants::default(),
            clients: ClientApps::default(),
            identity: Identity::default(),
            limits: Limits::default(),
            replays: Replays::default(),
            in_progress: InProgress::default(),
            connections: Connections::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            ledgers: HashMap::new(),
        }
    }

    pub(crate) fn reset(&mut self) {
        // The journal stays the same one, so that a request under way does not land in the cleared one.
        let mut journal = std::mem::take(&mut self.journal);
        journal.clear();
        let connections = self.connections;
        *self = Self { journal, connections, ..Self::new(self.settings) };
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The organisation's books, seeded at first use.
    pub(crate) fn ledger(&mut self, tenant: &Tenant) -> &mut Ledger {
        self.ledgers.entry(tenant.id.clone()).or_insert_with(|| Ledger::seeded(tenant))
    }

    /// Adds a private app. `organisation` is an id or an exact name.
    pub(crate) fn add_app(
        &mut self,
        name: &str,
        organisation: &str,
        upload: &[u8],
    ) -> Result<&PrivateApp, Error> {
        let name = name.trim();
        if name.is_empty() {
            return Err(Error::NameMissing);
        }
        let organisation = self.tenants.find(organisation).ok_or(Error::OrganisationUnknown)?;
        let now = self.now();
        let certificate = Certificate::read(upload, now)?;
        let (name, organisation) = (name.to_owned(), organisation.id.clone());
        self.apps.add(Registration { name, organisation, certificate, now })
    }

    pub(crate) fn replace_certificate(&mut self, consumer_key: &str, upload: &[u8]) -> Result<(), Error> {
        let certificate = Certificate::read(upload, self.now())?;
        self.apps.change(consumer_key)?.certificate = Some(certificate);
        Ok(())
    }

    pub(crate) fn set_state(&mut self, consumer_key: &str, state: AppState) -> Result<(), Error> {
        self.apps.change(consumer_key)?.state = state;
        Ok(())
    }

    /// Deletes an app of any kind, by its consumer key or client id.
    pub(crate) fn delete_app(&mut self, key: &str) -> Result<(), Error> {
        match self.clients.find(key) {
            Some(_) => self.delete_client(key),
            None => self.set_state(key, AppState::Deleted),
        }
    }
}
