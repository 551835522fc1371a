//! Decryption: PBES1 with the algorithms of RFC 7292 appendix C, and PBES2 (RFC 8018 section 6.2).

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::{
    BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit, StreamCipher, block_padding::Pkcs7,
};
use der::{
    DecodeValue, FixedTag, Tag, Tagged,
    asn1::{AnyRef, OctetStringRef},
};
use des::{TdesEde2, TdesEde3};
use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use rc2::Rc2;
use rc4::Rc4;
use sha1::Sha1;
use spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use super::{budget::Budget, candidate::Candidate, pbkdf2::Pbkdf2};
use crate::{Error, FileKind, algorithm::unsupported};

pub(super) const DAMAGED: Error = Error::Damaged("its contents do not parse");

const PBES2: &str = "1.2.840.113549.1.5.13";

/// The plain text, or nothing where the password does not fit.
pub(super) fn decrypt(
    algorithm: &AlgorithmIdentifierOwned,
    ciphertext: &[u8],
    password: &Candidate<'_>,
    budget: &mut Budget,
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let mut text = Zeroizing::new(ciphertext.to_vec());
    let length = match algorithm.oid.to_string().as_str() {
        PBES2 => pbes2(algorithm, password, budget, &mut text)?,
        oid => pbes1(oid)?(&Pbes1::read(algorithm, password, budget)?, &mut text),
    };
    Ok(length.map(|length| {
        text.truncate(length);
        text
    }))
}

/// Decrypts in place and says how many bytes are left.
type Pbes1Cipher = fn(&Pbes1<'_>, &mut [u8]) -> Option<usize>;

fn pbes1(oid: &str) -> Result<Pbes1Cipher, Error> {
    Ok(match oid {
        "1.2.840.113549.1.12.1.1" => rc4::<16>,
        "1.2.840.113549.1.12.1.2" => rc4::<5>,
        "1.2.840.113549.1.12.1.3" => cbc::<TdesEde3, 24>,
        "1.2.840.113549.1.12.1.4" => cbc::<TdesEde2, 16>,
        "1.2.840.113549.1.12.1.5" => cbc::<Rc2, 16>,
        "1.2.840.113549.1.12.1.6" => cbc::<Rc2, 5>,
        _ => return Err(unsupported(oid, FileKind::Pfx)),
    })
}

/// `pkcs-12PbeParams ::= SEQUENCE { salt OCTET STRING, iterations INTEGER }`, and the password
struct Pbes1<'a> {
    salt: &'a [u8],
    rounds: i32,
    password: &'a [u8],
}

impl<'a> Pbes1<'a> {
    fn read(
        algorithm: &'a AlgorithmIdentifierOwned,
        password: &'a Candidate<'_>,
        budget: &mut Budget,
    ) -> Result<Self, Error> {
        let [salt, count] = parameters::<AnyRef<'_>, 2>(algorithm)?;
        let salt = salt.decode_as::<&OctetStringRef>().map_err(|_| DAMAGED)?;
        let rounds = budget.derive(rounds(count)?)?.cast_signed();
        Ok(Self { salt: salt.as_bytes(), rounds, password: &password.bmp })
    }

    fn derive(&self, kind: Pkcs12KeyType, size: usize) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(derive_key::<Sha1>(self.password, self.salt, kind, self.rounds, size))
    }
}

fn cbc<C: KeyInit + BlockCipherDecrypt, const KEY: usize>(
    with: &Pbes1<'_>,
    text: &mut [u8],
) -> Option<usize> {
    let (key, iv) = (with.derive(Pkcs12KeyType::EncryptionKey, KEY), with.derive(Pkcs12KeyType::Iv, 8));
    in_blocks::<C>(&key, &iv, text).ok().flatten()
}

fn rc4<const KEY: usize>(with: &Pbes1<'_>, text: &mut [u8]) -> Option<usize> {
    let key = with.derive(Pkcs12KeyType::EncryptionKey, KEY);
    Rc4::new_from_slice(&key).ok()?.apply_keystream(text);
    Some(text.len())
}

/// `PBES2-params ::= SEQUENCE { keyDerivationFunc, encryptionScheme }`, both algorithm identifiers
fn pbes2(
    algorithm: &AlgorithmIdentifierOwned,
    password: &Candidate<'_>,
    budget: &mut Budget,
    text: &mut [u8],
) -> Result<Option<usize>, Error> {
    let [kdf, scheme] = parameters::<AlgorithmIdentifierOwned, 2>(algorithm)?;
    let (size, cipher) = scheme_of(&scheme.oid.to_string())?;
    let vector = scheme.parameters.as_ref().ok_or(DAMAGED)?.to_ref();
    let vector = vector.decode_as::<&OctetStringRef>().map_err(|_| DAMAGED)?;
    let kdf = Pbkdf2::read(&kdf)?;
    if kdf.key_length.is_some_and(|length| usize::from(length) != size) {
        return Err(DAMAGED);
    }
    let key = kdf.derive(password, size, budget)?;
    cipher(&key, vector.as_bytes(), text)
}

/// Decrypts in place with key and vector, and says how many bytes are left.
type Pbes2Cipher = fn(&[u8], &[u8], &mut [u8]) -> Result<Option<usize>, Error>;

/// The size of the key, and the cipher.
fn scheme_of(oid: &str) -> Result<(usize, Pbes2Cipher), Error> {
    Ok(match oid {
        "2.16.840.1.101.3.4.1.2" => (16, in_blocks::<Aes128>),
        "2.16.840.1.101.3.4.1.22" => (24, in_blocks::<Aes192>),
        "2.16.840.1.101.3.4.1.42" => (32, in_blocks::<Aes256>),
        "1.2.840.113549.3.7" => (24, in_blocks::<TdesEde3>),
        _ => return Err(unsupported(oid, FileKind::Pfx)),
    })
}

fn in_blocks<C: KeyInit + BlockCipherDecrypt>(
    key: &[u8],
    vector: &[u8],
    text: &mut [u8],
) -> Result<Option<usize>, Error> {
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, vector).map_err(|_| DAMAGED)?;
    Ok(cipher.decrypt_padded::<Pkcs7>(text).ok().map(<[u8]>::len))
}

/// The `N` parameters of an algorithm.
pub(super) fn parameters<'a, T: 'a, const N: usize>(
    algorithm: &'a AlgorithmIdentifierOwned,
) -> Result<[T; N], Error>
where
    Vec<T>: DecodeValue<'a> + FixedTag,
{
    let parameters = algorithm.parameters.as_ref().ok_or(DAMAGED)?;
    parameters.decode_as::<Vec<T>>().ok().and_then(|parts| parts.try_into().ok()).ok_or(DAMAGED)
}

/// A count of any size; what has no place in 64 bits, or is negative, counts as the most.
pub(super) fn rounds(count: AnyRef<'_>) -> Result<u64, Error> {
    match count.value() {
        _ if count.tag() != Tag::Integer => Err(DAMAGED),
        [] => Err(DAMAGED),
        [0x80..=0xFF, ..] => Ok(u64::MAX),
        digits => {
            let digits = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
            let count = digits.iter().fold(0, |sum: u64, digit| sum << 8 | u64::from(*digit));
            Ok(if digits.len() > 8 { u64::MAX } else { count })
        }
    }
}
