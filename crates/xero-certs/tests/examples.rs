//! The example does what it says.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "its main function is for people")]
#[path = "../examples/key_pair.rs"]
mod key_pair;

use std::{fs, time::SystemTime};

use xero_certs::{Certificate, Error, Password, Pfx};

#[test]
fn a_pair_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, password) = (folder.path().join("nightly"), Password::new("correct horse battery staple"));
    let made = key_pair::key_pair(&path, &password, SystemTime::now()).unwrap();
    let certificate = Certificate::read(&fs::read(path.with_extension("cer")).unwrap()).unwrap();
    let sealed = fs::read(path.with_extension("pfx")).unwrap();
    let pair = Pfx::open(&sealed, Some(&password)).unwrap();
    assert_eq!((certificate.sha1(), pair.certificate.sha1()), (made.sha1(), made.sha1()));
    assert!(certificate.subject().contains("nightly") && certificate.belongs_to(&pair.key));
    assert!(Pfx::open(&sealed, Some(&Password::new("another"))).is_err());
    let again = key_pair::key_pair(&path, &password, SystemTime::now());
    assert!(matches!(again, Err(Error::Exists(_))), "{:?}", again.map(|_| ()));
    assert_eq!(fs::read(path.with_extension("pfx")).unwrap(), sealed);
}
