//! Custom connections: no refresh token, and one access token for all who ask.

use connection_store::{AppKind, Authorisation, Error, Need, NewAuthorisation, Scopes, Server, Store};
use serde_json::json;

use crate::{
    home::{Home, authorise, consent, minutes, under},
    token_server::{Reply, TokenServer},
};

const SETTINGS: &str = "accounting.settings.read";

fn add(store: &Store, server: &Server, asked: Option<&str>) -> Authorisation {
    let mut new = NewAuthorisation { refresh_token: None, access: None, ..consent(server, "none") };
    new.app.kind = AppKind::Custom;
    new.scopes = Scopes::parse(SETTINGS).unwrap();
    new.asked = asked.map(|asked| Scopes::parse(asked).unwrap());
    store.add_authorisation(&new).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_tasks_fetch_one_token_and_keep_it() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let custom = add(&store, &server.server(), Some(SETTINGS));
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
    assert_eq!(asked.value("scope"), Some(SETTINGS));
    home.clock.advance(minutes(30));
    assert_eq!(store.access_of(&custom, Need::default()).await.unwrap().token.expose(), "second");
    assert_eq!(server.asked()[1].value("scope"), Some(SETTINGS));
}

#[tokio::test]
async fn scopes_that_were_not_asked_for_come_and_go_as_they_are_ticked() {
    let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
    let custom = add(&store, &server.server(), None);
    for (round, ticked) in
        ["accounting.settings.read files.read", "files.read", "files"].into_iter().enumerate()
    {
        server.reply([Reply::Json(200, json!({ "access_token": "token", "scope": ticked }))]);
        let generation = custom.generation() + i64::try_from(round).unwrap();
        store.access_of(&custom, Need::fresh(generation)).await.unwrap();
        assert_eq!(store.authorisation(&custom.id).unwrap().unwrap().scopes.to_string(), ticked);
        assert_eq!(server.asked()[round].value("scope"), None);
    }
}

#[tokio::test]
async fn what_is_asked_for_cannot_be_changed() {
    for change in ["NULL", "access", "(SELECT asked FROM authorisations o WHERE o.id <> authorisations.id)"] {
        let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
        let custom = add(&store, &server.server(), Some(SETTINGS));
        add(&store, &server.server(), None);
        home.sql(&format!("UPDATE authorisations SET asked = {change} WHERE id = '{}'", custom.id));
        let refused = store.access_of(&custom, Need::default()).await;
        assert!(matches!(refused, Err(Error::Tampered { column: "asked", .. })), "{change}: {refused:?}");
        assert!(server.asked().is_empty(), "{change}");
    }
}

#[tokio::test]
async fn a_refusal_leaves_no_mark() {
    let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
    let custom = add(&store, &server.server(), None);
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

/// A custom connection `acme` for the organisation 1, whose app has no token yet.
fn connected(store: &Store, server: &Server) -> Authorisation {
    let custom = add(store, server, None);
    store.add_connections(&[under(&custom, "acme")]).unwrap();
    custom
}

fn given(token: &str) -> Reply {
    Reply::Json(200, json!({ "access_token": token, "expires_in": 1800 }))
}

fn reaching(ids: &[&str]) -> Reply {
    let link =
        |id: &&str| json!({ "id": format!("link-{id}"), "tenantId": id, "tenantName": format!("Org\n{id}") });
    Reply::Json(200, ids.iter().map(link).collect())
}

#[tokio::test]
async fn a_new_token_is_given_out_for_the_pinned_organisation_alone() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let custom = connected(&store, &server.server());
    server.reply([given("good"), reaching(&["1"]), given("strange"), reaching(&["2"])]);
    for _ in 0..2 {
        let headers = authorise(&store, "acme").await.unwrap();
        assert_eq!((headers.expose_authorization(), headers.tenant_id()), ("Bearer good", Some("1")));
    }
    assert_eq!(server.asked().len(), 2, "one look for each token");
    assert_eq!(server.asked()[1].bearer(), Some("good"));
    home.clock.advance(minutes(30));
    match authorise(&store, "acme").await {
        Err(Error::OtherOrganisation { connection, pinned, found }) => {
            assert_eq!([connection.as_str(), &pinned, &found], ["acme", "Organisation 1", "Org\u{fffd}2"]);
        }
        other => panic!("{other:?}"),
    }
    let stored = store.authorisation(&custom.id).unwrap().unwrap();
    assert_eq!((stored.generation(), stored.needs_login), (custom.generation() + 1, None), "it was not kept");
    // The portal was put right.
    server.reply([given("again"), reaching(&["2", "1"])]);
    let headers = authorise(&store, "acme").await.unwrap();
    assert_eq!(headers.expose_authorization(), "Bearer again");
}

#[tokio::test]
async fn whoever_holds_no_pin_is_not_looked_up() {
    let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
    let custom = add(&store, &server.server(), None);
    let access = store.access_of(&custom, Need::default()).await.unwrap();
    assert_eq!((access.token.expose(), server.asked().len()), ("access-1", 1));
}

#[tokio::test]
async fn a_look_that_fails_costs_no_token_and_is_told() {
    let missing = Reply::Json(401, json!({ "Detail": "AuthorizationUnsuccessful" }));
    for (failed, why) in [
        (Reply::Status(503), "503"),
        (Reply::Cut, "did not answer to the end"),
        (missing, "scope"),
        (reaching(&[]), "Xero lists no organisation for it"),
    ] {
        let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
        let custom = connected(&store, &server.server());
        server.reply([given("good"), failed]);
        for _ in 0..2 {
            let headers = authorise(&store, "acme").await.unwrap();
            assert_eq!(headers.expose_authorization(), "Bearer good", "{why}");
        }
        assert_eq!(server.asked().len(), 2, "{why}");
        let told = store.events(&custom.id, 1).unwrap().remove(0).detail;
        assert!(told.starts_with("without a look at its organisation: ") && told.contains(why), "{told}");
    }
}
