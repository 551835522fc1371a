//! Logins that were begun and not yet finished, in the database.

use std::time::SystemTime;

use rusqlite::{OptionalExtension, params};

use super::Sqlite;
use crate::{Error, record::seconds};

impl Sqlite {
    /// Keeps sealed contents, in place of what was kept under this id, and takes the expired ones away.
    pub(crate) fn keep_pending(
        &mut self,
        id: &str,
        sealed: &[u8],
        expires_at: i64,
        now: SystemTime,
    ) -> Result<(), Error> {
        self.change(|tx| {
            tx.execute("DELETE FROM pending WHERE expires_at <= ?1", [seconds(now)])?;
            tx.execute(
                "INSERT OR REPLACE INTO pending (id, contents, expires_at) VALUES (?1, ?2, ?3)",
                params![id, sealed, expires_at],
            )?;
            Ok(())
        })
    }

    /// The sealed contents and when they expire, in seconds.
    pub(crate) fn pending(&self, id: &str) -> Result<Option<(Vec<u8>, i64)>, Error> {
        self.read(|db| {
            let sql = "SELECT contents, expires_at FROM pending WHERE id = ?1";
            db.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
    }

    pub(crate) fn forget_pending(&mut self, id: &str) -> Result<(), Error> {
        self.change(|tx| tx.execute("DELETE FROM pending WHERE id = ?1", [id]).map(drop))
    }
}
