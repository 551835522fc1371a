//! The slots in which the data key is sealed, one for each key that opens the store.

use std::{sync::Arc, time::SystemTime};

use zeroize::Zeroizing;

use super::{Backend, Unlocked, recorded::StoreRow};
use crate::{
    DerivedKey, Error, KeySlot, Lock, NewKey, StoreKey,
    database::{Db, Fault, Row, values},
    ledger::{States, Table, noted_rows},
    record::{seconds, system_time},
    seal::{SealingKey, random_key},
    store_key::{DataKeyOf, SlotKey, StoredSlot},
};

const SLOT: &str = "SELECT id, lock, hint, parameters, salt, sealed, slot_key, created_at FROM key_slots";

impl Backend {
    /// The slots, in the order in which they were made. None: the store was never finished.
    pub(crate) fn slots(&self) -> Result<Vec<StoredSlot>, Error> {
        let slots = self.read(slots)?;
        if slots.is_empty() { Err(Error::NotFound(self.path().to_owned())) } else { Ok(slots) }
    }

    /// Opens the store with a key, in the first slot that it fits; a store of an older format gets its ledger.
    pub(crate) fn unlock(&mut self, key: &StoreKey) -> Result<Arc<SealingKey>, Error> {
        let (row, slots) = self.read(|db| Ok((StoreRow::read(db)?, slots(db)?)))?;
        let (of, number) = (row.data_key_of(), slots.len());
        let mut failure = if number == 0 { Error::NotFound(self.path().to_owned()) } else { wrong(key) };
        for slot in slots {
            let opened = slot.key(key).map(|slot_key| (slot.open(&slot_key, &of), slot_key));
            match opened {
                Ok((Some(bytes), slot_key)) => {
                    let data = Arc::new(SealingKey::new(of.data_key, &bytes)?);
                    self.unlocked = Some(Unlocked::new(data.clone(), slot.slot.id, slot_key));
                    if slot.slot_key.is_none() {
                        self.begin_ledger(&bytes)?;
                    } else if !row.has_ledger() {
                        return Err(Error::Tampered { table: "store", column: "ledger", row: row.id });
                    } else if row.open_whole(&data).is_some() {
                        self.divide_ledger()?;
                    }
                    return Ok(data);
                }
                Ok((None, _)) => failure = wrong(key),
                // Another slot, which takes a key of this sort, says more.
                Err(error @ Error::OtherLock(_)) if number == 1 => failure = error,
                Err(Error::OtherLock(_)) => {}
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Writes the first slot of a new store, and its ledger. False: there is one already.
    pub(super) fn write_first_slot(&mut self, key: &NewKey, now: SystemTime) -> Result<bool, Error> {
        let data_key = random_key()?;
        let (slot, slot_key) = StoredSlot::new(key, now)?;
        self.change(|tx| {
            if tx.exists("SELECT 1 FROM key_slots", &[])? {
                return Ok(false);
            }
            // Keys were taken out of a store: what they open is there, and is not written over.
            if tx.exists("SELECT 1 FROM store WHERE ledger IS NOT NULL UNION ALL SELECT 1 FROM apps", &[])? {
                let row = StoreRow::read(tx)?.id;
                return Err(Error::Tampered { table: "key_slots", column: "sealed", row }.into());
            }
            tx.execute("UPDATE store SET data_key_since = ?1", values![seconds(now)])?;
            let row = StoreRow::read(tx)?;
            let data = Arc::new(SealingKey::new(row.data_key, &data_key)?);
            insert(
                tx,
                &slot,
                &Sealing { data: data.clone(), of: row.data_key_of(), data_key: data_key.clone() },
                &slot_key,
            )?;
            row.write_ledger(tx, &data, &States::of(&noted_rows(tx)?))?;
            Ok(true)
        })
    }

    /// Adds a slot.
    pub(crate) fn add_slot(&mut self, key: &NewKey, now: SystemTime) -> Result<KeySlot, Error> {
        let (slot, slot_key) = StoredSlot::new(key, now)?;
        let sealing = self.sealing()?;
        self.change_recorded(|tx| {
            let id = insert(**tx, &slot, &sealing, &slot_key)?;
            tx.made(Table::KeySlots, &id.to_string());
            Ok(KeySlot { id, ..slot.slot.clone() })
        })
    }

    /// Takes a slot away, unless it is the last one.
    pub(crate) fn remove_slot(&mut self, id: i64) -> Result<KeySlot, Error> {
        self.change_recorded(|tx| {
            let there = slots(**tx)?;
            let Some(found) = there.iter().find(|one| one.slot.id == id) else {
                return Err(Error::NoSuchKey(id).into());
            };
            if there.len() == 1 {
                return Err(Error::LastKey.into());
            }
            tx.touch(Table::KeySlots, &id.to_string())?;
            tx.execute("DELETE FROM key_slots WHERE id = ?1", values![id])?;
            Ok(found.slot.clone())
        })
    }

    /// The slot that this process opened with a passphrase, and what was made of that.
    pub(crate) fn derived(&self) -> Result<Option<(i64, DerivedKey)>, Error> {
        let unlocked = self.unlocked.as_ref().ok_or(Error::WrongKey)?;
        let slot = self.read(|db| slot(db, unlocked.slot))?.ok_or(Error::WrongKey)?;
        let derived = (unlocked.slot, DerivedKey::of(&unlocked.slot_key));
        Ok((!slot.parameters.is_empty()).then_some(derived))
    }

    /// The slots that a key opens.
    pub(crate) fn opened_by(&self, key: &StoreKey) -> Result<Vec<KeySlot>, Error> {
        let of = self.read_recorded(|db, _| Ok(StoreRow::read(db)?.data_key_of()))?;
        let opens = |slot: &StoredSlot| slot.key(key).is_ok_and(|own| slot.open(&own, &of).is_some());
        Ok(self.slots()?.into_iter().filter(opens).map(|slot| slot.slot).collect())
    }

    /// The other slots that the key of this one opens, if it is no passphrase: that is another key in each slot.
    pub(crate) fn opened_as(&self, id: i64) -> Result<Vec<KeySlot>, Error> {
        let unlocked = self.unlocked.as_ref().ok_or(Error::WrongKey)?;
        let of = self.read_recorded(|db, _| Ok(StoreRow::read(db)?.data_key_of()))?;
        let key_of = |slot: &StoredSlot| slot.kept_key(&unlocked.data, &of).ok().flatten();
        let there = self.slots()?;
        let Some(own) = there.iter().find(|slot| slot.slot.id == id).and_then(key_of) else {
            return Ok(Vec::new());
        };
        let same = |slot: &&StoredSlot| slot.slot.id != id && key_of(slot).is_some_and(|key| key.is(&own));
        Ok(there.iter().filter(same).map(|slot| slot.slot.clone()).collect())
    }

    /// The data key as it is now, from the slot that this process opened.
    pub(super) fn sealing(&self) -> Result<Sealing, Error> {
        let unlocked = self.unlocked.as_ref().ok_or(Error::WrongKey)?;
        let of = self.read_recorded(|db, _| Ok(StoreRow::read(db)?.data_key_of()))?;
        let slot = self.read(|db| slot(db, unlocked.slot))?.ok_or(Error::WrongKey)?;
        let data_key = slot.open(&unlocked.slot_key, &of).ok_or(Error::WrongKey)?;
        Ok(Sealing { data: unlocked.data.clone(), of, data_key })
    }

    /// The first opening after format 4: the ledger, which was one sealed value, is divided into pages.
    fn divide_ledger(&mut self) -> Result<(), Error> {
        self.change_unlocked(|tx, row, unlocked| match row.open_whole(&unlocked.data) {
            Some(states) => row.write_ledger(tx, &unlocked.data, &states),
            // Another process was faster.
            None => Ok(()),
        })
    }

    /// The first opening after format 2: the slot is sealed in the new way, with its key for a later data key, and the rows
    /// are noted as they are.
    fn begin_ledger(&mut self, data_key: &[u8; 32]) -> Result<(), Error> {
        let Some(Unlocked { data, slot: id, slot_key, .. }) = &self.unlocked else {
            return Err(Error::WrongKey);
        };
        let (data, id, slot_key) = (data.clone(), *id, slot_key.clone());
        self.change(|tx| {
            let (row, there) = (StoreRow::read(tx)?, slot(tx, id)?);
            let Some(there) = there.filter(|there| there.slot_key.is_none()) else { return Ok(()) };
            if row.has_ledger() {
                return Err(
                    Error::Tampered { table: "key_slots", column: "slot_key", row: id.to_string() }.into()
                );
            }
            let of = row.data_key_of();
            let sealed = slot_key.seal_data_key(&of, &there.slot.lock, data_key)?;
            let kept = slot_key.seal_under(&data, &of, &sealed)?;
            tx.execute(
                "UPDATE key_slots SET sealed = ?2, slot_key = ?3 WHERE id = ?1",
                values![id, sealed, kept],
            )?;
            row.write_ledger(tx, &data, &States::of(&noted_rows(tx)?))?;
            Ok(())
        })
    }
}

/// The data key, as a slot needs it.
pub(super) struct Sealing {
    data: Arc<SealingKey>,
    pub(super) of: DataKeyOf,
    pub(super) data_key: Zeroizing<[u8; 32]>,
}

fn insert(tx: Db<'_>, slot: &StoredSlot, sealing: &Sealing, key: &SlotKey) -> Result<i64, Fault> {
    let Sealing { data, of, data_key } = sealing;
    let lock = &slot.slot.lock;
    let sealed = key.seal_data_key(of, lock, data_key)?;
    let kept = key.seal_under(data, of, &sealed)?;
    tx.one(
        "INSERT INTO key_slots (lock, hint, parameters, salt, sealed, slot_key, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        values![
            lock.as_str(),
            lock.hint(),
            slot.parameters,
            slot.salt,
            sealed,
            kept,
            seconds(slot.slot.created_at)
        ],
        |row| row.get(0),
    )
}

pub(super) fn slots(db: Db<'_>) -> Result<Vec<StoredSlot>, Fault> {
    let found = db.rows(&format!("{SLOT} ORDER BY id"), &[], read)?;
    Ok(found.into_iter().flatten().collect())
}

/// The slots of a store that has an older format still.
pub(super) fn format_2_slots(db: Db<'_>) -> Result<Vec<StoredSlot>, Fault> {
    let sql =
        "SELECT id, lock, CAST(hint AS BLOB), parameters, salt, sealed, NULL, created_at FROM data_keys";
    let found = db.rows(sql, &[], read)?;
    Ok(found.into_iter().flatten().collect())
}

pub(super) fn slot(db: Db<'_>, id: i64) -> Result<Option<StoredSlot>, Fault> {
    Ok(db.first(&format!("{SLOT} WHERE id = ?1"), values![id], read)?.flatten())
}

/// None: a kind of slot that a newer version made, and that this one cannot use.
fn read(row: &Row<'_>) -> Result<Option<StoredSlot>, Fault> {
    let Some(lock) = Lock::read(&row.get::<String>(1)?, row.get(2)?) else { return Ok(None) };
    let created_at = system_time(row.get(7)?).unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(Some(StoredSlot {
        slot: KeySlot { id: row.get(0)?, lock, created_at },
        parameters: row.get(3)?,
        salt: row.get(4)?,
        sealed: row.get(5)?,
        slot_key: row.get(6)?,
    }))
}

fn wrong(key: &StoreKey) -> Error {
    match key {
        StoreKey::File(_) | StoreKey::Derived(_) => Error::WrongKey,
        StoreKey::Passphrase(_) => Error::WrongPassphrase,
    }
}
