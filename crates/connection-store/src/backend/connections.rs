//! Connections in the database.

use std::time::SystemTime;

use super::{AppRow, Backend, apps, authorisations, recorded::Change};
use crate::{
    Connection, Error, Organisation,
    database::{Fault, Value, folded, values},
    ledger::{NOTED, Table},
    record::{APP, AUTHORISATION, CONNECTION, ConnectionRecord, seconds},
};

const IS_DEFAULT: &str = "c.is_default";

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

impl Backend {
    /// All connections, by name.
    pub(crate) fn connections(&self) -> Result<Vec<Connection>, Error> {
        self.connections_where("TRUE", &[])
    }

    /// The connections of one authorisation, by name.
    pub(crate) fn sharing(&self, authorisation: &str) -> Result<Vec<Connection>, Error> {
        self.connections_where("c.authorisation = ?1", values![authorisation])
    }

    /// One connection by name, or the default one.
    pub(crate) fn connection(&self, name: Option<&str>) -> Result<Option<Connection>, Error> {
        let found = match name {
            Some(name) => self.connections_where("lower(c.name) = ?1", values![folded(name)])?,
            None => self.connections_where(IS_DEFAULT, &[])?,
        };
        Ok(found.into_iter().next())
    }

    fn connections_where(&self, condition: &str, values: &[Value<'_>]) -> Result<Vec<Connection>, Error> {
        let sql = format!(
            "SELECT {APP}, {AUTHORISATION}, {CONNECTION} FROM connections c JOIN apps a ON a.id = c.app \
             LEFT JOIN authorisations u ON u.id = c.authorisation WHERE {condition} ORDER BY lower(c.name)"
        );
        let rows = self.read_recorded(|db, ledger| {
            let found = db.rows(&sql, values, ConnectionRecord::read)?;
            let vouched = |record: ConnectionRecord| {
                let (name, state) = record.noted();
                // Whoever asks for the default one gets what the store's owner made that.
                let chosen = condition != IS_DEFAULT || ledger.vouches_for(Table::Default, name, NOTED)?;
                let recorded = chosen && ledger.vouches_for(Table::Connections, name, state)?;
                Ok(record.recorded(recorded))
            };
            found.into_iter().map(vouched).collect::<Result<Vec<_>, Fault>>()
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
            for row in rows.iter().filter(|row| !row.replace) {
                if is_there(tx, row.name)? {
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
            let mut missing = Vec::new();
            for name in names {
                if !is_there(tx, name)? {
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
            if folded(to) != folded(from) && is_there(tx, to)? {
                return Err(Error::NameTaken(to.to_owned()).into());
            }
            touch(tx, from)?;
            touch(tx, to)?;
            let sql = "UPDATE connections SET name = ?2, pin = ?3 WHERE lower(name) = ?1";
            Ok(tx.execute(sql, values![folded(from), to, pin])? == 1)
        })
    }

    /// Makes one connection the default. False: there is none of that name.
    pub(crate) fn set_default(&mut self, name: &str) -> Result<bool, Error> {
        if self.connection(None)?.is_some_and(|one| !one.recorded) {
            // Somebody without the key made it the default. It is noted as that only after it was not.
            self.change_recorded(|tx| {
                let names: Vec<String> = tx.rows("SELECT name FROM connections", &[], |row| row.get(0))?;
                names.iter().try_for_each(|name| tx.touch(Table::Default, name))?;
                no_default(tx)
            })?;
        }
        self.change_recorded(|tx| {
            if !is_there(tx, name)? {
                return Ok(false);
            }
            no_default(tx)?;
            tx.touch(Table::Default, name)?;
            let sql = "UPDATE connections SET is_default = TRUE WHERE lower(name) = ?1";
            Ok(tx.execute(sql, values![folded(name)])? == 1)
        })
    }

    /// Notes that a test succeeded, and the organisation that it showed. False: the connection is not there any more, or
    /// not with this app and authorisation, or is pinned to another organisation.
    pub(crate) fn tested(&mut self, row: &TestedRow<'_>, now: SystemTime) -> Result<bool, Error> {
        let TestedRow { name, app, authorisation, seen, pin } = row;
        self.change_sealed(&[pin], |tx| {
            tx.touch(Table::Connections, name)?;
            let changed = tx.execute(
                "UPDATE connections SET organisation_id = ?4, organisation_name = ?5, organisation_short_code = ?6, \
                 pin = ?7, tested_at = ?8 WHERE lower(name) = ?1 AND app = ?2 \
                 AND authorisation IS NOT DISTINCT FROM ?3 \
                 AND (organisation_id IS NULL OR organisation_id = ?4)",
                values![
                    folded(name),
                    app,
                    authorisation,
                    seen.id,
                    seen.name,
                    seen.short_code,
                    pin,
                    seconds(now)
                ],
            )?;
            Ok(changed == 1)
        })
    }
}

/// Stores one connection, in place of the one of its name.
pub(super) fn put(tx: &Change<'_>, row: &ConnectionRow<'_>, now: SystemTime) -> Result<Option<Used>, Fault> {
    let was_default = "SELECT 1 FROM connections WHERE lower(name) = ?1 AND is_default";
    let was_default = tx.exists(was_default, values![folded(row.name)])?;
    let replaced = delete(tx, row.name)?;
    let others = tx.exists("SELECT 1 FROM connections LIMIT 1", &[])?;
    let default = row.make_default || was_default || !others;
    if default {
        no_default(tx)?;
    }
    insert(tx, row, default, now)?;
    Ok(replaced)
}

fn insert(tx: &Change<'_>, row: &ConnectionRow<'_>, default: bool, now: SystemTime) -> Result<(), Fault> {
    touch(tx, row.name)?;
    let seen = row.organisation;
    tx.execute(
        "INSERT INTO connections (name, app, authorisation, organisation_id, organisation_name, \
         organisation_short_code, pin, is_default, created_at, tested_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        values![
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

fn delete(tx: &Change<'_>, name: &str) -> Result<Option<Used>, Fault> {
    touch(tx, name)?;
    let sql = "DELETE FROM connections WHERE lower(name) = ?1 RETURNING app, authorisation";
    tx.first(sql, values![folded(name)], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// True where there is a connection of that name.
pub(super) fn is_there(tx: &Change<'_>, name: &str) -> Result<bool, Fault> {
    tx.exists("SELECT 1 FROM connections WHERE lower(name) = ?1", values![folded(name)])
}

fn touch(tx: &Change<'_>, name: &str) -> Result<(), Fault> {
    tx.touch(Table::Connections, name)?;
    tx.touch(Table::Default, name)
}

/// Takes from the default connection that it is that.
fn no_default(tx: &Change<'_>) -> Result<(), Fault> {
    let names: Vec<String> =
        tx.rows("SELECT name FROM connections WHERE is_default", &[], |row| row.get(0))?;
    names.iter().try_for_each(|name| tx.touch(Table::Default, name))?;
    tx.execute("UPDATE connections SET is_default = FALSE WHERE is_default", &[]).map(drop)
}

/// Takes away what nothing uses any more.
pub(super) fn sweep(tx: &Change<'_>, used: &[Used]) -> Result<(), Fault> {
    for (app, authorisation) in used {
        if let Some(authorisation) = authorisation {
            authorisations::sweep(tx, authorisation)?;
        }
        apps::sweep(tx, app)?;
    }
    Ok(())
}
