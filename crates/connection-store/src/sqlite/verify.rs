//! A look through the whole database.

use rusqlite::Connection as Db;

use super::{Fault, Sqlite, Unlocked, keys, recorded::StoreRow, sealed, settle};
use crate::{Error, Finding, ledger};

impl Sqlite {
    /// What is wrong; empty where nothing is.
    pub(crate) fn verify(&self) -> Result<Vec<Finding>, Error> {
        let unlocked = self.unlocked.as_ref().ok_or(Error::WrongKey)?;
        let done = (|| {
            let tx = self.db.unchecked_transaction()?;
            let mut found = damage(&tx)?;
            let row = StoreRow::read(&tx)?;
            unlocked.catch_up(&tx, &row)?;
            found.extend(put_back(&tx, unlocked, &row)?);
            found.extend(self.closed(&tx, unlocked)?);
            found.extend(slots(&tx, unlocked, &row)?);
            found.extend(lost_tokens(&tx)?);
            Ok(found)
        })();
        done.map_err(|fault| settle(fault, self.path()))
    }

    /// Values that do not open where they stand, and rows that cannot be understood.
    fn closed(&self, db: &Db, unlocked: &Unlocked) -> Result<Vec<Finding>, Fault> {
        let mut found = Vec::new();
        let looked = sealed::each(db, self.path(), &mut |column, key, place, value| {
            if unlocked.data.open(place, value).is_err() {
                let what = format!("the sealed {} was changed, moved or put back", column.column);
                found.push(Finding { table: column.table.to_owned(), row: key.to_owned(), what });
            }
            Ok(())
        });
        match looked {
            Err(Fault::Ours(error)) => {
                found.push(Finding { table: "file".to_owned(), row: String::new(), what: error.to_string() });
            }
            other => other?,
        }
        Ok(found)
    }
}

/// What SQLite itself finds.
fn damage(db: &Db) -> rusqlite::Result<Vec<Finding>> {
    let mut check = db.prepare("PRAGMA integrity_check")?;
    let lines: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut check = db.prepare("SELECT DISTINCT \"table\" FROM pragma_foreign_key_check")?;
    let dangling: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let damaged = lines.into_iter().filter(|line| line != "ok").map(|what| ("file".to_owned(), what));
    let dangling =
        dangling.into_iter().map(|table| (table, "a row names another that is not there".to_owned()));
    let finding = |(table, what)| Finding { table, row: String::new(), what };
    Ok(damaged.chain(dangling).map(finding).collect())
}

/// Rows that are not in the state that the ledger notes.
fn put_back(db: &Db, unlocked: &Unlocked, row: &StoreRow) -> Result<Vec<Finding>, Fault> {
    let ledger = match row.open_ledger(&unlocked.data) {
        Ok(ledger) => ledger,
        Err(error) => {
            let what = error.to_string();
            return Ok(vec![Finding { table: "store".to_owned(), row: row.id.clone(), what }]);
        }
    };
    let rows = ledger::noted_rows(db)?;
    let mut found: Vec<_> = rows
        .iter()
        .filter(|row| !ledger.vouches_for(&row.table, &row.id, row.state))
        .map(|row| Finding {
            table: row.table.clone(),
            row: row.id.clone(),
            what: "the row was put back, or put there without the key".to_owned(),
        })
        .collect();
    let missing = ledger.missing(&rows);
    if missing > 0 {
        let what = format!("what the ledger notes and is not there any more: {missing}");
        found.push(Finding { table: "file".to_owned(), row: String::new(), what });
    }
    Ok(found)
}

/// Logins that had a refresh token: one that only a person can renew is marked so.
fn lost_tokens(db: &Db) -> rusqlite::Result<Vec<Finding>> {
    let sql = "SELECT u.id FROM authorisations u JOIN apps a ON a.id = u.app \
         WHERE a.kind IN ('web', 'desktop') AND u.refresh IS NULL AND u.needs_login IS NULL \
         AND (u.previous IS NOT NULL OR ' ' || u.scopes || ' ' LIKE '% offline_access %')";
    let mut lost = db.prepare(sql)?;
    let found = lost.query_map([], |row| {
        let what = "the sealed refresh was taken away".to_owned();
        Ok(Finding { table: "authorisations".to_owned(), row: row.get(0)?, what })
    })?;
    found.collect()
}

/// Slots whose key could not be carried over to a new data key.
fn slots(db: &Db, unlocked: &Unlocked, row: &StoreRow) -> Result<Vec<Finding>, Fault> {
    let of = row.data_key_of();
    let bad =
        |slot: &crate::store_key::StoredSlot| !matches!(slot.kept_key(&unlocked.data, &of), Ok(Some(_)));
    let found = keys::slots(db)?.into_iter().filter(bad).map(|slot| Finding {
        table: "key_slots".to_owned(),
        row: slot.slot.id.to_string(),
        what: "the sealed slot_key was changed, moved or put back".to_owned(),
    });
    Ok(found.collect())
}
