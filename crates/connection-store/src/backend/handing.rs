//! Logins handed over from store to store, in the database.

use std::time::SystemTime;

use super::{
    AppRow, Backend, ConnectionRow, apps,
    authorisations::{sweep_unfinished, write},
    connections::{is_there, put, sweep},
    events::note,
    recorded::Change,
};
use crate::{
    Error, EventKind, HandedWay,
    database::{Db, Fault, folded, values},
    event::NewEvent,
    grant::SealedGrant,
    ledger::Table,
    record::seconds,
    refresh::LONGEST_LEASE,
};

const HANDED_OVER: &str = "exported; the store that imports it renews it";
const IMPORTED: &str = "imported";
const ADOPTED: &str = "renewed here from now on";

/// Who hands over, when, and which owners of leases live.
pub(crate) struct Handing<'a> {
    pub(crate) now: SystemTime,
    pub(crate) by: &'a str,
    pub(crate) lives: &'a dyn Fn(&str) -> bool,
}

/// A login as it is imported.
pub(crate) struct LoginRow<'a> {
    pub(crate) sealed: SealedGrant<'a>,
    pub(crate) created_at: i64,
    pub(crate) needs_login: Option<(String, i64)>,
    pub(crate) sent_at: Option<i64>,
    /// Token, generation, when it was kept.
    pub(crate) spares: Vec<(Vec<u8>, i64, i64)>,
}

/// An app as it is imported.
pub(crate) struct ImportedApp<'a> {
    pub(crate) row: AppRow<'a>,
    pub(crate) name: Option<&'a str>,
}

/// What is imported, in one transaction.
pub(crate) struct ImportRows<'a> {
    pub(crate) apps: Vec<ImportedApp<'a>>,
    pub(crate) logins: Vec<LoginRow<'a>>,
    pub(crate) connections: Vec<ConnectionRow<'a>>,
    /// Unset: the logins wait for their adoption.
    pub(crate) adopt: bool,
}

impl Backend {
    /// Marks logins as handed over, all or none. False: one is not as it was packed.
    pub(crate) fn hand_over(
        &mut self,
        logins: &[(String, i64)],
        handing: &Handing<'_>,
    ) -> Result<bool, Error> {
        self.change(|tx| {
            for (id, generation) in logins {
                if is_leased(tx, id, handing)? {
                    return Err(Error::RefreshBusy.into());
                }
                let sql = "SELECT 1 FROM authorisations WHERE id = ?1 AND generation = ?2 AND handed IS NULL";
                if !tx.exists(sql, values![id, generation])? {
                    return Ok(false);
                }
            }
            for (id, _) in logins {
                hand(tx, id, HandedWay::Exported, handing.now)?;
                let (at, by) = (handing.now, handing.by);
                note(tx, id, &NewEvent { at, what: EventKind::HandedOver, by, detail: HANDED_OVER })?;
            }
            Ok(true)
        })
    }

    /// False: it was not handed over, or is not there.
    pub(crate) fn adopt_login(&mut self, id: &str, now: SystemTime, by: &str) -> Result<bool, Error> {
        self.change(|tx| {
            let adopted = tx.execute(
                "UPDATE authorisations SET handed = NULL, handed_at = NULL WHERE id = ?1 AND handed IS NOT NULL",
                values![id],
            )?;
            if adopted == 1 {
                note(tx, id, &NewEvent { at: now, what: EventKind::Adopted, by, detail: ADOPTED })?;
            }
            Ok(adopted == 1)
        })
    }

    /// Stores what a bundle holds, all or none. Gives the first name that is taken.
    ///
    /// # Errors
    /// [`Error::Rekeyed`] also where an app was changed since it was read: plan it all again.
    pub(crate) fn import(
        &mut self,
        rows: &ImportRows<'_>,
        now: SystemTime,
        by: &str,
    ) -> Result<Option<String>, Error> {
        self.change_sealed(&rows.values(), |tx| {
            for row in rows.connections.iter().filter(|row| !row.replace) {
                if is_there(tx, row.name)? {
                    return Ok(Some(row.name.to_owned()));
                }
            }
            for app in &rows.apps {
                put_app(tx, app, now)?;
            }
            for login in &rows.logins {
                put_login(tx, login, rows.adopt, now)?;
                let event = NewEvent { at: now, what: EventKind::HandedOver, by, detail: IMPORTED };
                note(**tx, &login.sealed.grant.id, &event)?;
                if rows.adopt && login.sealed.grant.refresh.is_some() {
                    let event = NewEvent { at: now, what: EventKind::Adopted, by, detail: ADOPTED };
                    note(**tx, &login.sealed.grant.id, &event)?;
                }
            }
            let mut replaced = Vec::new();
            for row in &rows.connections {
                replaced.extend(put(tx, row, now)?);
            }
            sweep(tx, &replaced)?;
            sweep_unfinished(tx, now)?;
            Ok(None)
        })
    }
}

impl ImportRows<'_> {
    fn values(&self) -> Vec<&[u8]> {
        let apps = self.apps.iter().flat_map(|app| app.row.values());
        let logins = self.logins.iter().flat_map(|login| login.sealed.values());
        let spares = self.logins.iter().flat_map(|login| &login.spares).map(|spare| spare.0.as_slice());
        let pins = self.connections.iter().map(|row| row.pin.as_slice());
        apps.chain(logins).chain(spares).chain(pins).collect()
    }
}

fn put_app(tx: &Change<'_>, app: &ImportedApp<'_>, now: SystemTime) -> Result<(), Fault> {
    let id = &app.row.app.id;
    let there = tx.exists("SELECT 1 FROM apps WHERE id = ?1", values![id])?;
    if !there {
        apps::insert(tx, &app.row, now)?;
    } else if !apps::update(tx, &app.row)? {
        return Err(Error::Rekeyed.into());
    }
    // A name that another app has stays with that one.
    tx.execute(
        "UPDATE apps SET name = ?2 WHERE id = ?1 AND name IS NULL \
         AND NOT EXISTS (SELECT 1 FROM apps WHERE lower(name) = ?3)",
        values![id, app.name, app.name.map(folded)],
    )?;
    Ok(())
}

fn put_login(tx: &Change<'_>, login: &LoginRow<'_>, adopt: bool, now: SystemTime) -> Result<(), Fault> {
    let grant = login.sealed.grant;
    tx.touch(Table::Authorisations, &grant.id)?;
    tx.execute(
        "INSERT INTO authorisations (id, app, generation, scopes, refreshed_at, created_at) VALUES (?1, ?2, ?3, '', 0, ?4) \
         ON CONFLICT (id) DO UPDATE SET app = excluded.app, generation = excluded.generation",
        values![grant.id, grant.app, grant.generation - 1, login.created_at],
    )?;
    write(tx, &login.sealed)?;
    let mark = login.needs_login.as_ref();
    tx.execute(
        "UPDATE authorisations SET needs_login = ?2, needs_login_since = ?3, intent_generation = ?4, intent_at = ?5 \
         WHERE id = ?1",
        values![
            grant.id,
            mark.map(|mark| &mark.0),
            mark.map(|mark| mark.1),
            login.sent_at.map(|_| grant.generation),
            login.sent_at,
        ],
    )?;
    tx.execute("DELETE FROM spares WHERE authorisation = ?1", values![grant.id])?;
    for (token, generation, kept_at) in &login.spares {
        let sql = "INSERT INTO spares (authorisation, generation, token, kept_at) VALUES (?1, ?2, ?3, ?4)";
        tx.execute(sql, values![grant.id, generation, token, kept_at])?;
    }
    if !adopt && grant.refresh.is_some() {
        hand(**tx, &grant.id, HandedWay::Imported, now)?;
    }
    Ok(())
}

fn hand(tx: Db<'_>, id: &str, way: HandedWay, now: SystemTime) -> Result<(), Fault> {
    let sql = "UPDATE authorisations SET handed = ?2, handed_at = ?3 WHERE id = ?1";
    tx.execute(sql, values![id, way.as_str(), seconds(now)]).map(drop)
}

/// True while a process that lives may be renewing it.
fn is_leased(tx: Db<'_>, id: &str, handing: &Handing<'_>) -> Result<bool, Fault> {
    let Handing { now, lives, .. } = handing;
    let sql =
        "SELECT lease_owner FROM authorisations WHERE id = ?1 AND lease_until > ?2 AND lease_until <= ?3";
    let until = seconds(*now + LONGEST_LEASE);
    let owner: Option<Option<String>> = tx.first(sql, values![id, seconds(*now), until], |row| row.get(0))?;
    let Some(owner) = owner.flatten() else { return Ok(false) };
    tx.may_live(&owner, *lives)
}
