//! Secrets are neither in the file nor in anything that can be printed.

use connection_store::{
    AccessToken, ClientSecret, Error, Need, NewAuthorisation, NewPrivateConnection, RefreshToken, Store,
    StoreKey,
};
use serde_json::json;

use crate::{
    database,
    home::{Home, KEYS, authorise, consent, minutes, new, organisation, start, under},
    token_server::{Reply, TokenServer},
};

const MARKER: &str = "planted";

fn assert_silent(texts: &[String], marker: &str) {
    for text in texts {
        assert!(!text.contains(marker), "{text}");
    }
}

fn all_texts(error: &Error) -> String {
    let mut text = format!("{error:#?} {error}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(" {error:?} {error}"));
        source = error.source();
    }
    text
}

#[tokio::test]
async fn a_private_key_is_nowhere() {
    let (home, store) = Home::with_store();
    let new = NewPrivateConnection { organisation: Some(organisation("1")), ..new("acme") };
    store.add_private(&new).unwrap();
    let der = KEYS[0].0.to_pkcs8_der().unwrap();
    // A window from the middle of the private exponent.
    let marker = &der[der.len() / 2..der.len() / 2 + 16];
    let contains = |haystack: &[u8]| haystack.windows(marker.len()).any(|window| window == marker);
    assert!(contains(&der));
    assert!(!database::holds(&home.path, &store, marker));
    let hex: String = marker.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{marker:?}");
    let list = list.trim_matches(['[', ']']);
    let passphrase = StoreKey::passphrase("planted-marker");
    let texts = [
        format!("{store:#?}"),
        format!("{new:#?}"),
        format!("{:#?}", store.connections().unwrap()),
        format!("{:?} {passphrase:?}", home.key),
        format!("{:?}", authorise(&store, "acme").await.unwrap()),
        format!("{:?}", database::open(&home.path, &passphrase).unwrap_err()),
    ];
    for marker in [&hex, list, "planted-marker"] {
        assert_silent(&texts, marker);
    }
}

fn planted(server: &TokenServer) -> NewAuthorisation {
    let mut new = consent(&server.server(), "planted-refresh");
    new.app.identity.secret = Some(ClientSecret::new("planted-secret").unwrap());
    new.access = Some((AccessToken::new("planted-access").unwrap(), minutes(30)));
    new
}

/// What a store says when each step goes wrong, with planted secrets in what the server answers.
async fn failures(store: &Store, server: &TokenServer) -> Vec<String> {
    let acme = store.connection(None).unwrap();
    let said = json!({ "error": "invalid_grant", "error_description": "planted" });
    server.reply([
        Reply::Json(500, json!({ "message": "planted" })),
        Reply::Json(200, json!({ "access_token": 7, "id_token": "planted" })),
        Reply::Cut,
        Reply::Json(400, said.clone()),
        Reply::Json(400, said),
    ]);
    let mut texts = Vec::new();
    for _ in 0..4 {
        texts.push(all_texts(&store.access(&acme, Need::fresh(9)).await.unwrap_err()));
    }
    texts
}

#[tokio::test]
async fn tokens_and_client_secrets_are_nowhere() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let new = planted(&server);
    let made = store.add_authorisation(&new).unwrap();
    store.add_connections(&[under(&made, "acme")]).unwrap();
    server.reply([Reply::tokens("planted-access-2", "planted-refresh-2")]);
    let access = store.access_of(&made, Need::fresh(1)).await.unwrap();
    store.keep_pending("login", b"planted-verifier", start() + minutes(10)).unwrap();
    let app = store.apps().unwrap().remove(0);
    let mut texts = vec![
        format!("{store:#?} {new:#?} {made:#?} {access:#?} {app:#?}"),
        format!("{:#?}", under(&made, "acme")),
        format!("{:#?}", store.app_identity(&app).unwrap()),
        format!("{:#?}", store.connections().unwrap()),
        format!("{:#?}", authorise(&store, "acme").await.unwrap()),
        format!("{:#?}", RefreshToken::new("planted").unwrap()),
    ];
    database::refuse_saving(&home.path);
    server.reply([Reply::tokens("planted-access-3", "planted-refresh-3")]);
    let not_saved = store.access_of(&made, Need::fresh(2)).await.unwrap_err();
    assert!(matches!(not_saved, Error::NotSaved { .. }), "{not_saved:?}");
    texts.push(all_texts(&not_saved));
    database::admit_saving(&home.path);
    texts.extend(failures(&store, &server).await);
    assert_silent(&texts, MARKER);
    assert!(!database::holds(&home.path, &store, MARKER.as_bytes()));
}
