//! What is due, and when: decisions without side effects.

use std::time::{Duration, SystemTime};

/// How long the daemon sleeps at the most before it looks at the clock and the store again.
pub(crate) const LONGEST_NAP: Duration = Duration::from_secs(60);
/// No wait is longer: one that is comes from a time when the clock was ahead.
const LONGEST_WAIT: Duration = Duration::from_secs(25 * 60 * 60);
/// Two clocks, or one that was set right by a little.
const SLACK: Duration = Duration::from_secs(60);

/// When a login is renewed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// How long a login must still last.
    pub(crate) login_left: Duration,
    /// How long an access token must still last.
    pub(crate) min_ttl: Duration,
    /// Access tokens are left alone.
    pub(crate) logins_only: bool,
}

/// What the decision looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// When the access token ends.
    pub(crate) access_ends: Option<SystemTime>,
    /// When its tokens last came.
    pub(crate) refreshed_at: SystemTime,
    /// When the login ends unless it is renewed before.
    pub(crate) login: LoginEnd,
    /// Only a new login helps.
    pub(crate) marked: bool,
    /// Its refresh token was sent, and nobody has the answer: in half an hour from then on Xero takes it no more.
    pub(crate) half_way: bool,
}

/// When a login ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LoginEnd {
    /// There is none: the app itself asks for access tokens.
    Never,
    /// With the refresh token.
    At(SystemTime),
    /// With the access token: no refresh token was granted.
    WithAccess,
}

/// How a login stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is to be renewed now.
    Due,
    /// It is good until it is due; `None`: it never is.
    Good(Option<SystemTime>),
    /// Nothing but a new login helps.
    NeedsPerson,
}

impl Rules {
    pub(crate) fn standing(&self, row: &Row, now: SystemTime) -> Standing {
        let login_due = match row.login {
            _ if row.marked => return Standing::NeedsPerson,
            LoginEnd::WithAccess => return without_refresh_token(row, now),
            LoginEnd::At(_) if row.half_way => return Standing::Due,
            LoginEnd::At(end) => Some(before(end, self.login_left)),
            LoginEnd::Never => None,
        };
        let access_due = (!self.logins_only).then(|| self.access_due(row));
        let due = login_due.into_iter().chain(access_due).min();
        // Tokens of the future: nobody knows how long they still last.
        let clock_went_back = row.refreshed_at > now + SLACK && due.is_some();
        if clock_went_back || due.is_some_and(|due| due <= now) { Standing::Due } else { Standing::Good(due) }
    }

    /// Where tokens last less long than they are to have left, half of their life is enough.
    fn access_due(&self, row: &Row) -> SystemTime {
        let Some(end) = row.access_ends else { return SystemTime::UNIX_EPOCH };
        let life = end.duration_since(row.refreshed_at).unwrap_or_default();
        before(end, self.min_ttl.min(life / 2))
    }
}

impl Row {
    /// When only a person can help, unless it is renewed before. `None`: never, or that is so already.
    pub(crate) fn ends(&self) -> Option<SystemTime> {
        match self.login {
            _ if self.marked => None,
            LoginEnd::Never => None,
            LoginEnd::At(end) => Some(end),
            LoginEnd::WithAccess => self.access_ends,
        }
    }

    /// True where it ends within this time.
    pub(crate) fn ends_within(&self, time: Duration, now: SystemTime) -> bool {
        self.ends().is_some_and(|end| end <= now + time)
    }
}

fn without_refresh_token(row: &Row, now: SystemTime) -> Standing {
    match row.access_ends {
        Some(end) if end > now => Standing::Good(Some(end)),
        _ => Standing::NeedsPerson,
    }
}

fn before(end: SystemTime, time: Duration) -> SystemTime {
    end.checked_sub(time).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Until when a wait lasts, if it still does.
pub(crate) fn waits(until: Option<SystemTime>, now: SystemTime) -> Option<SystemTime> {
    until.filter(|until| until.duration_since(now).is_ok_and(|left| left <= LONGEST_WAIT))
}

/// How long to sleep: until something is due, and never for long, since a clock may jump and a machine may sleep.
pub(crate) fn nap(due: impl Iterator<Item = SystemTime>, now: SystemTime) -> Duration {
    let left = due.map(|due| due.duration_since(now).unwrap_or_default()).min();
    left.unwrap_or(LONGEST_NAP).min(LONGEST_NAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const RULES: Rules = Rules {
        login_left: Duration::from_secs(30 * 24 * 60 * 60),
        min_ttl: seconds(300),
        logins_only: false,
    };

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 20_000
    }

    fn row(access_left: u64, login_left: Duration) -> Row {
        Row {
            access_ends: Some(now() + seconds(access_left)),
            refreshed_at: now() + seconds(access_left) - seconds(1800),
            login: LoginEnd::At(now() + login_left),
            marked: false,
            half_way: false,
        }
    }

    fn good(left: Duration) -> Standing {
        Standing::Good(Some(now() + left))
    }

    #[test]
    fn the_standing_follows_from_the_row_and_the_time() {
        let ended = Row { access_ends: Some(now()), ..row(0, DAY * 59) };
        let none = Row { access_ends: None, ..row(0, DAY * 59) };
        let of_the_future = Row { refreshed_at: now() + seconds(61), ..row(1800, DAY * 60) };
        let set_right = Row { refreshed_at: now() + seconds(60), ..row(1800, DAY * 60) };
        let cases = [
            ("fresh", row(1800, DAY * 60), good(seconds(1500))),
            ("301 seconds left", row(301, DAY * 60), good(seconds(1))),
            ("300 seconds left", row(300, DAY * 60), Standing::Due),
            ("ended now", ended, Standing::Due),
            ("no access token", none, Standing::Due),
            ("30 days left", row(1800, DAY * 30), Standing::Due),
            ("30 days and a second left", row(1800, DAY * 30 + seconds(1)), good(seconds(1))),
            ("over for a day", Row { login: LoginEnd::At(now() - DAY), ..row(1800, DAY) }, Standing::Due),
            ("marked", Row { marked: true, ..row(0, DAY) }, Standing::NeedsPerson),
            ("a clock that was set right by a minute", set_right, good(seconds(1500))),
            ("a clock that went back", of_the_future, Standing::Due),
        ];
        for (name, row, standing) in cases {
            assert_eq!(RULES.standing(&row, now()), standing, "{name}");
        }
    }

    #[test]
    fn what_was_left_half_way_is_due_at_once() {
        let half_way = Row { half_way: true, ..row(1800, DAY * 60) };
        let logins_only = Rules { logins_only: true, ..RULES };
        for rules in [RULES, logins_only] {
            assert_eq!(rules.standing(&half_way, now()), Standing::Due);
            assert_eq!(rules.standing(&Row { marked: true, ..half_way }, now()), Standing::NeedsPerson);
        }
        let custom = Row { login: LoginEnd::Never, ..half_way };
        assert_eq!(logins_only.standing(&custom, now()), Standing::Good(None), "it has nothing to lose");
        let only_access = Row { login: LoginEnd::WithAccess, ..half_way };
        assert_eq!(RULES.standing(&only_access, now()), good(seconds(1800)));
    }

    #[test]
    fn access_tokens_can_be_left_alone() {
        let rules = Rules { logins_only: true, ..RULES };
        assert_eq!(rules.standing(&row(0, DAY * 59), now()), good(DAY * 29));
        assert_eq!(rules.standing(&row(1800, DAY * 30), now()), Standing::Due);
        let custom = Row { login: LoginEnd::Never, ..row(0, DAY) };
        assert_eq!(rules.standing(&custom, now()), Standing::Good(None));
        assert_eq!(RULES.standing(&custom, now()), Standing::Due);
        // There is nothing to keep alive, whatever the clock says.
        let of_the_future = Row { refreshed_at: now() + DAY, ..custom };
        assert_eq!(rules.standing(&of_the_future, now()), Standing::Good(None));
    }

    #[test]
    fn without_a_refresh_token_the_login_ends_with_the_access_token() {
        let only_access = |left| Row { login: LoginEnd::WithAccess, ..row(left, DAY) };
        assert_eq!(RULES.standing(&only_access(1), now()), good(seconds(1)));
        assert_eq!(RULES.standing(&only_access(0), now()), Standing::NeedsPerson);
        assert!(only_access(1).ends_within(DAY, now()));
    }

    #[test]
    fn tokens_that_live_less_long_than_they_should_have_left() {
        let short = |left| Row { refreshed_at: now() - seconds(40 - left), ..row(left, DAY * 60) };
        assert_eq!(RULES.standing(&short(40), now()), good(seconds(20)));
        assert_eq!(RULES.standing(&short(21), now()), good(seconds(1)));
        assert_eq!(RULES.standing(&short(20), now()), Standing::Due);
    }

    #[test]
    fn what_ends_soon() {
        assert!(row(0, DAY * 10).ends_within(DAY * 10, now()));
        assert!(!row(0, DAY * 10 + seconds(1)).ends_within(DAY * 10, now()));
        assert!(!Row { marked: true, ..row(0, DAY) }.ends_within(DAY * 10, now()), "that is worse than soon");
        assert!(!Row { login: LoginEnd::Never, ..row(0, DAY) }.ends_within(DAY * 59, now()));
    }

    #[test]
    fn naps() {
        let at = |left: &[u64]| nap(left.iter().map(|left| now() + seconds(*left)), now());
        assert_eq!(at(&[]), seconds(60));
        assert_eq!(at(&[30, 7, 3600]), seconds(7));
        assert_eq!(at(&[61, 86_400]), seconds(60));
        assert_eq!(at(&[0]), Duration::ZERO);
        assert_eq!(nap([now() - DAY].into_iter(), now()), Duration::ZERO, "the machine slept");
    }

    #[test]
    fn waits_end_also_where_the_clock_goes_back() {
        let until = |left| Some(now() + seconds(left));
        assert_eq!(waits(until(60), now()), until(60));
        assert_eq!(waits(until(25 * 3600), now()), until(25 * 3600));
        assert_eq!(waits(until(25 * 3600 + 1), now()), None);
        assert_eq!(waits(Some(now() - seconds(1)), now()), None);
    }
}
