//! A store moved to another database, as the two databases have it.

use std::time::SystemTime;

use super::{
    Backend,
    owner::{OwnerRow, mark},
    recorded::StoreRow,
    rows::{self, Report, Side},
    settle,
    sqlite::FORMAT,
};
use crate::{
    Error, Ownership,
    database::{Db, Fault, values},
    record::seconds,
    refresh::LONGEST_LEASE,
    store::Sign,
};

/// What is in the place that a store is to be moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    /// Nothing, or tables without a store.
    Vacant,
    /// What a move of the same store has left that was not finished.
    Half,
    /// The same store as it was before it was moved away from there.
    Left,
    /// The same store, in use.
    Same,
    /// Another one.
    Other,
}

/// What the two databases say of a move: the old one that it is over, the new one that it is not.
pub(crate) struct Marks {
    pub(crate) moved: OwnerRow,
    pub(crate) arriving: OwnerRow,
}

/// Whether the owner of a lease lives, where that can be known.
pub(crate) type Lives<'a> = dyn Fn(&str) -> Option<bool> + 'a;

impl Backend {
    /// Refuses a store of another format than the one whose columns are known here.
    pub(crate) fn admit_format(&self) -> Result<(), Error> {
        let found: i64 = self.read(|db| {
            let sql = match db {
                Db::Sqlite(_) => "SELECT user_version FROM pragma_user_version",
                #[cfg(feature = "postgres")]
                Db::Postgres(_) => "SELECT format FROM store_format",
            };
            db.one(sql, &[], |row| row.get(0))
        })?;
        if found == FORMAT {
            return Ok(());
        }
        Err(Error::NewerFormat { path: self.path.clone(), found, known: FORMAT })
    }

    /// What is here, as seen by whoever moves the store of this id.
    pub(crate) fn what_is_there(&self, id: &str) -> Result<There, Error> {
        self.read(|db| there(db, id))
    }

    /// Copies all rows into another database, in one transaction there, which marks them as arriving; compares them; and marks
    /// this one as moved. While that goes on nobody changes this store. Whatever fails, this store is as it was.
    ///
    /// # Errors
    /// [`Error::RefreshBusy`] while somebody refreshes; [`Error::HalfWay`]; [`Error::Exists`] where there is another store;
    /// [`Error::NotTheSame`].
    pub(crate) fn move_into(
        &mut self,
        to: &mut Self,
        marks: &Marks,
        lives: &Lives<'_>,
        report: &mut Report<'_>,
    ) -> Result<Vec<(&'static str, usize)>, Error> {
        let Self { session, path, .. } = self;
        let moved = session.write(|from| {
            let row = StoreRow::read(from)?;
            row.admit_change()?;
            if is_refreshing(from, marks.moved.since, lives)? {
                return Err(Error::RefreshBusy.into());
            }
            admit_no_half_way(from)?;
            let side = Side { db: from, path };
            let copied = to.fill(side, &row.id, &marks.arriving, report)?;
            if let Some(table) = to.read(|db| rows::difference(side, Side { db, path: &to.path }, report))? {
                return Err(Error::NotTheSame { place: to.path.clone(), table }.into());
            }
            mark(from, &marks.moved)?;
            Ok(copied)
        });
        moved.map_err(|fault| settle(fault, path))
    }

    fn fill(
        &mut self,
        from: Side<'_>,
        id: &str,
        arriving: &OwnerRow,
        report: &mut Report<'_>,
    ) -> Result<Vec<(&'static str, usize)>, Error> {
        let Self { session, path, .. } = self;
        let filled = session.write(|to| {
            if matches!(there(to, id)?, There::Same | There::Other) {
                return Err(Error::Exists(path.clone()).into());
            }
            let copied = rows::copy(from, to, report)?;
            mark(to, arriving)?;
            Ok(copied)
        });
        filled.map_err(|fault| settle(fault, path))
    }

    /// The store that has arrived here belongs to this owner from now on. False: it was not arriving.
    pub(crate) fn arrive(&mut self, owner: &OwnerRow) -> Result<bool, Error> {
        self.change_whosever(|tx| {
            let arriving =
                StoreRow::read(tx)?.mark().is_some_and(|mark| matches!(mark, Ownership::Arriving { .. }));
            if arriving {
                mark(tx, owner)?;
            }
            Ok(arriving)
        })
    }

    /// The first table whose rows are not the same in another store; whose they are is not compared.
    pub(crate) fn difference(&self, other: &Self) -> Result<Option<&'static str>, Error> {
        self.read(|db| {
            let one = Side { db, path: &self.path };
            Ok(other.read(|db| rows::difference(one, Side { db, path: &other.path }, &mut |_| {}))?)
        })
    }
}

fn there(db: Db<'_>, id: &str) -> Result<There, Fault> {
    if !db.exists("SELECT 1 FROM key_slots", &[])? {
        return Ok(There::Vacant);
    }
    let row = StoreRow::read(db)?;
    Ok(match row.mark() {
        _ if row.id != id => There::Other,
        Some(Ownership::Arriving { .. }) => There::Half,
        Some(_) => There::Left,
        None => There::Same,
    })
}

/// Refuses a server's store in which a renewal was left half-way: its answer may be on another machine, sealed as things are now.
pub(super) fn admit_no_half_way(db: Db<'_>) -> Result<(), Fault> {
    if matches!(db, Db::Sqlite(_)) {
        return Ok(());
    }
    let sql = "SELECT c.name FROM connections c JOIN authorisations u ON u.id = c.authorisation \
         WHERE u.intent_generation = u.generation AND u.refresh IS NOT NULL AND u.needs_login IS NULL \
         AND u.handed IS NULL ORDER BY c.name";
    let connections: Vec<String> = db.rows(sql, &[], |row| row.get(0))?;
    if connections.is_empty() { Ok(()) } else { Err(Error::HalfWay { connections }.into()) }
}

/// True while somebody has the right to refresh and lives, however long he takes: what he may bring must not be lost.
fn is_refreshing(db: Db<'_>, now: SystemTime, lives: &Lives<'_>) -> Result<bool, Fault> {
    let sql = "SELECT lease_owner, lease_until > ?1 AND lease_until <= ?2 FROM authorisations WHERE lease_owner IS NOT NULL";
    let latest = seconds(now + LONGEST_LEASE);
    let leases: Vec<(String, Option<bool>)> =
        db.rows(sql, values![seconds(now), latest], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (owner, in_time) in leases {
        let known = match db.sign_of(&owner)? {
            Some(Sign::Alive) => Some(true),
            Some(Sign::Dead) => Some(false),
            Some(Sign::Unknown) => None,
            None => lives(&owner),
        };
        if known.unwrap_or_else(|| in_time.unwrap_or_default()) {
            return Ok(true);
        }
    }
    Ok(false)
}
