//! Whose the store is, in the database.

use std::time::SystemTime;

use super::{Backend, recorded::StoreRow};
use crate::{
    Error,
    database::{Db, Fault, Row, values},
    record::{seconds, system_time},
};

/// Which machine and which file a store belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnerRow {
    /// A hash of the machine's id, where it has one.
    pub(crate) machine: Option<String>,
    /// What tells this file from a copy.
    pub(crate) file: Option<String>,
    /// Where the file lies.
    pub(crate) path: Option<String>,
    /// The machine's name.
    pub(crate) label: String,
    pub(crate) since: SystemTime,
}

/// The columns that [`OwnerRow::read`] reads.
pub(crate) const OWNER: &str = "owner_machine, owner_file, owner_label, owned_since, owner_path";

impl OwnerRow {
    /// Reads the columns [`OWNER`], from this one on. `None`: nobody has said yet.
    pub(super) fn read(row: &Row<'_>, at: usize) -> Result<Option<Self>, Fault> {
        let since: Option<i64> = row.get(at + 3)?;
        let Some(since) = since else { return Ok(None) };
        Ok(Some(Self {
            machine: row.get(at)?,
            file: row.get(at + 1)?,
            path: row.get(at + 4)?,
            label: row.get::<Option<String>>(at + 2)?.unwrap_or_default(),
            since: system_time(since).unwrap_or(SystemTime::UNIX_EPOCH),
        }))
    }
}

impl Backend {
    /// The owner; `None`: nobody has said yet.
    pub(crate) fn owner(&self) -> Result<Option<OwnerRow>, Error> {
        self.read(|db| db.one(&format!("SELECT {OWNER} FROM store"), &[], |row| OwnerRow::read(row, 0)))
    }

    /// Sets the owner, whatever the store is marked as; with `only_first` where there is none.
    pub(crate) fn own(&mut self, owner: &OwnerRow, actor: &str, only_first: bool) -> Result<(), Error> {
        self.change_whosever(|tx| {
            if only_first && StoreRow::read(tx)?.owner.is_some() {
                return Ok(());
            }
            mark(tx, owner)?;
            if !only_first {
                let OwnerRow { label, since, .. } = owner;
                tx.execute(
                    "INSERT INTO events (authorisation, at, event, actor, detail) \
                     SELECT id, ?1, 'adopted', ?2, ?3 FROM authorisations",
                    values![seconds(*since), actor, format!("the store belongs to {label} now")],
                )?;
            }
            Ok(())
        })
    }
}

/// Writes whose the store is.
pub(super) fn mark(tx: Db<'_>, owner: &OwnerRow) -> Result<(), Fault> {
    let OwnerRow { machine, file, path, label, since } = owner;
    tx.execute(
        "UPDATE store SET owner_machine = ?1, owner_file = ?2, owner_label = ?3, owned_since = ?4, owner_path = ?5",
        values![machine, file, label, seconds(*since), path],
    )
    .map(drop)
}
