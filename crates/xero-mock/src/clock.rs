//! The mock's own time: the system's time moved by an offset that a test chooses.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::macros::datetime;

/// The time of the mock. It runs on; only its distance from the system's time changes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    offset: time::Duration,
}

/// HTTP dates exist between these two.
const FIRST: OffsetDateTime = datetime!(1970-01-01 0:00 UTC);
const LAST: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

impl Clock {
    pub(crate) fn starting_at(start: Option<SystemTime>) -> Self {
        let mut clock = Self::default();
        if let Some(start) = start {
            clock.set(start);
        }
        clock
    }

    pub(crate) fn now(self) -> SystemTime {
        OffsetDateTime::now_utc().saturating_add(self.offset).clamp(FIRST, LAST).into()
    }

    pub(crate) fn set(&mut self, now: SystemTime) {
        self.offset = OffsetDateTime::from(now) - OffsetDateTime::now_utc();
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        let by = time::Duration::try_from(by).unwrap_or(time::Duration::MAX);
        self.offset = self.offset.saturating_add(by);
    }
}
