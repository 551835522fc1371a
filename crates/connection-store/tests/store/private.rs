//! Connections of private apps, and the store's file.

use std::{fs, path::Path};

use connection_store::{
    ApiRequest, Error, KeyBytes, Lock, NewPrivateConnection, Organisation, RequestHeaders, Server, Store,
    StoreKey,
};
use rusqlite::Connection as Db;

use crate::home::{
    CONSUMER_KEY, Home, KEYS, authorise, key_file, names, new, organisation, passphrase, start,
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
    let apps: i64 = home.db().query_row("SELECT count(*) FROM apps", [], |row| row.get(0)).unwrap();
    assert_eq!(apps, 1);
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
    Store::key_slots(&home.path).unwrap().into_iter().map(|slot| slot.lock).collect()
}

#[test]
fn a_store_says_how_it_is_locked_and_opens_with_its_own_key_only() {
    let (home, _) = Home::with_store();
    assert_eq!(locks(&home), [Lock::KeyFile("/keys/store.key".to_owned())]);
    let other = StoreKey::File(StoreKey::generate().unwrap());
    assert!(matches!(Store::open(&home.path, &other), Err(Error::WrongKey)));
    assert!(matches!(
        Store::open(&home.path, &StoreKey::passphrase("x")),
        Err(Error::OtherLock("a key file"))
    ));
}

#[test]
fn a_passphrase_opens_its_store() {
    let home = Home::new();
    Store::create(&home.path, &passphrase("correct horse")).unwrap();
    assert_eq!(locks(&home), [Lock::Passphrase]);
    assert!(Store::open(&home.path, &StoreKey::passphrase("correct horse")).is_ok());
    assert!(matches!(
        Store::open(&home.path, &StoreKey::passphrase("Correct horse")),
        Err(Error::WrongPassphrase)
    ));
    assert!(matches!(Store::open(&home.path, &home.key), Err(Error::OtherLock("a passphrase"))));
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
    assert!(matches!(Store::create(&home.path, &key_file(&other)), Err(Error::Exists(_))));
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
                    Store::create(&home.path, &key_file(&key)).map(|_| key)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let winners: Vec<_> = made.iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert!(Store::open(&home.path, winners[0]).is_ok());
    for loser in made.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(loser, Error::Exists(_)), "{loser:?}");
    }
}

#[test]
fn files_that_are_no_store_are_left_as_they_are() {
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    let check = |prepare: &dyn Fn(&Path), expected: &str| {
        drop(fs::remove_file(&home.path));
        prepare(&home.path);
        let before = fs::read(&home.path).ok();
        for error in [home.open().unwrap_err(), Store::key_slots(&home.path).unwrap_err()] {
            assert_eq!(error.to_string().replace(&*home.path.to_string_lossy(), "STORE"), expected);
        }
        assert_eq!(fs::read(&home.path).ok(), before);
    };
    check(&|_| {}, "there is no store at STORE");
    check(&|path| fs::write(path, "").unwrap(), "there is no store at STORE");
    check(
        &|path| fs::write(path, "notes\n".repeat(500)).unwrap(),
        "STORE is not a store: it is not an SQLite database",
    );
    check(&emptied, "there is no store at STORE");
    check(&foreign, "STORE is not a store: it is the database of another program");
    check(&newer, "the store STORE has format 99; this version knows formats up to 5");
}

/// A database without tables, of whatever program.
fn emptied(path: &Path) {
    Db::open(path).unwrap().execute_batch("CREATE TABLE t (a); DROP TABLE t; VACUUM").unwrap();
}

fn foreign(path: &Path) {
    Db::open(path).unwrap().execute_batch("CREATE TABLE books (title TEXT)").unwrap();
}

fn newer(path: &Path) {
    let key = StoreKey::File(StoreKey::generate().unwrap());
    drop(Store::create(path, &key_file(&key)).unwrap());
    Db::open(path).unwrap().pragma_update(None, "user_version", 99).unwrap();
}

#[test]
fn a_damaged_store_is_called_damaged() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    drop(store);
    let mut bytes = fs::read(&home.path).unwrap();
    // The header stays; every page of content is overwritten.
    bytes[200..].fill(0xA5);
    fs::write(&home.path, &bytes).unwrap();
    let error = home.open().unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
}

#[test]
fn an_unfinished_store_is_no_store_and_can_be_finished() {
    let (home, store) = Home::with_store();
    drop(store);
    home.db().execute("DELETE FROM key_slots", []).unwrap();
    assert!(matches!(home.open(), Err(Error::NotFound(_))));
    assert!(Store::create(&home.path, &key_file(&home.key)).is_ok());
    assert!(home.open().is_ok());
}

#[test]
fn secrets_do_not_open_in_another_row() {
    let (home, store) = Home::with_store();
    for name in ["a", "b"] {
        store.add_private(&new(name)).unwrap();
    }
    let db = home.db();
    db.execute_batch(
        "UPDATE apps SET secret = (SELECT secret FROM apps a JOIN connections c ON c.app = a.id WHERE c.name = 'b') \
         WHERE id = (SELECT app FROM connections WHERE name = 'a')",
    )
    .unwrap();
    let refused = sign(&store, "a").unwrap_err();
    assert!(matches!(refused, Error::Tampered { table: "apps", column: "secret", .. }), "{refused:?}");
    assert!(sign(&store, "b").is_ok(), "nothing else is harmed");
    db.execute_batch("UPDATE apps SET generation = 2").unwrap();
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
        home.db().execute_batch(change).unwrap();
        let name = if change.starts_with("DELETE") { "b" } else { "a" };
        let refused = sign(&store, name);
        assert!(matches!(refused, Err(Error::Tampered { .. })), "{change}: {refused:?}");
    }
}

#[test]
fn values_that_cannot_be_are_refused_and_not_used() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    home.db().execute_batch("UPDATE connections SET created_at = 9000000000000000000").unwrap();
    assert!(matches!(store.connections(), Err(Error::Corrupt(_))));
    let home = Home::new();
    let passphrase = passphrase("correct horse");
    drop(Store::create(&home.path, &passphrase).unwrap());
    for parameters in ["65536,4000000000,1", "4000000000,1,1", "65536,3,200", "x", ""] {
        home.db().execute("UPDATE key_slots SET parameters = ?1", [parameters]).unwrap();
        assert!(
            matches!(Store::open(&home.path, &passphrase.key), Err(Error::Tampered { .. })),
            "{parameters}"
        );
    }
}

#[cfg(unix)]
#[test]
fn only_a_store_is_made_private() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    let mode = || fs::metadata(&home.path).unwrap().permissions().mode() & 0o777;
    let open_to_all = || fs::set_permissions(&home.path, fs::Permissions::from_mode(0o644)).unwrap();
    for prepare in [foreign as fn(&Path), emptied, |path| fs::write(path, "notes\n".repeat(500)).unwrap()] {
        drop(fs::remove_file(&home.path));
        prepare(&home.path);
        open_to_all();
        assert!(home.open().is_err());
        assert_eq!(mode(), 0o644, "what is another program's is left as it is");
    }
    fs::remove_file(&home.path).unwrap();
    drop(Store::create(&home.path, &key_file(&home.key)).unwrap());
    open_to_all();
    assert!(home.open().is_ok());
    assert_eq!(mode(), 0o600);
    let device = Path::new("/dev/zero");
    let before = fs::metadata(device).unwrap().permissions().mode();
    assert!(matches!(Store::key_slots(device), Err(Error::NotADatabase(_))));
    assert!(matches!(Store::create(device, &key_file(&home.key)), Err(Error::NotADatabase(_))));
    assert_eq!(fs::metadata(device).unwrap().permissions().mode(), before);
}

#[cfg(unix)]
#[test]
fn directory_and_files_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.path.parent().unwrap()), 0o700);
    let files: Vec<_> =
        fs::read_dir(home.path.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 2, "the write-ahead log is there: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
