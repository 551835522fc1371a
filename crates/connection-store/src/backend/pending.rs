//! Logins that were begun and not yet finished, in the database.

use std::time::SystemTime;

use super::{Backend, authorisations::sweep_unfinished, recorded::Change};
use crate::{
    Error,
    database::{Fault, values},
    record::seconds,
};

impl Backend {
    /// Keeps sealed contents, in place of what was kept under this id, and sweeps what logins left unfinished.
    pub(crate) fn keep_pending(
        &mut self,
        id: &str,
        sealed: &[u8],
        expires_at: i64,
        now: SystemTime,
    ) -> Result<(), Error> {
        self.change_sealed(&[sealed], |tx| {
            sweep_unfinished(tx, now)?;
            tx.execute(
                "INSERT INTO pending (id, contents, expires_at) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (id) DO UPDATE SET contents = excluded.contents, expires_at = excluded.expires_at",
                values![id, sealed, expires_at],
            )?;
            Ok(())
        })
    }

    /// The sealed contents and when they expire, in seconds.
    pub(crate) fn pending(&self, id: &str) -> Result<Option<(Vec<u8>, i64)>, Error> {
        self.read(|db| {
            let sql = "SELECT contents, expires_at FROM pending WHERE id = ?1";
            db.first(sql, values![id], |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }

    /// Takes away what was kept under the id, and sweeps what logins left unfinished.
    pub(crate) fn forget_pending(&mut self, id: &str, now: SystemTime) -> Result<(), Error> {
        self.change_recorded(|tx| {
            tx.execute("DELETE FROM pending WHERE id = ?1", values![id])?;
            sweep_unfinished(tx, now)
        })
    }
}

/// Takes away what has expired.
pub(super) fn sweep(tx: &Change<'_>, now: SystemTime) -> Result<(), Fault> {
    tx.execute("DELETE FROM pending WHERE expires_at <= ?1", values![seconds(now)]).map(drop)
}
