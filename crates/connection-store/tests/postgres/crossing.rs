//! A store that goes from a file to a server and back, compared by means of the tests' own.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use connection_store::{Destination, Error, Need, Ownership, PostgresAddress, Store};
use futures_executor::block_on;
use futures_util::FutureExt;
use rusqlite::{Connection as Db, types::ValueRef};
use tokio_postgres::SimpleQueryMessage;

use crate::{
    cluster::{connect, port},
    database::{self, Room},
    home::{Home, consent, expired, key_file, new, under},
    token_server::TokenServer,
};

/// The rows of each table, sorted, each with the names of its columns.
type Rows = BTreeMap<String, Vec<String>>;

/// Whose the store is, which is not moved, and what SQLite does not show.
const NOT_MOVED: [&str; 5] = ["owner_machine", "owner_file", "owner_path", "owner_label", "owned_since"];
/// What is of the place, and not of the store.
const OF_THE_PLACE: [&str; 3] = ["store_format", "calls", "pauses"];
const LOGINS: usize = 200;
const CONNECTIONS_OF_A_LOGIN: usize = 5;

fn in_file(path: &Path) -> Rows {
    let db = Db::open(path).unwrap();
    let mut names = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names.into_iter().map(|name| (name.clone(), rows_in_file(&db, &name))).collect()
}

fn rows_in_file(db: &Db, table: &str) -> Vec<String> {
    let rowid = if table == "authorisations" { "rowid, " } else { "" };
    let mut statement = db.prepare(&format!("SELECT {rowid}* FROM {table}")).unwrap();
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut found = statement.query([]).unwrap();
    let mut rows = Vec::new();
    while let Some(row) = found.next().unwrap() {
        let columns = names.iter().enumerate().map(|(at, name)| {
            let value = match row.get_ref(at).unwrap() {
                ValueRef::Null => "NULL".to_owned(),
                ValueRef::Integer(number) if name == "is_default" => {
                    ["f", "t"][usize::from(number != 0)].to_owned()
                }
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                ValueRef::Blob(bytes) => {
                    bytes.iter().fold("\\x".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
                }
                ValueRef::Real(real) => panic!("{real}"),
            };
            (name.clone(), value)
        });
        rows.push(row_of(columns.collect()));
    }
    rows.sort();
    rows
}

fn in_server(path: &Path) -> Rows {
    let link = connect(port(), &database::name(path)).unwrap();
    let sql = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'xeroctl'";
    let names = block_on(link.query(sql, &[])).unwrap();
    let names = names
        .into_iter()
        .map(|row| row.get::<_, String>(0))
        .filter(|name| !OF_THE_PLACE.contains(&name.as_str()));
    names.map(|name| (name.clone(), rows_in_server(&link, &name))).collect()
}

fn rows_in_server(link: &tokio_postgres::Client, table: &str) -> Vec<String> {
    let found = block_on(link.simple_query(&format!("SELECT * FROM xeroctl.{table}"))).unwrap();
    let row = |message: &SimpleQueryMessage| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        let columns = row.columns().iter().enumerate();
        let named = |(at, column): (usize, &tokio_postgres::SimpleColumn)| {
            (column.name().to_owned(), row.get(at).unwrap_or("NULL").to_owned())
        };
        Some(row_of(columns.map(named).collect()))
    };
    let mut rows: Vec<String> = found.iter().filter_map(row).collect();
    rows.sort();
    rows
}

fn row_of(mut columns: Vec<(String, String)>) -> String {
    columns.retain(|(name, _)| !NOT_MOVED.contains(&name.as_str()));
    columns.sort();
    format!("{columns:?}")
}

fn sequences(path: &Path) -> Vec<(String, i64)> {
    let db = Db::open(path).unwrap();
    let mut found = db.prepare("SELECT name, seq FROM sqlite_sequence ORDER BY name").unwrap();
    found.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// A thousand connections in a file, with logins that were renewed, handed over, lost; and numbers that were given out.
async fn a_thousand(home: &Home, server: &TokenServer) -> Store {
    let store = Store::create(&home.path, &key_file(&home.key)).unwrap().with_clock(home.clock.clone());
    for login in 0..LOGINS {
        let login_row =
            store.add_authorisation(&consent(&server.server(), &format!("refresh-of-{login}"))).unwrap();
        let names: Vec<_> =
            (0..CONNECTIONS_OF_A_LOGIN).map(|one| under(&login_row, &format!("c{login}-{one}-é"))).collect();
        store.add_connections(&names).unwrap();
        if login % 10 == 0 {
            store.access_of(&login_row, Need::fresh(1)).await.unwrap();
        }
    }
    store.add_private(&new("signed")).unwrap();
    store.remove(&["signed".to_owned()]).unwrap();
    store.add_private(&new("signed again")).unwrap();
    let key = store.add_key(&key_file(&Home::new().key)).unwrap();
    store.remove_key(key.id).unwrap();
    let first = "(SELECT id FROM authorisations LIMIT 1)";
    Db::open(&home.path)
        .unwrap()
        .execute_batch(&format!(
            "INSERT INTO spares (authorisation, generation, token, kept_at) VALUES ({first}, 2, x'00ff', 7);
             INSERT INTO spares (authorisation, generation, token, kept_at) VALUES ({first}, 3, x'01', 8);
             DELETE FROM spares WHERE token = x'01';
             INSERT INTO pending VALUES ('begun', x'', 9000000000);
             INSERT INTO limits SELECT id, '', 1, NULL, 2, 3 FROM apps;
             INSERT INTO limits SELECT id, 'o', 1, 5, NULL, 3 FROM apps;
             UPDATE authorisations SET needs_login = 'revoked', needs_login_since = 5 WHERE id = {first};
             UPDATE authorisations SET handed = 'exported', handed_at = 6 WHERE rowid = 2;
             DELETE FROM events WHERE id = (SELECT max(id) FROM events);"
        ))
        .unwrap();
    store
}

#[tokio::test]
async fn a_thousand_connections_go_to_a_server_and_back_equal_row_by_row() {
    let server = TokenServer::start().await;
    let [home, there, back] = [Home::new(), Home::new(), Home::new()];
    let store = a_thousand(&home, &server).await;
    let before = (in_file(&home.path), sequences(&home.path));
    // The tests put in what no key has sealed: that is found wherever it is.
    let findings = store.verify().unwrap();
    assert_eq!(before.0["connections"].len(), LOGINS * CONNECTIONS_OF_A_LOGIN + 1);
    assert!(before.0.values().all(|rows| !rows.is_empty()), "no table is empty");
    let room = Room::new(&there.path);
    store.move_to(room.destination(), &mut |_| {}).await.unwrap();
    assert!(in_server(&there.path) == before.0, "the server has the same rows");
    let arrived = database::open(&there.path, &home.key).unwrap().with_clock(home.clock.clone());
    assert_eq!(arrived.verify().unwrap(), findings);
    arrived.move_to(Destination::File(&back.path), &mut |_| {}).await.unwrap();
    assert!(in_file(&back.path) == before.0, "so has the file");
    assert_eq!(sequences(&back.path), before.1);
    let returned = Store::open(&back.path, &home.key).unwrap().with_clock(home.clock.clone());
    assert_eq!((returned.verify().unwrap(), returned.ownership().unwrap()), (findings, Ownership::Here));
    assert_eq!(store.difference(&returned).unwrap(), None);
}

/// One way over, with an expired login; each half as this machine finds it.
struct Way {
    home: Home,
    there: Home,
    to_server: bool,
}

impl Way {
    fn new(to_server: bool) -> Self {
        let (home, there) = (Home::new(), Home::new());
        database::make(&there.path);
        Self { home, there, to_server }
    }

    fn create(&self) -> Store {
        let key = key_file(&self.home.key);
        let created = if self.to_server {
            Store::create(&self.home.path, &key)
        } else {
            Store::create_at(&database::owners(&self.there.path), &self.there.path, &key)
        };
        created.unwrap().with_clock(self.home.clock.clone())
    }

    fn old(&self) -> Store {
        self.open(self.to_server).unwrap()
    }

    fn new_place(&self) -> Result<Store, Error> {
        self.open(!self.to_server)
    }

    fn open(&self, file: bool) -> Result<Store, Error> {
        let opened = if file {
            Store::open(&self.home.path, &self.home.key)
        } else {
            database::open(&self.there.path, &self.home.key)
        };
        Ok(opened?.with_clock(self.home.clock.clone()))
    }

    /// Moves until that many steps were told. False: it was stopped.
    fn moves(&self, store: &Store, steps: usize) -> bool {
        let (mut left, room) = (steps, Room::of(&self.there.path));
        let to = if self.to_server { room.destination() } else { Destination::File(&self.home.path) };
        let mut tell = |_| left = left.checked_sub(1).expect("stopped");
        let moving = catch_unwind(AssertUnwindSafe(|| store.move_to(to, &mut tell).now_or_never()));
        moving.is_ok_and(|moved| moved.expect("nobody is waited for").is_ok())
    }
}

#[tokio::test]
async fn stopped_at_each_step_of_either_way_it_is_whole_and_renewed_once() {
    for to_server in [true, false] {
        let server = TokenServer::start().await;
        for at in 0.. {
            let way = Way::new(to_server);
            let store = way.create();
            expired(&way.home, &store, &server.server());
            let (done, before) = (way.moves(&store, at), server.spent().len());
            drop(store);
            assert!(way.moves(&way.old(), usize::MAX), "{at}");
            let arrived = way.new_place().unwrap();
            let same = (way.old().difference(&arrived).unwrap(), arrived.verify().unwrap());
            assert_eq!(same, (None, vec![]), "{at}");
            let acme = arrived.connection(Some("acme")).unwrap();
            arrived.access(&acme, Need::default()).await.unwrap();
            let refused = way.old().access(&acme, Need::fresh(1)).await;
            assert!(matches!(refused, Err(Error::Moved { .. })), "{at}: {refused:?}");
            assert_eq!(server.spent().len() - before, 1, "{at}");
            if done {
                assert!(at > 10, "{at}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_refuses_leaves_the_store_as_it_was() {
    let (home, there) = (Home::new(), Home::new());
    let store = Store::create(&home.path, &key_file(&home.key)).unwrap();
    database::make(&there.path);
    let name = database::name(&there.path);
    let batch = "CREATE ROLE reader LOGIN";
    block_on(connect(port(), &name).unwrap().batch_execute(batch)).unwrap();
    for (who, port, wanted) in [("tester", 1, "cannot be reached"), ("reader", port(), "cannot be written")] {
        let address = format!("postgres://{who}@127.0.0.1:{port}/{name}?sslmode=disable");
        let address = PostgresAddress::parse(&address).unwrap();
        let to = Destination::Server { address: &address, folder: &there.path };
        let refused = store.move_to(to, &mut |_| {}).await.unwrap_err().to_string();
        assert!(refused.ends_with(wanted), "{refused}");
        assert_eq!(store.ownership().unwrap(), Ownership::Here);
        store.add_private(&new(who)).unwrap();
    }
}
