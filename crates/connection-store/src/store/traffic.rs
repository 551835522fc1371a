//! Calls to Xero's API, let through as its limits allow; all processes that use the store count together.

use std::{
    error::Error as _,
    fmt,
    sync::PoisonError,
    time::{Duration, UNIX_EPOCH},
};

use super::{
    Store,
    owner::{Sign, SignOfLife, look_for},
};
use crate::{
    Connection, Error, Pace, Patience, Told, Wait,
    traffic::{Counters, Whose},
};

/// After how long it is tried again to count, in milliseconds.
const LOOK_AGAIN: u64 = 30_000;

/// Whether calls are counted.
#[derive(Default)]
pub(super) enum Counting {
    /// None was made yet.
    #[default]
    NotYet,
    On(Box<Counter>),
    /// The file could not be used at this time.
    Off(u64),
}

/// What counts the calls, and what this process is called there.
pub(super) struct Counter {
    counters: Counters,
    owner: String,
    /// Shows that it lives; a link to a server does that too.
    _sign: Option<SignOfLife>,
}

/// A call that counts against Xero's limits: from when it was admitted until it is ended, or dropped.
#[must_use = "it counts as running for as long as it is there"]
pub struct Call {
    store: Store,
    whose: Whose,
    /// `None`: it is not counted.
    id: Option<i64>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Call {
    /// Ends it with what its answer says of the limits, for all others.
    pub fn end(self, told: &Told) {
        self.told(told);
    }

    /// What its answer says of the limits: known to all others at once. It goes on until it is dropped.
    pub fn told(&self, told: &Told) {
        let now = self.store.millis();
        // What cannot be noted the server says again.
        let _noted = self.store.counting(|one| one.counters.told(&self.whose, now, told));
    }

    /// Takes it back where nothing was sent: it does not count.
    pub fn withdraw(mut self) {
        let Some(id) = self.id.take() else { return };
        let _noted = self.store.counting(|one| one.counters.withdraw(id));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let now = self.store.millis();
        // Where it cannot be noted it is forgotten when its process is gone.
        let _noted = self.store.counting(|one| one.counters.end(id, now));
    }
}

impl Store {
    /// Waits until one more call with the connection fits into Xero's limits, and counts it. `waiting` is told of each wait
    /// of its own that is longer than a second. Where the counters cannot be written nothing is counted, and nobody waits:
    /// the server's own refusals remain.
    ///
    /// # Errors
    /// [`Error::LimitReached`] where it would take longer than `patience`.
    pub async fn admit(
        &self,
        connection: &Connection,
        patience: Duration,
        waiting: impl Fn(Wait),
    ) -> Result<Call, Error> {
        let mut patience = Patience::of(patience);
        loop {
            let wait = match self.try_admit(connection) {
                Ok(call) => return Ok(call),
                Err(wait) => wait,
            };
            let pause = patience.pause(wait)?;
            if patience.is_news(wait) {
                waiting(wait);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Counts one more call with the connection, if it fits into Xero's limits now.
    ///
    /// # Errors
    /// The limit that it would break, and how long to wait.
    pub fn try_admit(&self, connection: &Connection) -> Result<Call, Wait> {
        let whose = whose(connection);
        let (now, path) = (self.millis(), &self.shared.local);
        let begun = self.counting(|one| {
            let lives = |owner: &str| owner == one.owner || look_for(path, owner) != Sign::Dead;
            one.counters.begin(&whose, &one.owner, now, &lives)
        });
        let id = match begun {
            Some(Ok(id)) => Some(id),
            Some(Err(wait)) => return Err(wait),
            None => None,
        };
        Ok(Call { store: self.clone(), whose, id })
    }

    /// How many calls count now against the connection's limits, by what was made with this store.
    pub fn pace(&self, connection: &Connection) -> Pace {
        let (whose, now) = (whose(connection), self.millis());
        let traffic = self.counting(|one| one.counters.traffic(&whose, now)).unwrap_or_default();
        let paused = traffic.paused.filter(|(_, until)| *until > now);
        Pace {
            running: traffic.running,
            in_minute: traffic.running + traffic.free_at.len(),
            of_app: traffic.of_app,
            paused: paused.map(|(limit, until)| Wait { limit, time: Duration::from_millis(until - now) }),
        }
    }

    /// `None` where the counters cannot be used; they are tried again later.
    fn counting<T>(&self, work: impl FnOnce(&mut Counter) -> Result<T, Error>) -> Option<T> {
        let mut counting = self.shared.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.millis();
        if counting.is_due(now) {
            match self.counter() {
                Ok(counter) => *counting = Counting::On(Box::new(counter)),
                Err(why) => counting.give_up(now, &why),
            }
        }
        let Counting::On(counter) = &mut *counting else { return None };
        work(counter).inspect_err(|error| counting.failed(now, error)).ok()
    }

    /// Not by way of the store's database, which may be busy. Whatever fails, nothing can be done about it but to go on without.
    fn counter(&self) -> Result<Counter, String> {
        #[cfg(feature = "postgres")]
        if let Some(address) = &self.shared.server {
            let (counters, owner) = Counters::at(address).map_err(|error| in_full(&error))?;
            return Ok(Counter { counters, owner, _sign: None });
        }
        let counters = Counters::beside(&self.shared.local).map_err(|error| error.to_string())?;
        let sign = SignOfLife::show(&self.shared.local).map_err(|error| error.to_string())?;
        Ok(Counter { counters, owner: sign.owner().to_owned(), _sign: Some(sign) })
    }

    fn millis(&self) -> u64 {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Counting {
    fn is_due(&self, now: u64) -> bool {
        match self {
            Self::NotYet => true,
            Self::On(_) => false,
            // A clock may be set back.
            Self::Off(since) => now.abs_diff(*since) >= LOOK_AGAIN,
        }
    }

    /// What is busy for too long is tried again with the next call.
    fn failed(&mut self, now: u64, error: &Error) {
        if !matches!(error, Error::Busy) {
            self.give_up(now, &in_full(error));
        }
    }

    fn give_up(&mut self, now: u64, why: &str) {
        if !matches!(self, Self::Off(_)) {
            tracing::warn!(why, "calls are not counted against Xero's limits");
        }
        *self = Self::Off(now);
    }
}

/// The error with its cause.
fn in_full(error: &Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn whose(connection: &Connection) -> Whose {
    let app = &connection.app;
    let organisation = connection.organisation.as_ref();
    Whose {
        app: format!("{} {}", app.server.api(), app.client_id),
        organisation: organisation.map(|organisation| organisation.id.clone()).unwrap_or_default(),
    }
}
