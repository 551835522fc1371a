//! What can be counted in a store.

use std::time::SystemTime;

use super::{Backend, recorded::StoreRow, sqlite::FORMAT};
use crate::{
    Error,
    database::{Db, Fault},
    record::system_time,
};

/// What can be counted in a store.
pub(crate) struct Counts {
    pub(crate) id: String,
    pub(crate) format: i64,
    pub(crate) data_key: u32,
    pub(crate) data_key_since: SystemTime,
    pub(crate) apps: usize,
    pub(crate) authorisations: usize,
    pub(crate) connections: usize,
}

impl Backend {
    /// What a status says.
    pub(crate) fn counts(&self) -> Result<Counts, Error> {
        self.read(|db| {
            let since = db.one("SELECT data_key_since FROM store", &[], |row| row.get(0))?;
            let row = StoreRow::read(db)?;
            Ok(Counts {
                id: row.id,
                format: FORMAT,
                data_key: row.data_key,
                data_key_since: system_time(since).unwrap_or(SystemTime::UNIX_EPOCH),
                apps: count(db, "apps")?,
                authorisations: count(db, "authorisations")?,
                connections: count(db, "connections")?,
            })
        })
    }
}

fn count(db: Db<'_>, table: &str) -> Result<usize, Fault> {
    let rows: i64 = db.one(&format!("SELECT count(*) FROM {table}"), &[], |row| row.get(0))?;
    Ok(usize::try_from(rows).unwrap_or_default())
}
