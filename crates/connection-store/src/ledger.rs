//! The ledger: which generation of each row is the last one, in one sealed value, so that no row can be put back.
//!
//! A row that is sealed for its own place and generation still opens when an old copy of the whole row is put back. The
//! ledger notes for each row what tells its last state from those before: its generation, or the random part of what is
//! sealed in it. It changes in the same transaction as the row. What it does not see is an old copy of the whole file.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::{Connection as Db, Row};

use crate::seal::{Place, mark_of};

/// The tables whose rows are noted, and what is noted of each.
const ROWS: &str = "SELECT 'apps', id, generation, NULL FROM apps \
     UNION ALL SELECT 'authorisations', id, generation, NULL FROM authorisations \
     UNION ALL SELECT 'connections', name, NULL, pin FROM connections \
     UNION ALL SELECT 'default', name, 1, NULL FROM connections WHERE is_default = 1 \
     UNION ALL SELECT 'key_slots', CAST(id AS TEXT), NULL, sealed FROM key_slots";
/// As which the default connection is noted, and its state: it has none but to be it.
pub(crate) const DEFAULT: &str = "default";
pub(crate) const NOTED: i64 = 1;
const ENTRY: usize = 16;

/// The states of rows, each under what its table and id hash to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledger(BTreeMap<u64, i64>);

/// A row of the database and the state it is in.
pub(crate) struct Noted {
    pub(crate) table: String,
    pub(crate) id: String,
    pub(crate) state: i64,
}

impl Ledger {
    /// The states that the rows are in now.
    pub(crate) fn of_rows(db: &Db) -> rusqlite::Result<Self> {
        let rows = noted_rows(db)?;
        Ok(Self(rows.iter().map(|row| (row.key(), row.state)).collect()))
    }

    /// True where this is the state that the row was last given.
    pub(crate) fn vouches_for(&self, table: &str, id: &str, state: i64) -> bool {
        self.0.get(&key(table, id)) == Some(&state)
    }

    /// Takes over what changed between two states of the rows. A row that was not as noted before stays so.
    pub(crate) fn follow(&mut self, before: &Self, after: &Self) {
        for (key, state) in &after.0 {
            let was = before.0.get(key);
            if was != Some(state) && (was.is_none() || was == self.0.get(key)) {
                self.0.insert(*key, *state);
            }
        }
        for key in before.0.keys().filter(|key| !after.0.contains_key(key)) {
            self.0.remove(key);
        }
    }

    /// How many rows it vouches for that are not there.
    pub(crate) fn missing(&self, rows: &[Noted]) -> usize {
        let there: BTreeMap<u64, ()> = rows.iter().map(|row| (row.key(), ())).collect();
        self.0.keys().filter(|key| !there.contains_key(key)).count()
    }

    /// Sixteen bytes for each row: its key and its state, big endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(key, state)| [key.to_be_bytes(), state.to_be_bytes()].concat()).collect()
    }

    /// `None` for what no ledger is written as.
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

impl Noted {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (generation, sealed): (Option<i64>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
        let state = generation.unwrap_or_else(|| mark_of(sealed.as_deref().unwrap_or_default()));
        Ok(Self { table: row.get(0)?, id: row.get(1)?, state })
    }

    fn key(&self) -> u64 {
        key(&self.table, &self.id)
    }
}

/// All rows that the ledger is about.
pub(crate) fn noted_rows(db: &Db) -> rusqlite::Result<Vec<Noted>> {
    db.prepare_cached(ROWS)?.query_map([], Noted::read)?.collect()
}

/// Where the ledger stands.
pub(crate) fn place(store: &str, generation: i64) -> Place<'_> {
    Place { table: "store", column: "ledger", row: store, generation, bound: String::new() }
}

fn key(table: &str, id: &str) -> u64 {
    // Names are one whatever their case.
    let name = format!("{table}|{}", id.to_ascii_lowercase());
    let hash = digest(&SHA256, name.as_bytes());
    hash.as_ref().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ledger(rows: &[(&str, i64)]) -> Ledger {
        Ledger(rows.iter().map(|(id, state)| (key("apps", id), *state)).collect())
    }

    #[test]
    fn it_follows_what_changes_and_nothing_else() {
        let mut noted = ledger(&[("same", 1), ("moved", 1), ("put back", 5), ("gone", 1)]);
        let before = ledger(&[("same", 1), ("moved", 1), ("put back", 4), ("gone", 1)]);
        let after = ledger(&[("same", 1), ("moved", 2), ("put back", 5), ("new", 1)]);
        noted.follow(&before, &after);
        assert_eq!(noted, ledger(&[("same", 1), ("moved", 2), ("put back", 5), ("new", 1)]));
        let mut noted = ledger(&[("put back", 5)]);
        noted.follow(&ledger(&[("put back", 3)]), &ledger(&[("put back", 4)]));
        assert!(!noted.vouches_for("apps", "put back", 4) && noted.vouches_for("apps", "put back", 5));
    }

    #[test]
    fn names_are_one_whatever_their_case() {
        assert_eq!(key("connections", "Acme"), key("connections", "aCME"));
        assert_ne!(key("connections", "acme"), key("apps", "acme"));
    }

    proptest! {
        #[test]
        fn bytes_come_back(rows in proptest::collection::btree_map(any::<u64>(), any::<i64>(), 0..50)) {
            let ledger = Ledger(rows);
            prop_assert_eq!(Ledger::from_bytes(&ledger.to_bytes()), Some(ledger));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(Ledger::from_bytes(&bytes).is_some(), bytes.len() % ENTRY == 0);
        }
    }
}
