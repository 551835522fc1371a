//! Changes made to the file by somebody without the key: refused and named, and nothing else harmed.

use connection_store::{Error, Need, NewConnection, Server, Store};

use crate::{
    home::{Home, authorise, consent, minutes, organisation, under},
    token_server::{Reply, TokenServer},
};

/// Two consents to two apps with a connection each, `a` and `b`, both expired, refreshed once.
async fn two(server: &TokenServer) -> (Home, Store) {
    let (home, store) = Home::with_store();
    for (name, id) in [("a", "0123456789ABCDEF0123456789ABCDEF"), ("b", "FEDCBA9876543210FEDCBA9876543210")] {
        let mut new = consent(&server.server(), &format!("refresh-{name}"));
        new.app.identity.client_id = connection_store::ClientId::parse(id).unwrap();
        let made = store.add_authorisation(&new).unwrap();
        let seen = organisation(name);
        store.add_connections(&[NewConnection { organisation: Some(seen), ..under(&made, name) }]).unwrap();
        store.access_of(&made, Need::fresh(1)).await.unwrap();
    }
    (home, store)
}

/// Sets a column of a's row to b's.
fn copied(column: &str) -> String {
    let of = |name: &str| format!("(SELECT authorisation FROM connections WHERE name = '{name}')");
    format!(
        "UPDATE authorisations SET {column} = (SELECT {column} FROM authorisations WHERE id = {}) WHERE id = {}",
        of("b"),
        of("a")
    )
}

#[tokio::test]
async fn changes_to_what_a_good_token_belongs_to_are_refused() {
    let changes = [
        copied("access"),
        copied("app"),
        "UPDATE authorisations SET access = refresh".to_owned(),
        "UPDATE authorisations SET access_expires_at = access_expires_at + 30".to_owned(),
        "UPDATE authorisations SET scopes = 'accounting.transactions'".to_owned(),
        "UPDATE authorisations SET user_id = 'user-2'".to_owned(),
        "UPDATE authorisations SET consent = 'event-2'".to_owned(),
        "UPDATE authorisations SET generation = generation - 1".to_owned(),
        "UPDATE authorisations SET generation = generation + 1".to_owned(),
        "UPDATE authorisations SET access = NULL, refresh = previous".to_owned(),
        "UPDATE apps SET server = 'http://127.0.0.1:1/'".to_owned(),
        "UPDATE apps SET server = NULL".to_owned(),
        "UPDATE apps SET kind = 'desktop'".to_owned(),
        "UPDATE apps SET client_id = '00000000000000000000000000000000'".to_owned(),
        "UPDATE apps SET secret = (SELECT secret FROM apps o WHERE o.id <> apps.id)".to_owned(),
        "UPDATE connections SET organisation_id = '2'".to_owned(),
        "UPDATE connections SET organisation_id = NULL".to_owned(),
        "UPDATE connections SET authorisation = NULL".to_owned(),
        "UPDATE connections SET authorisation = (SELECT authorisation FROM connections WHERE name = 'b')"
            .to_owned(),
        "UPDATE connections SET pin = (SELECT pin FROM connections WHERE name = 'b')".to_owned(),
    ];
    let server = TokenServer::start().await;
    for change in changes {
        let (home, store) = two(&server).await;
        let before = server.asked().len();
        home.sql(&change);
        let refused = authorise(&store, "a").await;
        assert!(matches!(refused, Err(Error::Tampered { .. })), "{change}: {refused:?}");
        assert_eq!(server.asked().len(), before, "{change}: nothing was sent");
    }
}

#[tokio::test]
async fn changes_to_a_refresh_token_are_refused_before_anything_is_sent() {
    let changes = [
        copied("refresh"),
        "UPDATE authorisations SET refresh = previous".to_owned(),
        "UPDATE authorisations SET refresh = access".to_owned(),
        "UPDATE authorisations SET generation = generation - 1".to_owned(),
        "UPDATE authorisations SET user_id = NULL".to_owned(),
        "UPDATE authorisations SET consent = NULL".to_owned(),
    ];
    let server = TokenServer::start().await;
    for change in changes {
        let (home, store) = two(&server).await;
        home.clock.advance(minutes(31));
        let before = server.asked().len();
        home.sql(&change);
        let refused = authorise(&store, "a").await;
        assert!(
            matches!(refused, Err(Error::Tampered { table: "authorisations", .. })),
            "{change}: {refused:?}"
        );
        assert_eq!(server.asked().len(), before, "{change}: nothing was sent");
        let other = authorise(&store, "b").await;
        assert_eq!(other.is_ok(), change.contains("WHERE"), "{change}: {other:?}");
    }
}

#[tokio::test]
async fn a_connection_that_was_changed_is_neither_pinned_anew_nor_listed() {
    let server = TokenServer::start().await;
    for change in [
        "organisation_id = NULL",
        "organisation_id = '2'",
        "authorisation = (SELECT authorisation FROM connections WHERE name = 'b')",
        "app = (SELECT app FROM connections WHERE name = 'b')",
    ] {
        let (home, store) = two(&server).await;
        let before = server.asked().len();
        home.sql(&format!("UPDATE connections SET {change} WHERE name = 'a'"));
        let changed = store.connection(Some("a")).unwrap();
        let seen = organisation("2");
        for refused in [
            store.tested(&changed, &seen).map(drop),
            store.tenant_links_of(&changed).await.map(drop),
            store.remove_tenant_link(&changed).await.map(drop),
        ] {
            let named = matches!(refused, Err(Error::Tampered { table: "connections", column: "pin", .. }));
            assert!(named, "{change}: {refused:?}");
        }
        assert_eq!(server.asked().len(), before, "{change}: nothing was sent");
        assert!(authorise(&store, "a").await.is_err(), "{change}: still refused");
    }
}

#[tokio::test]
async fn the_token_before_is_sealed_with_its_time() {
    for change in ["spent_at = spent_at + 3600", "previous = refresh"] {
        let server = TokenServer::start().await;
        let (home, store) = two(&server).await;
        home.sql(&format!("UPDATE authorisations SET {change}"));
        server.reply([Reply::invalid_grant()]);
        let a = store.connection(Some("a")).unwrap();
        let refused = store.access(&a, Need::fresh(2)).await;
        let named = matches!(refused, Err(Error::Tampered { column: "previous", .. }));
        assert!(named, "{change}: {refused:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_taken_away_is_missed() {
    let server = TokenServer::start().await;
    let (home, store) = two(&server).await;
    let a = store.connection(Some("a")).unwrap().authorisation.unwrap().id;
    for more in ["", ", previous = NULL, spent_at = NULL", ", access = NULL, access_expires_at = NULL"] {
        home.sql(&format!("UPDATE authorisations SET refresh = NULL{more} WHERE id = '{a}'"));
        let found = store.verify().unwrap();
        let named = found.iter().any(|one| one.row == a && one.what.contains("refresh was taken away"));
        assert!(named, "{more}: {found:?}");
    }
    home.clock.advance(minutes(31));
    let before = server.asked().len();
    let refused = authorise(&store, "a").await;
    assert!(
        matches!(refused, Err(Error::Tampered { table: "authorisations", column: "refresh", .. })),
        "{refused:?}"
    );
    assert_eq!(server.asked().len(), before, "nothing was sent");
    authorise(&store, "b").await.unwrap();
}

#[test]
fn an_app_that_was_changed_is_not_sealed_anew() {
    let (home, store) = Home::with_store();
    let elsewhere = Server::at("http://127.0.0.1:8790").unwrap();
    store.add_authorisation(&consent(&elsewhere, "refresh-0")).unwrap();
    home.sql("UPDATE apps SET server = NULL");
    let refused = store.add_authorisation(&consent(&Server::xero(), "refresh-0"));
    assert!(matches!(refused, Err(Error::Tampered { table: "apps", .. })), "{refused:?}");
}

#[tokio::test]
async fn a_custom_app_is_not_exchanged_for_another() {
    let server = TokenServer::start().await;
    let (home, store) = two(&server).await;
    home.sql(&format!(
        "{}; UPDATE authorisations SET access = NULL, access_expires_at = NULL",
        copied("app")
    ));
    let refused = authorise(&store, "a").await;
    let named = matches!(refused, Err(Error::Tampered { table: "authorisations", column: "app", .. }));
    assert!(named, "{refused:?}");
}
