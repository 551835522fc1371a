//! The history: who did what to the tokens, with which result, and never a secret.

use connection_store::{EventKind, Host, Need, Server};
use serde_json::json;

use crate::{
    home::{Home, consent, expired, minutes, start},
    token_server::{Reply, TokenServer},
};

#[tokio::test]
async fn each_thing_that_happens_is_told_once() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let host =
        Host { machine: None, label: "build-7".to_owned(), actor: "xeroctl token, process 4711".to_owned() };
    let store = store.with_host(host);
    let acme = expired(&home, &store, &server.server());
    let id = &acme.authorisation.as_ref().unwrap().id;
    let limit = Reply::Status(429);
    let fine = Reply::tokens("fine", "next");
    let refused = || Reply::Json(400, json!({ "error": "invalid_client" }));
    server.reply([
        limit,
        Reply::Cut,
        refused(),
        fine,
        Reply::invalid_grant(),
        Reply::tokens("saved", "last"),
    ]);
    for generation in [1, 1, 1, 1, 2] {
        drop(store.access(&acme, Need::fresh(generation)).await);
    }
    server.reply([Reply::invalid_grant()]);
    home.clock.advance(minutes(31));
    assert!(store.access(&acme, Need::default()).await.is_err());
    store.renew_authorisation(id, &consent(&server.server(), "renewed")).unwrap();
    let mut events = store.events(id, 100).unwrap();
    events.reverse();
    let told: Vec<_> = events.iter().map(|event| (event.what, event.detail.as_str())).collect();
    let host =
        server.server().address().unwrap().strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    assert_eq!(
        told,
        [
            (EventKind::Consented, "the first login"),
            (EventKind::Failed, "Xero's server is not available at the moment (status 429)"),
            (EventKind::Failed, &format!("{host} did not answer to the end")),
            (EventKind::Failed, "Xero does not know the client id, or its secret is another"),
            (EventKind::Refreshed, "after a try whose answer was not kept"),
            (EventKind::Recovered, "with the refresh token before the one that Xero refused"),
            (
                EventKind::NeedsLogin,
                "Xero no longer accepts the refresh token: it was revoked, or used by another program"
            ),
            (EventKind::Consented, "a new login"),
        ]
    );
    assert_eq!((events[0].at, events[1].at), (start(), start() + minutes(31)));
    for event in &events {
        assert_eq!(event.by, "xeroctl token, process 4711 at build-7");
    }
    assert_eq!(store.events(id, 2).unwrap(), [events[7].clone(), events[6].clone()]);
    assert_eq!(store.events("unknown", 2).unwrap(), []);
}

#[tokio::test]
async fn what_a_server_says_brings_no_secret_into_the_history() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let secret = "marker-0123456789abcdef0123456789";
    let authorisation = store.add_authorisation(&consent(&server.server(), secret)).unwrap();
    let echo = format!("you sent {secret}");
    server.reply([Reply::Json(400, json!({ "error": "something_new", "error_description": echo }))]);
    assert!(store.access_of(&authorisation, Need::fresh(1)).await.is_err());
    let event = &store.events(&authorisation.id, 1).unwrap()[0];
    assert_eq!(event.detail, "Xero's identity server refused");
    assert_eq!(home.count("events WHERE detail LIKE '%marker%' OR actor LIKE '%marker%'"), 0);
}

#[tokio::test]
async fn two_hundred_are_kept_of_each() {
    let (home, store) = Home::with_store();
    let nobody = Server::at("http://127.0.0.1:1").unwrap();
    let other = store.add_authorisation(&consent(&nobody, "other")).unwrap();
    let acme = expired(&home, &store, &nobody);
    for _ in 0..201 {
        assert!(store.access(&acme, Need::default()).await.is_err());
        home.clock.advance(minutes(1));
    }
    let events = store.events(&acme.authorisation.unwrap().id, 1000).unwrap();
    assert_eq!(events.len(), 200);
    assert!(events.iter().all(|event| event.what == EventKind::Failed), "the oldest two are gone");
    assert!(events.is_sorted_by(|one, next| one.at >= next.at));
    assert_eq!(store.events(&other.id, 1000).unwrap().len(), 1);
}

#[tokio::test]
async fn it_goes_with_its_authorisation() {
    let (home, store) = Home::with_store();
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    assert_eq!(home.count("events"), 1);
    assert!(store.forget_authorisation(&made.id).unwrap());
    assert_eq!(home.count("events"), 0);
}
