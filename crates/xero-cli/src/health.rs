//! How a connection is, by what the store knows of it: nothing is asked of anybody.

use std::time::{Duration, SystemTime};

use connection_store::{AppKind, Authorisation, Connection, HandedWay};

use crate::failure::Kind;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A login that ends within this should have been renewed long ago.
const LOGIN_SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A certificate takes a person and the portal.
const CERTIFICATE_SOON: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// How a connection is; what needs somebody most comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// Xero takes this kind of app no more.
    Retired,
    /// Only a new login helps.
    LogInAgain,
    /// It was imported, and another store may be renewing its login.
    NotAdopted,
    /// Its certificate has ended.
    Ended,
    /// A test just now has failed.
    Failed(&'static str),
    /// Its login or its certificate ends soon.
    EndsSoon,
    /// Another store renews its login.
    HandedOver,
    /// No request with it has ever succeeded in a test.
    NeverTested,
    Ok,
}

impl Health {
    /// By what the store knows.
    pub(crate) fn of(connection: &Connection, now: SystemTime) -> Self {
        if connection.app.kind == AppKind::Private && connection.app.server.address().is_none() {
            return Self::Retired;
        }
        let credentials = match (&connection.app.certificate, &connection.authorisation) {
            (Some(certificate), _) => of_end(certificate.not_after(), now, CERTIFICATE_SOON, Self::Ended),
            (None, Some(login)) => of_login(connection.app.kind, login, now),
            (None, None) => Self::Ok,
        };
        match credentials {
            Self::Ok if connection.tested_at.is_none() => Self::NeverTested,
            health => health,
        }
    }

    /// After a test that failed like this.
    pub(crate) fn of_failure(kind: Kind) -> Self {
        match kind {
            Kind::NeedsPerson => Self::LogInAgain,
            Kind::WrongOrganisation => Self::Failed("wrong organisation"),
            Kind::RateLimited => Self::Failed("rate limited"),
            Kind::Refused => Self::Failed("refused"),
            Kind::Temporary => Self::Failed("no answer"),
            _ => Self::Failed("failed"),
        }
    }

    /// For people, and for `--filter`.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::LogInAgain => "log in again",
            Self::NotAdopted => "not adopted",
            Self::HandedOver => "handed over",
            Self::Ended => "ended",
            Self::Failed(why) => why,
            Self::EndsSoon => "ends soon",
            Self::NeverTested => "never tested",
            Self::Ok => "ok",
        }
    }

    /// For programs: the same with hyphens.
    pub(crate) fn word(self) -> String {
        self.words().replace(' ', "-")
    }
}

/// How many days it is good for without anybody; nothing where there is no end.
pub(crate) fn days_left(connection: &Connection, now: SystemTime) -> Option<i64> {
    if let Some(certificate) = &connection.app.certificate {
        return Some(certificate.days_left(now));
    }
    let login = connection.authorisation.as_ref()?;
    if login.needs_login.is_some() {
        return Some(0);
    }
    let left = login.refresh_expires_at?.duration_since(now).unwrap_or_default();
    Some(i64::try_from(left.as_secs().div_ceil(DAY.as_secs())).unwrap_or(i64::MAX))
}

fn of_login(kind: AppKind, login: &Authorisation, now: SystemTime) -> Health {
    match (login.refresh_expires_at, login.access_expires_at) {
        _ if login.needs_login.is_some() => Health::LogInAgain,
        _ if login.handed.is_some_and(|handed| handed.way == HandedWay::Imported) => Health::NotAdopted,
        _ if login.handed.is_some() => Health::HandedOver,
        (Some(end), _) => of_end(end, now, LOGIN_SOON, Health::LogInAgain),
        (None, _) if kind == AppKind::Custom => Health::Ok,
        (None, Some(end)) => of_end(end, now, Duration::MAX, Health::LogInAgain),
        (None, None) => Health::LogInAgain,
    }
}

fn of_end(end: SystemTime, now: SystemTime, soon: Duration, over: Health) -> Health {
    match end.duration_since(now) {
        Err(_) | Ok(Duration::ZERO) => over,
        Ok(left) if left <= soon => Health::EndsSoon,
        Ok(_) => Health::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::HEALTH;

    #[test]
    fn an_end_is_over_soon_or_far() {
        let now = SystemTime::UNIX_EPOCH + 1000 * DAY;
        for (end, health) in [
            (now - DAY, Health::LogInAgain),
            (now, Health::LogInAgain),
            (now + Duration::from_secs(1), Health::EndsSoon),
            (now + LOGIN_SOON, Health::EndsSoon),
            (now + LOGIN_SOON + Duration::from_secs(1), Health::Ok),
            (now + 60 * DAY, Health::Ok),
        ] {
            assert_eq!(of_end(end, now, LOGIN_SOON, Health::LogInAgain), health, "{end:?}");
        }
    }

    #[test]
    fn what_needs_somebody_most_comes_first() {
        let mut all = [
            Health::Ok,
            Health::NeverTested,
            Health::EndsSoon,
            Health::Failed("refused"),
            Health::Ended,
            Health::HandedOver,
            Health::NotAdopted,
            Health::LogInAgain,
            Health::Retired,
        ];
        all.sort_unstable();
        let words: Vec<_> = all.iter().map(|one| one.word()).collect();
        assert!(words.iter().all(|word| HEALTH.contains(&word.as_str())));
        let expected = [
            "retired",
            "log-in-again",
            "not-adopted",
            "ended",
            "refused",
            "ends-soon",
            "handed-over",
            "never-tested",
            "ok",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_failed_test_says_why() {
        for (kind, words) in [
            (Kind::NeedsPerson, "log in again"),
            (Kind::WrongOrganisation, "wrong organisation"),
            (Kind::RateLimited, "rate limited"),
            (Kind::Refused, "refused"),
            (Kind::Temporary, "no answer"),
            (Kind::NotSaved, "failed"),
            (Kind::Other, "failed"),
        ] {
            assert_eq!(Health::of_failure(kind).words(), words);
        }
    }
}
