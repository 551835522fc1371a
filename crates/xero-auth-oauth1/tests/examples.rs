//! The example signs as another library does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "its main function is for people")]
#[path = "../examples/sign.rs"]
mod sign;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use xero_auth_oauth1::Stamp;

const CONSUMER_KEY: &str = "TESTCONSUMERKEY000000000000000";

fn fixture(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/oauth1").join(name)).unwrap()
}

fn stamp() -> Stamp {
    let nonce = "b0e2f5a4-6f57-4d0e-9e5d-0c1f3f2a7b11".to_owned();
    Stamp { timestamp: UNIX_EPOCH + Duration::from_secs(1_400_000_000), nonce }
}

#[test]
fn a_request_has_the_signature_that_oauthlib_gave_it() {
    let (key, request) =
        (fixture("test-v1-key.pem"), ("GET", "https://api.xero.com/api.xro/2.0/Organisation"));
    let header = sign::authorization(CONSUMER_KEY, &key, request, &stamp()).unwrap();
    assert_eq!(header.as_bytes(), fixture("xa/authorization.txt").trim_ascii_end());
}

#[test]
fn what_cannot_be_signed_has_a_reason() {
    let key = fixture("test-v1-key.pem");
    let good = ("GET", "https://api.xero.com/api.xro/2.0/Organisation");
    for (consumer_key, key, request) in [
        ("a key", &key, good),
        (CONSUMER_KEY, &b"no key".to_vec(), good),
        (CONSUMER_KEY, &key, ("GET", "/Organisation")),
        (CONSUMER_KEY, &key, ("GET", "https://api.xero.com/api.xro/2.0/Invoices?page")),
    ] {
        let refused = sign::authorization(consumer_key, key, request, &stamp());
        assert!(!refused.unwrap_err().to_string().is_empty(), "{consumer_key} {request:?}");
    }
}
