//! Authorisations in the database: the atomic steps of which a refresh is made.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use super::{AppRow, Backend, apps, events::note, pending, recorded::Change, spares};
use crate::{
    Authorisation, Error, EventKind,
    database::{Db, Fault, Row, Value, values},
    event::NewEvent,
    grant::{Grant, SealedGrant, StoredAuthorisation},
    ledger::Table,
    record::{AUTHORISATION, AuthorisationRecord, TOKENS, TokensRecord, seconds, system_time},
    refresh::{LONGEST_LEASE, Source, UNFINISHED},
    seal::SealingKey,
};

const DIED: &str = "whoever was refreshing has died";
pub(crate) const OVERDUE: &str = "whoever was refreshing took longer than his time";
const AS_SPARE: &str = "another refresh was quicker; this one's refresh token is kept as a spare";
const SUPERSEDED: &str = "a new login or another refresh took the place of this one";

/// The right to refresh one generation of one authorisation, until a time.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) id: String,
    pub(crate) generation: i64,
    /// Who has it; random.
    pub(crate) owner: String,
    pub(crate) taken_at: SystemTime,
    pub(crate) until: SystemTime,
    /// The same by the clock that nobody sets, where there is one.
    pub(crate) ends: Option<Duration>,
    /// When the refresh token of this generation was first sent, where an earlier lease noted that and no answer to it
    /// was kept.
    pub(crate) first_sent: Option<SystemTime>,
    /// Whose lease it takes over before its end: he is dead.
    pub(crate) instead_of: Option<String>,
}

/// What became of a pair that a leader has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is the authorisation's.
    Committed,
    /// The authorisation has gone on; the refresh token is a spare.
    AsSpare,
    /// A new consent has taken its place, or the authorisation is gone.
    Superseded,
}

impl Backend {
    /// One authorisation by its id.
    pub(crate) fn authorisation(&self, id: &str) -> Result<Option<StoredAuthorisation>, Error> {
        let sql = format!("SELECT {AUTHORISATION}, {TOKENS} FROM authorisations u WHERE u.id = ?1");
        let row = self.read_recorded(|db, ledger| {
            ledger.admit_use()?;
            let Some(row) = db.first(&sql, values![id], TokensRecord::read)? else { return Ok(None) };
            Ok(Some((ledger.vouches_for(Table::Authorisations, id, row.generation())?, row)))
        })?;
        match row {
            Some((true, row)) => row.finish(self.path()).map(Some),
            Some((false, _)) => {
                Err(Error::Tampered { table: "authorisations", column: "generation", row: id.to_owned() })
            }
            None => Ok(None),
        }
    }

    /// All authorisations, in the order in which they were stored.
    pub(crate) fn authorisations(&self) -> Result<Vec<Authorisation>, Error> {
        let sql = format!("SELECT {AUTHORISATION} FROM authorisations u ORDER BY u.created_at, u.rowid");
        self.authorisation_rows(&sql)
    }

    /// The authorisations of web and desktop apps that no connection uses, the newest first.
    pub(crate) fn unused_authorisations(&self) -> Result<Vec<Authorisation>, Error> {
        let sql = format!(
            "SELECT {AUTHORISATION} FROM authorisations u JOIN apps a ON a.id = u.app \
             WHERE a.kind IN ('web', 'desktop') AND NOT EXISTS (SELECT 1 FROM connections WHERE authorisation = u.id) \
             ORDER BY u.created_at DESC, u.rowid DESC"
        );
        self.authorisation_rows(&sql)
    }

    fn authorisation_rows(&self, sql: &str) -> Result<Vec<Authorisation>, Error> {
        let rows = self.read(|db| db.rows(sql, &[], |row| AuthorisationRecord::read(row, 0)))?;
        rows.into_iter().map(|row| row.finish(self.path())).collect()
    }

    /// Stores a new authorisation with its app. False: the app was changed since it was read; nothing is stored.
    pub(crate) fn add_authorisation(
        &mut self,
        app: &AppRow<'_>,
        row: &SealedGrant<'_>,
        by: &str,
    ) -> Result<bool, Error> {
        let now = row.grant.at;
        self.change_sealed(&[app.values(), row.values()].concat(), |tx| {
            if !apps::put(tx, app, now)? {
                return Ok(false);
            }
            tx.touch(Table::Authorisations, &row.grant.id)?;
            tx.execute(
                "INSERT INTO authorisations (id, app, generation, scopes, refreshed_at, created_at) \
                 VALUES (?1, ?2, ?3, '', ?4, ?4)",
                values![row.grant.id, row.grant.app, row.grant.generation - 1, seconds(now)],
            )?;
            sweep_unfinished(tx, now)?;
            Ok(write(tx, row)? && consented(**tx, row, by)?)
        })
    }

    /// Puts a new consent into an authorisation that is there. False: it or its app was changed since it was read.
    pub(crate) fn renew_authorisation(
        &mut self,
        app: &AppRow<'_>,
        row: &SealedGrant<'_>,
        by: &str,
    ) -> Result<bool, Error> {
        self.change_sealed(&[app.values(), row.values()].concat(), |tx| {
            // The app is written last: where nothing was written nothing needs to be undone.
            let written = unchanged(**tx, app)? && write(tx, row)? && apps::put(tx, app, row.grant.at)?;
            if written {
                spares::clear(**tx, &row.grant.id)?;
                consented(**tx, row, by)?;
            }
            Ok(written)
        })
    }

    /// Takes an authorisation away that no connection uses, and its app if nothing else uses that.
    pub(crate) fn forget_authorisation(&mut self, id: &str) -> Result<bool, Error> {
        self.change_recorded(|tx| {
            let sql = "SELECT app FROM authorisations WHERE id = ?1";
            let Some(app) = tx.first(sql, values![id], |row| row.get::<String>(0))? else {
                return Ok(false);
            };
            let gone = sweep(tx, id)?;
            apps::sweep(tx, &app)?;
            Ok(gone)
        })
    }

    /// Gives the right to refresh, and notes before anything is sent that the token of this generation is about to be
    /// spent, and when first. `None`: somebody else has the right, or there is nothing to refresh any more.
    pub(crate) fn take_lease(&mut self, lease: &Lease, by: &str) -> Result<Option<Lease>, Error> {
        // Nobody must see a lease whose owner seems dead.
        self.hold(&lease.owner)?;
        let taken = match self.write_lease(lease, by) {
            // It may have been written and the answer lost: written again, it is the same.
            Err(Error::Unreachable { .. }) => self.write_lease(lease, by),
            taken => taken,
        };
        if !matches!(taken, Ok(Some(_))) {
            self.let_go(&lease.owner);
        }
        taken
    }

    fn write_lease(&mut self, lease: &Lease, by: &str) -> Result<Option<Lease>, Error> {
        let now = seconds(lease.taken_at);
        let longest = seconds(lease.taken_at + LONGEST_LEASE);
        self.change(|tx| {
            let before = before(tx, lease)?;
            let taken = tx.execute(
                "UPDATE authorisations SET lease_owner = ?3, lease_until = ?4, intent_generation = ?2, intent_at = ?7, lease_ends = ?9 \
                 WHERE id = ?1 AND generation = ?2 AND needs_login IS NULL AND (handed IS NULL OR refresh IS NULL) \
                 AND (lease_until IS NULL OR lease_until <= ?5 OR lease_until > ?6 OR lease_owner IN (?3, ?8))",
                values![
                    lease.id,
                    lease.generation,
                    lease.owner,
                    seconds(lease.until),
                    now,
                    longest,
                    before.intent_at.unwrap_or(now),
                    lease.instead_of,
                    milliseconds(lease.ends),
                ],
            )?;
            if taken == 0 {
                return Ok(None);
            }
            if let Some(detail) = before.ended(lease) {
                let event = NewEvent { at: lease.taken_at, what: EventKind::TakenOver, by, detail };
                note(tx, &lease.id, &event)?;
            }
            // A time that cannot be is one long ago: whatever it was, the token may have been sent.
            let first_sent = before.earlier(lease).map(|at| system_time(at).unwrap_or(SystemTime::UNIX_EPOCH));
            Ok(Some(Lease { first_sent, ..lease.clone() }))
        })
    }

    /// Makes a lease end later. False: it is not the owner's any more.
    pub(crate) fn extend_lease(&mut self, lease: &Lease) -> Result<bool, Error> {
        self.change_one(
            "UPDATE authorisations SET lease_until = ?4, lease_ends = ?5 \
             WHERE id = ?1 AND generation = ?2 AND lease_owner = ?3",
            values![lease.id, lease.generation, lease.owner, seconds(lease.until), milliseconds(lease.ends)],
        )
    }

    /// Gives the lease back and keeps all tokens. With `unspent` the note of the intent goes too.
    pub(crate) fn release_lease(
        &mut self,
        lease: &Lease,
        unspent: bool,
        event: Option<&NewEvent<'_>>,
    ) -> Result<(), Error> {
        self.change(|tx| {
            let released = tx.execute(
                "UPDATE authorisations SET lease_owner = NULL, lease_until = NULL, \
                 intent_generation = CASE WHEN ?3 THEN NULL ELSE intent_generation END, \
                 intent_at = CASE WHEN ?3 THEN NULL ELSE intent_at END WHERE id = ?1 AND lease_owner = ?2",
                values![lease.id, lease.owner, unspent],
            )?;
            // Where it ended with a commit, that has told.
            event.filter(|_| released == 1).map_or(Ok(()), |event| note(tx, &lease.id, event))
        })
    }

    /// Keeps what a refresh gave: over the generation that it started from, or where that is written already as a spare. What
    /// is there already was kept before, and its answer was lost. `source` is what was spent for it, where that is known to be
    /// good now.
    pub(crate) fn commit_refresh(
        &mut self,
        row: &SealedGrant<'_>,
        source: Option<Source>,
        event: &NewEvent<'_>,
    ) -> Result<Kept, Error> {
        let (id, path) = (&row.grant.id, self.path().to_owned());
        let key = self.unlocked.as_ref().map(|unlocked| unlocked.data.clone());
        self.change_sealed(&row.values(), |tx| {
            let (kept, what, detail) = if write(tx, row)? {
                if let Some(source) = source {
                    spares::proved(**tx, id, source, row.grant.generation)?;
                }
                (Kept::Committed, event.what, event.detail)
            } else if was_kept(**tx, row.grant, key.as_deref(), &path)? {
                return Ok(Kept::Committed);
            } else if spares::keep(**tx, row)? {
                (Kept::AsSpare, EventKind::Failed, AS_SPARE)
            } else {
                (Kept::Superseded, EventKind::Failed, SUPERSEDED)
            };
            note(**tx, id, &NewEvent { what, detail, ..*event })?;
            Ok(kept)
        })
    }

    /// Notes that only a new login helps, unless the authorisation has gone on since. All tokens are kept, but the access
    /// token with `revoked`. False: it has gone on.
    pub(crate) fn mark_needs_login(
        &mut self,
        lease: &Lease,
        event: &NewEvent<'_>,
        revoked: bool,
    ) -> Result<bool, Error> {
        self.change(|tx| {
            let marked = tx.execute(
                "UPDATE authorisations SET needs_login = ?3, needs_login_since = ?4, lease_owner = NULL, \
                 lease_until = NULL, access = CASE WHEN ?5 THEN NULL ELSE access END, \
                 access_expires_at = CASE WHEN ?5 THEN NULL ELSE access_expires_at END \
                 WHERE id = ?1 AND generation = ?2",
                values![lease.id, lease.generation, event.detail, seconds(event.at), revoked],
            )?;
            if marked == 1 {
                note(tx, &lease.id, event)?;
            }
            Ok(marked == 1)
        })
    }

    fn change_one(&mut self, sql: &str, values: &[Value<'_>]) -> Result<bool, Error> {
        self.change(|tx| Ok(tx.execute(sql, values)? == 1))
    }
}

fn milliseconds(time: Option<Duration>) -> Option<i64> {
    time.and_then(|time| i64::try_from(time.as_millis()).ok())
}

/// What an authorisation has of earlier leases.
struct Before {
    /// When the token of the new lease's generation was first sent, as an earlier one noted it.
    intent_at: Option<i64>,
    owner: Option<String>,
}

impl Before {
    /// When an earlier lease sent the token: not this one, where it is written again.
    fn earlier(&self, lease: &Lease) -> Option<i64> {
        let own = self.owner.as_ref() == Some(&lease.owner);
        self.intent_at.filter(|at| !own || *at != seconds(lease.taken_at))
    }

    /// How the lease before came to its end without being given back, if it did.
    fn ended(&self, lease: &Lease) -> Option<&'static str> {
        let owner = self.owner.as_ref().filter(|owner| **owner != lease.owner)?;
        Some(if lease.instead_of.as_ref() == Some(owner) { DIED } else { OVERDUE })
    }
}

/// Takes an authorisation away that no connection uses. False: it is used, or was not there.
pub(super) fn sweep(tx: &Change<'_>, id: &str) -> Result<bool, Fault> {
    tx.touch(Table::Authorisations, id)?;
    let deleted = tx.execute(
        "DELETE FROM authorisations WHERE id = ?1 \
         AND NOT EXISTS (SELECT 1 FROM connections WHERE authorisation = ?1)",
        values![id],
    )?;
    Ok(deleted == 1)
}

/// Takes away what logins left that were not finished: expired pending ones, and consents that no connection came to
/// use, with their apps if nothing else uses those.
pub(super) fn sweep_unfinished(tx: &Change<'_>, now: SystemTime) -> Result<(), Fault> {
    pending::sweep(tx, now)?;
    let oldest = seconds(now - UNFINISHED);
    let unfinished = "SELECT id, app FROM authorisations WHERE created_at <= ?1 \
         AND NOT EXISTS (SELECT 1 FROM connections WHERE authorisation = authorisations.id)";
    let found: Vec<(String, String)> =
        tx.rows(unfinished, values![oldest], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (id, app) in found {
        sweep(tx, &id)?;
        apps::sweep(tx, &app)?;
    }
    Ok(())
}

fn before(tx: Db<'_>, lease: &Lease) -> Result<Before, Fault> {
    let sql = "SELECT CASE WHEN intent_generation = ?2 THEN intent_at END, lease_owner FROM authorisations WHERE id = ?1";
    let read = |row: &Row<'_>| Ok(Before { intent_at: row.get(0)?, owner: row.get(1)? });
    let found = tx.first(sql, values![lease.id, lease.generation], read)?;
    Ok(found.unwrap_or(Before { intent_at: None, owner: None }))
}

fn consented(tx: Db<'_>, row: &SealedGrant<'_>, by: &str) -> Result<bool, Fault> {
    let detail = if row.grant.generation == 1 { "the first login" } else { "a new login" };
    let event = NewEvent { at: row.grant.at, what: EventKind::Consented, by, detail };
    note(tx, &row.grant.id, &event).map(|()| true)
}

/// Writes a generation over the one before it, and over no other; mark, lease and intent end with it.
pub(super) fn write(tx: &Change<'_>, row: &SealedGrant<'_>) -> Result<bool, Fault> {
    let SealedGrant { grant, scopes, asked, access, refresh, previous, spare: _ } = row;
    let (access, expires_at) = access.as_ref().map(|(sealed, end)| (sealed, *end)).unzip();
    let (previous, spent_at) = previous.as_ref().map(|(sealed, at)| (sealed, *at)).unzip();
    tx.touch(Table::Authorisations, &grant.id)?;
    let changed = tx.execute(
        "UPDATE authorisations SET generation = ?2, user_id = ?3, user_name = ?4, user_email = ?5, consent = ?6, \
         scopes = ?7, access = ?8, access_expires_at = ?9, refresh = ?10, refreshed_at = ?11, previous = ?12, \
         spent_at = ?13, needs_login = NULL, needs_login_since = NULL, lease_owner = NULL, lease_until = NULL, \
         intent_generation = NULL, intent_at = NULL, asked = ?15, handed = NULL, handed_at = NULL \
         WHERE id = ?1 AND generation = ?2 - 1 AND app = ?14",
        values![
            grant.id,
            grant.generation,
            grant.user.id,
            grant.user.name,
            grant.user.email,
            grant.consent,
            scopes,
            access,
            expires_at,
            refresh.as_deref(),
            seconds(grant.at),
            previous,
            spent_at,
            grant.app,
            asked,
        ],
    )?;
    Ok(changed == 1)
}

/// True where the refresh token of this generation is the one that is stored for it, or was before the next one came.
fn was_kept(tx: Db<'_>, grant: &Grant, key: Option<&SealingKey>, path: &Path) -> Result<bool, Fault> {
    let sql = format!("SELECT {AUTHORISATION}, {TOKENS} FROM authorisations u WHERE u.id = ?1");
    let Some(stored) = tx.first(&sql, values![grant.id], TokensRecord::read)? else { return Ok(false) };
    let stored = stored.finish(path)?;
    Ok(key.is_some_and(|key| stored.has_kept(grant, key)))
}

fn unchanged(tx: Db<'_>, app: &AppRow<'_>) -> Result<bool, Fault> {
    let same = "SELECT 1 FROM apps WHERE id = ?1 AND generation = ?2 - 1";
    tx.exists(same, values![app.app.id, app.generation])
}
