//! Logins in two steps.

use connection_store::Error;

use crate::home::{Home, minutes, start};

#[test]
fn what_is_pending_comes_back_in_another_process() {
    let (home, store) = Home::with_store();
    store.keep_pending("login", b"state and verifier", start() + minutes(10)).unwrap();
    assert_eq!(home.open().unwrap().pending("login").unwrap().unwrap().as_slice(), b"state and verifier");
    assert_eq!(store.pending("other").unwrap(), None);
    store.keep_pending("login", b"again", start() + minutes(20)).unwrap();
    assert_eq!(store.pending("login").unwrap().unwrap().as_slice(), b"again");
    store.forget_pending("login").unwrap();
    store.forget_pending("login").unwrap();
    assert_eq!(store.pending("login").unwrap(), None);
}

#[test]
fn it_expires_and_is_swept_when_another_is_kept() {
    let (home, store) = Home::with_store();
    store.keep_pending("old", b"a", start() + minutes(10)).unwrap();
    home.clock.advance(minutes(10));
    assert!(matches!(store.pending("old"), Err(Error::PendingExpired)));
    store.keep_pending("new", b"b", start() + minutes(20)).unwrap();
    assert_eq!(store.pending("old").unwrap(), None);
    assert_eq!(home.count("pending"), 1);
}

#[test]
fn its_time_and_its_id_cannot_be_changed() {
    for change in ["expires_at = expires_at + 3600", "id = 'mine'"] {
        let (home, store) = Home::with_store();
        store.keep_pending("login", b"a", start() + minutes(10)).unwrap();
        home.sql(&format!("UPDATE pending SET {change}"));
        let id = if change.starts_with("id") { "mine" } else { "login" };
        let refused = store.pending(id);
        assert!(matches!(refused, Err(Error::Tampered { table: "pending", .. })), "{refused:?}");
    }
}
