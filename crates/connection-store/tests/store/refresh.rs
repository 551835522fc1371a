//! One refresh at a time, whoever asks, and whoever goes away.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use connection_store::{Clock, Error, Need};
use serde_json::json;

use crate::{
    home::{Home, consent, expired, minutes, organisation, start, under},
    token_server::{Reply, TokenServer},
};

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_tasks_of_two_handles_refresh_once() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let other = home.open().unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let (store, acme) = (if number % 2 == 0 { store.clone() } else { other.clone() }, acme.clone());
            tokio::spawn(async move { store.access(&acme, Need::default()).await })
        })
        .collect();
    server.arrived(1).await;
    server.release();
    for task in tasks {
        let access = task.await.unwrap().unwrap();
        assert_eq!((access.token.expose(), access.generation), ("access-1", 2));
    }
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_does_not_stop_a_refresh() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let caller = tokio::spawn({
        let (store, acme) = (store.clone(), acme.clone());
        async move { store.access(&acme, Need::default()).await }
    });
    server.arrived(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    server.release();
    store.settled().await;
    assert_eq!(
        store.connection(None).unwrap().authorisation.unwrap().access_expires_at,
        Some(home.in_half_an_hour())
    );
    assert_eq!(store.access(&acme, Need::default()).await.unwrap().token.expose(), "access-1");
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test]
async fn a_good_token_is_used_without_asking() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let authorisation = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    let access = store.access_of(&authorisation, Need::default()).await.unwrap();
    assert_eq!((access.token.expose(), access.expires_at), ("access-0", home.in_half_an_hour()));
    let longer = Need { min_ttl: minutes(45), instead_of: None };
    assert_eq!(store.access_of(&authorisation, longer).await.unwrap().token.expose(), "access-1");
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
    let authorisation = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    let refused = store.access_of(&authorisation, Need::default()).await.unwrap();
    for _ in 0..3 {
        let access = store.access_of(&authorisation, Need::fresh(refused.generation)).await.unwrap();
        assert_eq!(access.token.expose(), "access-1");
    }
    assert_eq!(server.spent(), ["refresh-0"]);
    let asked = &server.asked()[0];
    assert_eq!(asked.value("grant_type"), Some("refresh_token"));
    assert!(asked.authorization.as_ref().unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn each_refresh_sends_the_newest_token() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    for round in 1..4 {
        let access = store.access(&acme, Need::default()).await.unwrap();
        assert_eq!(access.token.expose(), format!("access-{round}"));
        home.clock.advance(minutes(31));
    }
    assert_eq!(server.spent(), ["refresh-0", "refresh-1", "refresh-2"]);
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    server.reply([Reply::Json(200, json!({ "access_token": "only", "scope": "openid" }))]);
    assert_eq!(store.access(&acme, Need::default()).await.unwrap().token.expose(), "only");
    let there = store.connection(None).unwrap().authorisation.unwrap();
    assert_eq!(there.scopes.to_string(), "openid");
    home.clock.advance(minutes(31));
    store.access(&acme, Need::default()).await.unwrap();
    assert_eq!(server.spent(), ["refresh-0", "refresh-0"]);
}

#[tokio::test]
async fn a_rotated_token_is_kept_whatever_else_is_wrong_with_the_answer() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    server.reply([Reply::Json(200, json!({ "refresh_token": "rotated" }))]);
    assert!(matches!(store.access(&acme, Need::default()).await, Err(Error::Auth(_))));
    assert_eq!(store.access(&acme, Need::default()).await.unwrap().token.expose(), "access-1");
    assert_eq!(server.spent(), ["refresh-0", "rotated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_of_one_authorisation_never_blocks_another() {
    let (slow, quick) = (TokenServer::start_held().await, TokenServer::start().await);
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &slow.server());
    let waiting = tokio::spawn({
        let (store, acme) = (store.clone(), acme.clone());
        async move { store.access(&acme, Need::default()).await }
    });
    slow.arrived(1).await;
    let other = store.add_authorisation(&consent(&quick.server(), "other-0")).unwrap();
    let access = store.access_of(&other, Need::fresh(1)).await.unwrap();
    assert_eq!(access.token.expose(), "access-1");
    assert!(!waiting.is_finished());
    slow.release();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_token_is_not_used_longer_than_half_an_hour_whatever_the_clock_does() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let day = json!({ "access_token": "long", "refresh_token": "refresh", "expires_in": 86_400 });
    server.reply([Reply::Json(200, day)]);
    let access = store.access(&acme, Need::default()).await.unwrap();
    assert_eq!(access.expires_at, home.in_half_an_hour());
    home.clock.set(home.clock_now() - Duration::from_secs(86_400 * 365));
    assert_eq!(store.access(&acme, Need::default()).await.unwrap().token.expose(), "access-1");
    assert_eq!(server.spent(), ["refresh-0", "refresh"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_is_told_so_and_refreshes_nothing() {
    let (home, store) = Home::with_store();
    let nobody = connection_store::Server::at("http://127.0.0.1:1").unwrap();
    let acme = expired(&home, &store, &nobody);
    let until = home.clock_seconds() + 45;
    home.sql(&format!("UPDATE authorisations SET lease_owner = 'another', lease_until = {until}"));
    let busy = store.access(&acme, Need::default()).await;
    assert!(matches!(busy, Err(Error::RefreshBusy)), "{busy:?}");
    let busy = store.revoke(acme.authorisation.as_ref().unwrap()).await;
    assert!(matches!(busy, Err(Error::RefreshBusy)), "{busy:?}");
}

/// A clock that goes with tokio's own.
#[derive(Debug)]
struct Following(tokio::time::Instant);

impl Clock for Following {
    fn now(&self) -> SystemTime {
        start() + self.0.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_who_comes_after_a_kill_has_the_patience_for_it() {
    for timeout in [Duration::from_secs(1), Duration::from_secs(30), minutes(8), minutes(60)] {
        let (home, store) = Home::with_store();
        let nobody = connection_store::Server::at("http://127.0.0.1:1").unwrap();
        let acme = expired(&home, &store, &nobody);
        home.clock.set(start());
        home.sql("UPDATE authorisations SET access_expires_at = 0");
        let store = store.with_clock(Arc::new(Following(tokio::time::Instant::now()))).with_timeout(timeout);
        // The longest that a leader with this timeout can leave: it was killed while it tried the token before.
        let until = home.clock_seconds() + 2 * timeout.min(minutes(9)).as_secs() + 5;
        let until = until.min(home.clock_seconds() + 600);
        home.sql(&format!("UPDATE authorisations SET lease_owner = 'dead', lease_until = {until}"));
        let tried = store.access(&acme, Need::default()).await;
        assert!(matches!(tried, Err(Error::Auth(_))), "{timeout:?}: {tried:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_wait_can_know_until_when() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let authorisation = acme.authorisation.clone().unwrap();
    assert_eq!(store.refresh_under_way(&authorisation).unwrap(), None);
    let caller = tokio::spawn({
        let (store, acme) = (store.clone().with_timeout(Duration::from_secs(20)), acme.clone());
        async move { store.access(&acme, Need::default()).await }
    });
    server.arrived(1).await;
    let other = home.open().unwrap();
    let until = home.clock_now() + Duration::from_secs(25);
    assert_eq!(other.refresh_under_way(&authorisation).unwrap(), Some(until));
    home.clock.advance(Duration::from_secs(25));
    assert_eq!(other.refresh_under_way(&authorisation).unwrap(), None, "it has ended");
    home.clock.set(until - minutes(60 * 24));
    assert_eq!(other.refresh_under_way(&authorisation).unwrap(), None, "of a clock that was ahead");
    server.release();
    caller.await.unwrap().unwrap();
    home.clock.set(until - Duration::from_secs(1));
    assert_eq!(other.refresh_under_way(&authorisation).unwrap(), None, "it was given back");
    store.remove(&["acme".to_owned()]).unwrap();
    let gone = store.refresh_under_way(&authorisation);
    assert!(matches!(gone, Err(Error::NoSuchAuthorisation(_))), "{gone:?}");
}

#[tokio::test]
async fn scopes_of_any_name_are_kept_as_they_were_granted() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let odd = "Accounting.New https://x/y a,b @read openid";
    server.reply([Reply::Json(200, json!({ "access_token": "odd", "refresh_token": "next", "scope": odd }))]);
    assert_eq!(store.access(&acme, Need::default()).await.unwrap().token.expose(), "odd");
    for store in [store, home.open().unwrap()] {
        let acme = store.connections().unwrap().remove(0);
        assert_eq!(acme.authorisation.as_ref().unwrap().scopes.to_string(), odd);
        assert_eq!(store.access(&acme, Need::default()).await.unwrap().token.expose(), "odd");
    }
    home.clock.advance(minutes(31));
    let silent = json!({ "access_token": "silent", "refresh_token": "last", "scope": "" });
    server.reply([Reply::Json(200, silent)]);
    let store = home.open().unwrap();
    assert_eq!(store.access(&acme, Need::default()).await.unwrap().token.expose(), "silent");
    assert_eq!(store.connection(None).unwrap().authorisation.unwrap().scopes.to_string(), odd);
}

#[tokio::test]
async fn a_lease_that_ended_is_taken_over() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let until = home.clock_seconds();
    home.sql(&format!("UPDATE authorisations SET lease_owner = 'dead', lease_until = {until}"));
    assert_eq!(store.access(&acme, Need::default()).await.unwrap().token.expose(), "access-1");
    let far = until + 86_400;
    home.sql(&format!(
        "UPDATE authorisations SET lease_owner = 'from a clock that was ahead', lease_until = {far}"
    ));
    assert_eq!(store.access(&acme, Need::fresh(2)).await.unwrap().token.expose(), "access-2");
}

#[tokio::test]
async fn a_request_carries_token_and_organisation_to_the_own_server_only() {
    let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
    let authorisation = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_connections(&[under(&authorisation, "acme")]).unwrap();
    let headers = crate::home::authorise(&store, "acme").await.unwrap();
    let all: Vec<_> = headers.iter().collect();
    assert_eq!(all, [("authorization", "Bearer access-0"), ("xero-tenant-id", &organisation("1").id)]);
    assert_eq!((headers.generation(), headers.base_string()), (Some(1), None));
    let acme = store.connection(None).unwrap();
    let elsewhere = url::Url::parse("https://api.xero.com/connections").unwrap();
    let request = connection_store::ApiRequest { method: "GET", url: &elsewhere, form: None };
    assert!(matches!(store.authorise(&acme, &request).await, Err(Error::OtherServer { .. })));
}
