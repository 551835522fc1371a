//! Files made to cost much or to break a reader: what they ask for is counted before it is done, wherever it hides.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroU32;

use aws_lc_rs::{cipher, iv::FixedLength, pbkdf2};
use xero_certs::{Error, Password, Pfx};

const OID_DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
const OID_ENCRYPTED_DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x06];
const OID_PBES2: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0D];
const OID_PBKDF2: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0C];
const OID_SCRYPT: &[u8] = &[0x06, 0x09, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x04, 0x0B];
const OID_HMAC_SHA256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x09];
const OID_AES_256_CBC: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2A];
const OID_PBE_3DES: &[u8] = &[0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x01, 0x03];
const OID_PBE_RC4: &[u8] = &[0x06, 0x0A, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x01, 0x01];
const OID_PBMAC1: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x05, 0x0E];
const OID_DES_EDE3_CBC: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x03, 0x07];
const OID_KEY_BAG: &[u8] = &[0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x0A, 0x01, 0x02];
const OID_SAFE_CONTENTS: &[u8] =
    &[0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x0A, 0x01, 0x06];
const OID_SECRET_BAG: &[u8] = &[0x06, 0x0B, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x0A, 0x01, 0x05];
const SALT: &[u8] = b"saltsalt";
const IV: [u8; 16] = [7; 16];

/// A million and one: more than one derivation may have.
const MILLION_AND_ONE: &[u8] = &[0x02, 0x03, 0x0F, 0x42, 0x41];
const TOO_MANY: &str = "the file asks for 1000001 key-derivation rounds; the limit is 1000000";

fn refusal(file: &[u8], password: &str) -> String {
    Pfx::open(file, Some(&Password::new(password))).unwrap_err().to_string()
}

#[test]
fn rounds_hidden_behind_encryption_are_counted_before_they_are_done() {
    for algorithm in [
        pbes1(OID_PBE_3DES, MILLION_AND_ONE),
        pbes1(OID_PBE_RC4, MILLION_AND_ONE),
        pbes2(&pbkdf2_of(MILLION_AND_ONE)),
    ] {
        let bags = der(0x30, &[&key_bag(&algorithm, &[0; 16]).repeat(1_000)]);
        let nested = der(0x30, &[&der(0x30, &[OID_SAFE_CONTENTS, &der(0xA0, &[&bags])])]);
        for (bags, password) in [(&bags, ""), (&bags, "x"), (&nested, "é"), (&nested, "😀")] {
            let hidden = encrypted_safe(&pbes2(&one_round()), &encrypt(bags, password, 1));
            assert_eq!(refusal(&pfx(&hidden), password), TOO_MANY, "{password}");
            assert_eq!(refusal(&pfx(&plain_safe(bags)), password), TOO_MANY, "{password}");
            assert_eq!(refusal(&ber(&plain_safe(bags)), password), TOO_MANY, "{password}");
            assert_eq!(
                refusal(&ber(&encrypted_safe(&algorithm, &[0; 16])), password),
                TOO_MANY,
                "{password}"
            );
        }
    }
}

#[test]
fn the_sum_is_bounded_where_each_derivation_is_allowed() {
    const MILLION: &[u8] = &[0x02, 0x03, 0x0F, 0x42, 0x40];
    let key = encrypt(&[0x30, 0x00], "x", 1_000_000);
    let bags = der(0x30, &[&key_bag(&pbes2(&pbkdf2_of(MILLION)), &key).repeat(100)]);
    let safe = encrypted_safe(&pbes2(&one_round()), &encrypt(&bags, "x", 1));
    assert_eq!(
        refusal(&pfx(&safe), "x"),
        "the file asks for 3000001 key-derivation rounds; the limit is 3000000"
    );
}

#[test]
fn counts_of_no_sense_are_refused() {
    const HUGE: &[u8] = &[0x02, 0x09, 0x01, 0, 0, 0, 0, 0, 0, 0, 0];
    const TOO_MANY: &str =
        "the file asks for 18446744073709551615 key-derivation rounds; the limit is 1000000";
    const ZERO: &str = "the file is damaged: it asks for zero key-derivation rounds";
    for (count, expected) in [(HUGE, TOO_MANY), (&[0x02, 0x01, 0xFF], TOO_MANY), (&[0x02, 0x01, 0x00], ZERO)]
    {
        for algorithm in [pbes1(OID_PBE_RC4, count), pbes2(&pbkdf2_of(count))] {
            assert_eq!(refusal(&pfx(&encrypted_safe(&algorithm, &[0; 16])), "x"), expected);
        }
        assert_eq!(refusal(&with_pbmac1(&pbkdf2_with_key_length(count, 32)), "x"), expected);
    }
}

#[test]
fn the_key_of_a_mac_has_a_bounded_length() {
    let refused = |length| refusal(&with_pbmac1(&pbkdf2_with_key_length(&[0x02, 0x01, 0x01], length)), "x");
    assert_eq!(refused(64), "the password is wrong");
    for length in [19, 65, u16::MAX] {
        assert_eq!(refused(length), "the file is damaged: its contents do not parse", "{length}");
    }
}

#[test]
fn a_vector_of_the_wrong_length_is_refused() {
    for (oid, length) in [
        (OID_DES_EDE3_CBC, 0),
        (OID_DES_EDE3_CBC, 7),
        (OID_DES_EDE3_CBC, 9),
        (OID_AES_256_CBC, 8),
        (OID_AES_256_CBC, 17),
    ] {
        let cipher = der(0x30, &[oid, &der(0x04, &[&vec![7; length]])]);
        let algorithm = der(0x30, &[OID_PBES2, &der(0x30, &[&one_round(), &cipher])]);
        let refused = refusal(&pfx(&encrypted_safe(&algorithm, &[0; 16])), "x");
        assert_eq!(refused, "the file is damaged: its contents do not parse", "{length}");
    }
}

#[test]
fn structure_is_bounded_in_depth_and_number() {
    let deep = (0..40).fold(vec![], |inner, _| der(0x30, &[&inner]));
    let many = der(0x30, &[&[0x05, 0x00].repeat(30_000)]);
    for (before, expected) in [(deep, "is nested too deeply"), (many, "has too many parts")] {
        let bags = der(0x30, &[&before, &key_bag(&pbes1(OID_PBE_3DES, MILLION_AND_ONE), &[0; 16])]);
        for file in [pfx(&plain_safe(&bags)), ber(&plain_safe(&bags))] {
            assert_eq!(refusal(&file, ""), format!("the file is damaged: it {expected}"));
        }
    }
}

#[test]
fn scrypt_is_refused_before_its_memory_is_taken() {
    let visible = encrypted_safe(&pbes2(&scrypt_of_a_gibibyte()), &[0; 16]);
    let bags = der(0x30, &[&key_bag(&pbes2(&scrypt_of_a_gibibyte()), &[0; 16])]);
    let hidden = encrypted_safe(&pbes2(&one_round()), &encrypt(&bags, "", 1));
    for safe in [visible, hidden] {
        let refused = refusal(&pfx(&safe), "");
        assert!(refused.starts_with("the file uses scrypt (1.3.6.1.4.1.11591.4.11)"), "{refused}");
    }
}

/// What is neither key nor certificate costs nothing, whatever it asks for.
#[test]
fn a_secret_in_the_same_place_is_passed_over() {
    for algorithm in
        [pbes2(&one_round()), pbes2(&scrypt_of_a_gibibyte()), pbes1(OID_PBE_3DES, MILLION_AND_ONE)]
    {
        let bags = der(0x30, &[&secret_bag(&algorithm)]);
        let safe = encrypted_safe(&pbes2(&one_round()), &encrypt(&bags, "x", 1));
        let refused = Pfx::open(&pfx(&safe), Some(&Password::new("x"))).unwrap_err();
        assert!(matches!(refused, Error::NoKey), "{refused}");
    }
}

/// `AlgorithmIdentifier` of PBES2 with AES-256-CBC.
fn pbes2(kdf: &[u8]) -> Vec<u8> {
    let cipher = der(0x30, &[OID_AES_256_CBC, &der(0x04, &[&IV])]);
    der(0x30, &[OID_PBES2, &der(0x30, &[kdf, &cipher])])
}

/// PBKDF2 with HMAC-SHA256 and `count` rounds, an INTEGER.
fn pbkdf2_of(count: &[u8]) -> Vec<u8> {
    let parameters = der(0x30, &[&der(0x04, &[SALT]), count, &der(0x30, &[OID_HMAC_SHA256, &[0x05, 0x00]])]);
    der(0x30, &[OID_PBKDF2, &parameters])
}

fn pbkdf2_with_key_length(count: &[u8], length: u16) -> Vec<u8> {
    let length = der(0x02, &[&[0], &length.to_be_bytes()]);
    let length = if length[3] == 0 { der(0x02, &[&length[4..]]) } else { length };
    let prf = der(0x30, &[OID_HMAC_SHA256, &[0x05, 0x00]]);
    der(0x30, &[OID_PBKDF2, &der(0x30, &[&der(0x04, &[SALT]), count, &length, &prf])])
}

fn one_round() -> Vec<u8> {
    pbkdf2_of(&[0x02, 0x01, 0x01])
}

/// An algorithm of RFC 7292 appendix C.
fn pbes1(oid: &[u8], count: &[u8]) -> Vec<u8> {
    der(0x30, &[oid, &der(0x30, &[&der(0x04, &[SALT]), count])])
}

/// scrypt with N = 2^20, r = 8 and p = 16.
fn scrypt_of_a_gibibyte() -> Vec<u8> {
    let numbers = [0x02, 0x03, 0x10, 0x00, 0x00, 0x02, 0x01, 8, 0x02, 0x01, 16];
    der(0x30, &[OID_SCRYPT, &der(0x30, &[&der(0x04, &[SALT]), &numbers])])
}

fn key_bag(algorithm: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let key = der(0x30, &[algorithm, &der(0x04, &[ciphertext])]);
    der(0x30, &[OID_KEY_BAG, &der(0xA0, &[&key])])
}

/// A bag of no use here, whose content other readers decrypt all the same.
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

/// `ContentInfo` of a part in clear.
fn plain_safe(bags: &[u8]) -> Vec<u8> {
    der(0x30, &[OID_DATA, &der(0xA0, &[&der(0x04, &[bags])])])
}

/// A PFX of one part and without a MAC.
fn pfx(safe: &[u8]) -> Vec<u8> {
    let content = der(0xA0, &[&der(0x04, &[&der(0x30, &[safe])])]);
    der(0x30, &[&[0x02, 0x01, 0x03], &der(0x30, &[OID_DATA, &content])])
}

/// The same with lengths left open and its content in chunks, as NSS writes it.
fn ber(safe: &[u8]) -> Vec<u8> {
    const END: &[u8] = &[0, 0];
    let inner = [&[0x30, 0x80], safe, END].concat();
    let (first, second) = inner.split_at(inner.len() / 2);
    let string = [&[0x24, 0x80], der(0x04, &[first]).as_slice(), &der(0x04, &[second]), END].concat();
    let info = [&[0x30, 0x80], OID_DATA, &[0xA0, 0x80], &string, END, END].concat();
    [&[0x30, 0x80, 0x02, 0x01, 0x03], info.as_slice(), END].concat()
}

/// A PFX of no parts with a wrong MAC.
fn with_pbmac1(kdf: &[u8]) -> Vec<u8> {
    let algorithm =
        der(0x30, &[OID_PBMAC1, &der(0x30, &[kdf, &der(0x30, &[OID_HMAC_SHA256, &[0x05, 0x00]])])]);
    let mac = der(0x30, &[&der(0x30, &[&algorithm, &der(0x04, &[&[0; 32]])]), &der(0x04, &[SALT])]);
    let content = der(0xA0, &[&der(0x04, &[&[0x30, 0x00]])]);
    der(0x30, &[&[0x02, 0x01, 0x03], &der(0x30, &[OID_DATA, &content]), &mac])
}

/// Encrypts with AES-256-CBC and the key that PBKDF2 derives in `rounds` rounds.
fn encrypt(plain: &[u8], password: &str, rounds: u32) -> Vec<u8> {
    let (mut key, rounds) = ([0; 32], NonZeroU32::new(rounds).unwrap());
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, SALT, password.as_bytes(), &mut key);
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
