//! Apps: named, edited, and with two secrets while the portal changes over.

use connection_store::{
    App, AppChanges, AppKind, ClientSecret, Error, Need, NewAuthorisation, NewSecret, Rank, RedirectUri,
    Store,
};
use serde_json::json;

use crate::{
    home::{CONSUMER_KEY, Home, KEYS, authorise, consent, expired, minutes, names, new, under},
    token_server::{Reply, TokenServer},
};

fn client(text: &str) -> NewSecret {
    NewSecret::Client(ClientSecret::new(text).unwrap())
}

fn only_app(store: &Store) -> App {
    store.apps().unwrap().remove(0)
}

fn invalid_client() -> Reply {
    Reply::Json(400, json!({ "error": "invalid_client" }))
}

fn secret_of(store: &Store) -> String {
    store.app_identity(&only_app(store)).unwrap().secret.unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_name_is_given_and_taken_away() {
    let server = TokenServer::start().await;
    let (_home, store) = Home::with_store();
    let login = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_private(&new("old")).unwrap();
    let name = |name: &str| AppChanges { name: Some(name.to_owned()), ..AppChanges::default() };
    assert_eq!(store.edit_app(&login.app, &name("Books")).unwrap().name.as_deref(), Some("Books"));
    assert_eq!(store.edit_app(&login.app, &name("books")).unwrap().name.as_deref(), Some("books"));
    let other = store.connection(Some("old")).unwrap().app.id;
    assert!(matches!(store.edit_app(&other, &name("BOOKS")), Err(Error::AppNameTaken(_))));
    assert!(matches!(store.edit_app(&other, &name(" x")), Err(Error::BadName(_))));
    assert!(matches!(store.edit_app("none", &name("x")), Err(Error::NoSuchApp(_))));
    assert_eq!(store.edit_app(&login.app, &name("")).unwrap().name, None);
    assert!(store.verify().unwrap().is_empty());
}

#[tokio::test]
async fn what_an_app_of_its_kind_does_not_have_is_not_changed() {
    let server = TokenServer::start().await;
    let (_home, store) = Home::with_store();
    let web = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap().app;
    store.add_private(&new("old")).unwrap();
    let private = store.connection(Some("old")).unwrap().app.id;
    let uri = || Some(vec![RedirectUri::parse("http://localhost:9999/cb").unwrap()]);
    let key = || Some("ZYXWVUTSRQPONMLKJIHGFEDCBA3210".to_owned());
    let kind = |done: Result<App, Error>| matches!(done, Err(Error::WrongKind { .. }));
    assert!(kind(store.edit_app(&web, &AppChanges { consumer_key: key(), ..AppChanges::default() })));
    assert!(kind(store.edit_app(&private, &AppChanges { redirect_uris: uri(), ..AppChanges::default() })));
    assert!(kind(store.add_secret(&private, &client("x"), Rank::First)));
    let (key_0, certificate) = KEYS[1].clone();
    let pair = NewSecret::Key { key: key_0, certificate: Box::new(certificate) };
    assert!(kind(store.add_secret(&web, &pair, Rank::First)));
    let edited = store.edit_app(&web, &AppChanges { redirect_uris: uri(), ..AppChanges::default() }).unwrap();
    assert_eq!(edited.redirect_uris, uri().unwrap());
    let changes = AppChanges { consumer_key: key(), ..AppChanges::default() };
    assert_eq!(store.edit_app(&private, &changes).unwrap().client_id, "ZYXWVUTSRQPONMLKJIHGFEDCBA3210");
    let headers = authorise(&store, "old").await.unwrap();
    assert!(headers.expose_authorization().contains("oauth_consumer_key=\"ZYXWVUTSRQPONMLKJIHGFEDCBA3210\""));
    assert!(!headers.expose_authorization().contains(CONSUMER_KEY));
}

#[tokio::test]
async fn a_refused_secret_gives_way_to_the_second() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let before = secret_of(&store);
    let app = store.add_secret(&only_app(&store).id, &client("new"), Rank::First).unwrap();
    assert!(app.second.is_some());
    // The portal has only the old one.
    server.reply([invalid_client()]);
    authorise(&store, "acme").await.unwrap();
    assert_eq!(server.spent(), ["refresh-0", "refresh-0"], "a refused client spends nothing");
    assert_eq!(secret_of(&store), before, "they have changed places");
    home.clock.advance(minutes(31));
    server.reply([invalid_client()]);
    authorise(&store, "acme").await.unwrap();
    assert_eq!(secret_of(&store), "new", "and again");
    home.clock.advance(minutes(31));
    server.reply([invalid_client(), invalid_client()]);
    let refused = authorise(&store, "acme").await.unwrap_err();
    assert!(matches!(refused, Error::Auth(xero_auth_oauth2::Error::InvalidClient)), "{refused:?}");
    assert!(store.connection(None).unwrap().authorisation.unwrap().needs_login.is_none());
    assert!(store.forget_second_secret(&app.id).unwrap());
    assert!(!store.forget_second_secret(&app.id).unwrap());
    let first = store.app_identity(&app).unwrap().secret.unwrap();
    assert!(matches!(store.swap_secrets(&app.id, &first), Err(Error::NoSecondSecret)));
    assert!(store.verify().unwrap().is_empty());
}

#[tokio::test]
async fn a_custom_connection_gives_way_too() {
    let server = TokenServer::start().await;
    let (_home, store) = Home::with_store();
    let mut new = NewAuthorisation { refresh_token: None, access: None, ..consent(&server.server(), "none") };
    new.app.kind = AppKind::Custom;
    let login = store.add_authorisation(&new).unwrap();
    store.add_secret(&login.app, &client("next"), Rank::Second).unwrap();
    server.reply([invalid_client()]);
    store.access_of(&login, Need::default()).await.unwrap();
    assert_eq!(secret_of(&store), "next");
}

#[tokio::test]
async fn a_secret_is_tried_without_a_login() {
    let server = TokenServer::start().await;
    let (_home, store) = Home::with_store();
    store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    let (app, secret) = (only_app(&store), ClientSecret::new("tried").unwrap());
    server.reply([Reply::invalid_grant(), invalid_client(), Reply::Status(503)]);
    store.try_client_secret(&app, &secret).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(store.try_client_secret(&app, &secret).await, Err(Error::Auth(_))));
    }
    assert!(server.spent().iter().all(|token| token != "refresh-0"));
    assert_ne!(secret_of(&store), "tried", "trying keeps nothing");
    let (_home, store) = Home::with_store();
    store.add_private(&new("old")).unwrap();
    let refused = store.try_client_secret(&only_app(&store), &secret).await;
    assert!(matches!(refused, Err(Error::WrongKind { .. })));
}

#[tokio::test]
async fn a_new_key_waits_beside_the_one_in_use() {
    let (_home, store) = Home::with_store();
    store.add_private(&new("old")).unwrap();
    let (key, certificate) = KEYS[1].clone();
    let pair = NewSecret::Key { key: key.clone(), certificate: Box::new(certificate.clone()) };
    let mixed = NewSecret::Key { key, certificate: Box::new(KEYS[0].1.clone()) };
    let id = only_app(&store).id;
    assert!(matches!(store.add_secret(&id, &mixed, Rank::Second), Err(Error::Key(_))));
    let before = store.connection(None).unwrap();
    let url = before.app.server.api().join("api.xro/2.0/Organisation").unwrap();
    let request = connection_store::ApiRequest { method: "GET", url: &url, form: None };
    let second = store.sign_with(&before, &request, None, Some(&certificate));
    assert!(matches!(second, Err(Error::NoSecondSecret)));
    assert!(matches!(store.prefer_key(&id, &certificate), Err(Error::NoSecondSecret)));
    store.add_secret(&id, &pair, Rank::Second).unwrap();
    let there = store.connection(None).unwrap();
    assert_eq!(there.app.certificate, before.app.certificate);
    assert_eq!(there.app.second.as_ref().unwrap().certificate.as_ref(), Some(&certificate));
    let other = Some("ZYXWVUTSRQPONMLKJIHGFEDCBA3210");
    let tried = store.sign_with(&there, &request, other, Some(&certificate)).unwrap();
    assert!(tried.expose_authorization().contains("oauth_consumer_key=\"ZYXWVUTSRQPONMLKJIHGFEDCBA3210\""));
    // Whoever has seen that the second is taken says so, however many they are.
    for _ in 0..3 {
        let swapped = store.prefer_key(&id, &certificate).unwrap();
        assert_eq!(swapped.certificate.as_ref(), Some(&certificate));
        assert_eq!(swapped.second.unwrap().certificate, before.app.certificate);
    }
    // And whoever saw the keys before they changed places signs with the one that he means.
    store.sign_with(&there, &request, None, Some(&certificate)).unwrap();
    authorise(&store, "old").await.unwrap();
    assert!(store.verify().unwrap().is_empty());
}

#[tokio::test]
async fn two_secrets_cannot_be_mixed_up_by_hand() {
    for change in [
        "UPDATE apps SET second_secret = secret",
        "UPDATE apps SET secret = second_secret",
        "UPDATE apps SET second_secret = NULL",
        "UPDATE apps SET second_since = NULL",
        "UPDATE apps SET second_certificate = certificate",
    ] {
        let (home, store) = Home::with_store();
        store.add_private(&new("old")).unwrap();
        let (key, certificate) = KEYS[1].clone();
        let pair = NewSecret::Key { key, certificate: Box::new(certificate) };
        store.add_secret(&only_app(&store).id, &pair, Rank::Second).unwrap();
        home.sql(change);
        let refused = authorise(&store, "old").await;
        assert!(matches!(refused, Err(Error::Tampered { .. })), "{change}: {refused:?}");
    }
}

#[tokio::test]
async fn both_secrets_are_sealed_anew_with_the_rest() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let id = only_app(&store).id;
    store.add_secret(&id, &client("new"), Rank::First).unwrap();
    store.rekey(&mut |_, _| {}).unwrap();
    let store = home.open().unwrap();
    assert!(store.verify().unwrap().is_empty());
    assert_eq!(secret_of(&store), "new");
    let refused = store.app_identity(&only_app(&store)).unwrap().secret.unwrap();
    for _ in 0..2 {
        store.swap_secrets(&id, &refused).unwrap();
        assert_ne!(secret_of(&store), "new", "two who were refused with it change it once");
    }
}

#[tokio::test]
async fn a_connection_takes_another_name_and_stays_what_it_is() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let login = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_connections(&[under(&login, "acme"), under(&login, "birch")]).unwrap();
    store.rename("acme", "Maple").unwrap();
    store.rename("maple", "maple").unwrap();
    assert_eq!(names(&store), ["birch", "maple"]);
    assert!(store.connection(None).unwrap().is_default && store.connection(None).unwrap().name == "maple");
    authorise(&store, "maple").await.unwrap();
    assert!(matches!(store.rename("maple", "BIRCH"), Err(Error::NameTaken(_))));
    assert!(matches!(store.rename("none", "x"), Err(Error::NoSuchConnection { .. })));
    assert!(matches!(store.rename("maple", "-x"), Err(Error::BadName(_))));
    assert!(store.verify().unwrap().is_empty());
    home.sql("UPDATE connections SET organisation_id = '2' WHERE name = 'birch'");
    assert!(matches!(store.rename("birch", "oak"), Err(Error::Tampered { .. })));
}

#[test]
fn limits_are_noted_for_an_app_and_an_organisation() {
    let (home, store) = Home::with_store();
    store.add_private(&new("old")).unwrap();
    let connection = store.connection(None).unwrap();
    assert_eq!(store.limits(&connection).unwrap(), None);
    let limits = connection_store::Limits {
        seen_at: home.clock_now(),
        day_left: Some(4_999),
        minute_left: Some(59),
        app_minute_left: None,
    };
    store.note_limits(&connection, &limits).unwrap();
    assert_eq!(store.limits(&connection).unwrap(), Some(limits));
    store.remove(&["old".to_owned()]).unwrap();
    assert_eq!((store.limits(&connection).unwrap(), home.count("limits")), (None, 0));
    store.note_limits(&connection, &limits).unwrap();
    assert_eq!(home.count("limits"), 0, "of an app that is gone nothing is noted");
}
