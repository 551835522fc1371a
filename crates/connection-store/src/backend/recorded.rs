//! Reads and changes of the rows that the ledger vouches for.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Backend,
    owner::{OWNER, OwnerRow},
    settle,
};
use crate::{
    Error, Ownership,
    database::{Db, Fault, values},
    ledger::{self, States, Table, noted_rows, page_of},
    seal::{SealingKey, key_of, mark_of},
    store_key::{DataKeyOf, SlotKey},
};

/// The keys of an open store.
pub(crate) struct Unlocked {
    pub(super) data: Arc<SealingKey>,
    /// The slot that was opened, and its key: a new data key is sealed under it too.
    pub(super) slot: i64,
    pub(super) slot_key: SlotKey,
    seen: Mutex<Seen>,
}

/// The ledger as it was read last: its mark and generation, its root and the pages that were looked at.
#[derive(Default)]
struct Seen {
    mark: Option<(i64, i64)>,
    root: Arc<States>,
    pages: BTreeMap<u64, Arc<States>>,
}

/// What the row of the store says.
pub(super) struct StoreRow {
    pub(super) id: String,
    pub(super) data_key: u32,
    ledger: Option<Vec<u8>>,
    ledger_generation: i64,
    pub(super) owner: Option<OwnerRow>,
}

/// The ledger in an open transaction.
pub(super) struct Ledger<'a> {
    db: Db<'a>,
    row: &'a StoreRow,
    unlocked: &'a Unlocked,
    root: Arc<States>,
}

/// An open transaction that changes rows which the ledger notes. Each is [touched](Self::touch) before it is changed.
pub(super) struct Change<'a> {
    db: Db<'a>,
    /// The state of each row before it was changed.
    before: RefCell<BTreeMap<(Table, String), Option<i64>>>,
}

impl Unlocked {
    pub(super) fn new(data: Arc<SealingKey>, slot: i64, slot_key: SlotKey) -> Self {
        Self { data, slot, slot_key, seen: Mutex::default() }
    }

    /// Takes over the data key of the store where it was replaced.
    pub(super) fn catch_up(&self, db: Db<'_>, row: &StoreRow) -> Result<(), Fault> {
        if row.data_key == self.data.id() {
            return Ok(());
        }
        let slot = super::keys::slot(db, self.slot)?.ok_or(Error::WrongKey)?;
        let bytes = slot.open(&self.slot_key, &row.data_key_of()).ok_or(Error::WrongKey)?;
        Ok(self.data.replace(row.data_key, &bytes)?)
    }

    /// The root, and the pages that were read under it, are read once for as long as nobody changes them.
    fn root(&self, row: &StoreRow) -> Result<Arc<States>, Error> {
        let (mut seen, mark) = (self.seen(), (row.ledger_mark(), row.ledger_generation));
        if seen.mark != Some(mark) {
            let root = Arc::new(row.open_root(&self.data)?);
            *seen = Seen { mark: Some(mark), root, pages: BTreeMap::new() };
        }
        Ok(seen.root.clone())
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unlocked").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl StoreRow {
    pub(super) fn read(db: Db<'_>) -> Result<Self, Fault> {
        let sql = format!("SELECT id, data_key, ledger, ledger_generation, {OWNER} FROM store");
        db.one(&sql, &[], |row| {
            let data_key: i64 = row.get(1)?;
            Ok(Self {
                id: row.get(0)?,
                // No key has the number 0.
                data_key: u32::try_from(data_key).unwrap_or_default(),
                ledger: row.get(2)?,
                ledger_generation: row.get(3)?,
                owner: OwnerRow::read(row, 4)?,
            })
        })
    }

    /// What a move has made of the store, if one has.
    pub(super) fn mark(&self) -> Option<Ownership> {
        self.owner.as_ref().and_then(OwnerRow::mark)
    }

    /// Refuses to change a store that was moved away, or that has not arrived.
    pub(super) fn admit_change(&self) -> Result<(), Error> {
        self.mark().and_then(Ownership::refusal).map_or(Ok(()), Err)
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

    /// The generation of each page, sealed by the data key of the row.
    fn open_root(&self, data: &SealingKey) -> Result<States, Error> {
        let place = ledger::root(&self.id, self.ledger_generation);
        let clear = data.open(&place, self.ledger.as_deref().unwrap_or_default())?;
        States::from_bytes(&clear).ok_or_else(|| place.tampered())
    }

    /// The ledger as formats 3 and 4 have it. `None`: it is no such thing.
    pub(super) fn open_whole(&self, data: &SealingKey) -> Option<States> {
        let place = ledger::whole(&self.id, self.ledger_generation);
        let clear = data.open(&place, self.ledger.as_deref()?).ok()?;
        States::from_bytes(&clear)
    }

    /// Writes a ledger in the place of the one that is there.
    pub(super) fn write_ledger(&self, db: Db<'_>, data: &SealingKey, states: &States) -> Result<(), Fault> {
        db.execute("DELETE FROM ledger_pages", &[])?;
        self.write_pages(db, data, States::default(), &states.pages())
    }

    /// Writes pages, and the root that notes them.
    fn write_pages(
        &self,
        db: Db<'_>,
        data: &SealingKey,
        mut root: States,
        pages: &BTreeMap<u64, States>,
    ) -> Result<(), Fault> {
        let generation = self.ledger_generation + 1;
        for (number, page) in pages {
            let (at, name) = (number.cast_signed(), number.to_string());
            if page.is_empty() {
                db.execute("DELETE FROM ledger_pages WHERE page = ?1", values![at])?;
                root.remove(*number);
                continue;
            }
            let sealed = data.seal(&ledger::page(&self.id, &name, generation), &page.to_bytes())?;
            let sql = "INSERT INTO ledger_pages (page, entries) VALUES (?1, ?2) \
                 ON CONFLICT (page) DO UPDATE SET entries = excluded.entries";
            db.execute(sql, values![at, sealed])?;
            root.set(*number, generation);
        }
        let sealed = data.seal(&ledger::root(&self.id, generation), &root.to_bytes())?;
        let changed =
            db.execute("UPDATE store SET ledger = ?1, ledger_generation = ?2", values![sealed, generation])?;
        debug_assert_eq!(changed, 1, "a store has one row");
        Ok(())
    }
}

impl<'a> Ledger<'a> {
    pub(super) fn open(db: Db<'a>, row: &'a StoreRow, unlocked: &'a Unlocked) -> Result<Self, Fault> {
        Ok(Self { db, row, unlocked, root: unlocked.root(row)? })
    }

    /// True where this is the state that the row was last given.
    pub(super) fn vouches_for(&self, table: Table, id: &str, state: i64) -> Result<bool, Fault> {
        let key = table.key(id);
        Ok(self.page(page_of(key))?.get(key) == Some(state))
    }

    /// Refuses to give out what is in a store that was moved away.
    pub(super) fn admit_use(&self) -> Result<(), Error> {
        let moved = self.row.mark().filter(|mark| matches!(mark, Ownership::Moved { .. }));
        moved.and_then(Ownership::refusal).map_or(Ok(()), Err)
    }

    /// All of it, as it is in the database by now.
    pub(super) fn all(&self) -> Result<States, Fault> {
        let mut all = States::default();
        for number in self.root.keys() {
            all.add(&self.read_page(number)?);
        }
        Ok(all)
    }

    fn page(&self, number: u64) -> Result<Arc<States>, Fault> {
        if let Some(page) = self.unlocked.seen().pages.get(&number) {
            return Ok(page.clone());
        }
        let page = Arc::new(self.read_page(number)?);
        self.unlocked.seen().pages.insert(number, page.clone());
        Ok(page)
    }

    fn read_page(&self, number: u64) -> Result<States, Fault> {
        let Some(generation) = self.root.get(number) else { return Ok(States::default()) };
        let name = number.to_string();
        let place = ledger::page(&self.row.id, &name, generation);
        let sql = "SELECT entries FROM ledger_pages WHERE page = ?1";
        let sealed: Option<Vec<u8>> = self.db.first(sql, values![number.cast_signed()], |row| row.get(0))?;
        let clear = self.unlocked.data.open(&place, &sealed.unwrap_or_default())?;
        Ok(States::from_bytes(&clear).ok_or_else(|| place.tampered())?)
    }

    /// Writes what became of the rows that were changed.
    fn follow(&self, change: &Change<'_>) -> Result<(), Fault> {
        let mut pages: BTreeMap<u64, States> = BTreeMap::new();
        for ((table, id), before) in change.before.borrow().iter() {
            let (key, after) = (table.key(id), table.state_of(self.db, id)?);
            let there = self.page(page_of(key))?;
            let page = pages.entry(page_of(key)).or_insert_with(|| States::clone(&there));
            page.follow(key, *before, after);
            if *table == Table::Default && after.is_none() {
                // A note that somebody without the key left behind.
                page.remove(key);
            }
        }
        let mut changed = BTreeMap::new();
        for (number, page) in pages {
            if page != *self.page(number)? {
                changed.insert(number, page);
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.row.write_pages(self.db, &self.unlocked.data, States::clone(&self.root), &changed)
    }
}

impl<'a> Deref for Change<'a> {
    type Target = Db<'a>;

    fn deref(&self) -> &Db<'a> {
        &self.db
    }
}

impl<'a> Change<'a> {
    fn new(db: Db<'a>) -> Self {
        Self { db, before: RefCell::default() }
    }

    /// Says that a row is about to be changed, made or taken away.
    pub(super) fn touch(&self, table: Table, id: &str) -> Result<(), Fault> {
        let row = (table, if table.is_by_name() { crate::database::folded(id) } else { id.to_owned() });
        if !self.before.borrow().contains_key(&row) {
            let state = table.state_of(self.db, id)?;
            self.before.borrow_mut().insert(row, state);
        }
        Ok(())
    }

    /// Says that a row was made, whose key was not known before.
    pub(super) fn made(&self, table: Table, id: &str) {
        self.before.borrow_mut().insert((table, id.to_owned()), None);
    }

    /// True where no row has changed but those that were touched.
    fn tells_all(&self, before: &States) -> Result<bool, Fault> {
        let touched: Vec<u64> = self.before.borrow().keys().map(|(table, id)| table.key(id)).collect();
        let after = States::of(&noted_rows(self.db)?);
        let mut keys = before.keys().chain(after.keys());
        Ok(keys.all(|key| touched.contains(&key) || before.get(key) == after.get(key)))
    }
}

impl Backend {
    /// A change of rows that the ledger notes, and of the ledger with it, that brings no sealed values.
    pub(super) fn change_recorded<T>(
        &mut self,
        work: impl FnMut(&Change<'_>) -> Result<T, Fault>,
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
        mut work: impl FnMut(&Change<'_>) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.change_unlocked(|db, row, unlocked| {
            if values.iter().any(|value| key_of(value) != Some(row.data_key)) {
                return Err(Error::Rekeyed.into());
            }
            let ledger = Ledger::open(db, row, unlocked)?;
            let change = Change::new(db);
            let all = if cfg!(debug_assertions) { Some(States::of(&noted_rows(db)?)) } else { None };
            let result = work(&change)?;
            if let Some(all) = all {
                debug_assert!(change.tells_all(&all)?, "a row was changed that was not touched");
            }
            ledger.follow(&change)?;
            Ok(result)
        })
    }

    /// One transaction that alone may write, with the keys as they are while it is open. Commits what `work` did, if it did not
    /// fail.
    pub(super) fn change_unlocked<T>(
        &mut self,
        mut work: impl FnMut(Db<'_>, &StoreRow, &Unlocked) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let Self { session, unlocked, path, .. } = self;
        let unlocked = unlocked.as_ref().ok_or(Error::WrongKey)?;
        let done = session.write(|db| {
            let row = StoreRow::read(db)?;
            row.admit_change()?;
            unlocked.catch_up(db, &row)?;
            work(db, &row, unlocked)
        });
        done.map_err(|fault| settle(fault, path))
    }

    /// Reads rows, and at the same time the ledger that vouches for them. The data key is the one that they are sealed under
    /// when this returns.
    pub(super) fn read_recorded<T>(
        &self,
        mut work: impl FnMut(Db<'_>, &Ledger<'_>) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        self.read_unlocked(|db, row, unlocked| work(db, &Ledger::open(db, row, unlocked)?))
    }

    /// Reads at one moment, with the keys as they are then.
    pub(super) fn read_unlocked<T>(
        &self,
        mut work: impl FnMut(Db<'_>, &StoreRow, &Unlocked) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let unlocked = self.unlocked.as_ref().ok_or(Error::WrongKey)?;
        self.read(|db| {
            let row = StoreRow::read(db)?;
            unlocked.catch_up(db, &row)?;
            work(db, &row, unlocked)
        })
    }

    /// The store's own id; random, and the same in all its copies.
    pub(crate) fn store_id(&self) -> Result<String, Error> {
        Ok(self.read(StoreRow::read)?.id)
    }
}
