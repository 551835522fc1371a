//! Xero's limits in the database.

use rusqlite::{OptionalExtension, Row, params};

use super::Sqlite;
use crate::{
    Error, Limits,
    record::{seconds, system_time},
};

impl Sqlite {
    /// Notes limits, unless the app is gone.
    pub(crate) fn note_limits(
        &mut self,
        app: &str,
        organisation: &str,
        limits: &Limits,
    ) -> Result<(), Error> {
        let Limits { seen_at, day_left, minute_left, app_minute_left } = limits;
        self.change(|tx| {
            tx.execute(
                "INSERT OR REPLACE INTO limits SELECT id, ?2, ?3, ?4, ?5, ?6 FROM apps WHERE id = ?1",
                params![app, organisation, seconds(*seen_at), day_left, minute_left, app_minute_left],
            )?;
            Ok(())
        })
    }

    pub(crate) fn limits(&self, app: &str, organisation: &str) -> Result<Option<Limits>, Error> {
        let sql = "SELECT seen_at, day_left, minute_left, app_minute_left FROM limits \
             WHERE app = ?1 AND organisation = ?2";
        let found = self.read(|db| db.query_row(sql, [app, organisation], read).optional())?;
        Ok(found.flatten())
    }
}

/// `None` for a time that is none.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<Limits>> {
    let (seen_at, day_left, minute_left, app_minute_left) =
        (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    Ok(system_time(seen_at).map(|seen_at| Limits { seen_at, day_left, minute_left, app_minute_left }))
}
