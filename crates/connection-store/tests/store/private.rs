//! Connections of private apps, and the keys of a store.

use connection_store::{
    ApiRequest, Error, KeyBytes, Lock, NewPrivateConnection, Organisation, RequestHeaders, Server, Store,
    StoreKey,
};

use crate::{
    database,
    home::{CONSUMER_KEY, Home, KEYS, authorise, key_file, names, new, organisation, passphrase, start},
};

fn sign(store: &Store, name: &str) -> Result<RequestHeaders, Error> {
    run(authorise(store, name))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn what_was_added_is_there_after_opening_again() {
    let (home, store) = Home::with_store();
    store
        .add_private(&NewPrivateConnection { organisation: Some(organisation("1")), ..new("acme") })
        .unwrap();
    drop(store);
    let connection = home.open().unwrap().connection(Some("ACME")).unwrap();
    assert_eq!(connection.name, "acme");
    assert_eq!(connection.app.client_id, CONSUMER_KEY);
    assert_eq!(connection.app.certificate, Some(KEYS[0].1.clone()));
    assert_eq!(connection.organisation, Some(organisation("1")));
    assert_eq!((connection.created_at, connection.tested_at), (start(), Some(start())));
    assert!(connection.is_default, "the first connection is the default one");
}

#[test]
fn the_signature_is_that_of_the_stored_key() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let signed = sign(&home.open().unwrap(), "acme").unwrap();
    let signature = KEYS[0].0.sign_rsa_sha1(signed.base_string().unwrap().as_bytes()).unwrap();
    use base64::{Engine, prelude::BASE64_STANDARD};
    let encoded =
        BASE64_STANDARD.encode(signature).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    assert!(signed.expose_authorization().contains(&format!("oauth_signature=\"{encoded}\"")));
    assert!(!format!("{signed:?}").contains("oauth"), "{signed:?}");
}

#[test]
fn nothing_is_signed_for_another_server() {
    let (_home, store) = Home::with_store();
    let server = Server::at("http://127.0.0.1:8790").unwrap();
    store.add_private(&NewPrivateConnection { server, ..new("mock") }).unwrap();
    let mock = store.connection(None).unwrap();
    let url = Server::xero().api();
    let request = ApiRequest { method: "GET", url: &url, form: None };
    let refused = run(store.authorise(&mock, &request)).unwrap_err();
    assert_eq!(refused.to_string(), "this connection talks to http://127.0.0.1:8790 and to no other server");
}

#[test]
fn names_are_unique_and_replaced_only_when_asked() {
    let (_home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    store.add_private(&new("other")).unwrap();
    assert!(matches!(store.add_private(&new("Acme")), Err(Error::NameTaken(name)) if name == "Acme"));
    let (key, certificate) = KEYS[1].clone();
    store.add_private(&NewPrivateConnection { key, certificate, replace: true, ..new("Acme") }).unwrap();
    assert_eq!(names(&store), ["Acme", "other"]);
    let replaced = store.connection(Some("acme")).unwrap();
    assert_eq!(replaced.app.certificate, Some(KEYS[1].1.clone()));
    assert!(replaced.is_default, "what was the default stays the default");
}

#[test]
fn a_certificate_of_another_key_is_refused() {
    let (_home, store) = Home::with_store();
    let mixed = NewPrivateConnection { certificate: KEYS[1].1.clone(), ..new("acme") };
    assert!(matches!(store.add_private(&mixed), Err(Error::Key(xero_certs::Error::KeyMismatch))));
    assert!(matches!(store.add_private(&new("-x")), Err(Error::BadName(_))));
    assert!(names(&store).is_empty());
}

#[test]
fn one_connection_is_the_default() {
    let (_home, store) = Home::with_store();
    assert!(matches!(store.connection(None), Err(Error::NoDefault { known }) if known.is_empty()));
    for name in ["a", "b", "c"] {
        store.add_private(&NewPrivateConnection { make_default: name == "b", ..new(name) }).unwrap();
    }
    assert_eq!(store.connection(None).unwrap().name, "b");
    store.set_default("C").unwrap();
    assert_eq!(store.connection(None).unwrap().name, "c");
    assert!(matches!(store.set_default("d"), Err(Error::NoSuchConnection { name, .. }) if name == "d"));
    store.remove(&["c".to_owned()]).unwrap();
    assert!(matches!(store.connection(None), Err(Error::NoDefault { known }) if known == ["a", "b"]));
}

#[test]
fn removal_is_of_all_or_none_and_takes_the_key_along() {
    let (home, store) = Home::with_store();
    for name in ["a", "b"] {
        store.add_private(&new(name)).unwrap();
    }
    let refused = store.remove(&["a".to_owned(), "x".to_owned()]).unwrap_err();
    assert!(matches!(refused, Error::NoSuchConnection { name, known } if name == "x" && known == ["a", "b"]));
    assert_eq!(names(&store), ["a", "b"]);
    store.remove(&["a".to_owned(), "A".to_owned()]).unwrap();
    assert_eq!(names(&store), ["b"]);
    assert_eq!(home.count("apps"), 1);
}

#[test]
fn a_test_pins_the_organisation_and_another_one_does_not_replace_it() {
    let (_home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let acme = store.connection(None).unwrap();
    assert!(store.tested(&acme, &organisation("1")).unwrap());
    let renamed = Organisation { name: "New name".to_owned(), ..organisation("1") };
    assert!(store.tested(&acme, &renamed).unwrap());
    assert!(!store.tested(&acme, &organisation("2")).unwrap());
    assert_eq!(store.connection(None).unwrap().organisation, Some(renamed));
    assert!(sign(&store, "acme").is_ok());
    store.add_private(&NewPrivateConnection { replace: true, ..new("acme") }).unwrap();
    let gone = store.tested(&acme, &organisation("1"));
    assert!(matches!(gone, Err(Error::NoSuchConnection { .. })), "it was replaced in the meantime: {gone:?}");
}

fn locks(home: &Home) -> Vec<Lock> {
    database::slots(&home.path).unwrap().into_iter().map(|slot| slot.lock).collect()
}

#[test]
fn a_store_says_how_it_is_locked_and_opens_with_its_own_key_only() {
    let (home, _) = Home::with_store();
    assert_eq!(locks(&home), [Lock::KeyFile("/keys/store.key".to_owned())]);
    let other = StoreKey::File(StoreKey::generate().unwrap());
    assert!(matches!(database::open(&home.path, &other), Err(Error::WrongKey)));
    assert!(matches!(
        database::open(&home.path, &StoreKey::passphrase("x")),
        Err(Error::OtherLock("a key file"))
    ));
}

#[test]
fn a_passphrase_opens_its_store() {
    let home = Home::new();
    database::create(&home.path, &passphrase("correct horse")).unwrap();
    assert_eq!(locks(&home), [Lock::Passphrase]);
    assert!(database::open(&home.path, &StoreKey::passphrase("correct horse")).is_ok());
    assert!(matches!(
        database::open(&home.path, &StoreKey::passphrase("Correct horse")),
        Err(Error::WrongPassphrase)
    ));
    assert!(matches!(database::open(&home.path, &home.key), Err(Error::OtherLock("a passphrase"))));
}

#[test]
fn key_files_come_back_and_others_are_refused() {
    let key = StoreKey::generate().unwrap();
    let text = key.to_key_file();
    assert_eq!(KeyBytes::from_key_file(text.as_bytes()).unwrap().to_key_file(), text);
    assert!(!format!("{key:?}").contains(text.split(' ').nth(1).unwrap().trim()));
    for bad in ["", "xeroctl-store-key-1", "xeroctl-store-key-1 AAAA", "xeroctl-store-key-2 x", "-----BEGIN"]
    {
        assert!(matches!(KeyBytes::from_key_file(bad.as_bytes()), Err(Error::NotAKeyFile)), "{bad}");
    }
    assert!(matches!(KeyBytes::from_key_file(&[0xff, 0xfe]), Err(Error::NotAKeyFile)));
}

#[test]
fn a_store_is_made_once() {
    let (home, _) = Home::with_store();
    let other = StoreKey::File(StoreKey::generate().unwrap());
    assert!(matches!(database::create(&home.path, &key_file(&other)), Err(Error::Exists(_))));
    assert!(home.open().is_ok(), "the first key still opens it");
}

#[test]
fn of_many_that_make_a_store_at_once_one_does() {
    let home = Home::new();
    let made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let key = StoreKey::File(StoreKey::generate().unwrap());
                    database::create(&home.path, &key_file(&key)).map(|_| key)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let winners: Vec<_> = made.iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert!(database::open(&home.path, winners[0]).is_ok());
    for loser in made.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(loser, Error::Exists(_)), "{loser:?}");
    }
}

#[test]
fn an_unfinished_store_is_no_store_and_can_be_finished() {
    let (home, store) = Home::with_store();
    drop(store);
    home.sql("DELETE FROM key_slots; DELETE FROM ledger_pages; UPDATE store SET ledger = NULL");
    assert!(matches!(home.open(), Err(Error::NotFound(_))));
    assert!(database::create(&home.path, &key_file(&home.key)).is_ok());
    assert!(home.open().is_ok());
}

#[test]
fn secrets_do_not_open_in_another_row() {
    let (home, store) = Home::with_store();
    for name in ["a", "b"] {
        store.add_private(&new(name)).unwrap();
    }
    home.sql(
        "UPDATE apps SET secret = (SELECT secret FROM apps a JOIN connections c ON c.app = a.id WHERE c.name = 'b') \
         WHERE id = (SELECT app FROM connections WHERE name = 'a')",
    );
    let refused = sign(&store, "a").unwrap_err();
    assert!(matches!(refused, Error::Tampered { table: "apps", column: "secret", .. }), "{refused:?}");
    assert!(sign(&store, "b").is_ok(), "nothing else is harmed");
    home.sql("UPDATE apps SET generation = 2");
    assert!(matches!(sign(&store, "b"), Err(Error::Tampered { .. })));
}

#[test]
fn what_stands_in_clear_beside_a_secret_cannot_be_changed() {
    let changes = [
        "UPDATE apps SET server = 'https://evil.example/'",
        "UPDATE apps SET client_id = 'ZYXWVUTSRQPONMLKJIHGFEDCBA9876'",
        "UPDATE apps SET certificate = (SELECT certificate FROM apps WHERE id <> (SELECT app FROM connections WHERE name = 'a') LIMIT 1)",
        "UPDATE connections SET app = (SELECT app FROM connections WHERE name = 'b') WHERE name = 'a'",
        "UPDATE connections SET organisation_id = '2' WHERE name = 'a'",
        "UPDATE connections SET organisation_id = NULL WHERE name = 'a'",
        "DELETE FROM connections WHERE name = 'b'; UPDATE connections SET name = 'b' WHERE name = 'a'",
    ];
    for change in changes {
        let (home, store) = Home::with_store();
        store
            .add_private(&NewPrivateConnection { organisation: Some(organisation("1")), ..new("a") })
            .unwrap();
        let (key, certificate) = KEYS[1].clone();
        store.add_private(&NewPrivateConnection { key, certificate, ..new("b") }).unwrap();
        home.sql(change);
        let name = if change.starts_with("DELETE") { "b" } else { "a" };
        let refused = sign(&store, name);
        assert!(matches!(refused, Err(Error::Tampered { .. })), "{change}: {refused:?}");
    }
}

#[test]
fn values_that_cannot_be_are_refused_and_not_used() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    home.sql("UPDATE connections SET created_at = 9000000000000000000");
    assert!(matches!(store.connections(), Err(Error::Corrupt(_))));
    let home = Home::new();
    let passphrase = passphrase("correct horse");
    drop(database::create(&home.path, &passphrase).unwrap());
    for parameters in ["65536,4000000000,1", "4000000000,1,1", "65536,3,200", "x", ""] {
        home.sql(&format!("UPDATE key_slots SET parameters = '{parameters}'"));
        assert!(
            matches!(database::open(&home.path, &passphrase.key), Err(Error::Tampered { .. })),
            "{parameters}"
        );
    }
}
