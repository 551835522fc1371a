//! The history in the database.

use std::time::SystemTime;

use super::Backend;
use crate::{
    Error, Event, EventKind,
    database::{Db, Fault, Row, values},
    event::NewEvent,
    record::{seconds, system_time},
};

/// How many entries are kept of each authorisation.
const KEPT: i64 = 200;

impl Backend {
    /// The newest entries of an authorisation, the newest first.
    pub(crate) fn events(&self, authorisation: &str, limit: usize) -> Result<Vec<Event>, Error> {
        let sql =
            "SELECT at, event, actor, detail FROM events WHERE authorisation = ?1 ORDER BY id DESC LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.read(|db| db.rows(sql, values![authorisation, limit], read))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Who acted, what each did, and when last, over all authorisations.
    pub(crate) fn actors(&self) -> Result<Vec<(String, String, SystemTime)>, Error> {
        let sql = "SELECT actor, event, max(at) FROM events GROUP BY actor, event";
        self.read(|db| {
            db.rows(sql, values![], |row| {
                let at = system_time(row.get(2)?).unwrap_or(SystemTime::UNIX_EPOCH);
                Ok((row.get(0)?, row.get(1)?, at))
            })
        })
    }
}

/// Writes an entry, in the transaction of what it tells of, and takes the oldest away where there are too many.
pub(super) fn note(tx: Db<'_>, authorisation: &str, event: &NewEvent<'_>) -> Result<(), Fault> {
    let NewEvent { at, what, by, detail } = event;
    tx.execute(
        "INSERT INTO events (authorisation, at, event, actor, detail) SELECT id, ?2, ?3, ?4, ?5 \
         FROM authorisations WHERE id = ?1",
        values![authorisation, seconds(*at), what.as_str(), by, detail],
    )?;
    tx.execute(
        "DELETE FROM events WHERE authorisation = ?1 AND id <= \
         (SELECT id FROM events WHERE authorisation = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        values![authorisation, KEPT],
    )?;
    Ok(())
}

/// None: a kind of event that this version does not know.
fn read(row: &Row<'_>) -> Result<Option<Event>, Fault> {
    let at = system_time(row.get(0)?).unwrap_or(SystemTime::UNIX_EPOCH);
    let (by, detail) = (row.get(2)?, row.get(3)?);
    Ok(EventKind::read(&row.get::<String>(1)?).map(|what| Event { at, what, by, detail }))
}
