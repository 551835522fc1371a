//! Custom connections: no refresh token, and one access token for all who ask.

use connection_store::{AppKind, Authorisation, Error, Need, NewAuthorisation, Scopes, Server, Store};
use serde_json::json;

use crate::{
    home::{Home, consent, minutes},
    token_server::{Reply, TokenServer},
};

fn add(store: &Store, server: &Server) -> Authorisation {
    let mut new = NewAuthorisation { refresh_token: None, access: None, ..consent(server, "none") };
    new.app.kind = AppKind::Custom;
    new.scopes = Scopes::parse("accounting.settings.read").unwrap();
    store.add_authorisation(&new).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_tasks_fetch_one_token_and_keep_it() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let custom = add(&store, &server.server());
    server.reply([
        Reply::Json(200, json!({ "access_token": "first", "expires_in": 1800 })),
        Reply::Json(200, json!({ "access_token": "second", "expires_in": 1800 })),
    ]);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, custom) = (home.open().unwrap(), custom.clone());
            tokio::spawn(async move { store.access_of(&custom, Need::default()).await })
        })
        .collect();
    server.arrived(1).await;
    server.release();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().token.expose(), "first");
    }
    assert_eq!(server.asked().len(), 1);
    let asked = &server.asked()[0];
    assert_eq!(asked.value("grant_type"), Some("client_credentials"));
    assert_eq!(asked.value("scope"), Some("accounting.settings.read"));
    home.clock.advance(minutes(30));
    assert_eq!(store.access_of(&custom, Need::default()).await.unwrap().token.expose(), "second");
}

#[tokio::test]
async fn a_refusal_leaves_no_mark() {
    let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
    let custom = add(&store, &server.server());
    server.reply([
        Reply::Json(400, json!({ "error": "unauthorized_client" })),
        Reply::Json(400, json!({ "error": "invalid_grant" })),
    ]);
    for _ in 0..2 {
        assert!(matches!(store.access_of(&custom, Need::default()).await, Err(Error::Auth(_))));
        assert_eq!(store.authorisation(&custom.id).unwrap().unwrap().needs_login, None);
    }
    let access = store.access_of(&custom, Need::default()).await.unwrap();
    assert_eq!(access.token.expose(), "access-1");
    let revoked = store.revoke(&custom).await.unwrap_err();
    assert_eq!(revoked.to_string(), "a custom app has no refresh token");
}
