//! Reads and changes of the rows that the ledger vouches for.

use std::{cell::RefCell, fmt, sync::Arc};

use rusqlite::{Connection as Db, Transaction, TransactionBehavior};

use super::{Fault, Sqlite, settle};
use crate::{
    Error,
    ledger::{self, Ledger},
    seal::{SealingKey, key_of, mark_of},
    store_key::{DataKeyOf, SlotKey},
};

/// The keys of an open store.
pub(crate) struct Unlocked {
    pub(super) data: Arc<SealingKey>,
    /// The slot that was opened, and its key: a new data key is sealed under it too.
    pub(super) slot: i64,
    pub(super) slot_key: SlotKey,
    /// The ledger as it was read last, with its mark.
    seen: RefCell<Option<(i64, Arc<Ledger>)>>,
}

/// What the row of the store says.
pub(super) struct StoreRow {
    pub(super) id: String,
    pub(super) data_key: u32,
    ledger: Option<Vec<u8>>,
    ledger_generation: i64,
}

impl Unlocked {
    pub(super) fn new(data: Arc<SealingKey>, slot: i64, slot_key: SlotKey) -> Self {
        Self { data, slot, slot_key, seen: RefCell::default() }
    }
}

impl fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlocked").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl StoreRow {
    pub(super) fn read(db: &Db) -> rusqlite::Result<Self> {
        let sql = "SELECT id, data_key, ledger, ledger_generation FROM store";
        db.prepare_cached(sql)?.query_row([], |row| {
            Ok(Self {
                id: row.get(0)?,
                data_key: row.get(1)?,
                ledger: row.get(2)?,
                ledger_generation: row.get(3)?,
            })
        })
    }

    pub(super) fn has_ledger(&self) -> bool {
        self.ledger.is_some()
    }

    pub(super) fn data_key_of(&self) -> DataKeyOf {
        DataKeyOf { store: self.id.clone(), data_key: self.data_key }
    }

    /// What no other ledger has, of this store or a restored one.
    fn ledger_mark(&self) -> i64 {
        mark_of(self.ledger.as_deref().unwrap_or_default())
    }

    /// The ledger, sealed by the data key of the row.
    pub(super) fn open_ledger(&self, data: &SealingKey) -> Result<Ledger, Error> {
        let place = ledger::place(&self.id, self.ledger_generation);
        let clear = data.open(&place, self.ledger.as_deref().unwrap_or_default())?;
        Ledger::from_bytes(&clear).ok_or_else(|| place.tampered())
    }

    /// Writes the next ledger.
    pub(super) fn write_ledger(
        &self,
        tx: &Transaction<'_>,
        data: &SealingKey,
        ledger: &Ledger,
    ) -> Result<(), Fault> {
        let generation = self.ledger_generation + 1;
        let sealed = data.seal(&ledger::place(&self.id, generation), &ledger.to_bytes())?;
        let changed =
            tx.execute("UPDATE store SET ledger = ?1, ledger_generation = ?2", (sealed, generation))?;
        debug_assert_eq!(changed, 1, "a store has one row");
        Ok(())
    }
}

impl Sqlite {
    /// A change of rows that the ledger notes, and of the ledger with it, that brings no sealed values.
    pub(super) fn change_recorded<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.change_sealed(&[], work)
    }

    /// The same, with the values that it brings.
    ///
    /// # Errors
    /// [`Error::Rekeyed`] where the store was given a new data key since they were sealed: seal them again, the new key is
    /// known by now.
    pub(super) fn change_sealed<T>(
        &mut self,
        values: &[&[u8]],
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.change_unlocked(|tx, row, unlocked| {
            if values.iter().any(|value| key_of(value) != Some(row.data_key)) {
                return Err(Error::Rekeyed.into());
            }
            let (before, mut ledger) = (Ledger::of_rows(tx)?, row.open_ledger(&unlocked.data)?);
            let result = work(tx)?;
            let after = Ledger::of_rows(tx)?;
            if after != before {
                ledger.follow(&before, &after);
                row.write_ledger(tx, &unlocked.data, &ledger)?;
            }
            Ok(result)
        })
    }

    /// One transaction that alone may write, with the keys as they are while it is open. Commits what `work` did, if it did not
    /// fail.
    pub(super) fn change_unlocked<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &StoreRow, &Unlocked) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let Self { db, unlocked, path } = self;
        let unlocked = unlocked.as_ref().ok_or(Error::WrongKey)?;
        let done = (|| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let row = StoreRow::read(&tx)?;
            unlocked.catch_up(&tx, &row)?;
            let result = work(&tx, &row, unlocked)?;
            tx.commit()?;
            Ok(result)
        })();
        done.map_err(|fault| settle(fault, path))
    }

    /// Reads rows, and at the same time the ledger that vouches for them. The data key is the one that they are sealed under
    /// when this returns.
    pub(super) fn read_recorded<T>(
        &self,
        work: impl FnOnce(&Db, &Ledger) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let unlocked = self.unlocked.as_ref().ok_or(Error::WrongKey)?;
        let done = (|| {
            let tx = self.db.unchecked_transaction()?;
            let row = StoreRow::read(&tx)?;
            unlocked.catch_up(&tx, &row)?;
            let ledger = unlocked.ledger(&row)?;
            Ok(work(&tx, &ledger)?)
        })();
        done.map_err(|fault| settle(fault, &self.path))
    }

    /// The store's own id; random, and the same in all its copies.
    pub(crate) fn store_id(&self) -> Result<String, Error> {
        Ok(self.read(StoreRow::read)?.id)
    }
}

impl Unlocked {
    /// Takes over the data key of the store where it was replaced.
    pub(super) fn catch_up(&self, db: &Db, row: &StoreRow) -> Result<(), Fault> {
        if row.data_key == self.data.id() {
            return Ok(());
        }
        let slot = super::keys::slot(db, self.slot)?.ok_or(Error::WrongKey)?;
        let bytes = slot.open(&self.slot_key, &row.data_key_of()).ok_or(Error::WrongKey)?;
        Ok(self.data.replace(row.data_key, &bytes)?)
    }

    fn ledger(&self, row: &StoreRow) -> Result<Arc<Ledger>, Error> {
        let mut seen = self.seen.borrow_mut();
        match &*seen {
            Some((mark, ledger)) if *mark == row.ledger_mark() => Ok(ledger.clone()),
            _ => {
                let ledger = Arc::new(row.open_ledger(&self.data)?);
                *seen = Some((row.ledger_mark(), ledger.clone()));
                Ok(ledger)
            }
        }
    }
}
