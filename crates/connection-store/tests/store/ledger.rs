//! Rows put back: refused and named, and nothing else harmed.

use connection_store::{Error, Need, NewPrivateConnection, Store};

use crate::{
    database::{self, Hand},
    home::{Home, authorise, consent, expired, new, organisation, under},
    token_server::TokenServer,
};

/// Keeps all rows of a table as they are now.
fn keep(home: &Home, table: &str) {
    home.sql(&format!("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM {table}"));
}

/// Puts the kept row of that key back, over the one that is there.
fn put_back(home: &Home, table: &str, key: &str, id: &str) {
    let of = format!("{table} WHERE {key} = '{id}'");
    let from = format!("kept WHERE {key} = '{id}'");
    let batch = format!("DELETE FROM {of}; INSERT INTO {table} SELECT * FROM {from}");
    database::sql_unchecked(&home.path, &batch);
}

fn named(store: &Store, table: &str, row: &str) {
    let found = store.verify().unwrap();
    assert!(found.iter().any(|one| one.table == table && one.row == row), "{found:?}");
}

#[tokio::test]
async fn an_old_authorisation_is_refused() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    let other = store.add_authorisation(&consent(&server.server(), "refresh-other")).unwrap();
    store.add_connections(&[under(&other, "other")]).unwrap();
    let id = acme.authorisation.as_ref().unwrap().id.clone();
    keep(&home, "authorisations");
    store.access(&acme, Need::default()).await.unwrap();
    put_back(&home, "authorisations", "id", &id);
    let before = server.asked().len();
    for store in [store, home.open().unwrap()] {
        let refused = authorise(&store, "acme").await;
        assert!(
            matches!(&refused, Err(Error::Tampered { table: "authorisations", row, .. }) if *row == id),
            "{refused:?}"
        );
        assert!(authorise(&store, "other").await.is_ok(), "nothing else is harmed");
        named(&store, "authorisations", &id);
        // Changes of other rows do not make it good.
        store.keep_pending("login", b"x", home.in_half_an_hour()).unwrap();
        store.access_of(&other, Need::fresh(0)).await.unwrap();
        assert!(authorise(&store, "acme").await.is_err());
    }
    assert_eq!(server.asked().len(), before, "nothing was sent");
}

#[tokio::test]
async fn an_old_connection_does_not_reach_its_old_organisation() {
    let (home, store) = Home::with_store();
    let to = |id: &str| NewPrivateConnection {
        organisation: Some(organisation(id)),
        replace: true,
        ..new("acme")
    };
    store.add_private(&to("1")).unwrap();
    let old_app = store.connection(Some("acme")).unwrap().app.id;
    keep(&home, "apps");
    home.sql("CREATE TABLE kept_connections AS SELECT * FROM connections");
    store.add_private(&to("2")).unwrap();
    put_back(&home, "apps", "id", &old_app);
    home.sql("DELETE FROM connections; INSERT INTO connections SELECT * FROM kept_connections");
    let refused = authorise(&store, "acme").await;
    assert!(matches!(refused, Err(Error::Tampered { table: "connections", .. })), "{refused:?}");
    named(&store, "connections", "acme");
    store.remove(&["acme".to_owned()]).unwrap();
    store.add_private(&to("2")).unwrap();
    assert!(authorise(&store, "acme").await.is_ok(), "making it anew is the way out");
}

#[tokio::test]
async fn an_old_app_secret_is_refused() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    keep(&home, "apps");
    store.add_authorisation(&consent(&server.server(), "refresh-1")).unwrap();
    put_back_app(&home, &acme.app.id);
    let refused = store.access(&acme, Need::default()).await;
    assert!(matches!(refused, Err(Error::Tampered { table: "apps", .. })), "{refused:?}");
}

/// An app's row cannot go while others name it.
fn put_back_app(home: &Home, id: &str) {
    let kept = format!("SELECT secret, generation FROM kept WHERE id = '{id}'");
    home.sql(&format!("UPDATE apps SET (secret, generation) = ({kept}) WHERE id = '{id}'"));
}

#[test]
fn a_ledger_that_is_changed_taken_away_or_put_back_is_noticed() {
    for change in [
        "UPDATE store SET ledger = NULL",
        &format!("UPDATE store SET ledger = {}", database::ZEROS),
        "UPDATE store SET ledger_generation = ledger_generation + 1",
        "UPDATE store SET (ledger, ledger_generation) = (SELECT ledger, ledger_generation FROM kept)",
    ] {
        let (home, store) = Home::with_store();
        store.add_private(&new("acme")).unwrap();
        keep(&home, "store");
        store.add_private(&new("later")).unwrap();
        drop(store);
        home.sql(change);
        let noticed = home.open().and_then(|store| {
            let later = store.connection(Some("later"))?;
            store.check(&later)
        });
        assert!(matches!(noticed, Err(Error::Tampered { .. })), "{change}: {noticed:?}");
    }
}

#[test]
fn a_page_of_the_ledger_that_is_changed_taken_away_or_put_back_is_noticed() {
    for change in [
        "DELETE FROM ledger_pages",
        &format!("UPDATE ledger_pages SET entries = {}", database::ZEROS),
        "UPDATE ledger_pages SET entries = (SELECT entries FROM kept WHERE kept.page = ledger_pages.page)",
        "UPDATE ledger_pages SET entries = (SELECT entries FROM kept WHERE kept.page <> ledger_pages.page LIMIT 1)",
    ] {
        let (home, store) = Home::with_store();
        store.add_private(&new("acme")).unwrap();
        keep(&home, "ledger_pages");
        store.rename("acme", "other").unwrap();
        store.rename("other", "acme").unwrap();
        assert_eq!(store.verify().unwrap(), []);
        home.sql(change);
        let anew = home.open().unwrap();
        let noticed = anew.connection(Some("acme")).and_then(|acme| anew.check(&acme));
        assert!(matches!(noticed, Err(Error::Tampered { .. })), "{change}: {noticed:?}");
        for store in [store, anew] {
            let found = store.verify().unwrap();
            assert!(found.iter().any(|one| one.table == "ledger_pages"), "{change}: {found:?}");
        }
    }
}

#[test]
fn rows_that_are_gone_are_counted() {
    // The connection, and that it was the default one.
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    home.sql("DELETE FROM connections");
    let found = store.verify().unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].to_string(), "file: what the ledger notes and is not there any more: 2");
}

#[tokio::test]
async fn a_bit_flipped_at_each_byte_of_a_sealed_value_is_refused_and_named() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    store.access(&acme, Need::default()).await.unwrap();
    store.add_private(&new("private")).unwrap();
    for (table, column, key) in [
        ("authorisations", "access", "id"),
        ("authorisations", "refresh", "id"),
        ("authorisations", "previous", "id"),
        ("connections", "pin", "name"),
        ("apps", "secret", "id"),
    ] {
        let hand = Hand::of(&home.path);
        let (id, whole) =
            hand.read(&format!("SELECT {key}, {column} FROM {table} ORDER BY created_at, {key} LIMIT 1"));
        let set = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            hand.write(&set, &id, &changed);
            named(&store, table, &id);
        }
        hand.write(&set, &id, &whole);
        assert_eq!(store.verify().unwrap(), [], "{table} {column}");
    }
    assert!(authorise(&store, "private").await.is_ok());
}

#[test]
fn the_default_is_not_moved_unseen() {
    let (home, store) = Home::with_store();
    for name in ["a", "b"] {
        store.add_private(&new(name)).unwrap();
    }
    home.sql("UPDATE connections SET is_default = FALSE; UPDATE connections SET is_default = TRUE WHERE name = 'b'");
    let other = store.connection(None).unwrap();
    assert!(matches!(store.check(&other), Err(Error::Tampered { .. })), "{}", other.name);
    let by_name = store.connection(Some("b")).unwrap();
    assert!(store.check(&by_name).is_ok(), "by its name it is good");
    named(&store, "default", "b");
    store.set_default("b").unwrap();
    assert!(store.check(&store.connection(None).unwrap()).is_ok());
    assert_eq!(store.verify().unwrap(), []);
    // Nor back to the one that it was before.
    home.sql("UPDATE connections SET is_default = FALSE; UPDATE connections SET is_default = TRUE WHERE name = 'a'");
    let before = store.connection(None).unwrap();
    assert!(matches!(store.check(&before), Err(Error::Tampered { .. })), "{}", before.name);
}

/// Counted back, the generation of pages would come to that of old ones again.
#[test]
fn a_ledger_whose_generation_is_set_back_is_noticed_by_who_has_read_it_too() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    assert_eq!(store.connections().unwrap().len(), 1);
    home.sql("UPDATE store SET ledger_generation = ledger_generation - 1");
    let noticed = store.connections();
    assert!(matches!(noticed, Err(Error::Tampered { .. })), "{noticed:?}");
    assert!(store.rename("acme", "other").is_err());
}
