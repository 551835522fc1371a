//! Every file of `fixtures/certs` against its manifest: what opens opens rightly, what does not says why.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fmt::Write, fs, path::PathBuf};

use serde::Deserialize;
use xero_certs::{Certificate, Error, Fingerprint, MAX_FILE, Password, Pfx, PrivateKey};

#[derive(Deserialize)]
struct Manifest {
    kinds: Vec<Kind>,
    broken: Vec<Broken>,
    keys: Vec<Key>,
    certificates: Vec<Cer>,
}

#[derive(Deserialize)]
struct Kind {
    file: String,
    kind: String,
    writer: String,
    password: Option<String>,
    expect: Expect,
}

#[derive(Deserialize)]
struct Expect {
    error: Option<String>,
    key_sha256: Option<String>,
    certificate_sha256: Option<String>,
    extra_certificates: Option<usize>,
}

#[derive(Deserialize)]
struct Broken {
    file: Option<String>,
    password: Option<String>,
    error: String,
    what: String,
}

#[derive(Deserialize)]
struct Key {
    file: String,
    kind: String,
    password: Option<String>,
    bits: Option<u32>,
    expect: Expect,
}

#[derive(Deserialize)]
struct Cer {
    file: String,
    sha1: String,
    sha256: String,
}

/// Files listed as broken for readers without their algorithms; this reader has them.
const FOR_OTHERS: &str = "for a reader without this algorithm";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs")
}

fn file(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn manifest() -> Manifest {
    serde_json::from_slice(&file("manifest.json")).expect("the manifest fits the test")
}

fn password(text: Option<&String>) -> Option<Password> {
    text.map(Password::new)
}

/// The manifest's word for an error.
fn class(error: &Error) -> &'static str {
    match error {
        Error::WrongPassword | Error::PasswordNeeded => "wrong-password",
        Error::NotPfx(_) => "not-a-pfx",
        Error::NotKey(_) => "not-a-key",
        Error::Truncated { .. } => "truncated",
        Error::Damaged(_) => "damaged",
        Error::UnsupportedAlgorithm { .. } | Error::UnsupportedPassword => "unsupported-algorithm",
        Error::NoKey => "no-key",
        Error::NoCertificate => "no-certificate",
        Error::KeyMismatch => "key-mismatch",
        Error::NotRsa => "not-rsa",
        Error::KeyTooSmall { .. } => "key-too-small",
        Error::TooLarge { .. } => "too-large",
        Error::TooManyIterations { .. } => "iterations",
        _ => "other",
    }
}

fn plain(fingerprint: &Fingerprint) -> String {
    fingerprint.to_string().replace(':', "").to_ascii_lowercase()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The public key as `SubjectPublicKeyInfo`, taken from a certificate or through one.
fn key_sha256(certificate: &Certificate) -> String {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate.der()).unwrap();
    sha256(parsed.public_key().raw)
}

fn describe(error: &Error) -> String {
    match error.advice() {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    }
}

#[test]
fn forty_eight_kinds_of_pfx() {
    let manifest = manifest();
    assert_eq!(manifest.kinds.len(), 48);
    let (mut table, mut opened) = (String::new(), 0);
    for kind in &manifest.kinds {
        let result = Pfx::open(&file(&kind.file), password(kind.password.as_ref()).as_ref());
        let outcome = match &result {
            Ok(pfx) => {
                assert_eq!(
                    Some(plain(&pfx.certificate.sha256())),
                    kind.expect.certificate_sha256,
                    "{}",
                    kind.kind
                );
                assert_eq!(Some(key_sha256(&pfx.certificate)), kind.expect.key_sha256, "{}", kind.kind);
                assert!(pfx.certificate.belongs_to(&pfx.key), "{}", kind.kind);
                assert_eq!(Some(pfx.others.len()), kind.expect.extra_certificates, "{}", kind.kind);
                "opens".to_owned()
            }
            Err(error) if kind.expect.error.as_deref() == Some(class(error)) => format!("as it is: {error}"),
            Err(error) => describe(error),
        };
        opened += usize::from(result.is_ok() || outcome.starts_with("as it is"));
        writeln!(table, "{:<70} | {:<28} | {outcome}", kind.kind, kind.writer).unwrap();
    }
    assert_eq!(opened, 48, "{table}");
    insta::assert_snapshot!(format!("{table}read rightly: {opened} of 48"));
}

#[test]
fn each_broken_file_has_its_own_error() {
    // What OpenSSL takes and we take too: bytes behind the end of the file.
    const TOLERATED: [&str; 1] = ["broken/test-trailing.pfx"];
    let mut table = String::new();
    for broken in manifest().broken {
        let bytes = broken.file.as_deref().map_or_else(|| vec![0x30; MAX_FILE + 1], file);
        let name = broken.file.clone().unwrap_or_default();
        let result = Pfx::open(&bytes, password(broken.password.as_ref()).as_ref());
        if TOLERATED.contains(&&*name) || broken.what.starts_with(FOR_OTHERS) {
            assert!(result.is_ok(), "{}", broken.what);
            continue;
        }
        let error = result.err().unwrap_or_else(|| panic!("{name} opened: {}", broken.what));
        writeln!(table, "{:<60} {:<22} | {}", broken.what, broken.error, describe(&error)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn broken_files_are_told_apart_as_the_manifest_says() {
    const OURS: [(&str, &str); 3] = [
        // One and two bytes are no beginning of a PFX.
        ("broken/test-truncated-1.pfx", "not-a-pfx"),
        ("broken/test-mac-iterations-zero.pfx", "damaged"),
        ("broken/test-trailing.pfx", "opens"),
    ];
    for broken in manifest().broken {
        let bytes = broken.file.as_deref().map_or_else(|| vec![0x30; MAX_FILE + 1], file);
        let name = broken.file.as_deref().unwrap_or_default();
        let ours = OURS.iter().find(|(ours, _)| *ours == name).map(|(_, class)| *class);
        let ours = ours.or_else(|| broken.what.starts_with(FOR_OTHERS).then_some("opens"));
        let expected = ours.unwrap_or(broken.error.as_str());
        let found = Pfx::open(&bytes, password(broken.password.as_ref()).as_ref());
        let found = found.as_ref().map_or_else(class, |_| "opens");
        assert_eq!(found, expected, "{name}: {}", broken.what);
    }
}

#[test]
fn key_files_of_every_form() {
    let mut table = String::new();
    for key in manifest().keys {
        let outcome = match PrivateKey::read(&file(&key.file), password(key.password.as_ref()).as_ref()) {
            Ok(read) => {
                assert_eq!(Some(read.bits()), key.bits, "{}", key.kind);
                assert!(key.expect.error.is_none(), "{} opened", key.kind);
                let spki = rcgen_spki(&read);
                assert_eq!(Some(spki), key.expect.key_sha256, "{}", key.kind);
                "opens".to_owned()
            }
            Err(error) => describe(&error),
        };
        writeln!(
            table,
            "{:<45} {:<22} | {outcome}",
            key.kind,
            key.expect.error.as_deref().unwrap_or("opens")
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

/// The key's `SubjectPublicKeyInfo`, written by another library from the PKCS#8 that we write.
fn rcgen_spki(key: &PrivateKey) -> String {
    let der = key.to_pkcs8_der().unwrap();
    let key = aws_lc_rs::signature::RsaKeyPair::from_pkcs8(&der);
    match key {
        Ok(pair) => {
            use aws_lc_rs::{encoding::AsDer, signature::KeyPair};
            let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            sha256(spki.as_ref())
        }
        // That library takes no key below 2048 bits; its certificate tells.
        Err(_) => {
            let certificate = Certificate::read(&file("test-1024.cer")).unwrap();
            assert!(certificate.belongs_to(&PrivateKey::read(&der, None).unwrap()), "the 1024-bit key");
            key_sha256(&certificate)
        }
    }
}

#[test]
fn certificates_and_fingerprints() {
    for cer in manifest().certificates {
        let certificate = Certificate::read(&file(&cer.file)).unwrap();
        assert_eq!(plain(&certificate.sha1()), cer.sha1, "{}", cer.file);
        assert_eq!(plain(&certificate.sha256()), cer.sha256, "{}", cer.file);
    }
}
