//! When an access token is used, refreshed or waited for: a decision without side effects.

use std::time::{Duration, SystemTime};

/// How long an access token is used, whatever the answer says of it: Xero's own 30 minutes.
pub(crate) const ACCESS_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How long Xero takes a refresh token again whose answer was lost, from its first use on.
pub const GRACE: Duration = Duration::from_secs(30 * 60);
/// How long Xero keeps a refresh token that is not used.
pub(crate) const REFRESH_LIFETIME: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// How long a consent that no connection uses is kept for the login to be finished.
pub(crate) const UNFINISHED: Duration = Duration::from_secs(60 * 60);
/// No lease is longer: one that ends later is of a time when the clock was ahead.
pub(crate) const LONGEST_LEASE: Duration = Duration::from_secs(10 * 60);
/// Two clocks, or one that was set right by a little.
const SLACK: Duration = Duration::from_secs(60);

/// What a caller needs of an access token. The default is one that is good for 60 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// How long it must be good from now on. Where a new token lasts less long than this, it is given all the same.
    pub min_ttl: Duration,
    /// The [`generation`](crate::Access::generation) of a token that was refused: only a newer one will do.
    pub instead_of: Option<i64>,
}

impl Need {
    /// A token other than the one of this generation, which was refused.
    pub fn fresh(generation: i64) -> Self {
        Self { instead_of: Some(generation), ..Self::default() }
    }
}

impl Default for Need {
    fn default() -> Self {
        Self { min_ttl: Duration::from_secs(60), instead_of: None }
    }
}

/// What to do next for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The stored access token serves.
    Use,
    /// It does not, and nobody is getting a new one.
    Refresh,
    /// Somebody is getting a new one.
    Wait,
    /// There is no way to a new one without a person.
    LogIn,
    /// Another store gets new ones.
    Elsewhere,
}

/// What is known of whoever has the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nothing, or that he has taken longer than his time: the lease's end tells.
    Unknown,
    /// He is certainly dead.
    Died,
    /// He lives, and his time is not over, whatever the clock that people set says: the machine may have slept.
    InTime,
}

/// What the decision looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    pub(crate) generation: i64,
    pub(crate) access_expires_at: Option<SystemTime>,
    pub(crate) lease_until: Option<SystemTime>,
    pub(crate) owner: Owner,
    pub(crate) needs_login: bool,
    /// False where there is neither a refresh token nor another way to ask.
    pub(crate) refreshable: bool,
    /// True where another store refreshes, or may.
    pub(crate) elsewhere: bool,
}

impl Situation {
    /// The next step for a caller who first looked at generation `first`. A token that came since then was made for
    /// whoever waited, so any time left serves.
    pub(crate) fn step(&self, now: SystemTime, need: &Need, first: i64) -> Step {
        let min_ttl = if self.generation > first { Duration::ZERO } else { need.min_ttl };
        let refused = need.instead_of.is_some_and(|refused| self.generation <= refused);
        if !refused && self.access_expires_at.is_some_and(|end| is_ahead(end, now, min_ttl, ACCESS_LIFETIME))
        {
            return Step::Use;
        }
        if self.needs_login || !self.refreshable {
            return Step::LogIn;
        }
        if self.elsewhere {
            return Step::Elsewhere;
        }
        let waits = match self.owner {
            Owner::Died => false,
            Owner::InTime => true,
            Owner::Unknown => runs(self.lease_until, now).is_some(),
        };
        if waits { Step::Wait } else { Step::Refresh }
    }
}

/// A refresh token that may be spent for an authorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The one of its generation.
    Stored,
    /// The one before, inside its grace.
    Previous,
    /// What a leader kept that came too late: never sent, so there is no grace that could have ended.
    Spare(i64),
}

/// What there is to be spent besides the stored token.
#[derive(Debug, Clone)]
pub(crate) struct Reserve {
    /// When the token before was first spent; `None`: there is none.
    pub(crate) previous_spent_at: Option<SystemTime>,
    /// The spares, the newest first.
    pub(crate) spares: Vec<i64>,
}

impl Reserve {
    /// What a leader sends next, after those that Xero has refused. `None`: nothing but a new login helps.
    pub(crate) fn next(&self, refused: &[Source], now: SystemTime) -> Option<Source> {
        let previous = self.previous_spent_at.filter(|spent_at| in_grace(*spent_at, now));
        let spares = self.spares.iter().copied().map(Source::Spare);
        let mut all = [Source::Stored].into_iter().chain(previous.map(|_| Source::Previous)).chain(spares);
        all.find(|source| !refused.contains(source))
    }
}

/// Until when a lease runs, if it still does.
pub(crate) fn runs(lease_until: Option<SystemTime>, now: SystemTime) -> Option<SystemTime> {
    lease_until.filter(|until| is_ahead(*until, now, Duration::ZERO, LONGEST_LEASE))
}

/// True while a token that was spent first at `spent_at` may be sent again.
pub(crate) fn in_grace(spent_at: SystemTime, now: SystemTime) -> bool {
    now < spent_at + GRACE
}

/// True for an end that is more than `at_least` ahead, and not further than it can be: then the clock was set back, and
/// nobody knows how long it still is.
fn is_ahead(end: SystemTime, now: SystemTime, at_least: Duration, at_most: Duration) -> bool {
    end.duration_since(now).is_ok_and(|left| left > at_least && left <= at_most + SLACK)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const GOOD: Situation = Situation {
        generation: 5,
        access_expires_at: None,
        lease_until: None,
        owner: Owner::Unknown,
        needs_login: false,
        refreshable: true,
        elsewhere: false,
    };

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000)
    }

    fn ahead(seconds: u64) -> Option<SystemTime> {
        Some(now() + Duration::from_secs(seconds))
    }

    fn behind(seconds: u64) -> Option<SystemTime> {
        Some(now() - Duration::from_secs(seconds))
    }

    #[test]
    fn the_step_follows_from_the_row_and_the_time() {
        let token = |access_expires_at| Situation { access_expires_at, ..GOOD };
        let lease = |lease_until| Situation { lease_until, ..GOOD };
        let cases = [
            ("no token", GOOD, Step::Refresh),
            ("a good token", token(ahead(1800)), Step::Use),
            ("61 seconds left", token(ahead(61)), Step::Use),
            ("60 seconds left", token(ahead(60)), Step::Refresh),
            ("expired now", token(ahead(0)), Step::Refresh),
            ("expired long ago", token(behind(86_400)), Step::Refresh),
            ("31 minutes left: a clock set right", token(ahead(1860)), Step::Use),
            ("more than 31 minutes left: the clock went back", token(ahead(1861)), Step::Refresh),
            ("a year left: the clock went back", token(ahead(31_536_000)), Step::Refresh),
            ("somebody refreshes", lease(ahead(45)), Step::Wait),
            ("somebody refreshes, with a long timeout", lease(ahead(600)), Step::Wait),
            (
                "whoever refreshed is dead",
                Situation { owner: Owner::Died, ..lease(ahead(45)) },
                Step::Refresh,
            ),
            (
                "dead, and a good token",
                Situation { owner: Owner::Died, lease_until: ahead(45), ..token(ahead(900)) },
                Step::Use,
            ),
            (
                "dead, and marked",
                Situation { owner: Owner::Died, needs_login: true, ..lease(ahead(45)) },
                Step::LogIn,
            ),
            ("a lease that ended", lease(ahead(0)), Step::Refresh),
            (
                "a lease that ended while the machine slept",
                Situation { owner: Owner::InTime, ..lease(behind(28_800)) },
                Step::Wait,
            ),
            ("a lease from a time when the clock was ahead", lease(ahead(3600)), Step::Refresh),
            (
                "a lease, and a good token",
                Situation { lease_until: ahead(45), ..token(ahead(900)) },
                Step::Use,
            ),
            ("marked", Situation { needs_login: true, ..GOOD }, Step::LogIn),
            ("marked, leased", Situation { needs_login: true, ..lease(ahead(45)) }, Step::LogIn),
            ("marked, token still good", Situation { needs_login: true, ..token(ahead(900)) }, Step::Use),
            ("nothing to refresh with", Situation { refreshable: false, ..GOOD }, Step::LogIn),
            (
                "nothing to refresh with, token",
                Situation { refreshable: false, ..token(ahead(900)) },
                Step::Use,
            ),
        ];
        for (name, situation, step) in cases {
            assert_eq!(situation.step(now(), &Need::default(), 5), step, "{name}");
        }
    }

    #[test]
    fn a_refused_token_is_not_used_again() {
        let at = |generation| Situation { generation, access_expires_at: ahead(1800), ..GOOD };
        let step = |generation| at(generation).step(now(), &Need::fresh(5), generation);
        assert_eq!([step(4), step(5), step(6)], [Step::Refresh, Step::Refresh, Step::Use]);
    }

    #[test]
    fn whoever_waited_takes_what_came() {
        let need = Need { min_ttl: Duration::from_secs(86_400), instead_of: None };
        let situation = Situation { access_expires_at: ahead(30), ..GOOD };
        assert_eq!(situation.step(now(), &need, 5), Step::Refresh);
        assert_eq!(situation.step(now(), &need, 4), Step::Use);
        let expired = Situation { access_expires_at: behind(1), ..GOOD };
        assert_eq!(expired.step(now(), &need, 4), Step::Refresh);
    }

    /// When the token before was spent, the spares, what was refused, what comes next.
    type Case<'a> = (Option<SystemTime>, &'a [i64], &'a [Source], Option<Source>);

    #[test]
    fn the_next_token_follows_from_the_reserve_and_the_time() {
        use Source::{Previous, Spare, Stored};
        let [now, old] = [now(), now() - GRACE];
        let cases: [Case<'_>; 11] = [
            (None, &[], &[], Some(Stored)),
            (Some(now), &[7], &[], Some(Stored)),
            (None, &[], &[Stored], None),
            (Some(now), &[], &[Stored], Some(Previous)),
            (Some(old), &[], &[Stored], None),
            (Some(now), &[7], &[Stored], Some(Previous)),
            (Some(old), &[7], &[Stored], Some(Spare(7))),
            (Some(now), &[7, 3], &[Stored, Previous], Some(Spare(7))),
            (None, &[7, 3], &[Stored, Spare(7)], Some(Spare(3))),
            (None, &[9, 7], &[Stored, Spare(7)], Some(Spare(9))),
            (Some(now), &[7], &[Stored, Previous, Spare(7)], None),
        ];
        for (previous_spent_at, spares, refused, next) in cases {
            let reserve = Reserve { previous_spent_at, spares: spares.to_vec() };
            assert_eq!(reserve.next(refused, now), next, "{reserve:?} after {refused:?}");
        }
    }

    #[test]
    fn the_grace_is_thirty_minutes_from_the_first_use() {
        let minutes = |minutes: u64| now() + Duration::from_secs(minutes * 60);
        assert!(in_grace(now(), minutes(0)) && in_grace(now(), minutes(29)));
        assert!(!in_grace(now(), minutes(30)) && !in_grace(now(), minutes(31)));
    }
}
