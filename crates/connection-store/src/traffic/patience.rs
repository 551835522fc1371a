//! How long somebody waits for Xero's limits, and how often he looks.

use std::time::Duration;

use tokio::time::Instant;
use xero_auth_oauth2::Limit;

use super::Wait;
use crate::Error;

const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Between two looks where a call that runs is waited for.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// However long the wait is: clocks are set, and machines sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
const WORTH_A_WORD: Duration = Duration::from_secs(1);

/// One who asks [`try_admit`](crate::Store::try_admit) again and again, from now on. Whoever sleeps as long as it says may go
/// away at any time.
#[derive(Debug)]
pub struct Patience {
    until: Instant,
    pause: Duration,
    told: Option<Limit>,
}

impl Patience {
    /// So long in all.
    pub fn of(longest: Duration) -> Self {
        Self { until: Instant::now() + longest, pause: FIRST_PAUSE, told: None }
    }

    /// How long to sleep before the next look.
    ///
    /// # Errors
    /// [`Error::LimitReached`] where it would take too long in all.
    pub fn pause(&mut self, wait: Wait) -> Result<Duration, Error> {
        if Instant::now() + wait.time > self.until {
            return Err(Error::LimitReached(wait));
        }
        let pause = wait.time.clamp(self.pause, LONGEST_SLEEP);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(pause)
    }

    /// True once for each limit whose wait is longer than a second.
    pub fn is_news(&mut self, wait: Wait) -> bool {
        wait.time > WORTH_A_WORD && self.told.replace(wait.limit) != Some(wait.limit)
    }
}
