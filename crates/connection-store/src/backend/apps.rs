//! Apps in the database.

use std::{path::Path, time::SystemTime};

use xero_certs::Certificate;

use super::{Backend, recorded::Change};
use crate::{
    App, AppKind, Error,
    database::{Fault, Row, Value, folded, values},
    ledger::Table,
    record::{APP, APP_COLUMNS, AppRecord, seconds},
};

/// The columns that [`StoredAppRecord::read`] reads after those of [`APP`].
pub(super) const APP_SECRETS: &str = "a.secret, a.generation, a.second_secret";

/// An app with its sealed secrets.
pub(crate) struct StoredApp {
    pub(crate) app: App,
    pub(crate) secret: Vec<u8>,
    pub(crate) second: Option<Vec<u8>>,
    pub(crate) generation: i64,
}

/// The same, not yet understood.
pub(super) struct StoredAppRecord {
    app: AppRecord,
    secret: Vec<u8>,
    second: Option<Vec<u8>>,
    generation: i64,
}

impl StoredAppRecord {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let at = APP_COLUMNS;
        Ok(Self {
            app: AppRecord::read(row)?,
            secret: row.get(at)?,
            generation: row.get(at + 1)?,
            second: row.get(at + 2)?,
        })
    }

    pub(super) fn finish(self, path: &Path) -> Result<StoredApp, Error> {
        let Self { app, secret, second, generation } = self;
        Ok(StoredApp { app: app.finish(path)?, secret, second, generation })
    }
}

/// A row for the `apps` table.
pub(crate) struct AppRow<'a> {
    pub(crate) app: &'a App,
    pub(crate) secret: &'a [u8],
    pub(crate) second: Option<&'a [u8]>,
    /// One for a new app; one more than was read for an app that is there.
    pub(crate) generation: i64,
}

impl Backend {
    /// Stores a new app. False: there is one like it.
    pub(crate) fn add_app(&mut self, row: &AppRow<'_>, now: SystemTime) -> Result<bool, Error> {
        self.change_sealed(&row.values(), |tx| put(tx, row, now))
    }

    /// All apps, in the order in which they were stored.
    pub(crate) fn apps(&self) -> Result<Vec<App>, Error> {
        let sql = format!("SELECT {APP} FROM apps a ORDER BY a.created_at, a.id");
        let rows = self.read(|db| db.rows(&sql, &[], AppRecord::read))?;
        rows.into_iter().map(|row| row.finish(self.path())).collect()
    }

    /// One app by its id.
    pub(crate) fn app(&self, id: &str) -> Result<Option<StoredApp>, Error> {
        self.one_app("a.id = ?1", values![id])
    }

    /// The app of this kind and client id at this server.
    pub(crate) fn app_like(
        &self,
        kind: AppKind,
        client_id: &str,
        server: Option<&str>,
    ) -> Result<Option<StoredApp>, Error> {
        let condition = "a.kind = ?1 AND a.client_id = ?2 AND a.server IS NOT DISTINCT FROM ?3";
        self.one_app(condition, values![kind.as_str(), client_id, server])
    }

    fn one_app(&self, condition: &str, values: &[Value<'_>]) -> Result<Option<StoredApp>, Error> {
        let sql = format!(
            "SELECT {APP}, {APP_SECRETS} FROM apps a WHERE {condition} ORDER BY a.created_at LIMIT 1"
        );
        let found = self.read_recorded(|db, ledger| {
            ledger.admit_use()?;
            let Some(record) = db.first(&sql, values, StoredAppRecord::read)? else { return Ok(None) };
            let noted = ledger.vouches_for(Table::Apps, record.app.id(), record.generation)?;
            Ok(Some((noted, record)))
        })?;
        match found {
            Some((true, record)) => record.finish(self.path()).map(Some),
            Some((false, record)) => {
                let row = record.app.id().to_owned();
                Err(Error::Tampered { table: "apps", column: "generation", row })
            }
            None => Ok(None),
        }
    }

    /// Writes an app that is there anew. False: it was changed since it was read.
    pub(crate) fn rewrite_app(&mut self, row: &AppRow<'_>) -> Result<bool, Error> {
        self.change_sealed(&row.values(), |tx| update(tx, row))
    }

    /// Gives an app a name, or takes it away. False: there is no such app.
    ///
    /// # Errors
    /// [`Error::AppNameTaken`].
    pub(crate) fn name_app(&mut self, id: &str, name: Option<&str>) -> Result<bool, Error> {
        self.change(|tx| {
            let taken = "SELECT 1 FROM apps WHERE lower(name) = ?1 AND id <> ?2";
            match name {
                Some(name) if tx.exists(taken, values![folded(name), id])? => {
                    Err(Error::AppNameTaken(name.to_owned()).into())
                }
                _ => Ok(tx.execute("UPDATE apps SET name = ?2 WHERE id = ?1", values![id, name])? == 1),
            }
        })
    }
}

impl AppRow<'_> {
    /// What is sealed in it.
    pub(crate) fn values(&self) -> Vec<&[u8]> {
        [self.secret].into_iter().chain(self.second).collect()
    }
}

pub(super) fn insert(tx: &Change<'_>, row: &AppRow<'_>, now: SystemTime) -> Result<(), Fault> {
    let App { id, kind, server, .. } = row.app;
    let nothing: &[u8] = &[];
    tx.touch(Table::Apps, id)?;
    tx.execute(
        "INSERT INTO apps (id, kind, client_id, server, certificate, secret, generation, created_at) \
         VALUES (?1, ?2, '', ?3, ?6, ?6, ?4, ?5)",
        values![id, kind.as_str(), server.address(), row.generation - 1, seconds(now), nothing],
    )?;
    update(tx, row).map(drop)
}

/// Stores the app, or what is new of it where it is there. False: it was changed since it was read.
pub(super) fn put(tx: &Change<'_>, row: &AppRow<'_>, now: SystemTime) -> Result<bool, Fault> {
    if row.generation > 1 {
        return update(tx, row);
    }
    let App { kind, client_id, server, .. } = row.app;
    let same = "SELECT 1 FROM apps WHERE kind = ?1 AND client_id = ?2 AND server IS NOT DISTINCT FROM ?3";
    if tx.exists(same, values![kind.as_str(), client_id, server.address()])? {
        return Ok(false);
    }
    insert(tx, row, now).map(|()| true)
}

/// Writes a generation over the one before it, and over no other.
pub(super) fn update(tx: &Change<'_>, row: &AppRow<'_>) -> Result<bool, Fault> {
    let App { id, client_id, certificate, second, .. } = row.app;
    tx.touch(Table::Apps, id)?;
    let der = |certificate: &Certificate| certificate.der().to_vec();
    let beside = second.as_ref().and_then(|second| second.certificate.as_ref());
    let changed = tx.execute(
        "UPDATE apps SET client_id = ?2, certificate = ?3, secret = ?4, redirect_uris = ?5, generation = ?6, \
         second_secret = ?7, second_certificate = ?8, second_since = ?9 WHERE id = ?1 AND generation = ?6 - 1",
        values![
            id,
            client_id,
            certificate.as_ref().map(der).unwrap_or_default(),
            row.secret,
            lines(row.app),
            row.generation,
            row.second,
            beside.map(der),
            second.as_ref().map(|second| seconds(second.since)),
        ],
    )?;
    Ok(changed == 1)
}

/// Takes an app away that nothing uses.
pub(super) fn sweep(tx: &Change<'_>, id: &str) -> Result<(), Fault> {
    tx.touch(Table::Apps, id)?;
    tx.execute(
        "DELETE FROM apps WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM connections WHERE app = ?1) \
         AND NOT EXISTS (SELECT 1 FROM authorisations WHERE app = ?1)",
        values![id],
    )?;
    Ok(())
}

fn lines(app: &App) -> String {
    app.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>().join("\n")
}
