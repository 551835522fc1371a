//! Faults of private apps: certificates that end, and the end of OAuth 1.0a at Xero.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use connection_store::{KeyBytes, NewPrivateConnection, Server, Store, StoreKey};
use xero_certs::{KeySize, PrivateKey, SelfSigned};
use xero_mock::MAPLE_FLORIST;

use super::{STORE, assert_finds, assert_well, doctor, mended};
use crate::{
    sandbox::{BINARY, Sandbox, fixture, private_options},
    seeded::DAY,
};

#[test]
fn a_certificate_that_ends_soon_and_is_replaced() {
    let home = Sandbox::initialised();
    home.ok(&["cert", "new", "short", "--days", "30", "--no-password"]);
    let certificate = fs::read_to_string(home.path("short.cer")).unwrap();
    let app = home.mock().create_private_app("Nightly", MAPLE_FLORIST.id, &certificate).unwrap();
    let key = app.consumer_key.as_str();
    let connect =
        ["connect", "acme", "--kind", "private", "--consumer-key", key, "--certificate", "short.pfx"];
    home.ok(&[&connect[..], &["--no-password"]].concat());
    let mend = assert_finds(&doctor(&home, &[], &[]), "certificate warning", "xeroctl cert renew acme", 11);
    let steps: Vec<_> = mend.split("; ").collect();
    mended(&home, steps[0]);
    let next = fs::read_to_string(home.path("acme-renewed.cer")).unwrap();
    home.mock().replace_certificate(key, &next).unwrap();
    mended(&home, steps[2]);
    assert_well(&doctor(&home, &[], &[]));
}

#[test]
fn a_certificate_that_has_ended() {
    let home = Sandbox::connected();
    let key = Arc::new(PrivateKey::generate(KeySize::Rsa2048).unwrap());
    let (not_before, days) = (SystemTime::now() - DAY * 20, 10);
    let certificate = SelfSigned { common_name: "old".to_owned(), not_before, days }.issue(&key).unwrap();
    let opens = KeyBytes::from_key_file(&fs::read(home.path("store.key")).unwrap()).unwrap();
    let store = Store::open(&home.path(STORE), &StoreKey::File(opens)).unwrap();
    let new = NewPrivateConnection {
        name: "old".to_owned(),
        consumer_key: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123".to_owned(),
        key,
        certificate,
        server: Server::at(home.mock().url()).unwrap(),
        organisation: None,
        make_default: false,
        replace: false,
    };
    store.add_private(&new).unwrap();
    let run = doctor(&home, &[], &["--offline"]);
    assert_finds(&run, "certificate problem", "xeroctl cert renew old", 4);
    assert_well(&doctor(&home, &[], &["acme"]));
}

#[test]
fn a_private_app_at_xero_itself() {
    let home = Sandbox::new();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let options = private_options("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123", &pfx);
    let mut connect = home.command(BINARY);
    let output = connect.args(["connect", "acme", "--no-test"]).args(options).output().unwrap();
    assert!(output.status.success());
    assert_finds(&doctor(&home, &[], &["--offline"]), "oauth 1.0a problem", "xeroctl connect --kind web", 6);
}

#[test]
fn a_certificate_that_xero_does_not_have() {
    let home = Sandbox::connected();
    let db = rusqlite::Connection::open(home.path(STORE)).unwrap();
    let key: String = db.query_row("SELECT client_id FROM apps", [], |row| row.get(0)).unwrap();
    home.mock().remove_certificate(&key).unwrap();
    assert_finds(&doctor(&home, &[], &[]), "organisation problem", "upload the .cer file", 6);
    home.mock().replace_certificate(&key, &fs::read_to_string(fixture("test.cer")).unwrap()).unwrap();
    home.mock().advance(Duration::from_secs(1));
    assert_well(&doctor(&home, &[], &[]));
}
