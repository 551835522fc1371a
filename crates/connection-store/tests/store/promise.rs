//! The promise of the store, line by line.

use std::{collections::BTreeSet, time::Duration};

use connection_store::{Connection, Error, Need, Store};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    database,
    home::{Home, authorise, consent, expired, minutes, organisation, under},
    token_server::{Reply, TokenServer},
};

async fn access(store: &Store, connection: &Connection, need: Need) -> Result<String, Error> {
    Ok(store.access(connection, need).await?.token.expose().to_owned())
}

fn asking(store: &Store, connection: &Connection) -> JoinHandle<Result<String, Error>> {
    let (store, connection) = (store.clone(), connection.clone());
    tokio::spawn(async move { access(&store, &connection, Need::default()).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn line_1_one_refresh_per_authorisation_at_a_time_and_whoever_waited_looks_again() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    store.add_connections(&[under(acme.authorisation.as_ref().unwrap(), "other")]).unwrap();
    let other = store.connection(Some("other")).unwrap();
    let handles: Vec<_> = (0..8).map(|_| home.open().unwrap()).collect();
    let tasks: Vec<_> =
        handles.iter().flat_map(|handle| [asking(handle, &acme), asking(handle, &other)]).collect();
    server.arrived(1).await;
    server.release();
    let mut given = BTreeSet::new();
    for task in tasks {
        given.insert(task.await.unwrap().unwrap());
    }
    assert_eq!(given, BTreeSet::from(["access-1".to_owned()]));
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test]
async fn line_2_an_intent_is_durable_before_the_call_and_a_store_that_cannot_be_written_fails_before_it() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let caller = asking(&store, &acme);
    server.arrived(1).await;
    let seconds = home.clock_seconds();
    let noted = format!("authorisations WHERE intent_generation = 1 AND intent_at = {seconds}");
    assert_eq!(home.count(&noted), 1, "which token is being spent, and since when");
    server.release();
    caller.await.unwrap().unwrap();
    assert_eq!(home.count("authorisations WHERE intent_generation IS NOT NULL"), 0);
    home.clock.advance(minutes(31));
    database::refuse_intents(&home.path);
    assert!(matches!(access(&store, &acme, Need::default()).await, Err(Error::Database(_))));
    assert_eq!(server.asked().len(), 1, "nothing was sent");
}

#[tokio::test]
async fn line_3_nothing_that_a_caller_does_stops_a_refresh() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let caller = asking(&store, &acme);
    server.arrived(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    drop(acme);
    server.release();
    store.settled().await;
    drop(store);
    let store = home.open().unwrap();
    let acme = store.connection(None).unwrap();
    assert_eq!(access(&store, &acme, Need::default()).await.unwrap(), "access-1");
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test]
async fn line_4_the_new_pair_is_durable_before_anyone_sees_it() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let seen = access(&store, &acme, Need::default()).await.unwrap();
    let copied = database::after_a_power_cut(&home.path, &home.key).with_clock(home.clock.clone());
    assert_eq!(access(&copied, &acme, Need::default()).await.unwrap(), seen);
    home.clock.advance(minutes(31));
    database::refuse_saving(&home.path);
    let unsaved = access(&store, &acme, Need::default()).await;
    assert!(matches!(unsaved, Err(Error::NotSaved { .. })), "what is not saved is not given: {unsaved:?}");
}

#[tokio::test]
async fn line_5_the_previous_token_is_kept_until_the_grace_is_over() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    server.reply([Reply::Cut]);
    assert!(access(&store, &acme, Need::default()).await.is_err());
    home.clock.advance(minutes(20));
    assert_eq!(access(&home.open().unwrap(), &acme, Need::default()).await.unwrap(), "access-1");
    assert_eq!(server.spent(), ["refresh-0", "refresh-0"], "a lost reply is asked for again");
    home.clock.advance(minutes(9));
    server.reply([Reply::invalid_grant()]);
    assert_eq!(access(&store, &acme, Need::fresh(2)).await.unwrap(), "access-2");
    assert_eq!(server.spent()[2..], ["refresh-1", "refresh-0"], "29 minutes after it was first sent");
    home.clock.advance(minutes(1));
    server.reply([Reply::invalid_grant()]);
    assert!(matches!(access(&store, &acme, Need::fresh(3)).await, Err(Error::NeedsLogin { .. })));
    assert_eq!(server.spent()[4..], ["refresh-2"], "after 30 minutes it is not tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn line_6_a_slow_leader_overwrites_nothing_and_its_pair_is_a_spare() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let (gate, late) = Reply::tokens("late", "refresh-late").held();
    server.reply([late]);
    let slow = asking(&home.open().unwrap(), &acme);
    gate.reached().await;
    home.clock.advance(Duration::from_secs(36));
    assert_eq!(access(&store, &acme, Need::default()).await.unwrap(), "access-1");
    gate.open();
    assert_eq!(slow.await.unwrap().unwrap(), "access-1");
    home.clock.advance(minutes(31));
    server.reply([Reply::invalid_grant()]);
    assert_eq!(access(&store, &acme, Need::default()).await.unwrap(), "access-2");
    assert_eq!(server.spent(), ["refresh-0", "refresh-0", "refresh-1", "refresh-late"]);
}

#[tokio::test]
async fn line_7_only_invalid_grant_means_log_in_again_and_the_row_is_marked_not_deleted() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let id = &acme.authorisation.as_ref().unwrap().id;
    let passing = [
        Reply::Status(429),
        Reply::Status(503),
        Reply::Cut,
        Reply::Json(200, json!({})),
        Reply::Json(400, json!({ "error": "invalid_client" })),
    ];
    let count = passing.len();
    server.reply(passing);
    for _ in 0..count {
        assert!(matches!(access(&store, &acme, Need::default()).await, Err(Error::Auth(_))));
        assert_eq!(store.authorisation(id).unwrap().unwrap().needs_login, None);
    }
    server.reply([Reply::invalid_grant()]);
    assert!(matches!(access(&store, &acme, Need::default()).await, Err(Error::NeedsLogin { .. })));
    let mark = store.authorisation(id).unwrap().unwrap().needs_login.unwrap();
    assert_eq!(mark.since, home.clock_now());
    assert!(mark.reason.starts_with("Xero no longer accepts the refresh token"), "{}", mark.reason);
    assert_eq!(home.count("authorisations WHERE refresh IS NOT NULL"), 1);
}

#[tokio::test]
async fn line_8_a_pair_that_cannot_be_saved_is_rescued_and_taken_up() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    database::refuse_saving(&home.path);
    let unsaved = access(&store, &acme, Need::default()).await;
    assert!(
        matches!(&unsaved, Err(Error::NotSaved { rescued: Some(path), .. }) if path.exists()),
        "{unsaved:?}"
    );
    database::admit_saving(&home.path);
    drop(store);
    assert_eq!(access(&home.open().unwrap(), &acme, Need::default()).await.unwrap(), "access-1");
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn line_9_no_transaction_is_open_while_http_is_in_flight_and_no_refresh_blocks_another() {
    let (slow, quick) = (TokenServer::start_held().await, TokenServer::start().await);
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &slow.server());
    let waiting = asking(&store, &acme);
    slow.arrived(1).await;
    database::write_at_once(&home.path);
    let other = store.add_authorisation(&consent(&quick.server(), "other-0")).unwrap();
    let access = store.access_of(&other, Need::fresh(1)).await.unwrap();
    assert_eq!(access.token.expose(), "access-1");
    assert!(!waiting.is_finished());
    slow.release();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn line_10_nothing_is_readable_without_the_key_and_no_row_is_swapped_copied_or_rolled_back_unseen() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    let second = store.add_authorisation(&consent(&server.server(), "second-0")).unwrap();
    let second =
        connection_store::NewConnection { organisation: Some(organisation("2")), ..under(&second, "second") };
    store.add_connections(&[second]).unwrap();
    home.sql("CREATE TABLE kept AS SELECT * FROM authorisations");
    access(&store, &acme, Need::default()).await.unwrap();
    for secret in ["refresh-0", "refresh-1", "access-1", "second-0", "s+cr%2Ft"] {
        assert!(!database::holds(&home.path, &store, secret.as_bytes()), "{secret}");
    }
    assert!(database::holds(&home.path, &store, b"Ada Byron"), "what is no secret is found");
    assert!(authorise(&store, "acme").await.is_ok());
    for (change, harmed) in [
        (
            "SET (access, access_expires_at) = (SELECT access, access_expires_at FROM kept WHERE kept.id <> u.id)",
            true,
        ),
        (
            "SET (generation, access, access_expires_at, refresh, previous, spent_at, asked) = \
          (SELECT generation, access, access_expires_at, refresh, previous, spent_at, asked FROM kept WHERE kept.id = u.id)",
            true,
        ),
        ("SET scopes = scopes", false),
    ] {
        home.sql("CREATE TABLE now AS SELECT * FROM authorisations");
        home.sql(&format!("UPDATE authorisations AS u {change} WHERE generation = 2"));
        let refused = authorise(&store, "acme").await;
        assert_eq!(matches!(refused, Err(Error::Tampered { .. })), harmed, "{change}: {refused:?}");
        home.sql(
            "UPDATE authorisations AS u SET (generation, access, access_expires_at, refresh, previous, spent_at, asked) = \
             (SELECT generation, access, access_expires_at, refresh, previous, spent_at, asked FROM now WHERE now.id = u.id); \
             DROP TABLE now",
        );
        assert!(authorise(&store, "acme").await.is_ok(), "as it was: {change}");
    }
}
