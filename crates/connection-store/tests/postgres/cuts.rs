//! Links that are cut, and answers that are lost on the way.

use connection_store::{Connection, Error, EventKind, Need, Store};
use futures_util::FutureExt;
use tokio::task::JoinHandle;

use crate::{
    cluster,
    database::{self, beside, cut_all, cut_leaders, let_in, living},
    home::{Home, expired, minutes, names, new},
    machines::{by, elsewhere},
    proxy::Proxy,
    token_server::{Reply, TokenServer},
};

fn asking(store: &Store, connection: &Connection) -> JoinHandle<Result<String, Error>> {
    let (store, connection) = (store.clone(), connection.clone());
    tokio::spawn(
        async move { Ok(store.access(&connection, Need::default()).await?.token.expose().to_owned()) },
    )
}

/// What the history says, the newest first, without the first login.
fn history(store: &Store, acme: &Connection) -> Vec<EventKind> {
    let events = store.events(&acme.authorisation.as_ref().unwrap().id, 9).unwrap();
    events.into_iter().map(|event| event.what).filter(|what| *what != EventKind::Consented).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_link_was_cut_is_waited_for_until_he_shows_himself_again() {
    let (server, (home, store), beside) = (TokenServer::start_held().await, Home::with_store(), beside());
    let acme = expired(&home, &store, &server.server());
    let (authorisation, other) = (acme.authorisation.clone().unwrap(), elsewhere(&home, "two"));
    let leading = asking(&store, &acme);
    server.arrived(1).await;
    assert_eq!(living(&beside, &home.path), 1);
    cut_leaders(&beside, &home.path);
    assert!(other.refresh_under_way(&authorisation).unwrap().is_some(), "not dead yet");
    let waiting = asking(&other, &acme);
    let_in(&beside, &home.path);
    while living(&beside, &home.path) == 0 {
        std::thread::yield_now();
    }
    assert!(other.refresh_under_way(&authorisation).unwrap().is_some());
    server.release();
    assert_eq!(leading.await.unwrap().unwrap(), "access-1");
    assert_eq!(waiting.await.unwrap().unwrap(), "access-1");
    assert_eq!(server.spent(), ["refresh-0"]);
    assert_eq!(history(&store, &acme), [EventKind::Refreshed]);
    assert_eq!(living(&beside, &home.path), 0, "he has let go");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_saved_though_the_link_was_cut_while_it_was_asked_for() {
    let (server, (home, store), beside) = (TokenServer::start_held().await, Home::with_store(), beside());
    let acme = expired(&home, &store, &server.server());
    let leading = asking(&store, &acme);
    server.arrived(1).await;
    cut_leaders(&beside, &home.path);
    server.release();
    let_in(&beside, &home.path);
    assert_eq!(leading.await.unwrap().unwrap(), "access-1");
    assert_eq!(history(&store, &acme), [EventKind::Refreshed]);
    assert_eq!(home.count("spares"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_waited_for() {
    let (server, (home, store), beside) = (TokenServer::start().await, Home::with_store(), beside());
    let acme = expired(&home, &store, &server.server());
    cut_all(&beside, &home.path);
    assert!(matches!(store.connections(), Err(Error::Unreachable { .. })), "what asks for nothing is told");
    let mut waiting = Box::pin(store.access(&acme, Need::default()));
    assert!((&mut waiting).now_or_never().is_none(), "what asks for a token looks again");
    let_in(&beside, &home.path);
    assert_eq!(waiting.await.unwrap().token.expose(), "access-1");
}

/// A store that is reached by a proxy, and has refreshed once.
async fn by_a_proxy() -> (TokenServer, Home, Store, Connection, Proxy) {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    server.let_go(1);
    asking(&store, &acme).await.unwrap().unwrap();
    home.clock.advance(minutes(31));
    let proxy = Proxy::start(cluster::port());
    let store = by(&database::address_at(proxy.port, &home.path), &home, "far");
    (server, home, store, acme, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_whose_commit_was_not_answered_is_saved_and_told_once() {
    let (server, home, store, acme, proxy) = by_a_proxy().await;
    let leading = asking(&store, &acme);
    server.arrived(2).await;
    proxy.lose_a_commit();
    server.release();
    assert_eq!(leading.await.unwrap().unwrap(), "access-2");
    assert_eq!((proxy.lost(), home.count("spares")), (1, 0));
    assert_eq!(history(&store, &acme), [EventKind::Refreshed, EventKind::Refreshed]);
    home.clock.advance(minutes(31));
    assert_eq!(asking(&store, &acme).await.unwrap().unwrap(), "access-3");
    assert_eq!(server.spent(), ["refresh-0", "refresh-1", "refresh-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_on_the_disk_while_the_server_says_nothing() {
    let (server, home, store, acme, proxy) = by_a_proxy().await;
    let leading = asking(&store, &acme);
    server.arrived(2).await;
    proxy.be_silent();
    server.release();
    let folder = home.path.with_file_name("far");
    let rescued = || {
        let files = std::fs::read_dir(&folder).unwrap().flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("xeroctl-rescue-")).count()
    };
    while rescued() == 0 {
        std::thread::yield_now();
    }
    proxy.go_on();
    assert_eq!(leading.await.unwrap().unwrap(), "access-2");
    assert_eq!((rescued(), home.count("spares")), (0, 0));
    assert_eq!(history(&store, &acme), [EventKind::Refreshed, EventKind::Refreshed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_whose_commit_was_not_answered_is_the_same_again() {
    let (server, home, store, acme, proxy) = by_a_proxy().await;
    proxy.lose_a_commit();
    server.release();
    assert_eq!(asking(&store, &acme).await.unwrap().unwrap(), "access-2");
    assert_eq!(proxy.lost(), 1);
    assert_eq!(server.spent(), ["refresh-0", "refresh-1"]);
    assert_eq!(history(&store, &acme), [EventKind::Refreshed, EventKind::Refreshed]);
    let told = &store.events(&acme.authorisation.as_ref().unwrap().id, 1).unwrap()[0];
    assert_eq!(told.detail, "", "it was sent once");
    assert_eq!(home.count("authorisations WHERE intent_at IS NOT NULL"), 0);
}

#[test]
fn what_was_cut_before_its_end_is_done_again_and_once() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let proxy = Proxy::start(cluster::port());
    let store = by(&database::address_at(proxy.port, &home.path), &home, "far");
    proxy.cut_in_a_transaction(false);
    assert_eq!(names(&store), ["acme"]);
    proxy.cut_in_a_transaction(true);
    store.rename("acme", "other").unwrap();
    assert_eq!((names(&store), proxy.lost()), (vec!["other".to_owned()], 2));
    proxy.lose_a_commit();
    let unknown = store.rename("other", "acme");
    assert!(matches!(unknown, Err(Error::Unreachable { .. })), "done or not: {unknown:?}");
    assert_eq!((names(&store), proxy.lost()), (vec!["acme".to_owned()], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_marked_as_revoked_while_nobody_else_may_renew_it() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    home.sql(
        "CREATE TABLE seen (locks BIGINT); CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN INSERT INTO xeroctl.seen SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE l.locktype = ''advisory'' AND d.datname = current_database(); RETURN NEW; END'; \
         CREATE TRIGGER look BEFORE UPDATE ON authorisations FOR EACH ROW \
         WHEN (NEW.needs_login IS NOT NULL) EXECUTE FUNCTION look()",
    );
    server.reply([Reply::Status(200)]);
    store.revoke(acme.authorisation.as_ref().unwrap()).await.unwrap();
    assert_eq!((home.count("seen"), home.count("seen WHERE locks = 1")), (1, 1));
    assert_eq!(living(&beside(), &home.path), 0);
}
