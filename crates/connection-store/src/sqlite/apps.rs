//! Apps in the database.

use std::time::SystemTime;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::Sqlite;
use crate::{
    App, AppKind, Error,
    record::{APP, AppRecord, seconds},
};

/// An app with its sealed secret.
pub(crate) struct StoredApp {
    pub(crate) app: App,
    pub(crate) secret: Vec<u8>,
    pub(crate) generation: i64,
}

/// A row for the `apps` table.
pub(crate) struct AppRow<'a> {
    pub(crate) app: &'a App,
    pub(crate) secret: &'a [u8],
    /// One for a new app; one more than was read for an app that is there.
    pub(crate) generation: i64,
}

impl Sqlite {
    /// All apps, in the order in which they were stored.
    pub(crate) fn apps(&self) -> Result<Vec<App>, Error> {
        let rows = self.read(|db| {
            let mut statement =
                db.prepare(&format!("SELECT {APP} FROM apps a ORDER BY a.created_at, a.id"))?;
            statement.query_map([], AppRecord::read)?.collect::<Result<Vec<_>, _>>()
        })?;
        rows.into_iter().map(|row| row.finish(self.path())).collect()
    }

    /// One app by its id.
    pub(crate) fn app(&self, id: &str) -> Result<Option<StoredApp>, Error> {
        self.one_app("a.id = ?1", &[&id])
    }

    /// The app of this kind and client id at this server.
    pub(crate) fn app_like(
        &self,
        kind: AppKind,
        client_id: &str,
        server: Option<&str>,
    ) -> Result<Option<StoredApp>, Error> {
        let condition = "a.kind = ?1 AND a.client_id = ?2 AND a.server IS ?3";
        self.one_app(condition, &[&kind.as_str(), &client_id, &server])
    }

    fn one_app(&self, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Option<StoredApp>, Error> {
        let sql = format!(
            "SELECT {APP}, a.secret, a.generation FROM apps a WHERE {condition} ORDER BY a.created_at LIMIT 1"
        );
        let read = |row: &Row<'_>| Ok((AppRecord::read(row)?, row.get(7)?, row.get(8)?));
        let found = self.read_recorded(|db, ledger| {
            let found = db.query_row(&sql, values, read).optional()?;
            Ok(found.map(|(record, secret, generation): (AppRecord, _, i64)| {
                let recorded = ledger.vouches_for("apps", record.id(), generation);
                (record, secret, generation, recorded)
            }))
        })?;
        let Some((record, secret, generation, recorded)) = found else { return Ok(None) };
        if !recorded {
            return Err(Error::Tampered { table: "apps", column: "generation", row: record.id().to_owned() });
        }
        Ok(Some(StoredApp { app: record.finish(self.path())?, secret, generation }))
    }
}

pub(super) fn insert(tx: &Transaction<'_>, row: &AppRow<'_>, now: SystemTime) -> rusqlite::Result<()> {
    let App { id, kind, client_id, server, certificate, .. } = row.app;
    tx.execute(
        "INSERT INTO apps (id, kind, client_id, server, certificate, secret, redirect_uris, generation, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id,
            kind.as_str(),
            client_id,
            server.address(),
            certificate.as_ref().map_or(&[][..], |certificate| certificate.der()),
            row.secret,
            lines(row.app),
            row.generation,
            seconds(now)
        ],
    )?;
    Ok(())
}

/// Stores the app, or its new secret and redirect URIs where it is there. False: it was changed since it was read.
pub(super) fn put(tx: &Transaction<'_>, row: &AppRow<'_>, now: SystemTime) -> rusqlite::Result<bool> {
    if row.generation == 1 {
        let App { kind, client_id, server, .. } = row.app;
        let mut same =
            tx.prepare("SELECT 1 FROM apps WHERE kind = ?1 AND client_id = ?2 AND server IS ?3")?;
        if same.exists(params![kind.as_str(), client_id, server.address()])? {
            return Ok(false);
        }
        return insert(tx, row, now).map(|()| true);
    }
    let changed = tx.execute(
        "UPDATE apps SET secret = ?2, redirect_uris = ?3, generation = ?4 WHERE id = ?1 AND generation = ?4 - 1",
        params![row.app.id, row.secret, lines(row.app), row.generation],
    )?;
    Ok(changed == 1)
}

/// Takes an app away that nothing uses.
pub(super) fn sweep(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM apps WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM connections WHERE app = ?1) \
         AND NOT EXISTS (SELECT 1 FROM authorisations WHERE app = ?1)",
        [id],
    )?;
    Ok(())
}

fn lines(app: &App) -> String {
    app.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>().join("\n")
}
