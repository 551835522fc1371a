//! A store of the first format, made by the version that knew no other, is brought up to date and loses nothing.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use connection_store::{KeyBytes, Server, Store, StoreKey};

use crate::home::{CONSUMER_KEY, Home, KEYS, authorise, consent, organisation, start, under};

const FORMAT_1: &[u8] = include_bytes!("../../../../fixtures/store/test-format-1.db");
const KEY: &[u8] = include_bytes!("../../../../fixtures/store/test-format-1.key");

/// A copy of the old file, and the key that opens it.
fn old() -> (Home, StoreKey) {
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    fs::write(&home.path, FORMAT_1).unwrap();
    (home, StoreKey::File(KeyBytes::from_key_file(KEY).unwrap()))
}

fn format(home: &Home) -> i64 {
    home.db().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn of_many_that_open_an_old_store_at_once_none_fails() {
    for _ in 0..20 {
        many_open_an_old_store();
    }
}

fn many_open_an_old_store() {
    let (home, key) = old();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope
                .spawn(|| assert_eq!(Store::open(&home.path, &key).unwrap().connections().unwrap().len(), 2));
        }
    });
    assert_eq!(format(&home), 4);
}

#[tokio::test]
async fn connections_of_format_1_still_sign() {
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    fs::write(&home.path, FORMAT_1).unwrap();
    let format =
        |home: &Home| home.db().pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(format(&home), 1);
    let key = StoreKey::File(KeyBytes::from_key_file(KEY).unwrap());
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
    assert_eq!(format(&home), 4);
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
