//! Copies of a store: backups, restored ones, those that come with a migration, and the ones that nobody meant to make.

use std::{fs, path::PathBuf, time::SystemTime};

use connection_store::{Error, Host, Logins, Need, Ownership, Replace, Restored, Restoring, Store, StoreKey};

use crate::{
    home::{Home, authorise, consent, expired, key_file, minutes, names, new, under},
    token_server::TokenServer,
};

fn host(machine: &str) -> Host {
    Host {
        machine: Some(machine.to_owned()),
        label: format!("{machine}.example"),
        actor: "a test".to_owned(),
    }
}

fn backup(home: &Home, store: &Store) -> PathBuf {
    let to = home.path.with_extension("backup");
    drop(fs::remove_file(&to));
    store.backup(&to).unwrap();
    to
}

fn restore(home: &Home, from: &std::path::Path, existing: Replace) -> Result<Restored, Error> {
    let host = host("one");
    Store::restore(&Restoring { from, to: &home.path, key: &home.key, host: &host, existing })
}

#[tokio::test]
async fn a_backup_is_whole_and_private_and_replaces_nothing() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let copy = backup(&home, &store);
    let kept = fs::read(&copy).unwrap();
    assert!(matches!(store.backup(&copy), Err(Error::FileExists(path)) if path == copy));
    assert_eq!(fs::read(&copy).unwrap(), kept);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(Store::verify_copy(&copy, home._folder.path(), &home.key).unwrap(), []);
    assert_eq!(fs::read(&copy).unwrap(), kept, "looking at it changes nothing");
    assert_eq!(names(&Store::open(&copy, &home.key).unwrap()), ["acme"]);
    let folder = home.path.parent().unwrap();
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    assert!(matches!(store.backup(&folder.join("no/such/folder")), Err(Error::Io { .. })));
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let copy = backup(&home, &store);
    let mut bytes = fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xA5);
    fs::write(&copy, bytes).unwrap();
    let refused = restore(&home, &copy, Replace::Yes);
    assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    assert_eq!(names(&store), ["acme"]);
    let other = StoreKey::File(StoreKey::generate().unwrap());
    assert!(matches!(
        Store::verify_copy(&backup(&home, &store), home._folder.path(), &other),
        Err(Error::WrongKey)
    ));
}

#[tokio::test]
async fn a_store_that_is_gone_comes_back() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let store = store.with_host(host("one"));
    expired(&home, &store, &server.server());
    let copy = backup(&home, &store);
    drop(store);
    for end in ["", "-wal", "-shm"] {
        drop(fs::remove_file(format!("{}{end}", home.path.display())));
    }
    let restored = restore(&home, &copy, Replace::No).unwrap();
    assert_eq!(restored, Restored { kept: None, newer_tokens: 0, dropped: vec![], adopted: true });
    let store = home.open().unwrap().with_host(host("one"));
    assert!(authorise(&store, "acme").await.is_ok(), "it refreshes: it is this machine's own backup");
    assert_eq!(store.verify().unwrap(), []);
}

#[tokio::test]
async fn what_another_machine_backed_up_is_to_be_adopted_first() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store.clone().with_host(host("two")), &server.server());
    let copy = backup(&home, &store);
    let elsewhere = Home::new();
    let one = host("one");
    let restoring =
        Restoring { from: &copy, to: &elsewhere.path, key: &home.key, host: &one, existing: Replace::No };
    assert!(!Store::restore(&restoring).unwrap().adopted);
    let store =
        Store::open(&elsewhere.path, &home.key).unwrap().with_clock(home.clock.clone()).with_host(one);
    let refused = authorise(&store, "acme").await.unwrap_err();
    assert!(matches!(&refused, Error::Copied { owner, .. } if owner == "two.example"), "{refused:?}");
    assert!(server.asked().is_empty());
    store.adopt().unwrap();
    assert_eq!(store.ownership().unwrap(), Ownership::Here);
    assert!(authorise(&store, "acme").await.is_ok());
}

#[tokio::test]
async fn restoring_over_a_store_loses_no_token_that_came_since() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    let copy = backup(&home, &store);
    store.access(&acme, Need::default()).await.unwrap();
    store.add_private(&new("later")).unwrap();
    let other = home.open().unwrap();
    assert!(matches!(restore(&home, &copy, Replace::No), Err(Error::Exists(_))));
    let restored = restore(&home, &copy, Replace::Yes).unwrap();
    assert_eq!((restored.newer_tokens, restored.adopted), (1, true));
    assert_eq!(restored.dropped, ["later"]);
    assert_eq!(names(&Store::open(&restored.kept.unwrap(), &home.key).unwrap()), ["acme", "later"]);
    for store in [store, other, home.open().unwrap()] {
        assert_eq!(names(&store), ["acme"]);
        assert_eq!(store.verify().unwrap(), []);
        let acme = store.connection(Some("acme")).unwrap();
        assert_eq!(acme.authorisation.as_ref().unwrap().generation(), 2, "the newer token stayed");
        assert!(authorise(&store, "acme").await.is_ok());
    }
    assert_eq!(server.asked().len(), 1, "and it is still good");
}

#[tokio::test]
async fn restoring_a_backup_from_before_a_new_data_key_loses_no_token_either() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    let copy = backup(&home, &store);
    store.rekey(&mut |_, _| {}).unwrap();
    store.access(&acme, Need::default()).await.unwrap();
    store.rekey(&mut |_, _| {}).unwrap();
    store.add_private(&new("later")).unwrap();
    let restored = restore(&home, &copy, Replace::Yes).unwrap();
    assert_eq!((restored.newer_tokens, restored.dropped), (1, vec!["later".to_owned()]));
    for store in [store, home.open().unwrap()] {
        assert_eq!((names(&store), store.verify().unwrap()), (vec!["acme".to_owned()], vec![]));
        let acme = store.connection(None).unwrap();
        store.access(&acme, Need::fresh(acme.authorisation.as_ref().unwrap().generation())).await.unwrap();
    }
    assert_eq!(server.spent(), ["refresh-0", "refresh-1", "refresh-2"], "each token once");
}

#[tokio::test]
async fn nothing_is_restored_while_a_refresh_is_under_way() {
    let server = TokenServer::start_held().await;
    let (home, store) = Home::with_store();
    // A restore reads the clock of the machine.
    home.clock.set(SystemTime::now() - minutes(31));
    let acme = expired(&home, &store, &server.server());
    let copy = backup(&home, &store);
    let leader = store.clone();
    let refresh = tokio::spawn(async move { leader.access(&acme, Need::default()).await });
    server.arrived(1).await;
    let refused = restore(&home, &copy, Replace::Yes);
    assert!(matches!(refused, Err(Error::RefreshBusy)), "{refused:?}");
    server.release();
    refresh.await.unwrap().unwrap();
    assert_eq!(restore(&home, &copy, Replace::Yes).unwrap().newer_tokens, 1);
    let kept = fs::read_dir(home.path.parent().unwrap()).unwrap().flatten();
    let kept = kept.filter(|file| file.file_name().to_string_lossy().contains("before-restore")).count();
    assert_eq!(kept, 1, "what was refused left nothing behind");
}

#[test]
fn a_damaged_store_is_set_aside() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let copy = backup(&home, &store);
    drop(store);
    for damage in [b"not a database at all".to_vec(), {
        let mut bytes = fs::read(&home.path).unwrap();
        bytes[200..].fill(0xA5);
        bytes
    }] {
        fs::write(&home.path, &damage).unwrap();
        let restored = restore(&home, &copy, Replace::Yes).unwrap();
        assert_eq!(fs::read(restored.kept.unwrap()).unwrap(), damage);
        assert_eq!(names(&home.open().unwrap()), ["acme"]);
    }
    let elsewhere = Home::new();
    let other = key_file(&elsewhere.key);
    drop(Store::create(&elsewhere.path, &other).unwrap());
    let elsewhere = Home { key: home.key, ..elsewhere };
    let restored = restore(&elsewhere, &copy, Replace::Yes).unwrap();
    assert!(Store::open(&restored.kept.unwrap(), &other.key).is_ok(), "a store of another key is kept whole");
    assert_eq!(names(&elsewhere.open().unwrap()), ["acme"]);
}

#[test]
fn a_store_that_was_tampered_with_is_set_aside() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let copy = backup(&home, &store);
    for damage in ["UPDATE store SET ledger = zeroblob(33)", "UPDATE store SET ledger = NULL"] {
        home.sql(damage);
        assert!(restore(&home, &copy, Replace::Yes).unwrap().kept.is_some());
        assert_eq!(home.open().unwrap().verify().unwrap(), []);
    }
}

#[test]
fn what_lies_around_does_not_spoil_a_restored_store() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let copy = backup(&home, &store);
    store.add_private(&new("later")).unwrap();
    // Somebody still has the file open: its log stays.
    fs::remove_file(&home.path).unwrap();
    assert!(PathBuf::from(format!("{}-wal", home.path.display())).exists());
    restore(&home, &copy, Replace::No).unwrap();
    assert_eq!(
        (names(&home.open().unwrap()), home.open().unwrap().verify().unwrap()),
        (vec!["acme".to_owned()], vec![])
    );
    drop(store);
    fs::remove_file(&home.path).unwrap();
    fs::write(&home.path, "").unwrap();
    restore(&home, &copy, Replace::No).unwrap();
    assert_eq!(names(&home.open().unwrap()), ["acme"], "an empty file is no store");
}

#[test]
fn looking_at_a_backup_of_an_older_format_does_not_change_it() {
    const FORMAT_1: &[u8] = include_bytes!("../../../../fixtures/store/test-format-1.db");
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    fs::write(&home.path, FORMAT_1).unwrap();
    assert_eq!(Store::key_slots(&home.path).unwrap().len(), 1);
    assert!(Store::verify_copy(&home.path, home._folder.path(), &home.key).is_err(), "another key");
    assert_eq!(fs::read(&home.path).unwrap(), FORMAT_1);
}

#[tokio::test]
async fn a_copy_gives_access_tokens_and_does_not_refresh() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let store = store.with_host(host("one"));
    let new = consent(&server.server(), "refresh-0");
    let made = store.add_authorisation(&new).unwrap();
    store.add_connections(&[under(&made, "acme")]).unwrap();
    drop(store);
    let copy = home.path.with_file_name("copy.db");
    fs::copy(&home.path, &copy).unwrap();
    let [own, same, moved] =
        [(&home.path, "one"), (&copy, "one"), (&home.path, "two")].map(|(path, machine)| {
            Store::open(path, &home.key).unwrap().with_clock(home.clock.clone()).with_host(host(machine))
        });
    assert_eq!(own.ownership().unwrap(), Ownership::Here);
    for store in [&same, &moved] {
        assert!(matches!(store.ownership().unwrap(), Ownership::Copied { .. }));
        assert!(authorise(store, "acme").await.is_ok(), "the access token is good for a while");
    }
    home.clock.advance(minutes(31));
    for store in [&same, &moved] {
        let refused = authorise(store, "acme").await;
        assert!(matches!(refused, Err(Error::Copied { .. })), "{refused:?}");
    }
    assert!(server.asked().is_empty(), "nothing was spent");
    assert!(authorise(&own, "acme").await.is_ok());
    moved.adopt().unwrap();
    home.clock.advance(minutes(31));
    assert!(authorise(&moved, "acme").await.is_ok());
    home.clock.advance(minutes(31));
    assert!(matches!(authorise(&own, "acme").await, Err(Error::Copied { .. })), "now it is the other's");
}

#[test]
fn a_migration_keeps_a_copy_of_what_was_there() {
    const FORMAT_1: &[u8] = include_bytes!("../../../../fixtures/store/test-format-1.db");
    let home = Home::new();
    fs::create_dir(home.path.parent().unwrap()).unwrap();
    fs::write(&home.path, FORMAT_1).unwrap();
    assert!(matches!(home.open(), Err(Error::WrongKey)), "whoever opens it");
    let kept = home.path.with_file_name("connections.db.format-1");
    let rows = |path: &std::path::Path| -> i64 {
        let db = rusqlite::Connection::open(path).unwrap();
        db.query_row(
            "SELECT count(*) + (SELECT user_version FROM pragma_user_version) FROM data_keys",
            [],
            |row| row.get(0),
        )
        .unwrap()
    };
    assert_eq!(rows(&kept), 2, "one key, format 1");
}

#[tokio::test]
async fn a_copy_hands_nothing_over_and_ends_nothing_at_xero() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let store = store.with_host(host("one"));
    let login = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_connections(&[under(&login, "acme")]).unwrap();
    let copy = Store::open(&backup(&home, &store), &home.key).unwrap();
    let copy = copy.with_host(host("two")).with_clock(home.clock.clone());
    let names = ["acme".to_owned()];
    let copied = |refused: Option<Error>| matches!(refused, Some(Error::Copied { .. }));
    assert!(copied(copy.export(&names, Logins::HandOver).err()));
    assert!(copied(copy.adopt_logins(None).err()));
    let connection = copy.connection(None).unwrap();
    assert!(copied(copy.remove_tenant_link(&connection).await.err()));
    assert!(copied(copy.revoke(&connection.authorisation.unwrap()).await.err()));
    assert!(server.asked().is_empty());
    copy.export(&names, Logins::Stay).unwrap();
    copy.adopt().unwrap();
    copy.export(&names, Logins::HandOver).unwrap();
}
