//! PKCS#12 files that are good and unusual: nested bags, bags of other kinds, attributes in any order, BER throughout.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, num::NonZeroU32, path::PathBuf};

use aws_lc_rs::{cipher, iv::FixedLength, pbkdf2};
use xero_certs::{Certificate, Error, Password, Pfx, PrivateKey};

const OID_DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
const OID_X509: &[u8] = &[0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x16, 0x01];
const OID_SDSI: &[u8] = &[0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x16, 0x02];
const OID_PBES2: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0D];
const OID_PBKDF2: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0C];
const OID_AES_256_CBC: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2A];
const KEY: u8 = 1;
const SHROUDED_KEY: u8 = 2;
const CERTIFICATE: u8 = 3;
const CRL: u8 = 4;
const SAFE_CONTENTS: u8 = 6;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs").join(name)).unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::read(&fixture("test-key.pem"), None).unwrap()
}

fn certificate() -> Certificate {
    Certificate::read(&fixture("test.cer")).unwrap()
}

fn key_bag() -> Vec<u8> {
    bag(KEY, &key().to_pkcs8_der().unwrap(), &[])
}

fn certificate_bag() -> Vec<u8> {
    bag(CERTIFICATE, &cert(OID_X509, &der(0x04, &[certificate().der()])), &[])
}

fn assert_opens(file: &[u8]) {
    let opened = Pfx::open(file, None).unwrap();
    assert_eq!(opened.certificate, certificate());
    assert_eq!(opened.key.to_pkcs8_der().unwrap(), key().to_pkcs8_der().unwrap());
    assert_eq!(opened.others, []);
}

#[test]
fn bags_in_bags_are_read() {
    let inner = bag(SAFE_CONTENTS, &der(0x30, &[&certificate_bag()]), &[]);
    let outer = bag(SAFE_CONTENTS, &der(0x30, &[&inner, &key_bag()]), &[]);
    assert_opens(&pfx(&[&outer]));
}

#[test]
fn other_bags_are_passed_over() {
    let sdsi = bag(CERTIFICATE, &cert(OID_SDSI, &der(0x16, &[b"x"])), &[]);
    let broken = bag(CERTIFICATE, &cert(OID_X509, &der(0x04, &[b"x"])), &[]);
    let (crl, unheard_of) = (bag(CRL, &der(0x30, &[]), &[]), bag(99, &der(0x05, &[]), &[]));
    assert_opens(&pfx(&[&sdsi, &crl, &certificate_bag(), &unheard_of, &broken, &key_bag()]));
}

/// DER wants the members of a set in order; programs write them as they come.
#[test]
fn attributes_are_not_looked_at() {
    let attribute = |last: u8| der(0x30, &[&[0x06, 0x03, 0x55, 0x04, last], &der(0x31, &[])]);
    let attributes = der(0x31, &[&attribute(9), &attribute(3), &attribute(3), &[0x05, 0x00]]);
    assert_opens(&pfx(&[&bag(KEY, &key().to_pkcs8_der().unwrap(), &attributes), &certificate_bag()]));
}

#[test]
fn lengths_may_be_left_open_everywhere() {
    let (key, certificate) = (key_bag(), certificate_bag());
    let bags = [&[0x30, 0x80], key.as_slice(), &certificate, &[0, 0]].concat();
    assert_opens(&pfx_of(&bags));
}

#[test]
fn a_password_that_nothing_asks_for_does_no_harm() {
    let file = pfx(&[&key_bag(), &certificate_bag()]);
    assert!(Pfx::open(&file, Some(&Password::new("é"))).is_ok());
}

#[test]
fn a_bag_that_is_no_key_is_damage() {
    let file = pfx(&[&bag(KEY, &der(0x30, &[]), &[]), &certificate_bag()]);
    assert!(matches!(Pfx::open(&file, None), Err(Error::Damaged(_))));
}

#[test]
fn a_salt_may_be_long() {
    let salt = [5; 100];
    let kdf = der(0x30, &[OID_PBKDF2, &der(0x30, &[&der(0x04, &[&salt]), &[0x02, 0x01, 0x01]])]);
    let cipher = der(0x30, &[OID_AES_256_CBC, &der(0x04, &[&[7; 16]])]);
    let algorithm = der(0x30, &[OID_PBES2, &der(0x30, &[&kdf, &cipher])]);
    let key = der(0x30, &[&algorithm, &der(0x04, &[&encrypted(&key().to_pkcs8_der().unwrap(), &salt)])]);
    assert_opens(&pfx(&[&bag(SHROUDED_KEY, &key, &[]), &certificate_bag()]));
}

/// Encrypts under no password with AES-256-CBC, and PBKDF2 with one round of the HMAC that needs no name.
fn encrypted(plain: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut key = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, NonZeroU32::MIN, salt, b"", &mut key);
    let key = cipher::UnboundCipherKey::new(&cipher::AES_256, &key).unwrap();
    let key = cipher::PaddedBlockEncryptingKey::cbc_pkcs7(key).unwrap();
    let mut text = plain.to_vec();
    key.less_safe_encrypt(&mut text, cipher::EncryptionContext::Iv128(FixedLength::from([7; 16]))).unwrap();
    text
}

/// `SafeBag` of RFC 7292 section 4.2, with attributes or without.
fn bag(kind: u8, value: &[u8], attributes: &[u8]) -> Vec<u8> {
    let id = [0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x0A, 0x01, kind];
    der(0x30, &[&id, &der(0xA0, &[value]), attributes])
}

fn cert(kind: &[u8], value: &[u8]) -> Vec<u8> {
    der(0x30, &[kind, &der(0xA0, &[value])])
}

fn pfx(bags: &[&[u8]]) -> Vec<u8> {
    pfx_of(&der(0x30, bags))
}

/// A PFX of one part in clear and without a MAC.
fn pfx_of(bags: &[u8]) -> Vec<u8> {
    let part = |content: &[u8]| der(0x30, &[OID_DATA, &der(0xA0, &[&der(0x04, &[content])])]);
    der(0x30, &[&[0x02, 0x01, 0x03], &part(&der(0x30, &[&part(bags)]))])
}

/// One DER value made of `parts`.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let head = match body.len() {
        0 => vec![tag, 0],
        1..128 => [&[tag], length].concat(),
        _ => [&[tag, 0x80 | u8::try_from(length.len()).unwrap()], length].concat(),
    };
    [head, body].concat()
}
