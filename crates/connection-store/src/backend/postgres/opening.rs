//! Making and opening a store in PostgreSQL.

use std::{path::Path, sync::Arc, time::SystemTime};

use super::{
    super::{Backend, Session, settle, sqlite::FORMAT, sqlite::make_folder, unwritable},
    SCHEMA, Server,
};
use crate::{
    Error, KeySlot, NewKey,
    database::{Db, Fault, values},
    postgres::{PostgresAddress, ServerClock},
};

/// Who makes or changes the tables holds this lock, so that one does it at a time: `XctC`.
const MAKING: &str = "SELECT pg_advisory_xact_lock(1482912835)";

impl Backend {
    /// Makes the tables if need be, and writes the first key. One process of several wins; the others get [`Error::Exists`].
    pub(crate) fn create_in(
        address: &PostgresAddress,
        folder: &Path,
        key: &NewKey,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let mut store = Self::reach(address, folder)?;
        store.make_tables().map_err(|fault| settle(fault, &store.path))?;
        let made = store.write_first_slot(key, now)?;
        let path = store.path.clone();
        made.then_some(store).ok_or(Error::Exists(path))
    }

    /// Opens what a store can be moved to: tables without one, which are made if need be, or a store of this format.
    pub(crate) fn make_room_in(address: &PostgresAddress, folder: &Path) -> Result<Self, Error> {
        let store = Self::reach(address, folder)?;
        store.make_tables().map_err(|fault| settle(fault, &store.path))?;
        store.admit_format()?;
        Ok(store)
    }

    /// Opens a store that is there.
    pub(crate) fn open_in(address: &PostgresAddress, folder: &Path) -> Result<Self, Error> {
        let store = Self::reach(address, folder)?;
        let format: i64 =
            store.read(|db| db.one("SELECT format FROM store_format", &[], |row| row.get(0)))?;
        if format > FORMAT {
            return Err(Error::NewerFormat { path: store.path, found: format, known: FORMAT });
        }
        Ok(store)
    }

    /// The keys that open the store. Nothing is changed.
    pub(crate) fn slots_in(address: &PostgresAddress, folder: &Path) -> Result<Vec<KeySlot>, Error> {
        Ok(Self::open_in(address, folder)?.slots()?.into_iter().map(|slot| slot.slot).collect())
    }

    /// The server's clock, where the store is at one.
    pub(crate) fn clock(&self) -> Option<Arc<ServerClock>> {
        match &self.session {
            Session::Sqlite(_) => None,
            Session::Postgres(server) => Some(server.clock.clone()),
        }
    }

    /// In the folder (made with mode 0700) this machine keeps what is its own.
    fn reach(address: &PostgresAddress, folder: &Path) -> Result<Self, Error> {
        make_folder(folder).map_err(|source| unwritable(folder, source))?;
        Ok(Self {
            path: address.place(),
            local: folder.join(address.file_name()),
            session: Session::Postgres(Box::new(Server::new(address.clone()))),
            unlocked: None,
        })
    }

    fn make_tables(&self) -> Result<(), Fault> {
        let Session::Postgres(server) = &self.session else { return Ok(()) };
        let link = server.link()?;
        link.batch("BEGIN")?;
        link.batch(MAKING)?;
        let there =
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ?1 AND table_name = 'store_format'";
        if !Db::Postgres(&link).exists(there, values![SCHEMA])? {
            link.batch(&format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))?;
            link.batch(include_str!("../../schema-postgres.sql"))?;
            let id = crate::store::new_id()?;
            let sql =
                "INSERT INTO store (id, data_key, data_key_since, ledger_generation) VALUES (?1, 1, 0, 0)";
            Db::Postgres(&link).execute(sql, values![id])?;
        }
        link.batch("COMMIT")
    }
}
