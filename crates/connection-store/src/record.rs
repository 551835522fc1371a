//! Rows of the database as values of this crate, and back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Row;
use xero_certs::Certificate;

use crate::{App, AppKind, Connection, Lock, Organisation, Server, store_key::WrappedKey};

/// The end of the year 9999: later times are no times.
const LAST_SECOND: i64 = 253_402_300_799;

/// The columns that [`ConnectionRecord::read`] reads.
pub(crate) const SELECT_CONNECTION: &str = "SELECT c.name, c.organisation_id, c.organisation_name, \
     c.organisation_short_code, c.is_default, c.created_at, c.tested_at, c.pin, \
     a.id, a.kind, a.client_id, a.server, a.certificate, a.created_at \
     FROM connections c JOIN apps a ON a.id = c.app";

/// A connection as the database has it, not yet understood.
pub(crate) struct ConnectionRecord {
    name: String,
    organisation: Option<Organisation>,
    is_default: bool,
    created_at: i64,
    tested_at: Option<i64>,
    pin: Vec<u8>,
    app: String,
    kind: String,
    client_id: String,
    server: Option<String>,
    certificate: Vec<u8>,
    app_created_at: i64,
}

impl ConnectionRecord {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let organisation = match (row.get(1)?, row.get(2)?) {
            (Some(id), Some(name)) => Some(Organisation { id, name, short_code: row.get(3)? }),
            _ => None,
        };
        Ok(Self {
            name: row.get(0)?,
            organisation,
            is_default: row.get(4)?,
            created_at: row.get(5)?,
            tested_at: row.get(6)?,
            pin: row.get(7)?,
            app: row.get(8)?,
            kind: row.get(9)?,
            client_id: row.get(10)?,
            server: row.get(11)?,
            certificate: row.get(12)?,
            app_created_at: row.get(13)?,
        })
    }

    /// The connection, unless the row holds what no version of this program writes.
    pub(crate) fn finish(self) -> Option<Connection> {
        let kind = match self.kind.as_str() {
            "private" => AppKind::Private,
            _ => return None,
        };
        let app = App {
            id: self.app,
            kind,
            client_id: self.client_id,
            server: self.server.as_deref().map_or(Ok(Server::xero()), Server::at).ok()?,
            certificate: Certificate::read(&self.certificate).ok()?,
            created_at: system_time(self.app_created_at)?,
        };
        let tested_at = match self.tested_at {
            Some(seconds) => Some(system_time(seconds)?),
            None => None,
        };
        Some(Connection {
            name: self.name,
            app,
            organisation: self.organisation,
            is_default: self.is_default,
            created_at: system_time(self.created_at)?,
            tested_at,
            pin: self.pin,
        })
    }
}

pub(crate) fn wrapped_key(row: &Row<'_>) -> rusqlite::Result<WrappedKey> {
    let lock = match row.get::<_, String>(1)?.as_str() {
        "passphrase" => Lock::Passphrase,
        _ => Lock::KeyFile(row.get(2)?),
    };
    Ok(WrappedKey { id: row.get(0)?, lock, parameters: row.get(3)?, salt: row.get(4)?, sealed: row.get(5)? })
}

/// Seconds since 1970, as stored.
pub(crate) fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(LAST_SECOND)
}

fn system_time(seconds: i64) -> Option<SystemTime> {
    let since = u64::try_from(seconds).ok().filter(|_| seconds <= LAST_SECOND)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(since))
}
