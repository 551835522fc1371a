//! The steps of reading a token: the store opened, a connection by its name, a sealed value opened, the token.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::{path::PathBuf, time::Duration};

use connection_store::{
    AccessToken, AppIdentity, AppKind, ClientId, Connection, KeyBytes, Lock, Need, NewApp, NewAuthorisation,
    NewConnection, NewKey, RefreshToken, Scopes, Server, Store, StoreKey, User,
};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// A store with one connection, whose token is good.
struct Home {
    _folder: tempfile::TempDir,
    path: PathBuf,
    key: KeyBytes,
    store: Store,
    connection: Connection,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("store.db"), StoreKey::generate().unwrap());
        let new = NewKey { key: StoreKey::File(key.clone()), lock: Lock::KeyFile(String::new()) };
        let store = Store::create(&path, &new).unwrap();
        let login = store.add_authorisation(&login()).unwrap().id;
        let new = NewConnection {
            name: "bench".to_owned(),
            authorisation: login,
            organisation: None,
            make_default: true,
            replace: false,
            tested: false,
        };
        store.add_connections(&[new]).unwrap();
        let connection = store.connection(None).unwrap();
        Self { _folder: folder, path, key, store, connection }
    }
}

fn login() -> NewAuthorisation {
    let client_id = ClientId::parse("0123456789ABCDEF0123456789ABCDEF").unwrap();
    NewAuthorisation {
        app: NewApp {
            kind: AppKind::Desktop,
            identity: AppIdentity { client_id, secret: None },
            server: Server::at("http://127.0.0.1:9").unwrap(),
            redirect_uris: Vec::new(),
        },
        refresh_token: Some(RefreshToken::new("refresh").unwrap()),
        access: Some((AccessToken::new(&"a".repeat(1200)).unwrap(), Duration::from_secs(1800))),
        scopes: Scopes::default(),
        asked: None,
        user: User::default(),
        consent: None,
    }
}

#[divan::bench]
fn open(bencher: Bencher<'_, '_>) {
    let home = Home::new();
    let key = StoreKey::File(home.key.clone());
    bencher.bench_local(|| Store::open(&home.path, black_box(&key)).unwrap());
}

#[divan::bench]
fn connection(bencher: Bencher<'_, '_>) {
    let home = Home::new();
    bencher.bench_local(|| home.store.connection(black_box(Some("bench"))).unwrap());
}

#[divan::bench]
fn sealed_value(bencher: Bencher<'_, '_>) {
    let home = Home::new();
    bencher.bench_local(|| home.store.check(black_box(&home.connection)).unwrap());
}

#[divan::bench]
fn token(bencher: Bencher<'_, '_>) {
    let home = Home::new();
    bencher.bench_local(|| {
        home.store.stored_access(black_box(&home.connection), &Need::default()).unwrap().unwrap()
    });
}
