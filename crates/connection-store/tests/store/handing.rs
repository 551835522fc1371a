//! Logins handed over from one store to another: one of the two renews them, and none is lost on the way.

use connection_store::{
    Bundle, Error, EventKind, Existing, HandedWay, Imported, Importing, Logins, Need, Store,
};

use crate::{
    database,
    home::{Home, authorise, consent, expired, minutes, names, new, organisation, under},
    token_server::{Reply, TokenServer},
};

const ALL: Importing<'_> = Importing { names: None, existing: Existing::Refuse, adopt: false };

fn text(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Exports for good, through the bytes that go from machine to machine.
fn handed_over(store: &Store, names: &[&str]) -> Bundle {
    let export = store.export(&text(names), Logins::HandOver).unwrap();
    assert!(store.hand_over(&export).unwrap());
    Bundle::read(&export.bundle().to_bytes()).unwrap()
}

fn way(store: &Store, name: &str) -> Option<HandedWay> {
    store.connection(Some(name)).unwrap().authorisation.unwrap().handed.map(|handed| handed.way)
}

#[tokio::test]
async fn a_login_is_renewed_by_the_store_that_adopted_it_and_by_no_other() {
    let server = TokenServer::start().await;
    let (home, old) = Home::with_store();
    expired(&home, &old, &server.server());
    let bundle = handed_over(&old, &["acme"]);
    let refused = authorise(&old, "acme").await.unwrap_err();
    assert!(
        matches!(&refused, Error::HandedOver { connections, .. } if *connections == ["acme"]),
        "{refused:?}"
    );

    let (other, new) = Home::with_store();
    other.clock.advance(minutes(31));
    let imported = new.import(&bundle, &ALL).unwrap();
    let expected =
        Imported { packed: "acme".into(), name: Some("acme".into()), replaced: false, needs_login: false };
    assert_eq!(imported, [expected]);
    assert_eq!(way(&new, "acme"), Some(HandedWay::Imported));
    assert!(matches!(authorise(&new, "acme").await, Err(Error::NotAdopted { .. })));
    assert!(server.asked().is_empty(), "nothing was spent before the adoption");

    assert_eq!(new.adopt_logins(None).unwrap(), ["acme"]);
    assert_eq!(new.adopt_logins(None).unwrap(), [""; 0]);
    authorise(&new, "acme").await.unwrap();
    assert_eq!(server.spent(), ["refresh-0"]);
    let connection = new.connection(None).unwrap();
    assert_eq!(connection.organisation, Some(organisation("1")));
    assert_eq!(connection.tested_at, None, "not tested from here yet");
    assert!(new.verify().unwrap().is_empty() && old.verify().unwrap().is_empty());
    assert!(matches!(authorise(&old, "acme").await, Err(Error::HandedOver { .. })));
    let told: Vec<_> = old.events(&connection.authorisation.unwrap().id, 1).unwrap();
    assert_eq!(told[0].what, EventKind::HandedOver);
}

#[tokio::test]
async fn a_token_that_is_good_is_used_to_its_end() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let login = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_connections(&[under(&login, "acme")]).unwrap();
    handed_over(&store, &["acme"]);
    authorise(&store, "acme").await.unwrap();
    home.clock.advance(minutes(31));
    assert!(matches!(authorise(&store, "acme").await, Err(Error::HandedOver { .. })));
    let connection = store.connection(None).unwrap();
    assert!(matches!(store.remove_tenant_link(&connection).await, Err(Error::HandedOver { .. })));
    let revoked = store.revoke(&connection.authorisation.unwrap()).await;
    assert!(matches!(revoked, Err(Error::HandedOver { .. })), "{revoked:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn what_was_exported_and_imported_nowhere_is_taken_back() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    handed_over(&store, &["acme"]);
    assert!(matches!(store.export(&text(&["acme"]), Logins::HandOver), Err(Error::HandedOver { .. })));
    assert_eq!(store.adopt_logins(Some(&text(&["acme"]))).unwrap(), ["acme"]);
    authorise(&store, "acme").await.unwrap();
    assert_eq!(server.spent(), ["refresh-0"]);
}

#[tokio::test]
async fn a_login_that_comes_back_is_the_newer_one() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let there = handed_over(&store, &["acme"]);
    let (other, elsewhere) = Home::with_store();
    other.clock.advance(minutes(31));
    elsewhere.import(&there, &Importing { adopt: true, ..ALL }).unwrap();
    authorise(&elsewhere, "acme").await.unwrap();
    let back = handed_over(&elsewhere, &["acme"]);

    assert!(matches!(store.import(&back, &ALL), Err(Error::NameTaken(name)) if name == "acme"));
    let again = Importing { existing: Existing::Replace, adopt: true, ..ALL };
    assert!(store.import(&back, &again).unwrap()[0].replaced);
    home.clock.advance(minutes(31));
    authorise(&store, "acme").await.unwrap();
    assert_eq!(server.spent(), ["refresh-0", "refresh-1"]);
    // An old bundle does not take a login back that is renewed here.
    store.import(&there, &again).unwrap();
    assert_eq!(way(&store, "acme"), None);
    home.clock.advance(minutes(31));
    authorise(&store, "acme").await.unwrap();
    assert_eq!(server.spent()[2], "refresh-2");
}

#[tokio::test]
async fn the_same_bundle_once_more_can_adopt_what_it_brought_before() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let bundle = handed_over(&store, &["acme"]);
    let (_other, elsewhere) = Home::with_store();
    elsewhere.import(&bundle, &ALL).unwrap();
    let again = Importing { existing: Existing::Replace, adopt: true, ..ALL };
    elsewhere.import(&bundle, &again).unwrap();
    assert_eq!(way(&elsewhere, "acme"), None);
    // Where it came from the same bundle takes it back: nothing has gone on since.
    store.import(&bundle, &again).unwrap();
    assert_eq!(way(&store, "acme"), None);
}

#[tokio::test]
async fn what_a_crash_left_behind_goes_along() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    let connection = expired(&home, &store, &server.server());
    authorise(&store, "acme").await.unwrap();
    home.clock.advance(minutes(20));
    // The token was sent and no answer came; the one before is still inside its grace.
    server.reply([Reply::Cut]);
    let id = connection.authorisation.unwrap().id;
    let need = Need::fresh(store.authorisation(&id).unwrap().unwrap().generation());
    assert!(store.access(&store.connection(None).unwrap(), need).await.is_err());
    if !database::ONE_MACHINE {
        let refused = store.export(&text(&["acme"]), Logins::HandOver).err().unwrap();
        return assert!(matches!(refused, Error::HalfWay { .. }), "{refused:?}");
    }
    let bundle = handed_over(&store, &["acme"]);
    let (other, elsewhere) = Home::with_store();
    other.clock.set(home.clock_now());
    elsewhere.import(&bundle, &Importing { adopt: true, ..ALL }).unwrap();
    server.reply([Reply::invalid_grant()]);
    elsewhere.access(&elsewhere.connection(None).unwrap(), need).await.unwrap();
    assert_eq!(server.spent(), ["refresh-0", "refresh-1", "refresh-1", "refresh-0"]);
}

#[tokio::test]
async fn nothing_is_handed_over_that_is_being_renewed_or_has_gone_on() {
    let server = TokenServer::start_held().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let export = store.export(&text(&["acme"]), Logins::HandOver).unwrap();
    let renewing = tokio::spawn({
        let store = home.open().unwrap();
        async move { authorise(&store, "acme").await.map(drop) }
    });
    server.arrived(1).await;
    assert!(matches!(store.hand_over(&export), Err(Error::RefreshBusy)));
    server.release();
    renewing.await.unwrap().unwrap();
    assert!(!store.hand_over(&export).unwrap(), "it has gone on");
    assert_eq!(way(&store, "acme"), None);
    assert!(store.hand_over(&store.export(&text(&["acme"]), Logins::HandOver).unwrap()).unwrap());
}

#[tokio::test]
async fn a_login_goes_with_all_of_its_connections() {
    let server = TokenServer::start().await;
    let (_home, store) = Home::with_store();
    let login = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_connections(&[under(&login, "acme"), under(&login, "birch")]).unwrap();
    let alone = store.export(&text(&["acme"]), Logins::HandOver);
    assert!(matches!(&alone, Err(Error::SharedLogin { others }) if *others == ["birch"]), "{alone:?}");
    let bundle = handed_over(&store, &["acme", "birch"]);
    let (_other, elsewhere) = Home::with_store();
    elsewhere.import(&bundle, &ALL).unwrap();
    assert_eq!(names(&elsewhere), ["acme", "birch"]);
    assert_eq!(elsewhere.authorisations().unwrap().len(), 1);
    assert_eq!(elsewhere.adopt_logins(Some(&text(&["birch"]))).unwrap(), ["acme", "birch"]);
}

#[tokio::test]
async fn a_login_that_stays_leaves_its_connection_to_a_person() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    store.add_private(&new("old")).unwrap();
    let export = store.export(&text(&["acme", "old"]), Logins::Stay).unwrap();
    assert!(!export.hands_over());
    let bytes = export.bundle().to_bytes();
    assert!(!String::from_utf8_lossy(&bytes).contains("refresh-0"));
    let (_other, elsewhere) = Home::with_store();
    let imported = elsewhere.import(&Bundle::read(&bytes).unwrap(), &ALL).unwrap();
    assert_eq!(imported.iter().map(|one| one.needs_login).collect::<Vec<_>>(), [true, false]);
    assert!(matches!(authorise(&elsewhere, "acme").await, Err(Error::NeedsLogin { .. })));
    authorise(&elsewhere, "old").await.unwrap();
    authorise(&store, "acme").await.unwrap();
}

#[tokio::test]
async fn names_that_are_taken() {
    let server = TokenServer::start().await;
    let (_home, store) = Home::with_store();
    let login = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_connections(&[under(&login, "acme"), under(&login, "acme-2")]).unwrap();
    let bundle = handed_over(&store, &["acme", "acme-2"]);
    let import = |existing, here: &[&str]| {
        let (_home, other) = Home::with_store();
        here.iter().for_each(|name| other.add_private(&new(name)).unwrap());
        let done = other.import(&bundle, &Importing { existing, ..ALL });
        (done.map(|done| done.into_iter().map(|one| one.name).collect::<Vec<_>>()), names(&other))
    };
    let (refused, left) = import(Existing::Refuse, &["ACME"]);
    assert!(matches!(refused, Err(Error::NameTaken(name)) if name == "acme"));
    assert_eq!(left, ["ACME"], "all or none");
    let (skipped, left) = import(Existing::Skip, &["ACME"]);
    assert_eq!((skipped.unwrap(), left), (vec![None, Some("acme-2".into())], text(&["ACME", "acme-2"])));
    let (renamed, left) = import(Existing::Rename, &["Acme"]);
    assert_eq!(renamed.unwrap(), [Some("acme-3".into()), Some("acme-2".into())]);
    assert_eq!(left, ["Acme", "acme-2", "acme-3"]);
    let (replaced, left) = import(Existing::Replace, &["Acme", "birch"]);
    assert_eq!(replaced.unwrap(), [Some("acme".into()), Some("acme-2".into())]);
    assert_eq!(left, ["acme", "acme-2", "birch"]);
}

#[tokio::test]
async fn some_of_a_bundle() {
    let (_home, store) = Home::with_store();
    ["a", "b"].iter().for_each(|name| store.add_private(&new(name)).unwrap());
    let bundle = handed_over(&store, &["a", "b"]);
    let (home, other) = Home::with_store();
    let chosen = text(&["B"]);
    other.import(&bundle, &Importing { names: Some(&chosen), ..ALL }).unwrap();
    assert_eq!((names(&other), home.count("apps")), (text(&["b"]), 1));
    let missing = text(&["c"]);
    let refused = other.import(&bundle, &Importing { names: Some(&missing), ..ALL });
    assert!(matches!(refused, Err(Error::NoSuchConnection { known, .. }) if known == ["a", "b"]));
}

#[tokio::test]
async fn an_app_that_is_here_keeps_its_secret_and_gets_the_other_as_its_second() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let bundle = handed_over(&store, &["acme"]);
    let (other, elsewhere) = Home::with_store();
    let mut same_app = consent(&server.server(), "refresh-x");
    same_app.app.identity.secret = Some(connection_store::ClientSecret::new("another").unwrap());
    let login = elsewhere.add_authorisation(&same_app).unwrap();
    elsewhere.add_connections(&[under(&login, "own")]).unwrap();
    elsewhere.import(&bundle, &Importing { adopt: true, ..ALL }).unwrap();
    let login = elsewhere.connection(Some("acme")).unwrap().authorisation.unwrap().id;
    let told: Vec<_> = elsewhere.events(&login, 2).unwrap().into_iter().map(|event| event.what).collect();
    assert_eq!(told, [EventKind::Adopted, EventKind::HandedOver]);
    let apps = elsewhere.apps().unwrap();
    assert_eq!(apps.len(), 1);
    assert!(apps[0].second.is_some());
    assert!(elsewhere.verify().unwrap().is_empty());
    other.clock.advance(minutes(31));
    authorise(&elsewhere, "acme").await.unwrap();
    // The same once more changes nothing.
    let once_more = Importing { existing: Existing::Replace, ..ALL };
    elsewhere.import(&bundle, &once_more).unwrap();
    assert_eq!((elsewhere.apps().unwrap().len(), way(&elsewhere, "acme")), (1, None));
}

#[test]
fn what_is_no_bundle() {
    for bytes in [
        "",
        "{}",
        "[]",
        "{\"xeroctl_bundle\":1}",
        "{\"xeroctl_bundle\":1,\"apps\":[],\"logins\":[],\"connections\":[],\"more\":1}",
    ] {
        assert!(matches!(Bundle::read(bytes.as_bytes()), Err(Error::NotABundle)), "{bytes}");
    }
    let dangling = r#"{"xeroctl_bundle":1,"apps":[],"logins":[],"connections":[{"name":"a","app":"x","login":null,"organisation":null,"is_default":false}]}"#;
    assert!(matches!(Bundle::read(dangling.as_bytes()), Err(Error::NotABundle)));
    let newer = Bundle::read(b"{\"xeroctl_bundle\":2,\"new\":true}");
    assert!(matches!(newer, Err(Error::NewerBundle { found: 2, known: 1 })));
}

#[test]
fn a_bundle_that_somebody_made_up_brings_nothing_that_cannot_be() {
    let (_home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let bytes = store.export(&text(&["acme"]), Logins::Stay).unwrap().bundle().to_bytes();
    let whole = String::from_utf8(bytes.to_vec()).unwrap();
    let key = crate::home::CONSUMER_KEY;
    for (from, to) in [
        (key, "a key with spaces and \\u001b[31m signs"),
        ("\"acme\"", "\"-acme\""),
        ("\"private\"", "\"web\""),
        ("\"server\":null", "\"server\":\"ftp://x\""),
    ] {
        let made_up = whole.replacen(from, to, 1);
        assert_ne!(made_up, whole, "{from}");
        let (_home, other) = Home::with_store();
        let refused = Bundle::read(made_up.as_bytes()).and_then(|bundle| other.import(&bundle, &ALL));
        assert!(
            matches!(refused, Err(Error::NotABundle | Error::BadName(_) | Error::BadServer(_))),
            "{to}: {refused:?}"
        );
        assert!(other.connections().unwrap().is_empty() && other.apps().unwrap().is_empty(), "{to}");
    }
}

/// The same id, and another server, client id or kind: no store has written that.
#[tokio::test]
async fn an_app_of_another_server_does_not_take_the_place_of_one_that_is_here() {
    let server = TokenServer::start().await;
    let (_home, store) = Home::with_store();
    let login = store.add_authorisation(&consent(&server.server(), "refresh-0")).unwrap();
    store.add_connections(&[under(&login, "acme")]).unwrap();
    let bytes = store.export(&text(&["acme"]), Logins::Stay).unwrap().bundle().to_bytes();
    let whole = String::from_utf8(bytes.to_vec()).unwrap();
    let address = server.server().address().unwrap().to_owned();
    let evil = whole.replacen(&address, "https://evil.example/", 1);
    assert_ne!(evil, whole);
    let bundle = Bundle::read(evil.as_bytes()).unwrap();
    assert_eq!(bundle.connections()[0].server.as_deref(), Some("https://evil.example/"));
    let importing = Importing { existing: Existing::Rename, ..ALL };
    let refused = store.import(&bundle, &importing);
    assert!(
        matches!(&refused, Err(Error::OtherApp { here, packed, .. }) if *here == address && packed == "https://evil.example/"),
        "{refused:?}"
    );
    assert_eq!((names(&store), store.apps().unwrap().len()), (text(&["acme"]), 1));
}

#[tokio::test]
async fn a_login_that_lives_here_needs_nobody_whatever_the_bundle_says() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let bytes = store.export(&text(&["acme"]), Logins::Stay).unwrap().bundle().to_bytes();
    let importing = Importing { existing: Existing::Replace, adopt: true, ..ALL };
    let imported = store.import(&Bundle::read(&bytes).unwrap(), &importing).unwrap();
    assert_eq!((imported[0].replaced, imported[0].needs_login), (true, false));
    authorise(&store, "acme").await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_given_twice_is_packed_once() {
    let server = TokenServer::start().await;
    let (home, store) = Home::with_store();
    expired(&home, &store, &server.server());
    let bundle = handed_over(&store, &["acme", "ACME", "acme"]);
    assert_eq!(bundle.connections().len(), 1);
}

#[tokio::test]
async fn nothing_prints_what_a_bundle_holds() {
    let server = TokenServer::start().await;
    let (_home, store) = Home::with_store();
    let login = store.add_authorisation(&consent(&server.server(), "marker-refresh")).unwrap();
    store.add_connections(&[under(&login, "acme")]).unwrap();
    let export = store.export(&text(&["acme"]), Logins::HandOver).unwrap();
    let printed = format!("{export:?} {:?} {:?}", export.bundle(), export.bundle().connections());
    assert!(
        printed.contains("acme") && !printed.contains("marker") && !printed.contains("access-0"),
        "{printed}"
    );
}
