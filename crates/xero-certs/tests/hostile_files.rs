//! Files made to cost much: what they ask for is counted before it is done, wherever it hides.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroU32;

use aws_lc_rs::{cipher, iv::FixedLength, pbkdf2};
use xero_certs::{Error, Password, Pfx};

const TOO_MANY: &str = "the file asks for 1000000001 key-derivation rounds; the limit is 3000000";

const OID_DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
const OID_ENCRYPTED_DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x06];
const OID_PBES2: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0D];
const OID_PBKDF2: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0C];
const OID_SCRYPT: &[u8] = &[0x06, 0x09, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x04, 0x0B];
const OID_HMAC_SHA256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x09];
const OID_AES_256_CBC: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2A];
const OID_PBE_3DES: &[u8] = &[0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x01, 0x03];
const OID_SECRET_BAG: &[u8] = &[0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x0A, 0x01, 0x05];
const SALT: &[u8] = b"saltsalt";
const IV: [u8; 16] = [7; 16];

#[test]
fn rounds_hidden_behind_encryption_are_counted_before_they_are_done() {
    let bags = der(0x30, &[&secret_bag(&million_rounds()).repeat(1_000)]);
    for password in ["", "x", "é"] {
        let safe = encrypted_safe(&pbes2(&one_round()), &encrypt(&bags, password));
        let refused = Pfx::open(&pfx(&safe), Some(&Password::new(password))).unwrap_err();
        assert_eq!(refused.to_string(), TOO_MANY, "{password}");
    }
}

#[test]
fn rounds_behind_a_limit_are_not_left_uncounted() {
    let deep = (0..40).fold(vec![], |inner, _| der(0x30, &[&inner]));
    let many = der(0x30, &[&[0x05, 0x00].repeat(30_000)]);
    for (before, expected) in [(deep, "nested too deeply"), (many, "has too many parts")] {
        let bags = der(0x30, &[&before, &secret_bag(&million_rounds()).repeat(100)]);
        let plain = der(0x30, &[OID_DATA, &der(0xA0, &[&der(0x04, &[&bags])])]);
        let refused = Pfx::open(&pfx(&plain), None).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("the file is damaged: it {}", expected.replace("nested", "is nested"))
        );
    }
}

#[test]
fn scrypt_is_refused_before_its_memory_is_taken() {
    let visible = encrypted_safe(&pbes2(&scrypt_of_a_gibibyte()), &[0; 16]);
    let bags = der(0x30, &[&secret_bag(&pbes2(&scrypt_of_a_gibibyte()))]);
    let hidden = encrypted_safe(&pbes2(&one_round()), &encrypt(&bags, ""));
    for safe in [visible, hidden] {
        let refused = Pfx::open(&pfx(&safe), None).unwrap_err();
        assert!(
            refused.to_string().starts_with("the file uses scrypt (1.3.6.1.4.1.11591.4.11)"),
            "{refused}"
        );
    }
}

/// Shows that these files are well made: the same ones with harmless content are read to the end.
#[test]
fn a_harmless_secret_in_the_same_place_is_passed_over() {
    let bags = der(0x30, &[&secret_bag(&pbes2(&one_round()))]);
    let safe = encrypted_safe(&pbes2(&one_round()), &encrypt(&bags, "x"));
    let refused = Pfx::open(&pfx(&safe), Some(&Password::new("x"))).unwrap_err();
    assert!(matches!(refused, Error::NoKey), "{refused}");
}

/// `AlgorithmIdentifier` of PBES2 with AES-256-CBC.
fn pbes2(kdf: &[u8]) -> Vec<u8> {
    let cipher = der(0x30, &[OID_AES_256_CBC, &der(0x04, &[&IV])]);
    der(0x30, &[OID_PBES2, &der(0x30, &[kdf, &cipher])])
}

/// PBKDF2 with one round.
fn one_round() -> Vec<u8> {
    let parameters =
        der(0x30, &[&der(0x04, &[SALT]), &[0x02, 0x01, 0x01], &der(0x30, &[OID_HMAC_SHA256, &[0x05, 0x00]])]);
    der(0x30, &[OID_PBKDF2, &parameters])
}

/// 3DES as PKCS#12 uses it, with a million rounds.
fn million_rounds() -> Vec<u8> {
    const MILLION: &[u8] = &[0x02, 0x03, 0x0F, 0x42, 0x40];
    der(0x30, &[OID_PBE_3DES, &der(0x30, &[&der(0x04, &[SALT]), MILLION])])
}

/// scrypt with N = 2^20, r = 8 and p = 16.
fn scrypt_of_a_gibibyte() -> Vec<u8> {
    let numbers = [0x02, 0x03, 0x10, 0x00, 0x00, 0x02, 0x01, 8, 0x02, 0x01, 16];
    der(0x30, &[OID_SCRYPT, &der(0x30, &[&der(0x04, &[SALT]), &numbers])])
}

/// A bag whose content is decrypted even though it is of no use; it takes the fewest bytes.
fn secret_bag(algorithm: &[u8]) -> Vec<u8> {
    let hidden = der(0x30, &[algorithm, &der(0x04, &[&[0; 16]])]);
    let secret = der(0x30, &[OID_DATA, &der(0xA0, &[&der(0x04, &[&hidden])])]);
    der(0x30, &[OID_SECRET_BAG, &der(0xA0, &[&secret])])
}

/// `ContentInfo` of an encrypted part.
fn encrypted_safe(algorithm: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let content = der(0x30, &[OID_DATA, algorithm, &der(0x80, &[ciphertext])]);
    let encrypted = der(0x30, &[&[0x02, 0x01, 0x00], &content]);
    der(0x30, &[OID_ENCRYPTED_DATA, &der(0xA0, &[&encrypted])])
}

/// A PFX of one part and without a MAC.
fn pfx(safe: &[u8]) -> Vec<u8> {
    let content = der(0xA0, &[&der(0x04, &[&der(0x30, &[safe])])]);
    der(0x30, &[&[0x02, 0x01, 0x03], &der(0x30, &[OID_DATA, &content])])
}

/// Encrypts with the key that `one_round` derives.
fn encrypt(plain: &[u8], password: &str) -> Vec<u8> {
    let mut key = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, SALT, password.as_bytes(), &mut key);
    let key = cipher::UnboundCipherKey::new(&cipher::AES_256, &key).unwrap();
    let key = cipher::PaddedBlockEncryptingKey::cbc_pkcs7(key).unwrap();
    let mut text = plain.to_vec();
    key.less_safe_encrypt(&mut text, cipher::EncryptionContext::Iv128(FixedLength::from(IV))).unwrap();
    text
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
