//! Connections in the database.

use std::time::SystemTime;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{AppRow, Sqlite, apps, authorisations};
use crate::{
    Connection, Error, Organisation,
    record::{APP, AUTHORISATION, CONNECTION, ConnectionRecord, seconds},
};

const IS_DEFAULT: &str = "c.is_default = 1";

/// A row for the `connections` table.
pub(crate) struct ConnectionRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) app: &'a str,
    pub(crate) authorisation: Option<&'a str>,
    pub(crate) organisation: Option<&'a Organisation>,
    pub(crate) pin: Vec<u8>,
    pub(crate) make_default: bool,
    pub(crate) replace: bool,
    pub(crate) tested: bool,
}

/// What a test showed.
pub(crate) struct TestedRow<'a> {
    pub(crate) name: &'a str,
    pub(crate) app: &'a str,
    pub(crate) authorisation: Option<&'a str>,
    pub(crate) seen: &'a Organisation,
    pub(crate) pin: &'a [u8],
}

/// What a removed connection used.
type Used = (String, Option<String>);

impl Sqlite {
    /// All connections, by name.
    pub(crate) fn connections(&self) -> Result<Vec<Connection>, Error> {
        self.connections_where("TRUE", &[])
    }

    /// The connections of one authorisation, by name.
    pub(crate) fn sharing(&self, authorisation: &str) -> Result<Vec<Connection>, Error> {
        self.connections_where("c.authorisation = ?1", &[&authorisation])
    }

    /// One connection by name, or the default one.
    pub(crate) fn connection(&self, name: Option<&str>) -> Result<Option<Connection>, Error> {
        let found = match name {
            Some(name) => self.connections_where("c.name = ?1", &[&name])?,
            None => self.connections_where(IS_DEFAULT, &[])?,
        };
        Ok(found.into_iter().next())
    }

    fn connections_where(
        &self,
        condition: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<Connection>, Error> {
        let sql = format!(
            "SELECT {APP}, {AUTHORISATION}, {CONNECTION} FROM connections c JOIN apps a ON a.id = c.app \
             LEFT JOIN authorisations u ON u.id = c.authorisation WHERE {condition} ORDER BY c.name"
        );
        let rows = self.read_recorded(|db, ledger| {
            let mut statement = db.prepare(&sql)?;
            let read = |row: &Row<'_>| {
                let record = ConnectionRecord::read(row, ledger)?;
                // Whoever asks for the default one gets what the store's owner made that.
                Ok(if condition == IS_DEFAULT { record.chosen_as_default(ledger) } else { record })
            };
            statement.query_map(values, read)?.collect::<Result<Vec<_>, _>>()
        })?;
        rows.into_iter().map(|row| row.finish(self.path())).collect()
    }

    /// Stores connections, with the app of theirs that is new, or nothing. Gives the first name that is taken.
    pub(crate) fn add(
        &mut self,
        app: Option<&AppRow<'_>>,
        rows: &[ConnectionRow<'_>],
        now: SystemTime,
    ) -> Result<Option<String>, Error> {
        let pins = rows.iter().map(|row| row.pin.as_slice());
        let values: Vec<&[u8]> =
            app.map(AppRow::values).unwrap_or_default().into_iter().chain(pins).collect();
        self.change_sealed(&values, |tx| {
            let mut taken = tx.prepare("SELECT 1 FROM connections WHERE name = ?1")?;
            for row in rows.iter().filter(|row| !row.replace) {
                if taken.exists([row.name])? {
                    return Ok(Some(row.name.to_owned()));
                }
            }
            if let Some(app) = app {
                apps::insert(tx, app, now)?;
            }
            let mut replaced = Vec::new();
            for row in rows {
                replaced.extend(put(tx, row, now)?);
            }
            // At the end: what was replaced may use the same as what replaces it.
            sweep(tx, &replaced)?;
            authorisations::sweep_unfinished(tx, now)?;
            Ok(None)
        })
    }

    /// Removes connections and what only they used; all or none. Gives the names that do not exist.
    pub(crate) fn remove(&mut self, names: &[String]) -> Result<Vec<String>, Error> {
        self.change_recorded(|tx| {
            let mut exists = tx.prepare("SELECT 1 FROM connections WHERE name = ?1")?;
            let mut missing = Vec::new();
            for name in names {
                if !exists.exists([name])? {
                    missing.push(name.clone());
                }
            }
            if missing.is_empty() {
                let mut removed = Vec::new();
                for name in names {
                    removed.extend(delete(tx, name)?);
                }
                sweep(tx, &removed)?;
            }
            Ok(missing)
        })
    }

    /// Gives a connection another name. False: there is none of that name.
    ///
    /// # Errors
    /// [`Error::NameTaken`].
    pub(crate) fn rename(&mut self, from: &str, to: &str, pin: &[u8]) -> Result<bool, Error> {
        self.change_sealed(&[pin], |tx| {
            let mut taken = tx.prepare("SELECT 1 FROM connections WHERE name = ?1 AND name <> ?2")?;
            if taken.exists([to, from])? {
                return Err(Error::NameTaken(to.to_owned()).into());
            }
            let sql = "UPDATE connections SET name = ?2, pin = ?3 WHERE name = ?1";
            Ok(tx.execute(sql, params![from, to, pin])? == 1)
        })
    }

    /// Makes one connection the default. False: there is none of that name.
    pub(crate) fn set_default(&mut self, name: &str) -> Result<bool, Error> {
        if self.connection(None)?.is_some_and(|one| !one.recorded) {
            // Somebody without the key made it the default. It is noted as that only after it was not.
            self.change_recorded(|tx| Ok(tx.execute("UPDATE connections SET is_default = 0", [])?))?;
        }
        self.change_recorded(|tx| {
            if !tx.prepare("SELECT 1 FROM connections WHERE name = ?1")?.exists([name])? {
                return Ok(false);
            }
            tx.execute("UPDATE connections SET is_default = 0", [])?;
            tx.execute("UPDATE connections SET is_default = 1 WHERE name = ?1", [name])?;
            Ok(true)
        })
    }

    /// Notes that a test succeeded, and the organisation that it showed. False: the connection is not there any more, or
    /// not with this app and authorisation, or is pinned to another organisation.
    pub(crate) fn tested(&mut self, row: &TestedRow<'_>, now: SystemTime) -> Result<bool, Error> {
        let TestedRow { name, app, authorisation, seen, pin } = row;
        self.change_sealed(&[pin], |tx| {
            let changed = tx.execute(
                "UPDATE connections SET organisation_id = ?4, organisation_name = ?5, organisation_short_code = ?6, \
                 pin = ?7, tested_at = ?8 WHERE name = ?1 AND app = ?2 AND authorisation IS ?3 \
                 AND (organisation_id IS NULL OR organisation_id = ?4)",
                params![name, app, authorisation, seen.id, seen.name, seen.short_code, pin, seconds(now)],
            )?;
            Ok(changed == 1)
        })
    }
}

/// Stores one connection, in place of the one of its name.
pub(super) fn put(
    tx: &Transaction<'_>,
    row: &ConnectionRow<'_>,
    now: SystemTime,
) -> rusqlite::Result<Option<Used>> {
    let was_default = tx
        .query_row("SELECT is_default FROM connections WHERE name = ?1", [row.name], |row| row.get(0))
        .optional()?
        .unwrap_or(false);
    let replaced = delete(tx, row.name)?;
    let others: i64 = tx.query_row("SELECT count(*) FROM connections", [], |row| row.get(0))?;
    let default = row.make_default || was_default || others == 0;
    if default {
        tx.execute("UPDATE connections SET is_default = 0", [])?;
    }
    insert(tx, row, default, now)?;
    Ok(replaced)
}

fn insert(
    tx: &Transaction<'_>,
    row: &ConnectionRow<'_>,
    default: bool,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let seen = row.organisation;
    tx.execute(
        "INSERT INTO connections (name, app, authorisation, organisation_id, organisation_name, \
         organisation_short_code, pin, is_default, created_at, tested_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            row.name,
            row.app,
            row.authorisation,
            seen.map(|seen| &seen.id),
            seen.map(|seen| &seen.name),
            seen.and_then(|seen| seen.short_code.as_ref()),
            row.pin,
            default,
            seconds(now),
            row.tested.then(|| seconds(now)),
        ],
    )?;
    Ok(())
}

fn delete(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Used>> {
    let sql = "DELETE FROM connections WHERE name = ?1 RETURNING app, authorisation";
    tx.query_row(sql, [name], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// Takes away what nothing uses any more.
pub(super) fn sweep(tx: &Transaction<'_>, used: &[Used]) -> rusqlite::Result<()> {
    for (app, authorisation) in used {
        if let Some(authorisation) = authorisation {
            authorisations::sweep(tx, authorisation)?;
        }
        apps::sweep(tx, app)?;
    }
    Ok(())
}
