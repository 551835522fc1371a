//! Making and opening a store in PostgreSQL, and bringing an older one up to date.

use std::{path::Path, sync::Arc, time::SystemTime};

use super::{
    super::{Backend, Session, settle, sqlite::FORMAT, sqlite::make_folder, unwritable},
    Link, SCHEMA, Server,
};
use crate::{
    Clock, Error, KeySlot, NewKey,
    database::{Db, Fault, values},
    postgres::{PostgresAddress, ServerClock},
};

/// Who makes or changes the tables holds this lock, so that one does it at a time: `XctC`.
const MAKING: &str = "SELECT pg_advisory_xact_lock(1482912835)";
/// The format of `schema-postgres.sql`.
const FIRST: i64 = 5;
/// What leads from there to the newest format.
const STEPS: &[Step] = &[];
const _: () =
    assert!(FIRST + STEPS.len().cast_signed() as i64 == FORMAT, "a format is that of both databases");

/// A step to the next format.
struct Step {
    /// The oldest format whose programs can go on using the store: the one before, where something was only added.
    oldest: i64,
    sql: &'static str,
}

impl Backend {
    /// Makes the tables if need be, and writes the first key. One process of several wins; the others get [`Error::Exists`].
    pub(crate) fn create_in(address: &PostgresAddress, folder: &Path, key: &NewKey) -> Result<Self, Error> {
        let mut store = Self::reach(address, folder)?;
        let now = store.on_link(|link| make_tables(link, STEPS))?;
        let made = store.write_first_slot(key, now)?;
        let path = store.path.clone();
        made.then_some(store).ok_or(Error::Exists(path))
    }

    /// Opens what a store can be moved to: tables without one, which are made if need be, or a store of this format.
    pub(crate) fn make_room_in(address: &PostgresAddress, folder: &Path) -> Result<Self, Error> {
        let store = Self::reach(address, folder)?;
        store.on_link(|link| make_tables(link, STEPS))?;
        store.admit_format()?;
        Ok(store)
    }

    /// Opens a store that is there, bringing an older format up to date.
    pub(crate) fn open_in(address: &PostgresAddress, folder: &Path) -> Result<Self, Error> {
        let store = Self::reach(address, folder)?;
        // Says too whether this version can use it.
        let format = store.read(|db| db.one("SELECT format FROM store_format", &[], |row| row.get(0)));
        let format: i64 = format.map_err(|error| store.hidden(error))?;
        if format < FORMAT {
            store.bring_up(format, STEPS)?;
        }
        Ok(store)
    }

    /// The keys that open the store. Nothing is changed.
    pub(crate) fn slots_in(address: &PostgresAddress, folder: &Path) -> Result<Vec<KeySlot>, Error> {
        let store = Self::reach(address, folder)?;
        let slots = store.slots().map_err(|error| store.hidden(error))?;
        Ok(slots.into_iter().map(|slot| slot.slot).collect())
    }

    /// Tells a store that this role may not see from one that is not there.
    fn hidden(&self, error: Error) -> Error {
        let sql =
            "SELECT 1 FROM pg_namespace WHERE nspname = ?1 AND NOT has_schema_privilege(nspname, 'USAGE')";
        let is_hidden = || {
            self.on_link(|link| match Db::Postgres(link).exists(sql, values![SCHEMA])? {
                true => Ok(()),
                false => Err(Error::NotFound(self.path.clone()).into()),
            })
        };
        match error {
            Error::NotFound(path) if is_hidden().is_ok() => Error::NotWritable(path),
            other => other,
        }
    }

    /// The server's address, where the store is at one.
    pub(crate) fn server(&self) -> Option<&PostgresAddress> {
        match &self.session {
            Session::Sqlite(_) => None,
            Session::Postgres(server) => Some(&server.address),
        }
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
            session: Session::Postgres(Box::new(Server::new(address.clone())?)),
            unlocked: None,
        })
    }

    /// # Errors
    /// [`Error::OlderFormat`] for a role that may not.
    fn bring_up(&self, found: i64, steps: &[Step]) -> Result<(), Error> {
        match self.on_link(|link| bring_up(link, steps)) {
            Err(Error::NotWritable(path)) => Err(Error::OlderFormat { path, found, known: FORMAT }),
            done => done.map(drop),
        }
    }

    /// Does what is done in no transaction of the store's, on a link of its own. Gives the server's time.
    fn on_link(&self, work: impl FnOnce(&Link) -> Result<(), Fault>) -> Result<SystemTime, Error> {
        let Session::Postgres(server) = &self.session else { return Ok(SystemTime::now()) };
        let done = server.link().and_then(|link| work(&link));
        done.map(|()| server.clock.now()).map_err(|fault| settle(fault, &self.path))
    }
}

/// Makes the tables where there are none.
fn make_tables(link: &Link, steps: &[Step]) -> Result<(), Fault> {
    link.batch("BEGIN")?;
    link.batch(MAKING)?;
    // Not by information_schema, which shows to each what he may use.
    let there = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = ?1 AND c.relname = 'store_format'";
    if !Db::Postgres(link).exists(there, values![SCHEMA])? {
        // A schema that was made for this role wants no right to make one.
        if !Db::Postgres(link).exists("SELECT 1 FROM pg_namespace WHERE nspname = ?1", values![SCHEMA])? {
            link.batch(&format!("CREATE SCHEMA {SCHEMA}"))?;
        }
        link.batch(include_str!("../../schema-postgres.sql"))?;
        take_steps(link, FIRST, steps)?;
        let id = crate::store::new_id()?;
        let sql = "INSERT INTO store (id, data_key, data_key_since, ledger_generation) VALUES (?1, 1, 0, 0)";
        Db::Postgres(link).execute(sql, values![id])?;
    }
    link.batch("COMMIT")
}

/// Brings a store up to date, unless somebody else has done so.
fn bring_up(link: &Link, steps: &[Step]) -> Result<(), Fault> {
    link.batch("BEGIN")?;
    link.batch(MAKING)?;
    // Nobody writes meanwhile.
    link.batch("SELECT 1 FROM store FOR UPDATE")?;
    let format = Db::Postgres(link).one("SELECT format FROM store_format", &[], |row| row.get(0))?;
    take_steps(link, format, steps)?;
    link.batch("COMMIT")
}

/// Takes the steps that lead on from a format.
fn take_steps(link: &Link, format: i64, steps: &[Step]) -> Result<(), Fault> {
    for (Step { oldest, sql }, to) in steps.iter().zip(FIRST + 1..) {
        if to > format {
            link.batch(sql)?;
            let noted = "UPDATE store_format SET format = ?1, oldest = greatest(oldest, ?2)";
            Db::Postgres(link).execute(noted, values![to, *oldest])?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(dead_code, reason = "the tests of failures use more of it")]
#[path = "../../../tests/postgres/cluster.rs"]
mod cluster;

#[cfg(test)]
mod tests {
    use std::thread;

    use futures_executor::block_on;

    use super::*;
    use crate::{Lock, Store, StoreKey};

    /// Two formats that there are not: one that adds something, and one that the programs before it cannot live with.
    const INVENTED: &[Step] = &[
        Step { oldest: FIRST, sql: "CREATE TABLE added (first BIGINT)" },
        Step { oldest: FIRST + 2, sql: "ALTER TABLE added ADD second BIGINT" },
    ];

    struct Case {
        folder: tempfile::TempDir,
        database: String,
        key: StoreKey,
    }

    impl Case {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let database = folder.path().file_name().unwrap().to_string_lossy().replace('.', "t");
            let case = Self { folder, database, key: StoreKey::File(StoreKey::generate().unwrap()) };
            case.server("postgres", &format!("CREATE DATABASE \"{}\"", case.database));
            case
        }

        fn address(&self, role: &str) -> PostgresAddress {
            let (port, database) = (cluster::port(), &self.database);
            let address = format!("postgres://{role}@127.0.0.1:{port}/{database}?sslmode=disable");
            PostgresAddress::parse(&address).unwrap()
        }

        fn backend(&self, role: &str) -> Backend {
            Backend::reach(&self.address(role), self.folder.path()).unwrap()
        }

        fn store(&self) -> Store {
            let key = NewKey { key: self.key.clone(), lock: Lock::KeyFile(String::new()) };
            Store::create_at(&self.address("tester"), self.folder.path(), &key).unwrap()
        }

        fn server(&self, database: &str, sql: &str) {
            block_on(cluster::connect(cluster::port(), database).unwrap().batch_execute(sql)).unwrap();
        }

        fn formats(&self) -> (i64, i64) {
            let client = cluster::connect(cluster::port(), &self.database).unwrap();
            let row =
                block_on(client.query_one("SELECT format, oldest FROM xeroctl.store_format", &[])).unwrap();
            (row.get(0), row.get(1))
        }
    }

    fn at_once(work: impl Fn() -> Result<(), Error> + Sync) {
        thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(&work)).collect();
            for one in all {
                one.join().unwrap().unwrap();
            }
        });
    }

    #[test]
    fn of_many_that_bring_a_store_up_to_date_one_does() {
        let case = Case::new();
        case.store();
        assert_eq!(case.formats(), (FIRST, FIRST));
        at_once(|| case.backend("tester").bring_up(FIRST, INVENTED));
        assert_eq!(case.formats(), (FIRST + 2, FIRST + 2));
    }

    #[test]
    fn of_many_that_make_the_tables_one_does() {
        let case = Case::new();
        at_once(|| case.backend("tester").on_link(|link| make_tables(link, INVENTED)).map(drop));
        assert_eq!(case.formats(), (FIRST + 2, FIRST + 2));
    }

    #[test]
    fn an_older_program_goes_on_until_a_step_that_it_cannot_live_with() {
        let case = Case::new();
        let (old, path) = (case.store(), case.address("tester").place());
        case.backend("tester").bring_up(FIRST, &INVENTED[..1]).unwrap();
        assert_eq!(case.formats(), (FIRST + 1, FIRST));
        old.adopt().unwrap();
        let opened = || Store::open_at(&case.address("tester"), case.folder.path(), &case.key);
        opened().unwrap().adopt().unwrap();
        case.backend("tester").bring_up(FIRST + 1, INVENTED).unwrap();
        for refused in [old.adopt(), old.connections().map(drop), opened().map(drop)] {
            let Err(Error::NewerFormat { path: at, found, known }) = refused else { panic!("{refused:?}") };
            assert_eq!((at, found, known), (path.clone(), FIRST + 2, FORMAT));
        }
    }

    #[test]
    fn a_role_that_may_not_change_the_tables_says_so_and_changes_nothing() {
        let case = Case::new();
        case.store();
        let role = format!("user_of_{}", case.database);
        let grants = Store::grants_at(&role);
        case.server(&case.database, &format!("CREATE ROLE \"{role}\" LOGIN; {grants}"));
        let refused = case.backend(&role).bring_up(FIRST, INVENTED);
        assert!(matches!(refused, Err(Error::OlderFormat { found: FIRST, .. })), "{refused:?}");
        assert_eq!(case.formats(), (FIRST, FIRST));
    }
}
