//! Xero's limits in the database.

use super::Backend;
use crate::{
    Error, Limits,
    database::{Fault, Row, values},
    record::{seconds, system_time},
};

impl Backend {
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
                "INSERT INTO limits (app, organisation, seen_at, day_left, minute_left, app_minute_left) \
                 SELECT id, ?2, ?3, ?4, ?5, ?6 FROM apps WHERE id = ?1 \
                 ON CONFLICT (app, organisation) DO UPDATE SET seen_at = excluded.seen_at, day_left = excluded.day_left, \
                 minute_left = excluded.minute_left, app_minute_left = excluded.app_minute_left",
                values![app, organisation, seconds(*seen_at), day_left, minute_left, app_minute_left],
            )?;
            Ok(())
        })
    }

    pub(crate) fn limits(&self, app: &str, organisation: &str) -> Result<Option<Limits>, Error> {
        let sql = "SELECT seen_at, day_left, minute_left, app_minute_left FROM limits \
             WHERE app = ?1 AND organisation = ?2";
        let found = self.read(|db| db.first(sql, values![app, organisation], read))?;
        Ok(found.flatten())
    }
}

/// `None` for a time that is none.
fn read(row: &Row<'_>) -> Result<Option<Limits>, Fault> {
    let count = |at| Ok::<_, Fault>(row.get::<Option<i64>>(at)?.and_then(|count| u32::try_from(count).ok()));
    let (seen_at, day_left, minute_left, app_minute_left) = (row.get(0)?, count(1)?, count(2)?, count(3)?);
    Ok(system_time(seen_at).map(|seen_at| Limits { seen_at, day_left, minute_left, app_minute_left }))
}
