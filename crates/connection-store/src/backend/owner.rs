//! Whose the store is, in the database.

use std::time::SystemTime;

use super::Backend;
use crate::{
    Error,
    database::values,
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

impl Backend {
    /// The owner; `None`: nobody has said yet.
    pub(crate) fn owner(&self) -> Result<Option<OwnerRow>, Error> {
        self.read(|db| {
            let sql = "SELECT owner_machine, owner_file, owner_label, owned_since, owner_path FROM store";
            db.one(sql, &[], |row| {
                let since: Option<i64> = row.get(3)?;
                let Some(since) = since else { return Ok(None) };
                Ok(Some(OwnerRow {
                    machine: row.get(0)?,
                    file: row.get(1)?,
                    path: row.get(4)?,
                    label: row.get::<Option<String>>(2)?.unwrap_or_default(),
                    since: system_time(since).unwrap_or(SystemTime::UNIX_EPOCH),
                }))
            })
        })
    }

    /// Sets the owner; with `only_first` where there is none.
    pub(crate) fn own(&mut self, owner: &OwnerRow, actor: &str, only_first: bool) -> Result<(), Error> {
        let OwnerRow { machine, file, path, label, since } = owner;
        self.change(|tx| {
            tx.execute(
                "UPDATE store SET owner_machine = ?1, owner_file = ?2, owner_label = ?3, owned_since = ?4, \
                 owner_path = ?6 WHERE NOT ?5 OR owned_since IS NULL",
                values![machine, file, label, seconds(*since), only_first, path],
            )?;
            if !only_first {
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
