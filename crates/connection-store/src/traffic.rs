//! Xero's limits, kept by all who use a store: whether a call may begin now, and if not, when.
//!
//! Xero counts the calls of an app for an organisation in windows of a minute and of a day, those in progress, and those
//! of the app over all organisations (developer.xero.com/documentation/guides/oauth2/limits). Where its windows begin is not
//! known, so any 60 seconds are taken for one: a call counts from its beginning until 60 seconds after its end, whenever in
//! between the server has seen it.

mod counters;
mod file;
mod patience;

use std::time::{Duration, SystemTime};

use xero_auth_oauth1::{Answer, Problem, RateLimit};
use xero_auth_oauth2::{ApiAnswer, ApiProblem, Limit};

use crate::AppKind;

pub(crate) use self::counters::{Counters, Whose};
pub use self::patience::Patience;

/// Calls at the same time, of an app for an organisation.
pub const AT_ONCE: usize = 5;
/// Calls in a minute, of an app for an organisation.
pub const A_MINUTE: usize = 60;
/// Calls in a minute, of an app.
pub const AN_APP_MINUTE: usize = 10_000;
/// How long a call counts after its end.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Why a call must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The limit that it would break.
    pub limit: Limit,
    /// How long, as far as that can be known: others wait too, and a call that runs may end at any time.
    pub time: Duration,
}

impl Wait {
    /// For how long to keep away after a refusal (429) that names a limit, and mostly a time (`Retry-After`).
    pub fn after(refused: (Limit, Option<Duration>)) -> Self {
        Self { limit: refused.0, time: pause(refused) }
    }
}

/// What an answer says of the limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// How many calls are left in the organisation's minute (`X-MinLimit-Remaining`).
    pub minute_left: Option<u32>,
    /// The limit that refused the call (429), and for how long (`Retry-After`).
    pub refused: Option<(Limit, Option<Duration>)>,
}

impl Told {
    /// Reads an answer to a call with an app of this kind. OAuth 1.0a's refusals came with 503 too; a body that cannot be had is
    /// given as an empty one.
    pub fn read(kind: AppKind, answer: &ApiAnswer<'_>, now: SystemTime) -> Self {
        let minute_left = header(answer, "x-minlimit-remaining").and_then(|left| left.trim().parse().ok());
        let refused = match kind {
            AppKind::Private if answer.status >= 400 => signed_refusal(answer, now),
            _ => refusal(answer),
        };
        Self { minute_left, refused }
    }
}

/// How many calls count at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// In progress, of the app for the organisation.
    pub running: usize,
    /// Of the app for the organisation, in a minute; of other programs too, as far as Xero's answers tell.
    pub in_minute: usize,
    /// Of the app in a minute, over all organisations.
    pub of_app: usize,
    /// The limit that Xero has refused calls for, and for how long still.
    pub paused: Option<Wait>,
}

/// The calls that count at a moment. Times are milliseconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// For the organisation, in progress.
    pub(crate) running: usize,
    /// For the organisation, when each of the others stops to count, the first first.
    pub(crate) free_at: Vec<u64>,
    /// Of the app, all.
    pub(crate) of_app: usize,
    /// When the first of the app's stops to count.
    pub(crate) app_free_at: Option<u64>,
    /// Until when a limit is known to be used up.
    pub(crate) paused: Option<(Limit, u64)>,
}

impl Traffic {
    /// Whether one more may begin.
    pub(crate) fn admit(&self, now: u64) -> Result<(), Wait> {
        // Somebody who runs may end at any time.
        const LOOK_AGAIN: Duration = Duration::from_millis(20);
        let until = |time: u64| Duration::from_millis(time.saturating_sub(now).max(1));
        if let Some((limit, end)) = self.paused.filter(|(_, end)| *end > now) {
            return Err(Wait { limit, time: until(end) });
        }
        if let Some(too_many) = (self.running + self.free_at.len()).checked_sub(A_MINUTE) {
            let time = self.free_at.get(too_many).map_or(LOOK_AGAIN, |free| until(*free));
            return Err(Wait { limit: Limit::Minute, time });
        }
        if self.of_app >= AN_APP_MINUTE {
            let time = self.app_free_at.map_or(LOOK_AGAIN, until);
            return Err(Wait { limit: Limit::AppMinute, time });
        }
        if self.running >= AT_ONCE {
            return Err(Wait { limit: Limit::Concurrent, time: LOOK_AGAIN });
        }
        Ok(())
    }

    /// How many calls somebody else must have made, by what the server says is left.
    pub(crate) fn made_elsewhere(&self, minute_left: u32) -> usize {
        let used = A_MINUTE.saturating_sub(usize::try_from(minute_left).unwrap_or(usize::MAX));
        used.saturating_sub(self.running + self.free_at.len())
    }
}

fn refusal(answer: &ApiAnswer<'_>) -> Option<(Limit, Option<Duration>)> {
    match ApiProblem::read(answer)? {
        ApiProblem::RateLimited { which, retry_after } => Some((which, retry_after)),
        _ => None,
    }
}

fn signed_refusal(answer: &ApiAnswer<'_>, now: SystemTime) -> Option<(Limit, Option<Duration>)> {
    let read = Answer::new(answer.status, answer.body);
    let read = answer.headers.iter().fold(read, |read, (name, value)| read.header(name, value));
    let Problem::RateLimited { limit, retry_after } = Problem::read(&read, now) else { return None };
    let limit = match limit {
        RateLimit::Minute => Limit::Minute,
        RateLimit::Day => Limit::Day,
        RateLimit::AppMinute => Limit::AppMinute,
        RateLimit::Concurrent => Limit::Concurrent,
        _ => Limit::Unknown,
    };
    Some((limit, retry_after))
}

fn header<'a>(answer: &ApiAnswer<'a>, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

/// For how long to keep away after a refusal.
pub(crate) fn pause((limit, retry_after): (Limit, Option<Duration>)) -> Duration {
    retry_after.unwrap_or(match limit {
        // The server names no time for it: a call of somebody else's ends.
        Limit::Concurrent => Duration::from_millis(500),
        Limit::Day => Duration::from_secs(15 * 60),
        _ => Duration::from_secs(10),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn ended(count: usize, first: u64) -> Traffic {
        let free_at: Vec<_> = (first..).step_by(10).take(count).collect();
        Traffic { of_app: count, app_free_at: free_at.first().copied(), free_at, ..Traffic::default() }
    }

    fn wait(traffic: &Traffic) -> Option<(Limit, u128)> {
        traffic.admit(NOW).err().map(|wait| (wait.limit, wait.time.as_millis()))
    }

    #[test]
    fn a_call_begins_where_no_limit_is_used_up() {
        assert_eq!(wait(&Traffic::default()), None);
        assert_eq!(wait(&ended(A_MINUTE - 1, NOW + 1)), None);
        assert_eq!(wait(&Traffic { running: AT_ONCE - 1, ..ended(A_MINUTE - AT_ONCE, NOW + 1) }), None);
    }

    #[test]
    fn a_full_minute_is_waited_for_until_so_many_count_no_more() {
        assert_eq!(wait(&ended(A_MINUTE, NOW + 7)), Some((Limit::Minute, 7)));
        // Ten too many, by calls that were made elsewhere.
        assert_eq!(wait(&ended(A_MINUTE + 10, NOW + 7)), Some((Limit::Minute, 107)));
        let running = Traffic { running: AT_ONCE, ..ended(A_MINUTE - AT_ONCE, NOW + 7) };
        assert_eq!(wait(&running), Some((Limit::Minute, 7)));
        let none_ended = Traffic { running: A_MINUTE, ..Traffic::default() };
        assert_eq!(wait(&none_ended), Some((Limit::Minute, 20)));
    }

    #[test]
    fn both_protocols_refusals_are_read() {
        let now = SystemTime::UNIX_EPOCH;
        let told = |kind, status, headers: &[(&str, &str)], body: &str| {
            Told::read(kind, &ApiAnswer { status, headers, body: body.as_bytes() }, now)
        };
        let named = [("X-Rate-Limit-Problem", "Day"), ("Retry-After", "60"), ("x-minlimit-remaining", " 7 ")];
        let day = Some((Limit::Day, Some(Duration::from_secs(60))));
        assert_eq!(told(AppKind::Web, 429, &named, ""), Told { minute_left: Some(7), refused: day });
        assert_eq!(told(AppKind::Private, 429, &named, "").refused, day);
        assert_eq!(told(AppKind::Private, 503, &named, "").refused, day);
        let said = "oauth_problem=rate%20limit%20exceeded&oauth_problem_advice=please%20wait";
        assert_eq!(told(AppKind::Private, 503, &[], said).refused, Some((Limit::Unknown, None)));
        assert_eq!(told(AppKind::Web, 503, &named, "").refused, None, "a server in trouble");
        assert_eq!(told(AppKind::Private, 503, &[], "").refused, None);
        for kind in [AppKind::Web, AppKind::Private] {
            assert_eq!(told(kind, 200, &named, said), Told { minute_left: Some(7), refused: None });
        }
        assert_eq!(told(AppKind::Web, 200, &[("x-minlimit-remaining", "many")], ""), Told::default());
    }

    #[test]
    fn five_run_at_once() {
        let five = Traffic { running: AT_ONCE, ..Traffic::default() };
        assert_eq!(wait(&five), Some((Limit::Concurrent, 20)));
    }

    #[test]
    fn an_app_has_a_minute_over_all_organisations() {
        let app = Traffic { of_app: AN_APP_MINUTE, app_free_at: Some(NOW + 50), ..Traffic::default() };
        assert_eq!(wait(&app), Some((Limit::AppMinute, 50)));
    }

    #[test]
    fn what_the_server_refused_is_kept_away_from() {
        let day = Traffic { paused: Some((Limit::Day, NOW + 3_600_000)), ..Traffic::default() };
        assert_eq!(wait(&day), Some((Limit::Day, 3_600_000)));
        assert_eq!(wait(&Traffic { paused: Some((Limit::Day, NOW)), ..Traffic::default() }), None);
        assert_eq!(pause((Limit::Minute, Some(Duration::from_secs(22)))), Duration::from_secs(22));
        assert_eq!(pause((Limit::Concurrent, None)), Duration::from_millis(500));
    }

    #[test]
    fn calls_of_other_programs_are_seen_by_what_is_left() {
        assert_eq!(ended(1, NOW).made_elsewhere(59), 0);
        assert_eq!(ended(1, NOW).made_elsewhere(40), 19);
        assert_eq!(ended(30, NOW).made_elsewhere(59), 0, "the server's window began later than ours");
        assert_eq!(ended(0, NOW).made_elsewhere(5_000), 0, "an app with a larger limit");
    }
}
