//! Calls that several machines make, counted at the server.

use std::time::Duration;

use connection_store::{A_MINUTE, AT_ONCE, Call, Connection, Limit, Store, Told};

use futures_executor::block_on;

use crate::{
    database,
    home::{Home, expired},
    limits::limit,
    machines::elsewhere,
    token_server::TokenServer,
};

async fn connected() -> (Home, Connection) {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    (home, acme)
}

fn begin(store: &Store, connection: &Connection, count: usize) -> Vec<Call> {
    (0..count).map(|_| store.try_admit(connection).unwrap()).collect()
}

#[tokio::test]
async fn machines_count_together_and_none_keeps_a_file() {
    let (home, acme) = connected().await;
    let [one, two] = ["one", "two"].map(|name| elsewhere(&home, name));
    let running = begin(&one, &acme, AT_ONCE);
    assert_eq!(limit(two.try_admit(&acme)), Some(Limit::Concurrent));
    drop(running);
    for _ in AT_ONCE..A_MINUTE {
        two.try_admit(&acme).unwrap().end(&Told::default());
    }
    assert_eq!(limit(one.try_admit(&acme)), Some(Limit::Minute));
    assert_eq!((one.pace(&acme).in_minute, two.pace(&acme).of_app), (A_MINUTE, A_MINUTE));
    assert_eq!(database::count(&home.path, "calls"), i64::try_from(A_MINUTE).unwrap());
    for name in ["one", "two"] {
        let left = home.path.with_file_name(name).read_dir().map_or(0, Iterator::count);
        assert_eq!(left, 0, "{name} keeps nothing of its own");
    }
    home.clock.advance(Duration::from_secs(60));
    drop(one.try_admit(&acme).unwrap());
}

#[tokio::test]
async fn calls_of_a_machine_that_is_gone_run_no_more() {
    let (home, acme) = connected().await;
    let [one, two] = ["one", "two"].map(|name| elsewhere(&home, name));
    let running = begin(&one, &acme, AT_ONCE);
    assert_eq!(limit(two.try_admit(&acme)), Some(Limit::Concurrent));
    // As if its process had been killed: nothing is ended, and its lock goes with its link.
    database::sql(&home.path, &format!("UPDATE calls SET owner = '{}'", "d".repeat(32)));
    let admitted = two.admit(&acme, Duration::from_secs(60), |_| ()).await;
    assert!(admitted.is_ok(), "{admitted:?}");
    drop(running);
}

#[tokio::test]
async fn a_link_that_was_cut_is_no_death() {
    let (home, acme) = connected().await;
    let [one, two] = ["one", "two"].map(|name| elsewhere(&home, name));
    let running = begin(&one, &acme, AT_ONCE);
    database::sql(
        &home.path,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xeroctl' AND datname = current_database()",
    );
    assert_eq!(one.pace(&acme).running, AT_ONCE);
    assert_eq!(limit(two.try_admit(&acme)), Some(Limit::Concurrent));
    drop(running);
    assert_eq!(two.pace(&acme).running, 0);
}

#[tokio::test]
async fn nobody_waits_where_nothing_can_be_counted() {
    let (home, acme) = connected().await;
    let store = elsewhere(&home, "one");
    database::sql(&home.path, "ALTER TABLE calls RENAME TO gone");
    drop(begin(&store, &acme, 2 * AT_ONCE));
    database::sql(&home.path, "ALTER TABLE gone RENAME TO calls");
    drop(store.try_admit(&acme).unwrap());
    assert_eq!(database::count(&home.path, "calls"), 0, "it is not tried with each call");
    home.clock.advance(Duration::from_secs(30));
    let running = begin(&store, &acme, AT_ONCE);
    assert_eq!(limit(store.try_admit(&acme)), Some(Limit::Concurrent));
    drop(running);
}

#[tokio::test]
async fn a_server_that_went_away_holds_no_call_up() {
    let (home, acme) = connected().await;
    let (store, beside, name) = (elsewhere(&home, "one"), database::beside(), database::name(&home.path));
    let running = begin(&store, &acme, AT_ONCE);
    let shut = format!(
        "ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    );
    block_on(beside.batch_execute(&shut)).unwrap();
    let links = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1";
    while block_on(beside.query_one(links, &[&name])).unwrap().get::<_, i64>(0) > 0 {
        std::thread::yield_now();
    }
    drop(begin(&store, &acme, 2 * AT_ONCE));
    drop(running);
    block_on(beside.batch_execute(&format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS true"))).unwrap();
    home.clock.advance(Duration::from_secs(30));
    // What ran before belongs to one who is not known any more.
    let call = store.admit(&acme, Duration::from_secs(60), |_| ()).await.unwrap();
    assert_eq!(store.pace(&acme).running, 1);
    drop(call);
}

#[tokio::test]
async fn twenty_at_once_never_begin_more_than_the_limits_let() {
    let (home, acme) = connected().await;
    let stores: Vec<Store> = (0..20).map(|number| elsewhere(&home, &format!("m{number}"))).collect();
    let begun: Vec<Call> = std::thread::scope(|scope| {
        let (acme, tries) = (&acme, stores.iter());
        let threads: Vec<_> = tries.map(|store| scope.spawn(move || store.try_admit(acme).ok())).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((begun.len(), stores[0].pace(&acme).running), (AT_ONCE, AT_ONCE));
}
