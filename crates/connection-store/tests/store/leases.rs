//! Whoever has the right to refresh: seen to be dead at once, waited for while he lives.

use std::{fs::File, path::PathBuf, time::Duration};

use connection_store::{Connection, Error, EventKind, Need, Server, Store};

use crate::{
    database,
    home::{Home, expired, minutes},
    token_server::{Reply, TokenServer},
};

const OWNER: &str = "0123456789abcdef0123456789abcdef";

/// An authorisation that another process is refreshing, for 45 seconds still.
fn leased(home: &Home, store: &Store, server: &Server) -> Connection {
    let acme = expired(home, store, server);
    lease(home);
    acme
}

fn lease(home: &Home) {
    let until = home.clock_seconds() + 45;
    home.sql(&format!("UPDATE authorisations SET lease_owner = '{OWNER}', lease_until = {until}"));
}

fn file_of_owner(home: &Home) -> PathBuf {
    let mut name = database::local(&home.path).into_os_string();
    name.push(format!("-lease-{OWNER}"));
    name.into()
}

/// The owner's file, locked for as long as he lives.
fn living(home: &Home) -> File {
    let file = File::create_new(file_of_owner(home)).unwrap();
    file.lock().unwrap();
    file
}

async fn access(store: &Store, connection: &Connection) -> Result<String, Error> {
    Ok(store.access(connection, Need::default()).await?.token.expose().to_owned())
}

fn leftovers(home: &Home) -> usize {
    let files = database::local(&home.path).parent().unwrap().read_dir().unwrap();
    files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains("-lease-")).count()
}

#[tokio::test]
async fn a_dead_owner_is_replaced_before_his_lease_ends() {
    for left_a_file in [false, true] {
        let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
        let acme = leased(&home, &store, &server.server());
        let authorisation = acme.authorisation.as_ref().unwrap();
        let owner = living(&home);
        assert!(store.refresh_under_way(authorisation).unwrap().is_some());
        drop(owner);
        if !left_a_file {
            std::fs::remove_file(file_of_owner(&home)).unwrap();
        }
        let known = left_a_file || database::ONE_MACHINE;
        assert_eq!(store.refresh_under_way(authorisation).unwrap().is_none(), known);
        // The clock stands still: no lease ends by waiting.
        assert_eq!(access(&store, &acme).await.unwrap(), "access-1");
        let events = store.events(&authorisation.id, 2).unwrap();
        assert_eq!(
            events.iter().map(|event| event.what).collect::<Vec<_>>(),
            [EventKind::Refreshed, EventKind::TakenOver]
        );
        assert_eq!(events[1].detail, "whoever was refreshing has died");
        assert_eq!(leftovers(&home), 0, "neither his nor ours");
    }
}

#[tokio::test(start_paused = true)]
async fn a_living_owner_is_waited_for() {
    let (home, store) = Home::with_store();
    let nobody = Server::at("http://127.0.0.1:1").unwrap();
    let acme = leased(&home, &store, &nobody);
    let _living = living(&home);
    assert!(matches!(access(&store, &acme).await, Err(Error::RefreshBusy)));
    let revoked = store.revoke(acme.authorisation.as_ref().unwrap()).await;
    assert!(matches!(revoked, Err(Error::RefreshBusy)), "{revoked:?}");
    assert!(file_of_owner(&home).exists(), "his file is left alone");
}

#[tokio::test]
async fn an_owner_who_was_stopped_is_replaced_when_his_lease_ends() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = leased(&home, &store, &server.server());
    let _stopped = living(&home);
    home.clock.advance(Duration::from_secs(45));
    assert_eq!(access(&store, &acme).await.unwrap(), "access-1");
    let events = store.events(&acme.authorisation.as_ref().unwrap().id, 2).unwrap();
    assert_eq!(events[1].detail, "whoever was refreshing took longer than his time");
    assert!(file_of_owner(&home).exists(), "he still lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_find_a_dead_owner_one_takes_over() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = leased(&home, &store, &server.server());
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, acme) = (home.open().unwrap(), acme.clone());
            tokio::spawn(async move { access(&store, &acme).await })
        })
        .collect();
    server.arrived(1).await;
    server.release();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "access-1");
    }
    assert_eq!((server.spent().len(), leftovers(&home)), (1, 0));
    assert_eq!(home.count("events WHERE event = 'taken-over'"), 1);
}

#[tokio::test]
async fn a_leader_shows_that_it_lives_for_as_long_as_it_leads() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let caller = tokio::spawn({
        let (store, acme) = (store.clone(), acme.clone());
        async move { access(&store, &acme).await }
    });
    server.arrived(1).await;
    assert_eq!(leftovers(&home), 1);
    let authorisation = acme.authorisation.as_ref().unwrap();
    assert!(home.open().unwrap().refresh_under_way(authorisation).unwrap().is_some());
    server.release();
    caller.await.unwrap().unwrap();
    assert_eq!(leftovers(&home), 0);
    server.reply([Reply::Status(503)]);
    home.clock.advance(minutes(31));
    assert!(access(&store, &acme).await.is_err());
    assert_eq!(leftovers(&home), 0, "also where it failed");
}

#[tokio::test]
async fn a_dead_owner_holds_up_no_revocation() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = leased(&home, &store, &server.server());
    server.reply([Reply::Status(200)]);
    store.revoke(acme.authorisation.as_ref().unwrap()).await.unwrap();
    assert!(matches!(access(&store, &acme).await, Err(Error::NeedsLogin { .. })));
}

#[tokio::test]
async fn a_copy_uses_its_access_token_and_refreshes_nothing() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    assert_eq!(access(&store, &acme).await.unwrap(), "access-1");
    let another = database::ANOTHER;
    home.sql(&format!("UPDATE store SET owner_file = '{another}', owner_label = 'build-7'"));
    assert_eq!(access(&store, &acme).await.unwrap(), "access-1");
    home.clock.advance(minutes(31));
    let authorisation = acme.authorisation.as_ref().unwrap();
    let refused = [access(&store, &acme).await.map(drop), store.revoke(authorisation).await];
    for refused in refused {
        assert!(matches!(&refused, Err(Error::Copied { owner, .. }) if owner == "build-7"), "{refused:?}");
    }
    assert_eq!((server.asked().len(), home.count("authorisations WHERE intent_at IS NOT NULL")), (1, 0));
    store.adopt().unwrap();
    assert_eq!(access(&store, &acme).await.unwrap(), "access-2");
}

#[tokio::test]
async fn a_night_that_the_machine_slept_through_takes_no_right_from_a_living_owner() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let (leader, waiter, other) = (store.clone(), home.open().unwrap(), acme.clone());
    let leading = tokio::spawn(async move { leader.access(&acme, Need::default()).await });
    server.arrived(1).await;
    home.clock.set(home.clock_now() + minutes(8 * 60));
    let waiting = tokio::spawn(async move { waiter.access(&other, Need::default()).await });
    assert!(store.authorisations().unwrap()[0].needs_login.is_none());
    server.release();
    leading.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(server.spent(), ["refresh-0", "refresh-1"], "each token once, the newer one for the new day");
}
