//! The ledger: which generation of each row is the last one, in sealed values, so that no row can be put back.
//!
//! A row that is sealed for its own place and generation still opens when an old copy of the whole row is put back. The
//! ledger notes for each row what tells its last state from those before: its generation, or the random part of what is
//! sealed in it. It changes in the same transaction as the row. What it does not see is an old copy of the whole file.
//!
//! It is kept in pages, so that reading or changing a row costs the same among ten rows and among a hundred thousand:
//! each row has its page by what its table and id hash to. The root, in the store's own row, notes the generation of each
//! page, so that no page can be put back either.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    database::{Db, Fault, Row, folded, values},
    seal::{Place, bound, mark_of},
};

const ENTRY: usize = 16;
/// By how many bits of a row's key its page is chosen: 256 pages.
const PAGE_BITS: u32 = 8;
/// The state of the row that is the default connection: it has none but to be it.
pub(crate) const NOTED: i64 = 1;

/// The tables whose rows are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Apps,
    Authorisations,
    Connections,
    /// The connection that is the default one.
    Default,
    KeySlots,
}

/// States, each under the key of what it is the state of: rows, or pages of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct States(BTreeMap<u64, i64>);

/// A row of the database and the state it is in.
pub(crate) struct Noted {
    pub(crate) table: Table,
    pub(crate) id: String,
    pub(crate) state: i64,
}

impl Table {
    const ALL: [Self; 5] =
        [Self::Apps, Self::Authorisations, Self::Connections, Self::Default, Self::KeySlots];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Apps => "apps",
            Self::Authorisations => "authorisations",
            Self::Connections => "connections",
            Self::Default => "default",
            Self::KeySlots => "key_slots",
        }
    }

    /// The key of a row, under which its state is noted.
    pub(crate) fn key(self, id: &str) -> u64 {
        // Names are one whatever their case.
        let name = format!("{}|{}", self.name(), folded(id));
        let hash = digest(&SHA256, name.as_bytes());
        hash.as_ref().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
    }

    /// The state that a row is in now. `None`: it is not there.
    pub(crate) fn state_of(self, db: Db<'_>, id: &str) -> Result<Option<i64>, Fault> {
        let (all, one) = self.sql();
        let id = if self.is_by_name() { folded(id) } else { id.to_owned() };
        db.first(&format!("{all} {one}"), values![id], |row| Ok(self.read(row)?.state))
    }

    /// True where rows are told apart by a name.
    pub(crate) fn is_by_name(self) -> bool {
        matches!(self, Self::Connections | Self::Default)
    }

    /// All rows, and what picks one.
    fn sql(self) -> (&'static str, &'static str) {
        match self {
            Self::Apps => ("SELECT id, generation FROM apps", "WHERE id = ?1"),
            Self::Authorisations => ("SELECT id, generation FROM authorisations", "WHERE id = ?1"),
            Self::Connections => ("SELECT name, pin FROM connections", "WHERE lower(name) = ?1"),
            Self::Default => ("SELECT name FROM connections WHERE is_default", "AND lower(name) = ?1"),
            Self::KeySlots => {
                ("SELECT CAST(id AS TEXT), sealed FROM key_slots", "WHERE CAST(id AS TEXT) = ?1")
            }
        }
    }

    fn read(self, row: &Row<'_>) -> Result<Noted, Fault> {
        let state = match self {
            Self::Apps | Self::Authorisations => row.get(1)?,
            Self::Connections | Self::KeySlots => mark_of(&row.get::<Vec<u8>>(1)?),
            Self::Default => NOTED,
        };
        Ok(Noted { table: self, id: row.get(0)?, state })
    }
}

impl Noted {
    fn key(&self) -> u64 {
        self.table.key(&self.id)
    }
}

impl States {
    pub(crate) fn of(rows: &[Noted]) -> Self {
        Self(rows.iter().map(|row| (row.key(), row.state)).collect())
    }

    pub(crate) fn get(&self, key: u64) -> Option<i64> {
        self.0.get(&key).copied()
    }

    pub(crate) fn set(&mut self, key: u64, state: i64) {
        self.0.insert(key, state);
    }

    pub(crate) fn remove(&mut self, key: u64) {
        self.0.remove(&key);
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, others: &Self) {
        self.0.extend(&others.0);
    }

    /// Takes over what changed of one row. One that was not as noted before stays so.
    pub(crate) fn follow(&mut self, key: u64, before: Option<i64>, after: Option<i64>) {
        match after {
            Some(after) if before != Some(after) && (before.is_none() || before == self.get(key)) => {
                self.set(key, after);
            }
            None if before.is_some() => self.remove(key),
            _ => {}
        }
    }

    /// The same for all rows.
    pub(crate) fn follow_all(&mut self, before: &Self, after: &Self) {
        for key in before.keys().chain(after.keys()) {
            self.follow(key, before.get(key), after.get(key));
        }
    }

    /// How many rows are noted that are not there.
    pub(crate) fn missing(&self, rows: &[Noted]) -> usize {
        let there = Self::of(rows);
        self.keys().filter(|key| there.get(*key).is_none()).count()
    }

    /// The same, by the number of the page of each.
    pub(crate) fn pages(&self) -> BTreeMap<u64, Self> {
        let mut pages: BTreeMap<u64, Self> = BTreeMap::new();
        for (key, state) in &self.0 {
            pages.entry(page_of(*key)).or_default().set(*key, *state);
        }
        pages
    }

    /// Sixteen bytes for each: its key and its state, big endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(key, state)| [key.to_be_bytes(), state.to_be_bytes()].concat()).collect()
    }

    /// `None` for what no states are written as.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (entries, rest) = bytes.as_chunks::<ENTRY>();
        let number = |half: &[u8]| half.try_into().map(u64::from_be_bytes).ok();
        let entry = |entry: &[u8; ENTRY]| {
            let (key, state) = entry.split_at(ENTRY / 2);
            Some((number(key)?, number(state)?.cast_signed()))
        };
        rest.is_empty().then(|| entries.iter().map(entry).collect::<Option<_>>().map(Self)).flatten()
    }
}

/// The number of the page that a row is noted on.
pub(crate) fn page_of(key: u64) -> u64 {
    key >> (u64::BITS - PAGE_BITS)
}

/// All rows that the ledger is about.
pub(crate) fn noted_rows(db: Db<'_>) -> Result<Vec<Noted>, Fault> {
    let mut rows = Vec::new();
    for table in Table::ALL {
        rows.extend(db.rows(table.sql().0, &[], |row| table.read(row))?);
    }
    Ok(rows)
}

/// Where the root stands.
pub(crate) fn root(store: &str, generation: i64) -> Place<'_> {
    Place { bound: bound(&["pages"]), ..whole(store, generation) }
}

/// Where the ledger stood up to format 4, in one piece.
pub(crate) fn whole(store: &str, generation: i64) -> Place<'_> {
    Place { table: "store", column: "ledger", row: store, generation, bound: String::new() }
}

/// Where a page stands.
pub(crate) fn page<'a>(store: &str, number: &'a str, generation: i64) -> Place<'a> {
    Place { table: "ledger_pages", column: "entries", row: number, generation, bound: bound(&[store]) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_follows_what_changes_and_nothing_else() {
        let cases = [
            // noted, before, after: noted then
            (Some(1), Some(1), Some(1), Some(1)),
            (Some(1), Some(1), Some(2), Some(2)),
            (Some(5), Some(4), Some(5), Some(5)),
            (Some(5), Some(3), Some(4), Some(5)),
            (Some(1), Some(1), None, None),
            (None, None, Some(1), Some(1)),
            (Some(7), None, None, Some(7)),
            (Some(7), None, Some(1), Some(1)),
        ];
        for (noted, before, after, then) in cases {
            let states = |state: Option<i64>| States(state.map(|state| (9, state)).into_iter().collect());
            let mut one = states(noted);
            one.follow(9, before, after);
            assert_eq!(one, states(then), "{noted:?} {before:?} {after:?}");
            let mut all = states(noted);
            all.follow_all(&states(before), &states(after));
            assert_eq!(all, one);
        }
    }

    #[test]
    fn names_are_one_whatever_their_case() {
        assert_eq!(Table::Connections.key("Acme"), Table::Connections.key("aCME"));
        assert_ne!(Table::Connections.key("acme"), Table::Apps.key("acme"));
    }

    proptest! {
        #[test]
        fn bytes_come_back(rows in proptest::collection::btree_map(any::<u64>(), any::<i64>(), 0..50)) {
            let states = States(rows);
            prop_assert_eq!(States::from_bytes(&states.to_bytes()), Some(states));
        }

        #[test]
        fn pages_are_all_of_it(rows in proptest::collection::btree_map(any::<u64>(), any::<i64>(), 0..50)) {
            let (states, mut all) = (States(rows), States::default());
            for (number, page) in states.pages() {
                prop_assert!(page.keys().all(|key| page_of(key) == number && number < 256));
                all.add(&page);
            }
            prop_assert_eq!(all, states);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(States::from_bytes(&bytes).is_some(), bytes.len() % ENTRY == 0);
        }
    }
}
