//! Xero's rate limits, for each pair of app and organisation and for each app: calls of a minute, of a day, at once.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;

/// How many calls may be in progress at once, for each pair of app and organisation.
pub(crate) const CONCURRENT: usize = 5;
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
    /// The calls in progress.
    Concurrent,
    /// The calls of the app in the last 60 seconds, over all organisations.
    AppMinute,
}

/// How many calls an app may make for one organisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    minute: usize,
    day: usize,
}

/// A limit that was reached, and what the answer's headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) limit: RateLimit,
    /// For the minute and the day only.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) remaining: Remaining,
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
    /// Of each app, in the last minute.
    app_calls: HashMap<String, VecDeque<SystemTime>>,
}

impl RateLimit {
    /// The value of `X-Rate-Limit-Problem` in the time of OAuth 1.0a, which had only the first two.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Minute => "Minute",
            Self::Day => "Day",
            Self::Concurrent => "Concurrent",
            Self::AppMinute => "AppMinute",
        }
    }

    /// The value of `X-Rate-Limit-Problem` today; the last is what most clients look for.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
            Self::Concurrent => "concurrent",
            Self::AppMinute => "appminute",
        }
    }
}

impl Quota {
    /// Private apps in their time.
    pub(crate) const PRIVATE: Self = Self { minute: 60, day: 5_000 };
    /// The tier that new apps are in.
    pub(crate) const STARTER: Self = Self { minute: 60, day: 1_000 };
}

impl Remaining {
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert("x-minlimit-remaining", self.minute.into());
        headers.insert("x-daylimit-remaining", self.day.into());
        headers.insert("x-appminlimit-remaining", self.app_minute.into());
    }
}

impl Limits {
    /// Counts one call, or says which limit forbids it. A forbidden call is not counted.
    pub(crate) fn spend(
        &mut self,
        app: &str,
        organisation: &str,
        quota: Quota,
        now: SystemTime,
    ) -> Result<Remaining, Over> {
        let remaining = self.remaining(app, organisation, quota, now);
        let calls = self.calls(app, organisation, now);
        let reached = if remaining.day == 0 {
            Some((RateLimit::Day, calls.front().map(|oldest| *oldest + DAY)))
        } else if remaining.minute == 0 {
            Some((RateLimit::Minute, calls.iter().rev().nth(quota.minute - 1).map(|oldest| *oldest + MINUTE)))
        } else if remaining.app_minute == 0 {
            Some((RateLimit::AppMinute, None))
        } else {
            None
        };
        if let Some((limit, free)) = reached {
            let retry_after = free.map(|free| free.duration_since(now).unwrap_or_default());
            return Err(Over { limit, retry_after, remaining });
        }
        calls.push_back(now);
        self.app_calls(app, now).push_back(now);
        Ok(Remaining {
            minute: remaining.minute - 1,
            day: remaining.day - 1,
            app_minute: remaining.app_minute - 1,
        })
    }

    /// Counts a call that names no organisation; gives what is left of the app's minute.
    pub(crate) fn spend_app_minute(&mut self, app: &str, now: SystemTime) -> Result<usize, Over> {
        let calls = self.app_calls(app, now);
        if calls.len() >= PER_APP_MINUTE {
            let remaining = Remaining { minute: 0, day: 0, app_minute: 0 };
            return Err(Over { limit: RateLimit::AppMinute, retry_after: None, remaining });
        }
        calls.push_back(now);
        Ok(PER_APP_MINUTE - calls.len())
    }

    /// The refusal of a call that is one too many at once. It is not counted.
    pub(crate) fn crowded(&mut self, app: &str, organisation: &str, quota: Quota, now: SystemTime) -> Over {
        let remaining = self.remaining(app, organisation, quota, now);
        Over { limit: RateLimit::Concurrent, retry_after: None, remaining }
    }

    fn remaining(&mut self, app: &str, organisation: &str, quota: Quota, now: SystemTime) -> Remaining {
        let app_minute = PER_APP_MINUTE - self.app_calls(app, now).len();
        let calls = self.calls(app, organisation, now);
        let minute = calls.iter().filter(|call| younger(**call, MINUTE, now)).count();
        Remaining {
            minute: quota.minute.saturating_sub(minute),
            day: quota.day.saturating_sub(calls.len()),
            app_minute,
        }
    }

    fn calls(&mut self, app: &str, organisation: &str, now: SystemTime) -> &mut VecDeque<SystemTime> {
        let calls = self.calls.entry((app.to_owned(), organisation.to_owned())).or_default();
        calls.retain(|call| younger(*call, DAY, now));
        calls
    }

    fn app_calls(&mut self, app: &str, now: SystemTime) -> &mut VecDeque<SystemTime> {
        let calls = self.app_calls.entry(app.to_owned()).or_default();
        calls.retain(|call| younger(*call, MINUTE, now));
        calls
    }
}

/// Whether a call was made less than `age` ago. Calls after `now`, from before the clock was turned back, are not.
fn younger(call: SystemTime, age: Duration, now: SystemTime) -> bool {
    now.duration_since(call).is_ok_and(|passed| passed < age)
}

#[cfg(test)]
mod tests {
    use super::{DAY, Duration, Limits, MINUTE, PER_APP_MINUTE, Quota, RateLimit, SystemTime};

    fn spend(limits: &mut Limits, now: SystemTime) -> Result<(usize, usize, usize), RateLimit> {
        let remaining =
            limits.spend("app", "organisation", Quota::PRIVATE, now).map_err(|over| over.limit)?;
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
        limits.spend("app", "one", Quota::STARTER, start).unwrap();
        let other = limits.spend("app", "two", Quota::PRIVATE, start).unwrap();
        assert_eq!((other.minute, other.day, other.app_minute), (59, 4999, 9998));
    }

    #[test]
    fn the_wait_is_until_the_oldest_call_counts_no_more() {
        let (mut limits, start) = (Limits::default(), SystemTime::UNIX_EPOCH + DAY);
        for second in 0..60 {
            limits.spend("app", "one", Quota::STARTER, start + Duration::from_secs(second / 2)).unwrap();
        }
        let over = limits.spend("app", "one", Quota::STARTER, start + Duration::from_secs(38)).unwrap_err();
        assert_eq!((over.limit, over.retry_after), (RateLimit::Minute, Some(Duration::from_secs(22))));
        assert_eq!((over.remaining.minute, over.remaining.day), (0, 940));
        for call in 0..940 {
            limits.spend("app", "one", Quota::STARTER, start + MINUTE * (call + 2)).unwrap();
        }
        let over = limits.spend("app", "one", Quota::STARTER, start + DAY - MINUTE).unwrap_err();
        assert_eq!((over.limit, over.retry_after), (RateLimit::Day, Some(MINUTE)));
    }

    #[test]
    fn an_app_has_a_minute_of_its_own_over_all_organisations() {
        let (mut limits, start) = (Limits::default(), SystemTime::UNIX_EPOCH + DAY);
        let calls = limits.app_calls("app", start);
        calls.extend(std::iter::repeat_n(start, PER_APP_MINUTE - 1));
        assert_eq!(limits.spend_app_minute("app", start), Ok(0));
        assert_eq!(limits.spend_app_minute("app", start).unwrap_err().limit, RateLimit::AppMinute);
        let over = limits.spend("app", "one", Quota::STARTER, start).unwrap_err();
        assert_eq!((over.limit, over.retry_after), (RateLimit::AppMinute, None));
        assert_eq!(limits.spend_app_minute("app", start + MINUTE), Ok(9999));
    }
}
