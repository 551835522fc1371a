//! A new data key: every value sealed anew in one transaction.

use std::time::SystemTime;

use super::{
    Backend,
    keys::{self, Sealing},
    moving::admit_no_half_way,
    recorded::Ledger,
    sealed,
};
use crate::{
    Error,
    database::{Db, Fault, values},
    ledger::{States, Table, noted_rows},
    record::seconds,
    refresh::LONGEST_LEASE,
    seal::{SealingKey, mark_of, random_key},
    store_key::DataKeyOf,
};

/// A data key, with what slots need of it.
struct NewDataKey {
    bytes: zeroize::Zeroizing<[u8; 32]>,
    key: SealingKey,
    of: DataKeyOf,
}

impl NewDataKey {
    fn new(store: &str) -> Result<Self, Error> {
        let (bytes, number) = (random_key()?, random_key()?);
        // Random, so that no copy of the store comes to another key of the same number.
        let data_key = u32::from_be_bytes([number[0] | 1, number[1], number[2], number[3]]);
        let key = SealingKey::new(data_key, &bytes)?;
        Ok(Self { bytes, key, of: DataKeyOf { store: store.to_owned(), data_key } })
    }
}

impl Backend {
    /// True while a process that lives is refreshing something.
    pub(crate) fn is_leased(&self, now: SystemTime, lives: &dyn Fn(&str) -> bool) -> Result<bool, Error> {
        self.read(|db| leased(db, now, lives))
    }

    /// Seals everything under a new data key; see [`Store::rekey`](crate::Store::rekey).
    pub(crate) fn rekey(
        &mut self,
        now: SystemTime,
        lives: &dyn Fn(&str) -> bool,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<usize, Error> {
        let new = NewDataKey::new(&self.store_id()?)?;
        self.seal_all(&new, now, lives, progress)
    }

    /// Seals everything in this copy of a store under the data key of the store itself.
    pub(crate) fn seal_as(&mut self, store: &Self) -> Result<(), Error> {
        let Sealing { of, data_key: bytes, .. } = store.sealing()?;
        let new = NewDataKey { key: SealingKey::new(of.data_key, &bytes)?, bytes, of };
        self.seal_all(&new, SystemTime::UNIX_EPOCH, &|_| false, &mut |_, _| {}).map(drop)
    }

    fn seal_all(
        &mut self,
        new: &NewDataKey,
        now: SystemTime,
        lives: &dyn Fn(&str) -> bool,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<usize, Error> {
        let path = self.path().to_owned();
        let total = self.change_unlocked(|tx, row, unlocked| {
            if leased(tx, now, lives)? {
                return Err(Error::RefreshBusy.into());
            }
            admit_no_half_way(tx)?;
            let mut states = Ledger::open(tx, row, unlocked)?.all()?;
            let before = States::of(&noted_rows(tx)?);
            let total = sealed::count(tx, &path)?;
            let mut done = 0;
            sealed::each(tx, &path, &mut |column, key, place, value| {
                let clear = unlocked.data.open(place, value)?;
                let sealed::Column { table, column, key: of } = column;
                let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {of} = ?1");
                tx.execute(&sql, values![key, new.key.seal(place, &clear)?])?;
                done += 1;
                progress(done, total);
                Ok(())
            })?;
            slots(tx, &states, (&unlocked.data, &row.data_key_of()), new)?;
            states.follow_all(&before, &States::of(&noted_rows(tx)?));
            row.write_ledger(tx, &new.key, &states)?;
            tx.execute(
                "UPDATE store SET data_key = ?1, data_key_since = ?2",
                values![new.of.data_key, seconds(now)],
            )?;
            Ok(total)
        })?;
        let unlocked = self.unlocked.as_ref().ok_or(Error::WrongKey)?;
        unlocked.data.replace(new.of.data_key, &new.bytes)?;
        Ok(total)
    }
}

/// True while somebody may be getting tokens that are sealed under the old key when they are saved.
pub(super) fn leased(tx: Db<'_>, now: SystemTime, lives: &dyn Fn(&str) -> bool) -> Result<bool, Fault> {
    let sql = "SELECT lease_owner FROM authorisations WHERE lease_until > ?1 AND lease_until <= ?2";
    let until = seconds(now + LONGEST_LEASE);
    let owners: Vec<String> = tx.rows(sql, values![seconds(now), until], |row| row.get(0))?;
    for owner in owners {
        if tx.may_live(&owner, lives)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Each slot opens the new data key with the key that it has always had.
fn slots(
    tx: Db<'_>,
    states: &States,
    (old, was): (&SealingKey, &DataKeyOf),
    new: &NewDataKey,
) -> Result<(), Fault> {
    for slot in keys::slots(tx)? {
        let id = slot.slot.id;
        if states.get(Table::KeySlots.key(&id.to_string())) != Some(mark_of(&slot.sealed)) {
            let row = id.to_string();
            return Err(Error::Tampered { table: "key_slots", column: "sealed", row }.into());
        }
        let key = slot.kept_key(old, was)?.ok_or(Error::KeyNotSeen(id))?;
        let sealed = key.seal_data_key(&new.of, &slot.slot.lock, &new.bytes)?;
        let kept = key.seal_under(&new.key, &new.of, &sealed)?;
        tx.execute(
            "UPDATE key_slots SET sealed = ?2, slot_key = ?3 WHERE id = ?1",
            values![id, sealed, kept],
        )?;
    }
    Ok(())
}
