//! A store of the first format, made by the version that knew no other, is brought up to date and loses nothing.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use connection_store::{Error, KeyBytes, Server, Store, StoreKey};

use crate::home::{CONSUMER_KEY, Home, KEYS, authorise, consent, new, organisation, start, under};

const FORMAT_1: &[u8] = include_bytes!("../../../../fixtures/store/test-format-1.db");
const FORMAT_4: &[u8] = include_bytes!("../../../../fixtures/store/test-format-4.db");
const KEY: &[u8] = include_bytes!("../../../../fixtures/store/test-format-1.key");

/// A copy of an old file, and the key that opens it.
fn old(file: &[u8]) -> (Home, StoreKey) {
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    fs::write(&home.path, file).unwrap();
    (home, StoreKey::File(KeyBytes::from_key_file(KEY).unwrap()))
}

fn format(home: &Home) -> i64 {
    home.db().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn of_many_that_open_an_old_store_at_once_none_fails() {
    for file in [FORMAT_1, FORMAT_4].iter().cycle().take(20) {
        many_open_an_old_store(file);
    }
}

fn many_open_an_old_store(file: &[u8]) {
    let (home, key) = old(file);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope
                .spawn(|| assert_eq!(Store::open(&home.path, &key).unwrap().connections().unwrap().len(), 2));
        }
    });
    assert_eq!(format(&home), 5);
    assert_eq!(Store::open(&home.path, &key).unwrap().verify().unwrap(), []);
}

#[tokio::test]
async fn connections_of_format_1_still_sign() {
    let (home, key) = old(FORMAT_1);
    assert_eq!(format(&home), 1);
    for _ in 0..2 {
        let store = Store::open(&home.path, &key).unwrap();
        for name in ["acme", "mock"] {
            let signed = authorise(&store, name).await.unwrap();
            let signature = KEYS[0].0.sign_rsa_sha1(signed.base_string().unwrap().as_bytes()).unwrap();
            let encoded = url::form_urlencoded::byte_serialize(BASE64_STANDARD.encode(signature).as_bytes())
                .collect::<String>();
            assert!(signed.expose_authorization().contains(&encoded), "{name}");
        }
    }
    assert_eq!(format(&home), 5);
    let store = Store::open(&home.path, &key).unwrap();
    let acme = store.connection(Some("acme")).unwrap();
    assert_eq!(
        (acme.app.client_id.as_str(), acme.app.certificate.as_ref()),
        (CONSUMER_KEY, Some(&KEYS[0].1))
    );
    assert_eq!((acme.organisation, acme.authorisation), (Some(organisation("1")), None));
    assert_eq!((acme.created_at, acme.tested_at), (start(), Some(start())));
    assert_eq!(store.connection(None).unwrap().name, "mock");
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    store.add_connections(&[under(&made, "new")]).unwrap();
    assert_eq!(store.connections().unwrap().len(), 3);
}

#[test]
fn a_newer_format_that_only_added_something_is_opened() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    home.sql("CREATE TABLE store_format (oldest INTEGER NOT NULL); INSERT INTO store_format VALUES (5); PRAGMA user_version = 6");
    home.open().unwrap().rename("acme", "other").unwrap();
    assert_eq!(format(&home), 6);
    home.sql("UPDATE store_format SET oldest = 6");
    let refused = home.open();
    assert!(matches!(refused, Err(Error::NewerFormat { found: 6, known: 5, .. })), "{refused:?}");
}

#[tokio::test]
async fn rows_that_were_put_back_in_format_4_stay_refused() {
    let (home, key) = old(FORMAT_4);
    assert_eq!(format(&home), 4);
    // The ledger notes generation 1.
    home.sql("UPDATE apps SET generation = 2 WHERE id = (SELECT app FROM connections WHERE name = 'acme')");
    for _ in 0..2 {
        let store = Store::open(&home.path, &key).unwrap();
        let found = store.verify().unwrap();
        assert!(found.iter().any(|one| one.table == "apps"), "{found:?}");
        assert!(authorise(&store, "acme").await.is_err());
        assert!(authorise(&store, "mock").await.is_ok());
    }
    assert_eq!(format(&home), 5);
}

#[test]
fn a_ledger_of_format_4_that_was_changed_is_not_divided() {
    let (home, key) = old(FORMAT_4);
    home.sql("UPDATE store SET ledger_generation = ledger_generation + 1");
    let store = Store::open(&home.path, &key).unwrap();
    assert!(matches!(store.connections(), Err(Error::Tampered { table: "store", column: "ledger", .. })));
    assert!(!store.verify().unwrap().is_empty());
}
