//! Properties: arbitrary bytes do no harm, what is sealed opens, and dates agree with each other.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;
use xero_certs::{Certificate, Error, FileKind, Password, Pfx, PfxForm, PrivateKey};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs").join(name)).unwrap()
}

fn pair() -> Pfx {
    let key = PrivateKey::read(&fixture("test-key.pem"), None).unwrap();
    Pfx { key, certificate: Certificate::read(&fixture("test.cer")).unwrap(), others: vec![] }
}

/// Bytes of which some begin like the real thing.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let heads = prop::sample::select(vec![
        b"".as_slice(),
        &[0x30, 0x82],
        &[0x30, 0x80, 0x02, 0x01, 0x03],
        &[0x30, 0x20, 0x02, 0x01, 0x00, 0x30],
        concat!("-----BEGIN ", "PRIVATE KEY-----\n").as_bytes(),
        b"-----BEGIN CERTIFICATE-----\n",
        concat!("-----BEGIN RSA ", "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,")
            .as_bytes(),
    ]);
    (heads, prop::collection::vec(any::<u8>(), 0..600)).prop_map(|(head, tail)| [head, &tail].concat())
}

/// Passwords of the Basic Multilingual Plane; no NUL, which ends a password in C.
fn password() -> impl Strategy<Value = String> {
    let character = prop::char::range('\u{1}', '\u{FFFD}');
    prop::collection::vec(character, 0..24).prop_map(|characters| characters.into_iter().collect())
}

fn form() -> impl Strategy<Value = PfxForm> {
    prop::sample::select(vec![PfxForm::Modern, PfxForm::Compatible])
}

fn time() -> impl Strategy<Value = SystemTime> {
    let range = 0..300_000_000_000_u64;
    (range, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| UNIX_EPOCH + Duration::new(seconds, nanos))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn arbitrary_bytes_are_refused_and_nothing_worse(bytes in bytes(), text in password()) {
        let password = Password::new(text);
        let kind = FileKind::of(&bytes);
        prop_assert_eq!(kind, FileKind::of(&bytes));
        prop_assert!(Pfx::open(&bytes, Some(&password)).is_err());
        prop_assert!(PrivateKey::read(&bytes, Some(&password)).is_err());
        prop_assert!(Certificate::read(&bytes).is_err());
    }

    #[test]
    fn days_left_and_validity_agree(now in time()) {
        let day = Duration::from_secs(24 * 60 * 60);
        let certificate = Certificate::read(&fixture("test.cer")).unwrap();
        let left = certificate.days_left(now);
        prop_assert_eq!(left < 0, now > certificate.not_after());
        prop_assert_eq!(certificate.is_valid_at(now), left >= 0 && now >= certificate.not_before());
        prop_assert_eq!(certificate.days_left(now + day), left - 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10) })]

    #[test]
    fn what_is_sealed_opens_with_its_password_and_no_other(text in password(), other in password(), form in form()) {
        let (pfx, password) = (pair(), Password::new(&*text));
        let file = pfx.seal(Some(&password), form).unwrap();
        let opened = Pfx::open(&file, Some(&password)).unwrap();
        prop_assert_eq!(opened.key.to_pkcs8_der().unwrap(), pfx.key.to_pkcs8_der().unwrap());
        prop_assert_eq!(opened.certificate, pfx.certificate);
        prop_assert!(opened.others.is_empty());
        let wrong = if other == text { format!("{text}x") } else { other };
        let refused = Pfx::open(&file, Some(&Password::new(wrong)));
        prop_assert!(matches!(refused, Err(Error::WrongPassword)), "{:?}", refused);
    }
}

#[test]
fn days_are_rounded_down_on_both_sides_of_the_end() {
    let certificate = Certificate::read(&fixture("test.cer")).unwrap();
    let (end, hour) = (certificate.not_after(), Duration::from_secs(3600));
    let days = [end - hour * 24, end - hour, end, end + hour, end + hour * 24, end + hour * 25];
    assert_eq!(days.map(|now| certificate.days_left(now)), [1, 0, 0, -1, -1, -2]);
}
