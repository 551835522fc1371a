//! What the daemon remembers from round to round: who was asked for in vain and is left alone, who was told of what.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use backon::{BackoffBuilder, ExponentialBuilder};

use super::plan::{Row, Rules, Standing, waits};

/// No login is renewed again sooner, however short its tokens live.
const AGAIN: Duration = Duration::from_secs(30);
/// After a failure: a minute or two, then twice as long each time, up to one or two hours.
const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(60))
    .with_max_delay(Duration::from_secs(60 * 60))
    .with_factor(2.0)
    .without_max_times()
    .with_jitter();
/// How often somebody is reminded of a login that needs a person.
const REMIND: Duration = Duration::from_secs(24 * 60 * 60);

/// When to turn to a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    At(SystemTime),
    /// Not unless something changes.
    Never,
    /// Nothing but a new login helps.
    NeedsPerson,
}

/// The memory of one daemon. Logins go by the store's ids.
#[derive(Debug)]
pub(crate) struct Watch {
    rules: Rules,
    resting: HashMap<String, Rest>,
    told: HashMap<String, Told>,
}

#[derive(Debug)]
struct Rest {
    until: SystemTime,
    delays: <ExponentialBuilder as BackoffBuilder>::Backoff,
}

#[derive(Debug, PartialEq, Eq)]
struct Told {
    mark: Option<SystemTime>,
    at: SystemTime,
}

impl Watch {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, resting: HashMap::new(), told: HashMap::new() }
    }

    /// When to turn to a login.
    pub(crate) fn turn(&self, id: &str, row: &Row, now: SystemTime) -> Turn {
        let rests = waits(self.resting.get(id).map(|rest| rest.until), now);
        match (self.rules.standing(row, now), rests) {
            (Standing::NeedsPerson, _) => Turn::NeedsPerson,
            (Standing::Due, None) => Turn::Now,
            (Standing::Due, Some(until)) => Turn::At(until),
            (Standing::Good(due), rests) => {
                due.map_or(Turn::Never, |due| Turn::At(rests.map_or(due, |until| until.max(due))))
            }
        }
    }

    /// It was renewed.
    pub(crate) fn renewed(&mut self, id: &str, now: SystemTime) {
        self.told.remove(id);
        self.resting.insert(id.to_owned(), Rest { until: now + AGAIN, delays: BACKOFF.build() });
    }

    /// It could not be renewed, and the server may have said how long to wait.
    pub(crate) fn failed(&mut self, id: &str, retry_after: Option<Duration>, now: SystemTime) {
        let rest = self.resting.entry(id.to_owned());
        let rest = rest.or_insert_with(|| Rest { until: now, delays: BACKOFF.build() });
        let delay = rest.delays.next().unwrap_or(REMIND);
        rest.until = now + retry_after.unwrap_or_default().max(delay);
    }

    /// True where somebody is to be told now that it needs a person: once for each mark, and daily. It counts as told then.
    pub(crate) fn tell(&mut self, id: &str, mark: Option<SystemTime>, now: SystemTime) -> bool {
        let reminded = |told: &Told| now.duration_since(told.at).is_ok_and(|over| over < REMIND);
        if self.told.get(id).is_some_and(|told| told.mark == mark && reminded(told)) {
            return false;
        }
        self.told.insert(id.to_owned(), Told { mark, at: now });
        true
    }

    /// Forgets all logins but these.
    pub(crate) fn keep(&mut self, ids: &HashSet<&str>) {
        self.resting.retain(|id, _| ids.contains(id.as_str()));
        self.told.retain(|id, _| ids.contains(id.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::plan::LoginEnd, *};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const LIFE: Duration = Duration::from_secs(1800);

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 20_000
    }

    fn at(seconds: u64) -> SystemTime {
        start() + Duration::from_secs(seconds)
    }

    fn watch() -> Watch {
        let rules = Rules { login_left: DAY * 30, min_ttl: Duration::from_secs(300), logins_only: false };
        Watch::new(rules)
    }

    fn refreshed(refreshed_at: SystemTime) -> Row {
        let login = LoginEnd::At(refreshed_at + DAY * 60);
        Row { access_ends: Some(refreshed_at + LIFE), refreshed_at, login, marked: false, half_way: false }
    }

    #[test]
    fn what_is_due_has_its_turn() {
        let (watch, row) = (watch(), refreshed(start()));
        assert_eq!(watch.turn("a", &row, at(0)), Turn::At(at(1500)));
        assert_eq!(watch.turn("a", &row, at(1500)), Turn::Now);
        assert_eq!(watch.turn("a", &row, start() + DAY * 365), Turn::Now, "the machine slept for a year");
        assert_eq!(watch.turn("a", &row, start() - DAY), Turn::Now, "the clock went back by a day");
        assert_eq!(watch.turn("a", &Row { marked: true, ..row }, at(1500)), Turn::NeedsPerson);
        assert_eq!(watch.turn("a", &Row { half_way: true, ..row }, at(0)), Turn::Now);
        let custom = Row { login: LoginEnd::Never, ..row };
        assert_eq!(watch.turn("a", &custom, at(1500)), Turn::Now);
    }

    #[test]
    fn after_a_failure_it_rests_longer_each_time() {
        let (mut watch, row) = (watch(), refreshed(start()));
        let mut rest = |retry_after: Option<u64>| {
            watch.failed("a", retry_after.map(Duration::from_secs), at(1500));
            match watch.turn("a", &row, at(1500)) {
                Turn::At(until) => until.duration_since(at(1500)).unwrap().as_secs(),
                other => panic!("{other:?}"),
            }
        };
        for least in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            let rested = rest(None);
            assert!((least..=2 * least).contains(&rested), "{least}: {rested}");
        }
        assert_eq!(rest(Some(80_000)), 80_000);
        assert_eq!(watch.turn("a", &row, start() + DAY), Turn::Now);
        assert_eq!(watch.turn("b", &row, at(1500)), Turn::Now, "another has no part in it");
        watch.renewed("a", at(1500));
        assert_eq!(watch.turn("a", &row, at(1500)), Turn::At(at(1530)));
        watch.failed("a", None, at(1530));
        assert!(
            matches!(watch.turn("a", &row, at(1530)), Turn::At(until) if until <= at(1650)),
            "it began anew"
        );
    }

    #[test]
    fn a_rest_of_a_time_when_the_clock_was_ahead_is_over() {
        let (mut watch, row) = (watch(), refreshed(start()));
        watch.failed("a", None, start() + DAY * 365);
        assert_eq!(watch.turn("a", &row, at(1500)), Turn::Now);
    }

    #[test]
    fn somebody_is_told_once_for_each_mark_and_daily() {
        let (mut watch, mark) = (watch(), Some(at(0)));
        assert!(watch.tell("a", mark, at(10)));
        assert!(!watch.tell("a", mark, at(20)));
        assert!(watch.tell("b", mark, at(20)));
        assert!(watch.tell("a", Some(at(30)), at(30)), "a new mark");
        assert!(!watch.tell("a", Some(at(30)), at(29) + DAY));
        assert!(watch.tell("a", Some(at(30)), at(30) + DAY));
        watch.renewed("a", at(40) + DAY);
        assert!(watch.tell("a", Some(at(30)), at(41) + DAY));
        watch.keep(&HashSet::from(["b"]));
        assert!(watch.tell("a", Some(at(30)), at(42) + DAY));
        assert!(watch.tell("b", mark, at(0)), "the clock went back");
    }
}
