//! A store that is moved: equal in the new place, whole in one of the two wherever it is broken off, renewed in one alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use connection_store::{
    AppKind, Connection, Error, MoveStep, Moved, Need, NewSecret, Ownership, Rank, Store,
};
use futures_util::FutureExt;

use crate::{
    database::{Room, admit, admit_saving, refuse, refuse_saving},
    home::{CONSUMER_KEY, Home, KEYS, consent, expired, key_file, minutes, names, new, passphrase, under},
    token_server::TokenServer,
};

async fn access(store: &Store, connection: &Connection) -> Result<String, Error> {
    Ok(store.access(connection, Need::default()).await?.token.expose().to_owned())
}

async fn move_to(store: &Store, room: &Room) -> Result<Moved, Error> {
    store.move_to(room.destination(), &mut |_| {}).await
}

/// A place without a store, and the key of the store that is to come there.
fn room(home: &Home) -> (Room, Home) {
    let there = Home { key: home.key.clone(), clock: home.clock.clone(), ..Home::new() };
    (Room::new(&there.path), there)
}

/// Each change that a person or a job could make by mistake.
async fn changes(store: &Store, acme: &Connection) -> Vec<(&'static str, Option<Error>)> {
    let login = acme.authorisation.as_ref().unwrap();
    vec![
        ("access", access(store, acme).await.err()),
        ("reauth", store.renew_authorisation(&login.id, &consent(&acme.app.server, "x")).err()),
        ("connect", store.add_authorisation(&consent(&acme.app.server, "x")).err()),
        ("add", store.add_private(&new("more")).err()),
        ("rename", store.rename("acme", "other").err()),
        ("default", store.set_default("acme").err()),
        ("remove", store.remove(&["acme".to_owned()]).err()),
        ("key", store.add_key(&passphrase("x")).err()),
        ("rekey", store.rekey(&mut |_, _| {}).err()),
        ("revoke", store.revoke(login).await.err()),
        ("adopt", store.adopt_logins(None).err()),
    ]
}

#[tokio::test]
async fn it_is_used_in_the_new_place_and_refused_in_the_old() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let (room, there) = room(&home);
    let moved = move_to(&store, &room).await.unwrap();
    assert!(moved.left.is_empty() && moved.rows.contains(&("connections", 1)), "{moved:?}");
    assert_eq!(moved.to, room.name());
    let arrived = there.open().unwrap();
    assert_eq!(store.difference(&arrived).unwrap(), None);
    assert_eq!(arrived.ownership().unwrap(), Ownership::Here);
    assert_eq!(arrived.verify().unwrap(), []);
    assert_eq!(access(&arrived, &arrived.connection(None).unwrap()).await.unwrap(), "access-1");
    for old in [&store, &home.open().unwrap()] {
        for (what, refused) in changes(old, &acme).await {
            let Some(Error::Moved { to, since }) = refused else { panic!("{what}: {refused:?}") };
            assert_eq!((to.as_str(), since), (moved.to.as_str(), home.clock_now()), "{what}");
        }
        assert_eq!(names(old), ["acme"], "it can be looked at");
        let moved = Ownership::Moved { to: room.name(), since: home.clock_now() };
        assert_eq!((old.ownership().unwrap(), old.verify().unwrap()), (moved, vec![]));
    }
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test]
async fn a_good_token_and_a_private_key_are_not_given_out_by_the_place_that_was_left() {
    let (home, store) = Home::with_store();
    let nobody = connection_store::Server::at("http://127.0.0.1:1").unwrap();
    let login = store.add_authorisation(&consent(&nobody, "refresh-0")).unwrap();
    store.add_connections(&[under(&login, "acme")]).unwrap();
    store.add_private(&new("signed")).unwrap();
    let (room, there) = room(&home);
    move_to(&store, &room).await.unwrap();
    for name in ["acme", "signed"] {
        let refused = crate::home::authorise(&store, name).await;
        assert!(matches!(refused, Err(Error::Moved { .. })), "{name}: {refused:?}");
        crate::home::authorise(&there.open().unwrap(), name).await.unwrap();
    }
}

#[tokio::test]
async fn done_again_it_does_nothing_and_back_it_takes_the_place_that_was_left() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    expired(&home, &store, &server.server());
    let (room, there) = room(&home);
    let first = move_to(&store, &room).await.unwrap();
    let again = move_to(&home.open().unwrap(), &room).await.unwrap();
    assert_eq!((again.to, again.rows), (first.to, vec![]));
    let arrived = there.open().unwrap();
    assert_eq!(access(&arrived, &arrived.connection(None).unwrap()).await.unwrap(), "access-1");
    let back = Room::of(&home.path);
    move_to(&arrived, &back).await.unwrap();
    assert_eq!(arrived.difference(&home.open().unwrap()).unwrap(), None);
    home.clock.advance(minutes(31));
    assert_eq!(access(&store, &store.connection(None).unwrap()).await.unwrap(), "access-2");
    assert!(matches!(arrived.rename("acme", "x"), Err(Error::Moved { .. })));
    assert_eq!(server.spent(), ["refresh-0", "refresh-1"]);
}

#[tokio::test]
async fn another_store_is_left_alone_and_so_is_the_same_place() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let (other, theirs) = Home::with_store();
    theirs.add_private(&new("theirs")).unwrap();
    for place in [Room::of(&other.path), Room::of(&home.path)] {
        let refused = move_to(&store, &place).await;
        assert!(matches!(refused, Err(Error::Exists(_))), "{refused:?}");
    }
    assert_eq!((names(&store), names(&theirs)), (vec!["acme".to_owned()], vec!["theirs".to_owned()]));
    assert_eq!(
        (store.ownership().unwrap(), theirs.ownership().unwrap()),
        (Ownership::Here, Ownership::Nobody)
    );
    store.rename("acme", "other").unwrap();
}

#[tokio::test]
async fn what_was_left_half_made_is_no_store_once_another_place_has_it() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    expired(&home, &store, &server.server());
    let ((first, half), (second, there)) = (room(&home), room(&home));
    let mut at_comparing = |step| assert!(!matches!(step, MoveStep::Compared { .. }), "stopped");
    let moving = AssertUnwindSafe(|| store.move_to(first.destination(), &mut at_comparing).now_or_never());
    assert!(catch_unwind(moving).is_err());
    move_to(&store, &second).await.unwrap();
    let refused = move_to(&home.open().unwrap(), &first).await;
    assert!(matches!(&refused, Err(Error::Moved { to, .. }) if *to == second.name()), "{refused:?}");
    let half = half.open().unwrap().ownership().unwrap();
    assert!(matches!(half, Ownership::Arriving { .. }), "{half:?}");
    let arrived = there.open().unwrap();
    assert_eq!(access(&arrived, &arrived.connection(None).unwrap()).await.unwrap(), "access-1");
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test]
async fn it_is_opened_by_its_own_keys_alone_and_numbers_go_on() {
    let (home, store) = Home::with_store();
    let key = store.add_key(&passphrase("one")).unwrap();
    store.remove_key(key.id).unwrap();
    let (room, there) = room(&home);
    move_to(&store, &room).await.unwrap();
    let wrong = Home { key: Home::new().key, ..there };
    assert!(matches!(wrong.open(), Err(Error::WrongKey)));
    let arrived = Home { key: home.key.clone(), ..wrong }.open().unwrap();
    assert_eq!(arrived.add_key(&key_file(&Home::new().key)).unwrap().id, key.id + 1);
}

#[tokio::test]
async fn a_refresh_under_way_is_waited_for() {
    let (server, (home, store)) = (TokenServer::start_held().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let (room, there) = room(&home);
    let caller = tokio::spawn({
        let (store, acme) = (home.open().unwrap(), acme.clone());
        async move { access(&store, &acme).await }
    });
    server.arrived(1).await;
    let (moved, ()) = tokio::join!(move_to(&store, &room), async {
        assert_eq!(store.ownership().unwrap(), Ownership::Here);
        server.release();
    });
    moved.unwrap();
    assert_eq!(caller.await.unwrap().unwrap(), "access-1");
    let arrived = there.open().unwrap();
    assert_eq!(access(&arrived, &arrived.connection(None).unwrap()).await.unwrap(), "access-1");
    assert_eq!(server.spent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_to_renew_meanwhile_waits_and_is_told_where_it_is() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let (room, _there) = room(&home);
    let mut caller = None;
    let (other, runtime) = (home.open().unwrap(), tokio::runtime::Handle::current());
    let mut at_first = |_| {
        let (other, acme) = (other.clone(), acme.clone());
        caller.get_or_insert_with(|| runtime.spawn(async move { access(&other, &acme).await }));
    };
    store.move_to(room.destination(), &mut at_first).await.unwrap();
    let refused = caller.unwrap().await.unwrap();
    assert!(matches!(refused, Err(Error::Moved { .. })), "{refused:?}");
    assert_eq!(server.spent(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_rescued_is_taken_up_before_and_what_does_not_open_is_named() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    refuse_saving(&home.path);
    let lost = access(&store, &acme).await.unwrap_err();
    let Error::NotSaved { rescued: Some(rescued), .. } = &lost else { panic!("{lost:?}") };
    admit_saving(&home.path);
    let broken = rescued.with_file_name(rescued.file_name().unwrap().to_str().unwrap().to_owned() + "7");
    std::fs::write(&broken, "no tokens").unwrap();
    let (room, there) = room(&home);
    let moved = move_to(&store, &room).await.unwrap();
    assert_eq!((moved.left, rescued.exists()), (vec![broken], false));
    let arrived = there.open().unwrap();
    assert_eq!(access(&arrived, &arrived.connection(None).unwrap()).await.unwrap(), "access-1");
    assert_eq!(server.spent(), ["refresh-0"], "the rescued token came along");
}

/// A store with some of everything.
async fn furnished(server: &TokenServer) -> (Home, Store) {
    let (home, store) = Home::with_store();
    let acme = expired(&home, &store, &server.server());
    access(&store, &acme).await.unwrap();
    store.add_private(&new("signed")).unwrap();
    let (key, certificate) = KEYS[1].clone();
    let signed = store.apps().unwrap().into_iter().find(|app| app.kind == AppKind::Private).unwrap();
    store
        .add_secret(&signed.id, &NewSecret::Key { key, certificate: Box::new(certificate) }, Rank::Second)
        .unwrap();
    assert_eq!(signed.client_id, CONSUMER_KEY);
    store.add_key(&key_file(&Home::new().key)).unwrap();
    home.clock.advance(minutes(31));
    (home, store)
}

/// Goes on with a move in processes of its own until it is done, and looks at both places in between.
async fn go_on(home: &Home, there: &Home, server: &TokenServer, at: usize) {
    let before = server.spent().len();
    let (old, room) = (home.open().unwrap(), Room::of(&there.path));
    let states = (old.ownership().unwrap(), there.open().and_then(|store| store.ownership()));
    match &states {
        (Ownership::Here, Ok(Ownership::Arriving { .. }) | Err(Error::NotFound(_))) => {
            let acme = old.connection(Some("acme")).unwrap();
            // It was not moved: it goes on.
            access(&old, &acme).await.unwrap();
        }
        (Ownership::Moved { .. }, Ok(Ownership::Arriving { .. } | Ownership::Here)) => {}
        _ => panic!("{at}: {states:?}"),
    }
    if let (_, Ok(Ownership::Arriving { .. })) = states {
        home.clock.advance(minutes(31));
        let half = there.open().unwrap();
        let refused = access(&half, &half.connection(Some("acme")).unwrap()).await;
        assert!(matches!(refused, Err(Error::Arriving { .. })), "{at}: {refused:?}");
        assert!(matches!(half.rename("acme", "x"), Err(Error::Arriving { .. })), "{at}");
    }
    move_to(&old, &room).await.unwrap();
    let arrived = there.open().unwrap();
    assert_eq!((old.difference(&arrived).unwrap(), arrived.verify().unwrap()), (None, vec![]), "{at}");
    home.clock.advance(minutes(31));
    access(&arrived, &arrived.connection(Some("acme")).unwrap()).await.unwrap();
    let spent = server.spent();
    let mut once = spent.clone();
    once.dedup();
    assert_eq!(spent, once, "{at}: no token was sent twice");
    assert!((1..=2).contains(&(spent.len() - before)), "{at}");
}

/// Moves until that many steps were told, and stops then, as far as a process can stop that goes on. False: it came to its end.
fn stop_at(store: &Store, room: &Room, steps: usize) -> bool {
    let mut told = Vec::new();
    let stopped = catch_unwind(AssertUnwindSafe(|| {
        let mut tell = |step| {
            assert_ne!(told.len(), steps, "stopped");
            told.push(step);
        };
        let moving = store.move_to(room.destination(), &mut tell);
        moving.now_or_never().expect("nobody is waited for").unwrap();
    }));
    assert!(stopped.is_err() || told.last() == Some(&MoveStep::Left), "{told:?}");
    stopped.is_err()
}

#[tokio::test]
async fn stopped_at_each_step_it_is_whole_and_goes_on() {
    let server = TokenServer::start().await;
    let mut at = 0;
    loop {
        let (home, store) = furnished(&server).await;
        let (room, there) = room(&home);
        if !stop_at(&store, &room, at) {
            break;
        }
        drop(store);
        go_on(&home, &there, &server, at).await;
        at += 1;
    }
    assert!(at > 10, "{at}");
}

#[tokio::test]
async fn where_the_new_place_fails_the_old_one_goes_on() {
    let (server, (home, store)) = (TokenServer::start().await, Home::with_store());
    let acme = expired(&home, &store, &server.server());
    let (room, there) = room(&home);
    // The tables are there by then, and nothing in them.
    assert!(stop_at(&store, &room, 0));
    for table in ["key_slots", "events", "connections"] {
        refuse(&there.path, table);
        let refused = move_to(&store, &room).await;
        assert!(matches!(refused, Err(Error::Database(_))), "{table}: {refused:?}");
        assert_eq!(store.ownership().unwrap(), Ownership::Here, "{table}");
        assert!(matches!(there.open(), Err(Error::NotFound(_))), "{table}");
        admit(&there.path, table);
    }
    move_to(&store, &room).await.unwrap();
    assert_eq!(access(&there.open().unwrap(), &acme).await.unwrap(), "access-1");
}
