//! Xero's rate limits: 60 calls in 60 seconds and 5,000 in 24 hours, for each pair of app and organisation.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

const PER_MINUTE: usize = 60;
const PER_DAY: usize = 5_000;
const PER_APP_MINUTE: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// The calls of the last 60 seconds.
    Minute,
    /// The calls of the last 24 hours.
    Day,
}

impl RateLimit {
    /// The value of `X-Rate-Limit-Problem`.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Minute => "Minute",
            Self::Day => "Day",
        }
    }
}

/// What is left after a call, as its answer's headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) minute: usize,
    pub(crate) day: usize,
    pub(crate) app_minute: usize,
}

/// The times of the calls of the last 24 hours.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    calls: HashMap<(String, String), VecDeque<SystemTime>>,
}

impl Limits {
    /// Counts one call, or says which limit forbids it. A forbidden call is not counted.
    pub(crate) fn spend(
        &mut self,
        app: &str,
        organisation: &str,
        now: SystemTime,
    ) -> Result<Remaining, RateLimit> {
        let calls = self.calls.entry((app.to_owned(), organisation.to_owned())).or_default();
        calls.retain(|call| younger(*call, DAY, now));
        let minute = calls.iter().filter(|call| younger(**call, MINUTE, now)).count();
        if calls.len() >= PER_DAY {
            return Err(RateLimit::Day);
        }
        if minute >= PER_MINUTE {
            return Err(RateLimit::Minute);
        }
        calls.push_back(now);
        Ok(Remaining {
            minute: PER_MINUTE - minute - 1,
            day: PER_DAY - calls.len(),
            app_minute: PER_APP_MINUTE - self.app_calls(app, now),
        })
    }

    fn app_calls(&self, app: &str, now: SystemTime) -> usize {
        let of_app = self.calls.iter().filter(|((name, _), _)| name == app);
        of_app.flat_map(|(_, calls)| calls).filter(|call| younger(**call, MINUTE, now)).count()
    }
}

/// Whether a call was made less than `age` ago. Calls after `now`, from before the clock was turned back, are not.
fn younger(call: SystemTime, age: Duration, now: SystemTime) -> bool {
    now.duration_since(call).is_ok_and(|passed| passed < age)
}

#[cfg(test)]
mod tests {
    use super::{DAY, Duration, Limits, MINUTE, RateLimit, SystemTime};

    fn spend(limits: &mut Limits, now: SystemTime) -> Result<(usize, usize, usize), RateLimit> {
        let remaining = limits.spend("app", "organisation", now)?;
        Ok((remaining.minute, remaining.day, remaining.app_minute))
    }

    #[test]
    fn the_sixty_first_call_in_a_minute_is_refused() {
        let (mut limits, start) = (Limits::default(), SystemTime::UNIX_EPOCH + DAY);
        assert_eq!(spend(&mut limits, start), Ok((59, 4999, 9999)));
        for second in 1..60 {
            spend(&mut limits, start + Duration::from_secs(second)).unwrap();
        }
        assert_eq!(spend(&mut limits, start + MINUTE - Duration::from_nanos(1)), Err(RateLimit::Minute));
        assert_eq!(spend(&mut limits, start + MINUTE), Ok((0, 4939, 9940)));
    }

    #[test]
    fn the_call_after_five_thousand_in_a_day_is_refused() {
        let (mut limits, start) = (Limits::default(), SystemTime::UNIX_EPOCH + DAY);
        for call in 0..5000 {
            spend(&mut limits, start + Duration::from_secs(2 * call)).unwrap();
        }
        assert_eq!(spend(&mut limits, start + Duration::from_secs(10_000)), Err(RateLimit::Day));
        assert_eq!(spend(&mut limits, start + DAY), Ok((59, 0, 9999)));
    }

    #[test]
    fn organisations_are_counted_apart() {
        let (mut limits, start) = (Limits::default(), SystemTime::UNIX_EPOCH + DAY);
        limits.spend("app", "one", start).unwrap();
        let other = limits.spend("app", "two", start).unwrap();
        assert_eq!((other.minute, other.day, other.app_minute), (59, 4999, 9998));
    }
}
