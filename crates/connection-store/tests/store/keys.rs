//! The keys that open a store: added, removed, and everything sealed anew under another data key.

use connection_store::{Error, Lock, Need, NewKey, Store, StoreKey};

use crate::{
    database,
    home::{Home, authorise, consent, expired, key_file, names, new, passphrase},
    token_server::TokenServer,
};

fn rekey(store: &Store) -> Result<usize, Error> {
    store.rekey(&mut |_, _| {})
}

fn another() -> NewKey {
    key_file(&StoreKey::File(StoreKey::generate().unwrap()))
}

#[test]
fn each_key_opens_the_store_and_a_removed_one_does_not() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let added = [
        passphrase("correct horse"),
        NewKey {
            key: StoreKey::File(StoreKey::generate().unwrap()),
            lock: Lock::Keychain("xeroctl store".into()),
        },
        NewKey { key: StoreKey::passphrase("printed"), lock: Lock::Command },
        NewKey {
            key: StoreKey::File(StoreKey::generate().unwrap()),
            lock: Lock::Identity(b"age...".to_vec()),
        },
    ];
    let slots: Vec<_> = added.iter().map(|key| store.add_key(key).unwrap()).collect();
    for key in &added {
        assert_eq!(names(&database::open(&home.path, &key.key).unwrap()), ["acme"], "{:?}", key.lock);
    }
    let locks: Vec<_> = store.slots().unwrap().into_iter().map(|slot| slot.lock).collect();
    assert_eq!(locks[1..], added.clone().map(|key| key.lock));
    assert_eq!(store.remove_key(slots[0].id).unwrap(), slots[0]);
    assert!(matches!(database::open(&home.path, &added[0].key), Err(Error::WrongPassphrase)));
    assert!(matches!(store.remove_key(slots[0].id), Err(Error::NoSuchKey(id)) if id == slots[0].id));
    let first = store.slots().unwrap()[0].id;
    for id in [first, slots[1].id, slots[2].id] {
        store.remove_key(id).unwrap();
    }
    assert!(matches!(store.remove_key(slots[3].id), Err(Error::LastKey)));
    assert!(database::open(&home.path, &added[3].key).is_ok());
    assert!(matches!(home.open(), Err(Error::WrongKey)));
    assert_eq!(store.verify().unwrap(), []);
}

#[tokio::test]
async fn everything_is_sealed_anew_and_all_keys_still_open() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    store.add_key(&passphrase("correct horse")).unwrap();
    store.add_private(&new("private")).unwrap();
    let connection = expired(&home, &store, &server.server());
    store.access(&connection, Need::default()).await.unwrap();
    store.keep_pending("login", b"half", home.in_half_an_hour()).unwrap();
    let sealed = [
        ("apps", "secret"),
        ("connections", "pin"),
        ("authorisations", "asked || access || refresh || previous"),
        ("pending", "contents"),
        ("key_slots", "sealed || slot_key"),
        ("store", "ledger"),
    ]
    .map(|(table, bytes)| format!("SELECT {} FROM {table}", database::hex(bytes)));
    let values = || database::texts(&home.path, &sealed.join(" UNION ALL "));
    let before = values();
    let mut seen = Vec::new();
    let done = store.rekey(&mut |done, of| seen.push((done, of))).unwrap();
    // Two apps, two pins, four values of the authorisation, one pending login.
    assert_eq!((done, seen.first(), seen.last()), (9, Some(&(1, 9)), Some(&(9, 9))));
    let after = values();
    assert_eq!(before.len(), after.len());
    assert!(before.iter().all(|value| !after.contains(value)), "each value is another one");
    assert_eq!(store.verify().unwrap(), []);
    for key in [home.key.clone(), StoreKey::passphrase("correct horse")] {
        let store = database::open(&home.path, &key).unwrap().with_clock(home.clock.clone());
        assert!(authorise(&store, "private").await.is_ok());
        assert!(authorise(&store, "acme").await.is_ok());
        assert_eq!(store.pending("login").unwrap().unwrap().as_slice(), b"half");
    }
    let access = store.access(&store.connection(Some("acme")).unwrap(), Need::fresh(2)).await;
    assert_eq!(access.unwrap().generation, 3, "it refreshes as before");
}

#[tokio::test]
async fn others_that_have_the_store_open_go_on_with_the_new_data_key() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let connection = expired(&home, &store, &server.server());
    let [reading, writing, adding] = [(); 3].map(|()| home.open().unwrap());
    rekey(&store).unwrap();
    assert!(reading.connection(Some("acme")).is_ok());
    assert!(reading.check(&connection).is_ok(), "what was read just before still opens");
    let fresh = writing.connection(Some("acme")).unwrap();
    assert!(writing.access(&fresh, Need::default()).await.is_ok());
    rekey(&store).unwrap();
    adding.add_private(&new("late")).unwrap();
    let late = adding.add_authorisation(&consent(&server.server(), "refresh-late")).unwrap();
    adding.keep_pending("login", b"half", home.in_half_an_hour()).unwrap();
    assert!(authorise(&writing, "late").await.is_ok());
    assert!(writing.access_of(&late, Need::default()).await.is_ok());
    assert_eq!(home.open().unwrap().verify().unwrap(), []);
}

#[tokio::test]
async fn a_refresh_that_began_before_is_saved_under_the_new_data_key() {
    let server = TokenServer::start_held().await;
    let (home, store) = Home::with_store();
    let connection = expired(&home, &store, &server.server());
    let (leader, other) = (store.clone(), home.open().unwrap());
    let refresh = tokio::spawn(async move { leader.access(&connection, Need::default()).await });
    server.arrived(1).await;
    assert!(matches!(rekey(&other), Err(Error::RefreshBusy)), "not while a refresh is under way");
    home.clock.advance(std::time::Duration::from_secs(3600));
    let done = rekey(&other);
    if database::ONE_MACHINE {
        done.unwrap();
    } else {
        assert!(matches!(done, Err(Error::HalfWay { .. })), "what he rescues nobody could open");
    }
    server.release();
    refresh.await.unwrap().unwrap();
    assert_eq!(other.verify().unwrap(), []);
    let acme = other.connection(Some("acme")).unwrap();
    assert_eq!(acme.authorisation.unwrap().generation(), 2);
}

#[tokio::test]
async fn what_does_not_open_is_not_sealed_anew() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    store.add_private(&new("private")).unwrap();
    home.sql("UPDATE authorisations SET refresh = access");
    let refused = rekey(&store);
    assert!(matches!(refused, Err(Error::Tampered { table: "authorisations", .. })), "{refused:?}");
    assert!(authorise(&store, "private").await.is_ok(), "nothing was changed");
}

#[test]
fn a_removed_key_that_is_put_back_does_not_come_to_the_next_data_key() {
    let (home, store) = Home::with_store();
    let old = another();
    let slot = store.add_key(&old).unwrap();
    home.sql("CREATE TABLE aside AS SELECT * FROM key_slots");
    store.remove_key(slot.id).unwrap();
    home.sql("INSERT INTO key_slots SELECT * FROM aside WHERE id NOT IN (SELECT id FROM key_slots)");
    assert!(!store.verify().unwrap().is_empty(), "it is named");
    let refused = rekey(&store);
    assert!(matches!(refused, Err(Error::Tampered { table: "key_slots", .. })), "{refused:?}");
    store.remove_key(slot.id).unwrap();
    rekey(&store).unwrap();
    assert!(matches!(database::open(&home.path, &old.key), Err(Error::WrongKey)));
}

#[test]
fn a_store_of_which_only_another_key_is_at_hand_names_none_of_them() {
    let (home, store) = Home::with_store();
    store.add_key(&passphrase("correct horse")).unwrap();
    let failed = database::open(&home.path, &another().key).unwrap_err();
    assert!(matches!(failed, Error::WrongKey), "{failed:?}");
    let failed = database::open(&home.path, &StoreKey::passphrase("wrong")).unwrap_err();
    assert!(matches!(failed, Error::WrongPassphrase), "{failed:?}");
}

#[tokio::test]
async fn what_was_sealed_before_is_sealed_again_when_a_task_of_this_process_replaced_the_key() {
    let (home, store) = Home::with_store();
    let names: Vec<String> = (0..20).map(|number| format!("acme-{number}")).collect();
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| names.iter().for_each(|name| store.add_private(&new(name)).unwrap()));
        let mut seen = 0;
        while !adding.is_finished() {
            let there = store.connections().unwrap().len();
            // Once for each that is added: who is overtaken without an end gives up.
            if there > seen {
                rekey(&store).unwrap();
                seen = there;
            } else {
                std::thread::yield_now();
            }
        }
    });
    assert_eq!(home.open().unwrap().verify().unwrap(), []);
    for name in &names {
        assert!(authorise(&home.open().unwrap(), name).await.is_ok(), "{name}");
    }
}

#[test]
fn a_connection_that_was_read_long_ago_is_still_good() {
    let (_home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let acme = store.connection(None).unwrap();
    for _ in 0..3 {
        rekey(&store).unwrap();
    }
    assert!(store.check(&acme).is_ok());
}

#[test]
fn a_store_whose_keys_were_taken_out_is_not_made_anew() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    for taken in ["DELETE FROM key_slots", "DELETE FROM ledger_pages; UPDATE store SET ledger = NULL"] {
        home.sql(taken);
        let refused = database::create(&home.path, &another()).unwrap_err();
        assert!(matches!(refused, Error::Tampered { table: "key_slots", .. }), "{refused:?}");
    }
}
