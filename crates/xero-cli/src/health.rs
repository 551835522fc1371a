//! How a connection is, by what the store knows of it: nothing is asked of anybody.

use std::time::{Duration, SystemTime};

use connection_store::{AppKind, Authorisation, Connection, HandedWay};

use crate::{failure::Kind, half_way};

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
    /// A renewal of its login was left half-way.
    HalfWay,
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
            Self::HalfWay => "half-way",
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
        (Some(end), _) => match of_end(end, now, LOGIN_SOON, Health::LogInAgain) {
            Health::LogInAgain => Health::LogInAgain,
            _ if half_way::since_of(kind, login).is_some() => Health::HalfWay,
            health => health,
        },
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
    use std::sync::Arc;

    use connection_store::{
        AccessToken, AppIdentity, ClientId, ClientSecret, Handed, Lock, ManualClock, NeedsLogin, NewApp,
        NewAuthorisation, NewConnection, NewKey, RefreshToken, Scopes, Server, Store, StoreKey, User,
    };
    use xero_certs::{KeySize, PrivateKey, SelfSigned};

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
            Health::HalfWay,
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
            "half-way",
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

    const MINUTE: Duration = Duration::from_secs(60);

    /// A connection of a web app to a server of its own, with a login of this moment, and tested.
    fn connection(now: SystemTime) -> Connection {
        let folder = tempfile::tempdir().unwrap();
        let key = NewKey { key: StoreKey::File(StoreKey::generate().unwrap()), lock: Lock::Command };
        let clock = Arc::new(ManualClock::at(now));
        let store = Store::create(&folder.path().join("c.db"), &key).unwrap().with_clock(clock);
        let client_id = ClientId::parse("4E1A0C7D9B2F4C5E8A6D3B1F0E9C8D7A").unwrap();
        let identity = AppIdentity { client_id, secret: Some(ClientSecret::new("secret").unwrap()) };
        let server = Server::at("https://xero.example/").unwrap();
        let login = NewAuthorisation {
            app: NewApp { kind: AppKind::Web, identity, server, redirect_uris: Vec::new() },
            refresh_token: Some(RefreshToken::new("refresh").unwrap()),
            access: Some((AccessToken::new("access").unwrap(), 30 * MINUTE)),
            scopes: Scopes::parse("@read").unwrap(),
            asked: None,
            user: User::default(),
            consent: None,
        };
        let new = NewConnection {
            name: "acme".to_owned(),
            authorisation: store.add_authorisation(&login).unwrap().id,
            organisation: None,
            make_default: false,
            replace: false,
            tested: true,
        };
        store.add_connections(&[new]).unwrap();
        let connection = store.connection(None).unwrap();
        assert_eq!(connection.tested_at, Some(now));
        connection
    }

    /// The same of a private app whose certificate ends then.
    fn private(web: &Connection, key: &PrivateKey, not_before: SystemTime, days: u32) -> Connection {
        let certificate = SelfSigned { common_name: "acme".to_owned(), not_before, days }.issue(key).unwrap();
        let mut private = web.clone();
        private.authorisation = None;
        (private.app.kind, private.app.certificate) = (AppKind::Private, Some(certificate));
        private
    }

    fn with_login(web: &Connection, change: impl Fn(&mut Authorisation)) -> Connection {
        let mut changed = web.clone();
        change(changed.authorisation.as_mut().unwrap());
        changed
    }

    /// What counts first, where several things could be said of one connection.
    #[test]
    fn of_whole_connections() {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let web = &connection(now);
        let key = &PrivateKey::generate(KeySize::default()).unwrap();
        let handed = |way| Some(Handed { way, since: now });
        let marked = || Some(NeedsLogin { reason: "revoked".to_owned(), since: now });
        let untested = |mut one: Connection| {
            one.tested_at = None;
            one
        };
        let mut custom = with_login(web, |login| login.refresh_expires_at = None);
        custom.app.kind = AppKind::Custom;
        let mut retired = private(web, key, now - 100 * DAY, 50);
        retired.app.server = Server::xero();
        let without_refresh = with_login(web, |login| login.refresh_expires_at = None);
        let all = [
            (web.clone(), now, Health::Ok),
            (untested(web.clone()), now, Health::NeverTested),
            (web.clone(), now + 52 * DAY, Health::Ok),
            (web.clone(), now + 53 * DAY, Health::EndsSoon),
            (untested(web.clone()), now + 53 * DAY, Health::EndsSoon),
            (web.clone(), now + 60 * DAY, Health::LogInAgain),
            (with_login(web, |login| login.needs_login = marked()), now, Health::LogInAgain),
            (with_login(web, |login| login.handed = handed(HandedWay::Exported)), now, Health::HandedOver),
            (with_login(web, |login| login.handed = handed(HandedWay::Imported)), now, Health::NotAdopted),
            (
                with_login(web, |login| login.handed = handed(HandedWay::Exported)),
                now + 99 * DAY,
                Health::HandedOver,
            ),
            (
                with_login(web, |login| {
                    (login.handed, login.needs_login) = (handed(HandedWay::Imported), marked());
                }),
                now,
                Health::LogInAgain,
            ),
            (without_refresh.clone(), now, Health::EndsSoon),
            (without_refresh, now + 31 * MINUTE, Health::LogInAgain),
            (
                with_login(web, |login| (login.refresh_expires_at, login.access_expires_at) = (None, None)),
                now,
                Health::LogInAgain,
            ),
            (custom.clone(), now + 99 * DAY, Health::Ok),
            (with_login(&custom, |login| login.needs_login = marked()), now, Health::LogInAgain),
            (private(web, key, now, 61), now, Health::Ok),
            (untested(private(web, key, now, 61)), now, Health::NeverTested),
            (private(web, key, now, 60), now, Health::EndsSoon),
            (private(web, key, now - 100 * DAY, 50), now, Health::Ended),
            (untested(private(web, key, now - 100 * DAY, 50)), now, Health::Ended),
            (retired, now, Health::Retired),
        ];
        for (at, (connection, now, health)) in all.into_iter().enumerate() {
            assert_eq!(Health::of(&connection, now), health, "number {at}: {connection:?}");
        }
    }

    #[test]
    fn of_renewals_that_were_left_half_way() {
        let now = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        let web = &connection(now);
        let sent = |more: fn(&mut Authorisation, SystemTime)| {
            with_login(web, |login| {
                login.sent_at = Some(now);
                more(login, now);
            })
        };
        let plain = sent(|_, _| {});
        let mut untested = plain.clone();
        untested.tested_at = None;
        let mut custom = sent(|login, _| login.refresh_expires_at = None);
        custom.app.kind = AppKind::Custom;
        let marked = sent(|login, since| {
            login.needs_login = Some(NeedsLogin { reason: "revoked".to_owned(), since });
        });
        let exported = sent(|login, since| login.handed = Some(Handed { way: HandedWay::Exported, since }));
        for (connection, now, health) in [
            (&plain, now, Health::HalfWay),
            (&untested, now + 53 * DAY, Health::HalfWay),
            (&plain, now + 60 * DAY, Health::LogInAgain),
            (&custom, now, Health::Ok),
            (&marked, now, Health::LogInAgain),
            (&exported, now, Health::HandedOver),
        ] {
            assert_eq!(Health::of(connection, now), health, "{connection:?}");
        }
    }
}
