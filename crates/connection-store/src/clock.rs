//! The time, read anew whenever something was waited for.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// Where a store reads the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> SystemTime;

    /// How long the machine has been awake since it started: a clock that nobody sets, the same for all processes. `None`
    /// where there is none; then only [`now`](Self::now) says whether a refresh has taken too long, also after a night's
    /// sleep.
    fn awake(&self) -> Option<Duration> {
        None
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    #[cfg(unix)]
    fn awake(&self) -> Option<Duration> {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let (seconds, nanos) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
        Some(Duration::new(seconds, nanos))
    }
}

/// A clock that stands still until it is moved: for tests of programs that use a store.
#[derive(Debug)]
pub struct ManualClock(Mutex<Shown>);

/// What it shows: the time, and how long the machine has been awake.
#[derive(Debug)]
struct Shown {
    now: SystemTime,
    awake: Duration,
}

impl ManualClock {
    /// A clock that shows this time.
    pub fn at(now: SystemTime) -> Self {
        Self(Mutex::new(Shown { now, awake: Duration::ZERO }))
    }

    /// Sets it, forwards or back, as a person does, or as a night does while the machine sleeps.
    pub fn set(&self, now: SystemTime) {
        self.shown().now = now;
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut shown = self.shown();
        shown.now += by;
        shown.awake += by;
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.shown().now
    }

    fn awake(&self) -> Option<Duration> {
        Some(self.shown().awake)
    }
}
