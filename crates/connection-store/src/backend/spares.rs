//! Refresh tokens of leaders that came too late, in the database.

use super::Backend;
use crate::{
    Error,
    database::{Db, Fault, Row, values},
    grant::{Grant, SealedGrant, StoredSpare},
    record::seconds,
    refresh::Source,
};

impl Backend {
    /// The spares of an authorisation, the newest first.
    pub(crate) fn spares(&self, authorisation: &str) -> Result<Vec<StoredSpare>, Error> {
        let sql =
            "SELECT id, generation, token, kept_at FROM spares WHERE authorisation = ?1 ORDER BY id DESC";
        self.read(|db| db.rows(sql, values![authorisation], read))
    }
}

/// Keeps the refresh token of a grant whose generation somebody else has written, unless that was a new consent. It was
/// never sent, so a mark that was set without it is taken away. False: it was not kept.
pub(super) fn keep(tx: Db<'_>, row: &SealedGrant<'_>) -> Result<bool, Fault> {
    let (Some(token), Grant { id, app, generation, user, consent, at, .. }) = (&row.spare, row.grant) else {
        return Ok(false);
    };
    let kept = tx.execute(
        "INSERT INTO spares (authorisation, generation, token, kept_at) SELECT id, ?2, ?3, ?4 \
         FROM authorisations WHERE id = ?1 AND app = ?5 AND user_id IS NOT DISTINCT FROM ?6 \
         AND consent IS NOT DISTINCT FROM ?7",
        values![id, generation, token, seconds(*at), app, user.id, consent],
    )?;
    if kept == 1 {
        tx.execute(
            "UPDATE authorisations SET needs_login = NULL, needs_login_since = NULL WHERE id = ?1",
            values![id],
        )?;
    }
    Ok(kept == 1)
}

/// Takes away what is of no use after a token was spent with success for this generation: with the stored one all that
/// are older, otherwise the spare itself.
pub(super) fn proved(tx: Db<'_>, authorisation: &str, source: Source, generation: i64) -> Result<(), Fault> {
    let (condition, value) = match source {
        Source::Stored => ("generation < ?2", generation),
        Source::Spare(id) => ("id = ?2", id),
        Source::Previous => return Ok(()),
    };
    let sql = format!("DELETE FROM spares WHERE authorisation = ?1 AND {condition}");
    tx.execute(&sql, values![authorisation, value]).map(drop)
}

/// Takes all away: a new consent has begun another chain of tokens.
pub(super) fn clear(tx: Db<'_>, authorisation: &str) -> Result<(), Fault> {
    tx.execute("DELETE FROM spares WHERE authorisation = ?1", values![authorisation]).map(drop)
}

fn read(row: &Row<'_>) -> Result<StoredSpare, Fault> {
    Ok(StoredSpare { id: row.get(0)?, generation: row.get(1)?, token: row.get(2)?, kept_at: row.get(3)? })
}
