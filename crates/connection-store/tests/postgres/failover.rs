//! A standby that takes the place of the server.

use connection_store::{Error, PostgresAddress, Store};

use crate::{
    cluster::Cluster,
    home::{Home, key_file, names, new},
};

fn address(ports: &[u16]) -> PostgresAddress {
    let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let address = format!("postgres://tester@{}/postgres?sslmode=disable", hosts.join(","));
    PostgresAddress::parse(&address).unwrap()
}

#[test]
fn a_store_goes_on_with_the_standby_that_was_promoted() {
    let (home, primary) = (Home::new(), Cluster::start());
    Store::create_at(&address(&[primary.port]), &home.path, &key_file(&home.key)).unwrap();
    let mut standby = Cluster::standby_of(&primary);
    let alone = Store::open_at(&address(&[standby.port]), &home.path, &home.key);
    let Err(Error::Unreachable { source, .. }) = alone else { panic!("{alone:?}") };
    assert_eq!(source.to_string(), "it is a standby, which takes no changes");
    let store = Store::open_at(&address(&[standby.port, primary.port]), &home.path, &home.key).unwrap();
    store.add_private(&new("acme")).unwrap();
    let sent = format!("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '{}'", lsn(&primary));
    while number(&primary, &sent) == 0 {
        std::thread::yield_now();
    }
    drop(primary);
    assert!(matches!(store.rename("acme", "other"), Err(Error::Unreachable { .. })), "a standby still");
    standby.promote();
    while number(&standby, "SELECT count(*) WHERE pg_is_in_recovery()") > 0 {
        std::thread::yield_now();
    }
    assert_eq!(names(&store), ["acme"]);
    store.rename("acme", "other").unwrap();
    assert_eq!(names(&store), ["other"]);
}

#[test]
fn what_was_saved_survives_a_crash_of_a_server_that_is_not_asked_for_that() {
    let (home, mut server) = (Home::new(), Cluster::start());
    let store = Store::create_at(&address(&[server.port]), &home.path, &key_file(&home.key)).unwrap();
    let before = started(server.port);
    store.add_private(&new("acme")).unwrap();
    server.crash();
    while started(server.port).is_none_or(|now| Some(now) == before) {
        std::thread::yield_now();
    }
    assert_eq!(names(&store), ["acme"]);
}

/// When the server was started, where it can be asked.
fn started(port: u16) -> Option<String> {
    let client = crate::cluster::connect(port, "postgres").ok()?;
    let row = futures_executor::block_on(client.query_one("SELECT pg_postmaster_start_time()::text", &[]));
    Some(row.ok()?.get(0))
}

fn number(server: &Cluster, sql: &str) -> i64 {
    let client = crate::cluster::connect(server.port, "postgres").unwrap();
    futures_executor::block_on(client.query_one(sql, &[])).unwrap().get(0)
}

fn lsn(server: &Cluster) -> String {
    let client = crate::cluster::connect(server.port, "postgres").unwrap();
    let row = futures_executor::block_on(client.query_one("SELECT pg_current_wal_lsn()::text", &[])).unwrap();
    row.get(0)
}
