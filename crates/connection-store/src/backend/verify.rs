//! A look through the whole database.

use super::{
    Backend, Unlocked, keys,
    recorded::{Ledger, StoreRow},
    sealed,
};
use crate::{
    Error, Finding,
    database::{Db, Fault},
    ledger,
};

impl Backend {
    /// What is wrong; empty where nothing is.
    pub(crate) fn verify(&self) -> Result<Vec<Finding>, Error> {
        self.read_unlocked(|db, row, unlocked| {
            let mut found = damage(db)?;
            found.extend(put_back(db, unlocked, row)?);
            found.extend(self.closed(db, unlocked)?);
            found.extend(slots(db, unlocked, row)?);
            found.extend(lost_tokens(db)?);
            Ok(found)
        })
    }

    /// Values that do not open where they stand, and rows that cannot be understood.
    fn closed(&self, db: Db<'_>, unlocked: &Unlocked) -> Result<Vec<Finding>, Fault> {
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
fn damage(db: Db<'_>) -> Result<Vec<Finding>, Fault> {
    // Others look after themselves.
    if !matches!(db, Db::Sqlite(_)) {
        return Ok(Vec::new());
    }
    let lines: Vec<String> = db.rows("PRAGMA integrity_check", &[], |row| row.get(0))?;
    let dangling = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check";
    let dangling: Vec<String> = db.rows(dangling, &[], |row| row.get(0))?;
    let damaged = lines.into_iter().filter(|line| line != "ok").map(|what| ("file".to_owned(), what));
    let dangling =
        dangling.into_iter().map(|table| (table, "a row names another that is not there".to_owned()));
    let finding = |(table, what)| Finding { table, row: String::new(), what };
    Ok(damaged.chain(dangling).map(finding).collect())
}

/// Rows that are not in the state that the ledger notes.
fn put_back(db: Db<'_>, unlocked: &Unlocked, row: &StoreRow) -> Result<Vec<Finding>, Fault> {
    let noted = match Ledger::open(db, row, unlocked).and_then(|ledger| ledger.all()) {
        Ok(noted) => noted,
        Err(Fault::Ours(Error::Tampered { table, column, row })) => {
            let what = Error::Tampered { table, column, row: row.clone() }.to_string();
            return Ok(vec![Finding { table: table.to_owned(), row, what }]);
        }
        Err(fault) => return Err(fault),
    };
    let rows = ledger::noted_rows(db)?;
    let mut found: Vec<_> = rows
        .iter()
        .filter(|row| noted.get(row.table.key(&row.id)) != Some(row.state))
        .map(|row| Finding {
            table: row.table.name().to_owned(),
            row: row.id.clone(),
            what: "the row was put back, or put there without the key".to_owned(),
        })
        .collect();
    let missing = noted.missing(&rows);
    if missing > 0 {
        let what = format!("what the ledger notes and is not there any more: {missing}");
        found.push(Finding { table: "file".to_owned(), row: String::new(), what });
    }
    Ok(found)
}

/// Logins that had a refresh token: one that only a person can renew is marked so.
fn lost_tokens(db: Db<'_>) -> Result<Vec<Finding>, Fault> {
    let sql = "SELECT u.id FROM authorisations u JOIN apps a ON a.id = u.app \
         WHERE a.kind IN ('web', 'desktop') AND u.refresh IS NULL AND u.needs_login IS NULL \
         AND (u.previous IS NOT NULL OR ' ' || u.scopes || ' ' LIKE '% offline_access %')";
    db.rows(sql, &[], |row| {
        let what = "the sealed refresh was taken away".to_owned();
        Ok(Finding { table: "authorisations".to_owned(), row: row.get(0)?, what })
    })
}

/// Slots whose key could not be carried over to a new data key.
fn slots(db: Db<'_>, unlocked: &Unlocked, row: &StoreRow) -> Result<Vec<Finding>, Fault> {
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
