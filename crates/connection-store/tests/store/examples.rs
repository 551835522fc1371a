//! The example makes a store, opens it again, and authorises requests that the mock takes.

use connection_store::{AccessToken, Organisation, RefreshToken, Server};
use xero_mock::{Consent, MAPLE_FLORIST, Mock};

use crate::{
    authorise,
    home::{consent, minutes, new, under},
};

#[tokio::test]
async fn whatever_the_kind_a_request_is_the_connections_own() {
    let (folder, mock) = (tempfile::tempdir().unwrap(), Mock::start().await.unwrap());
    let (path, key_file) = (folder.path().join("connections.db"), folder.path().join("store.key"));
    let store = authorise::open(&path, &key_file).unwrap();
    let app = mock.create_web_app("Example", &["http://localhost:8742/callback"]).unwrap();
    let scopes = "openid offline_access accounting.settings.read";
    let tokens = mock.mint_tokens(&app.client_id, scopes, &Consent::allow(&[MAPLE_FLORIST.id])).unwrap();
    let mut login = consent(&Server::at(mock.url()).unwrap(), "none");
    login.refresh_token = tokens.refresh_token.map(|token| RefreshToken::new(&token).unwrap());
    login.access = Some((AccessToken::new(&tokens.access_token).unwrap(), minutes(30)));
    let maple = Organisation {
        id: MAPLE_FLORIST.id.to_owned(),
        name: MAPLE_FLORIST.name.to_owned(),
        short_code: None,
    };
    let login = store.add_authorisation(&login).unwrap();
    let maple = connection_store::NewConnection { organisation: Some(maple), ..under(&login, "maple") };
    store.add_connections(&[maple]).unwrap();
    store.add_private(&new("old")).unwrap();
    drop(store);

    let store = authorise::open(&path, &key_file).unwrap();
    let headers = authorise::headers(&store, "maple", "api.xro/2.0/Organisation").await.unwrap();
    let (authorization, tenant) = headers.trim_end().split_once('\n').unwrap();
    let token = authorization.strip_prefix("authorization: Bearer ").unwrap();
    assert!(mock.is_access_token_good(token));
    assert_eq!(tenant, format!("xero-tenant-id: {}", MAPLE_FLORIST.id));
    let signed = authorise::headers(&store, "old", "api.xro/2.0/Organisation").await.unwrap();
    assert!(signed.starts_with("authorization: OAuth oauth_consumer_key=\"") && signed.lines().count() == 1);
}

#[tokio::test]
async fn what_is_not_there_or_not_ones_own_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key_file) = (folder.path().join("connections.db"), folder.path().join("store.key"));
    std::fs::write(&key_file, "somebody's").unwrap();
    assert!(authorise::open(&path, &key_file).is_err() && !path.exists(), "a key that is there is kept");
    assert_eq!(std::fs::read_to_string(&key_file).unwrap(), "somebody's");
    std::fs::remove_file(&key_file).unwrap();
    let store = authorise::open(&path, &key_file).unwrap();
    assert!(authorise::headers(&store, "nobody", "api.xro/2.0/Organisation").await.is_err());
    store.add_private(&new("old")).unwrap();
    let elsewhere = authorise::headers(&store, "old", "https://evil.example/").await.unwrap_err();
    assert!(elsewhere.to_string().contains("no other server"), "{elsewhere}");
}
