//! Rows of the database as values of this crate, and back.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use xero_auth_oauth2::{RedirectUri, Scopes, User};
use xero_certs::Certificate;

use crate::{
    App, Authorisation, Connection, Error, Handed, HandedWay, NeedsLogin, Organisation, SecondSecret, Server,
    database::{Fault, Row},
    grant::StoredAuthorisation,
    refresh::REFRESH_LIFETIME,
    seal::mark_of,
};

/// The end of the year 9999: later times are no times.
const LAST_SECOND: i64 = 253_402_300_799;

/// The columns that [`AppRecord::read`] reads, of the table named `a`.
pub(crate) const APP: &str = "a.id, a.kind, a.client_id, a.server, a.certificate, a.redirect_uris, a.created_at, \
     a.name, a.second_certificate, a.second_since";
pub(crate) const APP_COLUMNS: usize = 10;

/// The columns that [`AuthorisationRecord::read`] reads, of the table named `u`.
pub(crate) const AUTHORISATION: &str = "u.id, u.app, u.generation, u.user_id, u.user_name, u.user_email, u.scopes, \
     u.access_expires_at, u.refresh IS NOT NULL, u.refreshed_at, u.needs_login, u.needs_login_since, u.created_at, \
     u.consent, u.handed, u.handed_at, CASE WHEN u.intent_generation = u.generation THEN u.intent_at END";
const AUTHORISATION_COLUMNS: usize = 17;

/// The columns that [`TokensRecord::read`] reads after those of [`AUTHORISATION`].
pub(crate) const TOKENS: &str =
    "u.asked, u.access, u.refresh, u.previous, u.spent_at, u.lease_until, u.lease_owner, u.lease_ends";

/// The columns that [`ConnectionRecord::read`] reads, after those of [`APP`] and [`AUTHORISATION`].
pub(crate) const CONNECTION: &str = "c.name, c.organisation_id, c.organisation_name, c.organisation_short_code, \
     c.is_default, c.created_at, c.tested_at, c.pin";

/// An app as the database has it, not yet understood.
pub(crate) struct AppRecord {
    id: String,
    kind: String,
    client_id: String,
    server: Option<String>,
    certificate: Vec<u8>,
    redirect_uris: String,
    created_at: i64,
    name: Option<String>,
    second: Option<(Vec<u8>, i64)>,
}

/// What may be shown of an authorisation, not yet understood.
pub(crate) struct AuthorisationRecord {
    id: String,
    app: String,
    generation: i64,
    user: User,
    scopes: String,
    access_expires_at: Option<i64>,
    has_refresh: bool,
    refreshed_at: i64,
    needs_login: Option<(String, i64)>,
    created_at: i64,
    consent: Option<String>,
    handed: Option<(String, i64)>,
    sent_at: Option<i64>,
}

/// A whole authorisation, not yet understood.
pub(crate) struct TokensRecord {
    authorisation: AuthorisationRecord,
    asked: Option<Vec<u8>>,
    access: Option<Vec<u8>>,
    refresh: Option<Vec<u8>>,
    previous: Option<(Vec<u8>, i64)>,
    lease_until: Option<i64>,
    lease_owner: Option<String>,
    lease_ends: Option<i64>,
}

/// A connection with what it stands for, not yet understood.
pub(crate) struct ConnectionRecord {
    app: AppRecord,
    authorisation: Option<AuthorisationRecord>,
    name: String,
    organisation: Option<Organisation>,
    is_default: bool,
    created_at: i64,
    tested_at: Option<i64>,
    pin: Vec<u8>,
    recorded: bool,
}

impl AppRecord {
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            id: row.get(0)?,
            kind: row.get(1)?,
            client_id: row.get(2)?,
            server: row.get(3)?,
            certificate: row.get(4)?,
            redirect_uris: row.get(5)?,
            created_at: row.get(6)?,
            name: row.get(7)?,
            second: second(row.get(8)?, row.get(9)?),
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The app, unless the row holds what no version of this program writes.
    pub(crate) fn finish(self, path: &Path) -> Result<App, Error> {
        let kind = self.kind.parse()?;
        let private = kind == crate::AppKind::Private;
        let parts = || {
            let server = self.server.as_deref().map_or(Ok(Server::xero()), Server::at).ok()?;
            let read = |der: &[u8]| match private {
                true => Certificate::read(der).ok().map(Some),
                false => Some(None),
            };
            let certificate = read(&self.certificate)?;
            let second = match &self.second {
                Some((der, since)) => {
                    Some(SecondSecret { certificate: read(der)?, since: system_time(*since)? })
                }
                None => None,
            };
            let uris: Result<_, _> = self.redirect_uris.lines().map(RedirectUri::parse).collect();
            Some((server, certificate, second, uris.ok()?, system_time(self.created_at)?))
        };
        let (server, certificate, second, redirect_uris, created_at) =
            parts().ok_or_else(|| corrupt(path))?;
        let Self { id, client_id, name, .. } = self;
        Ok(App { id, name, kind, client_id, server, certificate, redirect_uris, second, created_at })
    }
}

/// An app without a certificate has an empty one here too.
fn second(certificate: Option<Vec<u8>>, since: Option<i64>) -> Option<(Vec<u8>, i64)> {
    since.map(|since| (certificate.unwrap_or_default(), since))
}

impl AuthorisationRecord {
    /// Reads the columns from the one numbered `at` on.
    pub(crate) fn read(row: &Row<'_>, at: usize) -> Result<Self, Fault> {
        Ok(Self {
            id: row.get(at)?,
            app: row.get(at + 1)?,
            generation: row.get(at + 2)?,
            user: User { id: row.get(at + 3)?, name: row.get(at + 4)?, email: row.get(at + 5)? },
            scopes: row.get(at + 6)?,
            access_expires_at: row.get(at + 7)?,
            has_refresh: row.get(at + 8)?,
            refreshed_at: row.get(at + 9)?,
            needs_login: row.get::<Option<_>>(at + 10)?.zip(row.get(at + 11)?),
            created_at: row.get(at + 12)?,
            consent: row.get(at + 13)?,
            handed: row.get::<Option<_>>(at + 14)?.zip(row.get(at + 15)?),
            sent_at: row.get(at + 16)?,
        })
    }

    pub(crate) fn finish(self, path: &Path) -> Result<Authorisation, Error> {
        self.understood().ok_or_else(|| corrupt(path))
    }

    fn understood(self) -> Option<Authorisation> {
        let refreshed_at = system_time(self.refreshed_at)?;
        let needs_login = match self.needs_login {
            Some((reason, since)) => Some(NeedsLogin { reason, since: system_time(since)? }),
            None => None,
        };
        Some(Authorisation {
            id: self.id,
            app: self.app,
            user: self.user,
            consent: self.consent,
            scopes: Scopes::granted(self.scopes.split(' ')),
            access_expires_at: optional_time(self.access_expires_at)?,
            refreshed_at,
            refresh_expires_at: self.has_refresh.then_some(refreshed_at + REFRESH_LIFETIME),
            needs_login,
            handed: match self.handed {
                Some((word, since)) => {
                    Some(Handed { way: HandedWay::read(&word)?, since: system_time(since)? })
                }
                None => None,
            },
            // A time that cannot be is one long ago, as for whoever sends it again.
            sent_at: self.sent_at.map(|at| system_time(at).unwrap_or(UNIX_EPOCH)),
            created_at: system_time(self.created_at)?,
            generation: self.generation,
        })
    }
}

impl TokensRecord {
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let at = AUTHORISATION_COLUMNS;
        Ok(Self {
            authorisation: AuthorisationRecord::read(row, 0)?,
            asked: row.get(at)?,
            access: row.get(at + 1)?,
            refresh: row.get(at + 2)?,
            previous: row.get::<Option<_>>(at + 3)?.zip(row.get(at + 4)?),
            lease_until: row.get(at + 5)?,
            lease_owner: row.get(at + 6)?,
            lease_ends: row.get(at + 7)?,
        })
    }

    pub(crate) fn generation(&self) -> i64 {
        self.authorisation.generation
    }

    pub(crate) fn finish(self, path: &Path) -> Result<StoredAuthorisation, Error> {
        let authorisation = self.authorisation.finish(path)?;
        let times = || {
            let previous = match self.previous {
                Some((sealed, spent_at)) => Some((sealed, system_time(spent_at)?)),
                None => None,
            };
            Some((previous, optional_time(self.lease_until)?))
        };
        let (previous, lease_until) = times().ok_or_else(|| corrupt(path))?;
        let Self { asked, access, refresh, lease_owner, lease_ends, .. } = self;
        let lease_ends = lease_ends.and_then(|end| u64::try_from(end).ok()).map(Duration::from_millis);
        Ok(StoredAuthorisation {
            authorisation,
            asked,
            access,
            refresh,
            previous,
            lease_until,
            lease_owner,
            lease_ends,
        })
    }
}

impl ConnectionRecord {
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let at = APP_COLUMNS + AUTHORISATION_COLUMNS;
        let (name, pin): (String, Vec<u8>) = (row.get(at)?, row.get(at + 7)?);
        let organisation = match (row.get(at + 1)?, row.get(at + 2)?) {
            (Some(id), Some(name)) => Some(Organisation { id, name, short_code: row.get(at + 3)? }),
            _ => None,
        };
        let authorisation = match row.get::<Option<String>>(APP_COLUMNS)? {
            Some(_) => Some(AuthorisationRecord::read(row, APP_COLUMNS)?),
            None => None,
        };
        Ok(Self {
            app: AppRecord::read(row)?,
            authorisation,
            recorded: false,
            name,
            organisation,
            is_default: row.get(at + 4)?,
            created_at: row.get(at + 5)?,
            tested_at: row.get(at + 6)?,
            pin,
        })
    }

    /// By what the ledger knows it, and the state that it should note.
    pub(crate) fn noted(&self) -> (&str, i64) {
        (&self.name, mark_of(&self.pin))
    }

    /// The same, vouched for or not.
    pub(crate) fn recorded(self, recorded: bool) -> Self {
        Self { recorded, ..self }
    }

    /// The connection, unless the row holds what no version of this program writes.
    pub(crate) fn finish(self, path: &Path) -> Result<Connection, Error> {
        Ok(Connection {
            recorded: self.recorded,
            name: self.name,
            app: self.app.finish(path)?,
            authorisation: self.authorisation.map(|record| record.finish(path)).transpose()?,
            organisation: self.organisation,
            is_default: self.is_default,
            created_at: system_time(self.created_at).ok_or_else(|| corrupt(path))?,
            tested_at: optional_time(self.tested_at).ok_or_else(|| corrupt(path))?,
            pin: self.pin,
        })
    }
}

/// Seconds since 1970, as stored.
pub(crate) fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(LAST_SECOND)
}

pub(crate) fn system_time(seconds: i64) -> Option<SystemTime> {
    let since = u64::try_from(seconds).ok().filter(|_| seconds <= LAST_SECOND)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(since))
}

/// `Some(None)` for no time, `None` for one that cannot be.
fn optional_time(seconds: Option<i64>) -> Option<Option<SystemTime>> {
    match seconds {
        Some(seconds) => system_time(seconds).map(Some),
        None => Some(None),
    }
}

fn corrupt(path: &Path) -> Error {
    Error::Corrupt(path.to_owned())
}
