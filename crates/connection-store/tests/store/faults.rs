//! Bad days: what each does to the tokens, and what it says.

use connection_store::{Connection, Error, Need, Store};
use serde_json::json;

use crate::{
    database,
    home::{Home, consent, expired, minutes, under},
    token_server::{Reply, TokenServer},
};

async fn access(store: &Store, connection: &Connection) -> Result<String, Error> {
    Ok(store.access(connection, Need::default()).await?.token.expose().to_owned())
}

#[tokio::test]
async fn failures_that_pass_cost_no_token() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let passing = [
        Reply::Status(503),
        Reply::Status(429),
        Reply::Status(500),
        Reply::Cut,
        Reply::Json(200, json!({})),
        Reply::Json(400, json!({ "error": "invalid_client" })),
        Reply::Json(400, json!({ "error": "unauthorized_client" })),
        Reply::Json(400, json!({ "error": "something_new" })),
    ];
    let count = passing.len();
    server.reply(passing);
    for round in 0..count {
        let failed = access(&store, &acme).await.unwrap_err();
        assert!(matches!(failed, Error::Auth(_)), "{round}: {failed:?}");
        assert_eq!(failed.to_string(), "Xero did not give a new token");
        assert_eq!(store.connection(None).unwrap().authorisation.unwrap().needs_login, None, "{round}");
    }
    assert_eq!(access(&store, &acme).await.unwrap(), "access-1");
    assert_eq!(server.spent(), vec!["refresh-0"; count + 1]);
}

#[tokio::test]
async fn a_server_that_is_down_costs_no_token() {
    let (home, store) = Home::with_store();
    let nobody = connection_store::Server::at("http://127.0.0.1:1").unwrap();
    let acme = expired(&home, &store, &nobody);
    for _ in 0..2 {
        let failed = access(&store, &acme).await.unwrap_err();
        assert!(matches!(failed, Error::Auth(_)), "{failed:?}");
    }
    let intents = home.count("authorisations WHERE intent_at IS NOT NULL");
    assert_eq!(intents, 0, "nothing was sent");
}

#[tokio::test]
async fn a_lost_answer_is_made_good_inside_the_grace() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    server.reply([Reply::Cut]);
    assert!(matches!(access(&store, &acme).await, Err(Error::Auth(_))));
    home.clock.advance(minutes(29));
    assert_eq!(access(&home.open().unwrap(), &acme).await.unwrap(), "access-1");
    assert_eq!(server.spent(), ["refresh-0", "refresh-0"]);
}

#[tokio::test]
async fn a_lost_answer_is_remembered_though_nobody_is_there_in_the_same_second() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    server.reply([Reply::Cut]);
    assert!(matches!(access(&store, &acme).await, Err(Error::Auth(_))));
    server.stop().await;
    for _ in 0..2 {
        let failed = access(&store, &acme).await.unwrap_err();
        assert!(matches!(failed, Error::Auth(xero_auth_oauth2::Error::Unreachable { .. })), "{failed:?}");
        assert_eq!(home.count("authorisations WHERE intent_at IS NOT NULL"), 1, "it may have been spent");
    }
}

#[tokio::test]
async fn a_lost_answer_after_the_grace_is_named_as_what_it_is() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let not_let_in = Reply::Json(400, json!({ "error": "invalid_client" }));
    server.reply([Reply::Cut, Reply::Status(503), not_let_in, Reply::invalid_grant()]);
    assert!(access(&store, &acme).await.is_err());
    home.clock.advance(minutes(5));
    assert!(access(&store, &acme).await.is_err());
    assert!(access(&store, &acme).await.is_err());
    home.clock.advance(minutes(35));
    assert_eq!(
        access(&store, &acme).await.unwrap_err().to_string(),
        "a person must log in again: Xero no longer accepts the refresh token; \
         no answer came when it was first sent, 40 minutes ago"
    );
}

#[tokio::test]
async fn a_refused_token_is_marked_and_kept() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let authorisation = acme.authorisation.clone().unwrap();
    store.add_connections(&[under(&authorisation, "other")]).unwrap();
    server.reply([Reply::invalid_grant()]);
    for _ in 0..3 {
        match access(&store, &acme).await.unwrap_err() {
            Error::NeedsLogin { connections, reason } => {
                assert_eq!(connections, ["acme", "other"]);
                assert_eq!(
                    reason,
                    "Xero no longer accepts the refresh token: it was revoked, or used by another program"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(server.spent(), ["refresh-0"], "a marked authorisation is not tried again");
    let marked = store.authorisation(&authorisation.id).unwrap().unwrap();
    assert_eq!(marked.needs_login.unwrap().since, home.clock_now());
    assert_eq!(home.count("authorisations WHERE refresh IS NOT NULL"), 1, "the token is kept");
    store.renew_authorisation(&authorisation.id, &consent(&server.server(), "renewed")).unwrap();
    assert_eq!(access(&store, &acme).await.unwrap(), "access-0");
    assert_eq!(store.authorisation(&authorisation.id).unwrap().unwrap().needs_login, None);
}

#[tokio::test]
async fn a_token_that_nobody_used_for_60_days_is_named_as_such() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    home.clock.advance(minutes(60 * 24 * 60));
    server.reply([Reply::invalid_grant()]);
    let failed = access(&store, &acme).await.unwrap_err();
    let text = "a person must log in again: the refresh token was not used for 60 days";
    assert_eq!(failed.to_string(), text);
}

#[tokio::test]
async fn the_token_before_is_tried_while_xero_may_take_it() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    access(&store, &acme).await.unwrap();
    home.clock.advance(minutes(29));
    server.reply([Reply::invalid_grant(), Reply::tokens("saved", "refresh-saved")]);
    assert_eq!(store.access(&acme, Need::fresh(2)).await.unwrap().token.expose(), "saved");
    home.clock.advance(minutes(31));
    assert_eq!(access(&store, &acme).await.unwrap(), "access-2");
    assert_eq!(server.spent(), ["refresh-0", "refresh-1", "refresh-0", "refresh-saved"]);
}

#[tokio::test]
async fn the_token_before_is_not_tried_after_its_grace() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    access(&store, &acme).await.unwrap();
    home.clock.advance(minutes(30));
    server.reply([Reply::invalid_grant()]);
    assert!(matches!(access(&store, &acme).await, Err(Error::NeedsLogin { .. })));
    assert_eq!(server.spent(), ["refresh-0", "refresh-1"]);
}

#[tokio::test]
async fn a_failure_while_the_token_before_is_tried_marks_nothing() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    access(&store, &acme).await.unwrap();
    server.reply([Reply::invalid_grant(), Reply::Status(503)]);
    assert!(matches!(store.access(&acme, Need::fresh(2)).await, Err(Error::Auth(_))));
    server.reply([Reply::invalid_grant(), Reply::tokens("saved", "refresh-saved")]);
    assert_eq!(store.access(&acme, Need::fresh(2)).await.unwrap().token.expose(), "saved");
    assert_eq!(server.spent(), ["refresh-0", "refresh-1", "refresh-0", "refresh-1", "refresh-0"]);
}

/// What another process does while a refresh waits for its answer.
async fn renewed_meanwhile(reply: Reply) -> (Home, Store, Connection, TokenServer) {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    server.let_go(1);
    access(&store, &acme).await.unwrap();
    let caller = tokio::spawn({
        let (store, acme) = (store.clone(), acme.clone());
        async move { Ok::<_, Error>(store.access(&acme, Need::fresh(2)).await?.token.expose().to_owned()) }
    });
    server.arrived(2).await;
    let id = &acme.authorisation.as_ref().unwrap().id;
    home.open().unwrap().renew_authorisation(id, &consent(&server.server(), "renewed")).unwrap();
    server.reply([reply]);
    server.release();
    assert_eq!(caller.await.unwrap().unwrap(), "access-0", "the newer token");
    (home, store, acme, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_nothing_where_a_newer_token_is_stored() {
    let (_home, store, acme, server) = renewed_meanwhile(Reply::invalid_grant()).await;
    assert_eq!(server.spent(), ["refresh-0", "refresh-1"], "the token before is not spent");
    let id = &acme.authorisation.as_ref().unwrap().id;
    assert_eq!(store.authorisation(id).unwrap().unwrap().needs_login, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_does_not_overwrite_a_newer_token() {
    let late = Reply::tokens("late", "refresh-late");
    let (home, store, acme, server) = renewed_meanwhile(late).await;
    home.clock.advance(minutes(31));
    assert_eq!(access(&store, &acme).await.unwrap(), "access-2");
    assert_eq!(server.spent(), ["refresh-0", "refresh-1", "renewed"]);
}

#[tokio::test]
async fn no_token_is_spent_before_the_intent_is_kept() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    database::refuse_intents(&home.path);
    assert!(matches!(access(&store, &acme).await, Err(Error::Database(_))));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn without_a_refresh_token_a_person_is_asked_for_when_the_time_is_up() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let new = consent(&server.server(), "unused");
    let scopes = connection_store::Scopes::parse("accounting.settings.read").unwrap();
    let new = connection_store::NewAuthorisation { refresh_token: None, scopes, ..new };
    let authorisation = store.add_authorisation(&new).unwrap();
    assert_eq!(authorisation.refresh_expires_at, None);
    assert!(store.access_of(&authorisation, Need::default()).await.is_ok());
    home.clock.advance(minutes(30));
    let failed = store.access_of(&authorisation, Need::default()).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "a person must log in again: no refresh token was granted (the scope offline_access gives one)"
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn what_is_only_for_the_log_fails_no_renewal() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let authorisation = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_connections(&[under(&authorisation, "acme")]).unwrap();
    let acme = store.connection(Some("acme")).unwrap();
    home.clock.advance(minutes(31));
    home.sql("UPDATE connections SET created_at = 9000000000000000000");
    assert!(store.sharing(&authorisation.id).is_err(), "its names cannot be read");
    assert_eq!(access(&store, &acme).await.unwrap(), "access-1");
}
