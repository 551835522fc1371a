//! All that a mock knows, behind one lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::app::{AppState, Apps, PrivateApp, Registration};
use crate::clock::Clock;
use crate::fault::Faults;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::oauth1::Provider;
use crate::organisation::{self, Organisation};
use crate::{Certificate, Error};

/// How a mock starts, and what a reset brings back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) start: Option<SystemTime>,
    pub(crate) private_apps_off: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) private_apps_off: bool,
    pub(crate) apps: Apps,
    pub(crate) provider: Provider,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    ledgers: HashMap<&'static str, Ledger>,
}

/// The world as the server's tasks and the handle of the mock share it.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(Mutex::new(World::new(settings))))
    }

    /// Never held across an await. A panic elsewhere does not spoil the world: each change is one assignment.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            clock: Clock::starting_at(settings.start),
            private_apps_off: settings.private_apps_off,
            apps: Apps::default(),
            provider: Provider::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            ledgers: HashMap::new(),
        }
    }

    pub(crate) fn reset(&mut self) {
        // The journal stays the same one, so that a request under way does not land in the cleared one.
        let mut journal = std::mem::take(&mut self.journal);
        journal.clear();
        *self = Self { journal, ..Self::new(self.settings) };
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The organisation's books, seeded at first use.
    pub(crate) fn ledger(&mut self, organisation: &'static Organisation) -> &mut Ledger {
        self.ledgers.entry(organisation.id).or_insert_with(|| Ledger::seeded(organisation))
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
        let organisation = organisation::find(organisation).ok_or(Error::OrganisationUnknown)?;
        let now = self.now();
        let certificate = Certificate::read(upload, now)?;
        let (name, organisation) = (name.to_owned(), organisation.id.to_owned());
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
}
