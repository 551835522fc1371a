//! Several machines on one server.

use connection_store::{Error, Host, Need, Ownership, PostgresAddress, Store};

use crate::{
    cluster::port,
    database,
    home::{Home, expired, new},
    token_server::TokenServer,
};

/// The same store on another machine: a folder of its own, and another name.
pub(crate) fn elsewhere(home: &Home, machine: &str) -> Store {
    by(&database::address(&home.path), home, machine)
}

/// The same by another address.
pub(crate) fn by(address: &PostgresAddress, home: &Home, machine: &str) -> Store {
    let host =
        Host { machine: Some(machine.to_owned()), label: machine.to_owned(), actor: machine.to_owned() };
    let folder = home.path.with_file_name(machine);
    let store = Store::open_at(address, &folder, &home.key).unwrap();
    store.with_clock(home.clock.clone()).with_host(host)
}

#[tokio::test]
async fn machines_share_one_refresh_and_are_no_copies_of_each_other() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    let machines: Vec<Store> = ["one", "two", "three"].map(|name| elsewhere(&home, name)).into();
    let before = server.asked().len();
    let asked = machines.iter().map(|machine| machine.access(&acme, Need::default()));
    let tokens = futures_util::future::join_all(asked).await;
    let first = tokens[0].as_ref().unwrap().token.expose().to_owned();
    assert!(tokens.iter().all(|token| token.as_ref().unwrap().token.expose() == first));
    assert_eq!(server.asked().len() - before, 1, "one refresh for all");
    assert!(machines.iter().all(|machine| machine.ownership().unwrap() == Ownership::Here));
}

#[test]
fn a_store_is_made_once_and_opened_by_its_own_key_only() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let again =
        Store::create_at(&database::address(&home.path), &home.path, &crate::home::key_file(&home.key));
    assert!(matches!(again, Err(Error::Exists(_))), "{again:?}");
    let other = Home::new();
    let refused = Store::open_at(&database::address(&home.path), &home.path, &other.key);
    assert!(matches!(refused, Err(Error::WrongKey)), "{refused:?}");
    assert_eq!(home.open().unwrap().connections().unwrap().len(), 1);
    assert!(home.open().unwrap().verify().unwrap().is_empty());
}

#[test]
fn a_database_without_a_store_and_one_that_is_not_there_are_named() {
    let at = |database: &str, port: u16| {
        let address = format!("postgres://tester@127.0.0.1:{port}/{database}?sslmode=disable");
        let home = Home::new();
        Store::open_at(&PostgresAddress::parse(&address).unwrap(), &home.path, &home.key)
            .unwrap_err()
            .to_string()
    };
    let port = port();
    assert_eq!(
        at("postgres", port),
        format!("there is no store at postgres://tester@127.0.0.1:{port}/postgres")
    );
    assert_eq!(at("nowhere", port), "the store's database failed");
    assert_eq!(at("x", 1), "the database postgres://tester@127.0.0.1:1/x cannot be reached");
}

#[test]
fn a_link_that_was_cut_is_made_anew() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xeroctl' AND datname = current_database()";
    let links = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'xeroctl' AND datname = current_database()";
    let cut = || {
        database::sql(&home.path, cut);
        while database::one(&home.path, links) > 0 {
            std::thread::yield_now();
        }
    };
    for _ in 0..3 {
        cut();
        assert_eq!(store.connections().unwrap().len(), 1);
        cut();
        store.rename("acme", "other").unwrap();
        store.rename("other", "acme").unwrap();
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let stands_still = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stands_still.local_addr().unwrap().port();
    let address = format!("postgres://tester@127.0.0.1:{port}/x?sslmode=disable&connect_timeout=1");
    let home = Home::new();
    let given_up = Store::open_at(&PostgresAddress::parse(&address).unwrap(), &home.path, &home.key);
    let Err(Error::Unreachable { source, .. }) = given_up else { panic!("{given_up:?}") };
    assert_eq!(source.to_string(), "it does not answer");
}

#[test]
fn addresses_are_read_as_libpq_writes_them() {
    let parse = |text: &str| PostgresAddress::parse(text).map(|address| format!("{address:?}"));
    assert_eq!(
        parse("postgres://me@db.example:6432/books?sslmode=verify-full&application_name=x").unwrap(),
        "PostgresAddress(\"postgres://me@db.example:6432/books?sslmode=verify-full\")"
    );
    assert_eq!(
        parse("postgres://me@a.example:6432,b.example,[::1]:1/books?sslmode=disable&target_session_attrs=primary").unwrap(),
        "PostgresAddress(\"postgres://me@a.example:6432,b.example,[::1]:1/books?sslmode=disable&target_session_attrs=read-write\")"
    );
    for (text, why) in [
        ("postgres://me:geheim@a.example,b.example/books", "the store's address must not hold a password"),
        ("postgres://me@a.example,b example/books", "the store's address is no address"),
        ("postgres", "the store's address is no address"),
        ("postgres://me:geheim@db.example/books", "the store's address must not hold a password"),
        ("postgres://me@db.example/books?password=geheim", "the store's address must not hold a password"),
        ("mysql://db.example/books", "the store's address must begin with postgres://"),
        (
            "postgres://db.example/books?sslmode=maybe",
            "the store's address has an sslmode that is none of disable, allow, prefer, require, verify-ca and verify-full",
        ),
        (
            "postgres://db.example:99999/books",
            "the store's address has a port that is no number from 1 to 65535",
        ),
        (
            "postgres://db.example/books?sslrootcert=/nowhere",
            "the store's address names an sslrootcert that cannot be read",
        ),
        (
            "postgres://db.example/books?connect_timeout=3&colour=geheim",
            "the store's address has \"colour\", which is not known or has a value that cannot be",
        ),
        ("postgres://me:12?geheim@db.example/books", "the store's address is not understood"),
        ("postgres://me:?geheim=1@db.example/books", "the store's address is not understood"),
        (
            "postgres://db.example/books?connect_timeout=geheim",
            "the store's address has \"connect_timeout\", which is not known or has a value that cannot be",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), why, "{text}");
    }
}

#[test]
fn a_server_without_tls_is_refused_unless_that_was_said() {
    let address = format!("postgres://tester@127.0.0.1:{}/postgres", port());
    let home = Home::new();
    let refused = Store::open_at(&PostgresAddress::parse(&address).unwrap(), &home.path, &home.key);
    assert!(matches!(refused, Err(Error::Unreachable { .. })), "{refused:?}");
}
