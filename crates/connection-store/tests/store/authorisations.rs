//! Apps and authorisations: shared, renewed, forgotten with the last that uses them.

use std::time::Duration;

use connection_store::{
    AppKind, Authorisation, ClientSecret, Error, NewAuthorisation, NewConnection, RedirectUri, Server, Store,
};

use crate::home::{CLIENT_ID, Home, consent, minutes, names, new, organisation, start, under};

#[test]
fn what_was_consented_is_there_after_opening_again() {
    let (home, store) = Home::with_store();
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    let own = NewConnection { make_default: true, ..under(&made, "acme") };
    store.add_connections(&[own]).unwrap();
    drop(store);
    let store = home.open().unwrap();
    let connection = store.connection(Some("ACME")).unwrap();
    assert_eq!(connection.authorisation, Some(made.clone()));
    assert_eq!(store.authorisation(&made.id).unwrap(), Some(made.clone()));
    assert_eq!((connection.app.kind, connection.app.client_id.as_str()), (AppKind::Web, CLIENT_ID));
    assert_eq!(connection.app.certificate, None);
    assert_eq!(connection.organisation, Some(organisation("1")));
    assert_eq!((connection.created_at, connection.tested_at), (start(), Some(start())));
    assert_eq!(made.user.name.as_deref(), Some("Ada Byron"));
    assert_eq!(made.scopes.to_string(), "openid accounting.settings.read offline_access");
    assert_eq!(made.access_expires_at, Some(start() + minutes(30)));
    assert_eq!(made.refresh_expires_at, Some(start() + minutes(60 * 24 * 60)));
    let identity = store.app_identity(&connection.app).unwrap();
    assert_eq!(identity.secret.unwrap().expose(), "s+cr%2Ft /=~");
}

#[test]
fn an_app_is_stored_once_and_its_newest_secret_kept() {
    let (_home, store) = Home::with_store();
    let first = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    let mut again = consent(&Server::xero(), "other-0");
    again.app.identity.secret = Some(ClientSecret::new("newer").unwrap());
    again.app.redirect_uris = vec![RedirectUri::parse("https://zynk.com/").unwrap()];
    let second = store.add_authorisation(&again).unwrap();
    assert_eq!(first.app, second.app);
    let apps = store.apps().unwrap();
    let uris: Vec<_> = apps[0].redirect_uris.iter().map(RedirectUri::as_str).collect();
    assert_eq!((apps.len(), uris), (1, vec!["http://localhost:8742/callback", "https://zynk.com/"]));
    assert_eq!(store.app_identity(&apps[0]).unwrap().secret.unwrap().expose(), "newer");
    let elsewhere = Server::at("http://127.0.0.1:8790").unwrap();
    store.add_authorisation(&consent(&elsewhere, "refresh-0")).unwrap();
    assert_eq!(store.apps().unwrap().len(), 2, "the same client id at another server is another app");
}

#[test]
fn a_desktop_app_has_no_secret() {
    let (_home, store) = Home::with_store();
    let mut new = consent(&Server::xero(), "refresh-0");
    (new.app.kind, new.app.identity.secret) = (AppKind::Desktop, None);
    store.add_authorisation(&new).unwrap();
    assert!(store.app_identity(&store.apps().unwrap()[0]).unwrap().secret.is_none());
}

#[test]
fn many_that_consent_to_one_app_at_once_share_it() {
    let (home, store) = Home::with_store();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let store = home.open().unwrap();
            scope.spawn(move || store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap());
        }
    });
    assert_eq!((store.apps().unwrap().len(), home.count("authorisations")), (1, 8));
}

#[test]
fn connections_share_an_authorisation_until_the_last_is_removed() {
    let (home, store) = Home::with_store();
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    let two = NewConnection { organisation: Some(organisation("2")), ..under(&made, "two") };
    store.add_connections(&[under(&made, "one"), two]).unwrap();
    let sharing = store.sharing(&made.id).unwrap();
    assert_eq!(sharing.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    assert!(!store.forget_authorisation(&made.id).unwrap(), "it is used");
    store.remove(&["one".to_owned()]).unwrap();
    assert!(store.authorisation(&made.id).unwrap().is_some());
    store.remove(&["two".to_owned()]).unwrap();
    assert_eq!((home.count("authorisations"), home.count("apps")), (0, 0));
}

#[test]
fn a_consent_that_no_connection_uses_can_be_forgotten() {
    let (home, store) = Home::with_store();
    let first = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    let second = store.add_authorisation(&consent(&Server::xero(), "other-0")).unwrap();
    assert!(store.forget_authorisation(&first.id).unwrap());
    assert!(!store.forget_authorisation(&first.id).unwrap(), "it was gone");
    assert_eq!(home.count("apps"), 1, "the other one needs it");
    assert!(store.forget_authorisation(&second.id).unwrap());
    assert_eq!(home.count("apps"), 0);
}

#[test]
fn logins_that_were_not_finished_are_listed() {
    let (home, store) = Home::with_store();
    let mut made = Vec::new();
    for token in ["first", "second", "third"] {
        made.push(store.add_authorisation(&consent(&Server::xero(), token)).unwrap());
    }
    home.clock.advance(minutes(1));
    made.push(store.add_authorisation(&consent(&Server::xero(), "fourth")).unwrap());
    let mut custom = consent(&Server::xero(), "custom");
    custom.app.kind = AppKind::Custom;
    store.add_authorisation(&custom).unwrap();
    store.add_connections(&[under(&made[1], "acme")]).unwrap();
    let unused = store.unused_authorisations().unwrap();
    assert_eq!(unused, [made[3].clone(), made[2].clone(), made[0].clone()]);
    assert_eq!(unused[0].consent.as_deref(), Some("event-1"));
}

/// What sweeps, by a word for it.
fn sweeping(store: &Store, used: &Authorisation, how: &str) {
    match how {
        "add_authorisation" => {
            let elsewhere = Server::at("http://127.0.0.1:8791").unwrap();
            store.add_authorisation(&consent(&elsewhere, "newest")).unwrap();
        }
        "add_connections" => store.add_connections(&[under(used, "again")]).unwrap(),
        "keep_pending" => store.keep_pending("new", b"new", start() + minutes(600)).unwrap(),
        "forget_pending" => store.forget_pending("unknown").unwrap(),
        other => panic!("{other}"),
    }
}

#[test]
fn what_logins_leave_unfinished_is_taken_away_after_an_hour() {
    for how in ["add_authorisation", "add_connections", "keep_pending", "forget_pending"] {
        let (home, store) = Home::with_store();
        let used = store.add_authorisation(&consent(&Server::xero(), "used")).unwrap();
        store.add_connections(&[under(&used, "acme")]).unwrap();
        let elsewhere = Server::at("http://127.0.0.1:8790").unwrap();
        let left = store.add_authorisation(&consent(&elsewhere, "left")).unwrap();
        store.keep_pending("old", b"old", start() + minutes(10)).unwrap();
        home.clock.advance(minutes(59));
        let younger = store.add_authorisation(&consent(&Server::xero(), "younger")).unwrap();
        home.clock.advance(minutes(1) - Duration::from_secs(1));
        store.forget_pending("unknown").unwrap();
        assert!(store.authorisation(&left.id).unwrap().is_some(), "{how}: not yet an hour");
        store.keep_pending("old", b"old", start() + minutes(60)).unwrap();
        home.clock.advance(Duration::from_secs(1));
        sweeping(&store, &used, how);
        assert_eq!(store.authorisation(&left.id).unwrap(), None, "{how}");
        assert!(!store.apps().unwrap().iter().any(|app| app.id == left.app), "{how}: its app");
        assert_eq!(store.pending("old").unwrap(), None, "{how}");
        for kept in [&used, &younger] {
            assert!(store.authorisation(&kept.id).unwrap().is_some(), "{how}");
        }
        let added = i64::from(how == "add_authorisation");
        assert_eq!(home.count("authorisations"), 2 + added, "{how}: the one just added is kept");
    }
}

#[test]
fn a_login_that_is_finished_late_is_not_swept_while_it_is() {
    let (home, store) = Home::with_store();
    let late = store.add_authorisation(&consent(&Server::xero(), "late")).unwrap();
    home.clock.advance(minutes(600));
    store.add_connections(&[under(&late, "acme")]).unwrap();
    assert_eq!(store.connection(None).unwrap().authorisation, Some(late));
}

#[test]
fn connections_are_added_all_or_none() {
    let (_home, store) = Home::with_store();
    store.add_private(&new("taken")).unwrap();
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    let one = |name: &str| under(&made, name);
    let unknown = NewConnection { authorisation: "unknown".to_owned(), ..one("c") };
    for (names, bad) in [
        (["a", "Taken"], Error::NameTaken("Taken".into()).to_string()),
        (["a", "A"], Error::NameTaken("A".into()).to_string()),
        (["a", "-b"], "a name must not begin with a hyphen".to_owned()),
    ] {
        let refused = store.add_connections(&names.map(one)).unwrap_err();
        assert_eq!(refused.to_string(), bad);
    }
    assert!(matches!(store.add_connections(&[one("a"), unknown]), Err(Error::NoSuchAuthorisation(_))));
    assert_eq!(names(&store), ["taken"]);
}

#[test]
fn a_connection_is_replaced_without_losing_what_both_use() {
    let (home, store) = Home::with_store();
    store.add_private(&new("acme")).unwrap();
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    for _ in 0..2 {
        let replacing = NewConnection { replace: true, tested: false, ..under(&made, "Acme") };
        store.add_connections(&[replacing]).unwrap();
        let acme = store.connection(None).unwrap();
        assert_eq!((acme.name.as_str(), acme.tested_at), ("Acme", None));
        assert_eq!(acme.authorisation.unwrap().id, made.id);
        assert_eq!((home.count("apps"), home.count("authorisations")), (1, 1));
    }
}

#[test]
fn a_new_login_renews_all_that_share_it() {
    let (_home, store) = Home::with_store();
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    store.add_connections(&[under(&made, "one"), under(&made, "two")]).unwrap();
    let mut again = consent(&Server::xero(), "renewed");
    again.user.name = Some("Ben Okafor".to_owned());
    let renewed = store.renew_authorisation(&made.id, &again).unwrap();
    assert_eq!((&renewed.id, &renewed.app), (&made.id, &made.app));
    assert_eq!(renewed.user.name.as_deref(), Some("Ben Okafor"));
    for name in ["one", "two"] {
        assert_eq!(store.connection(Some(name)).unwrap().authorisation, Some(renewed.clone()));
    }
}

#[test]
fn a_login_to_another_app_renews_nothing() {
    let (_home, store) = Home::with_store();
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    let elsewhere = Server::at("http://127.0.0.1:8790").unwrap();
    let refused = store.renew_authorisation(&made.id, &consent(&elsewhere, "renewed"));
    assert!(matches!(refused, Err(Error::AppMismatch)), "{refused:?}");
    assert_eq!(store.authorisation(&made.id).unwrap(), Some(made));
    assert_eq!(store.apps().unwrap().len(), 1);
    let unknown = store.renew_authorisation("unknown", &consent(&Server::xero(), "renewed"));
    assert!(matches!(unknown, Err(Error::NoSuchAuthorisation(id)) if id == "unknown"));
}

#[test]
fn a_test_does_not_pin_another_organisation() {
    let (_home, store) = Home::with_store();
    let made = store.add_authorisation(&consent(&Server::xero(), "refresh-0")).unwrap();
    store.add_connections(&[under(&made, "acme")]).unwrap();
    let acme = store.connection(None).unwrap();
    assert!(store.tested(&acme, &organisation("1")).unwrap());
    assert!(!store.tested(&acme, &organisation("2")).unwrap());
}

#[tokio::test]
async fn each_kind_has_what_it_has() {
    let (home, store) = Home::with_store();
    store.add_private(&new("old")).unwrap();
    let old = store.connection(None).unwrap();
    let refused = [
        store.access(&old, connection_store::Need::default()).await.unwrap_err(),
        store.remove_tenant_link(&old).await.unwrap_err(),
        store.tenant_links_of(&old).await.unwrap_err(),
        store.app_identity(&old.app).unwrap_err(),
        {
            let mut private = consent(&Server::xero(), "refresh-0");
            private.app.kind = AppKind::Private;
            store.add_authorisation(&private).unwrap_err()
        },
    ];
    assert_eq!(
        refused.map(|error| error.to_string()),
        [
            "access token",
            "link to an organisation",
            "link to an organisation",
            "client secret",
            "OAuth 2.0 consent"
        ]
        .map(|wanted| format!("a private app has no {wanted}"))
    );
    home.sql("UPDATE apps SET kind = 'quantum'");
    let newer = store.connections().unwrap_err();
    assert_eq!(newer.to_string(), "an app of the kind \"quantum\" is unknown to this version");
    assert!(matches!(newer, Error::UnknownKind { kind } if kind == "quantum"));
}

#[test]
fn a_consent_without_tokens_is_kept_as_it_is() {
    let (_home, store) = Home::with_store();
    let new = consent(&Server::xero(), "refresh-0");
    let bare = NewAuthorisation { access: None, scopes: Default::default(), consent: None, ..new };
    let made = store.add_authorisation(&bare).unwrap();
    assert_eq!((made.access_expires_at, made.scopes.is_empty()), (None, true));
}
