//! The MAC over a PKCS#12 file: HMAC with a key of RFC 7292 appendix B, and PBMAC1 (RFC 9579).

use der::{
    Sequence,
    asn1::{AnyRef, OctetStringRef},
};
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use pkcs12::{
    DigestInfo,
    kdf::{Pkcs12KeyType, derive_key},
};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use super::{
    budget::Budget,
    candidate::Candidate,
    cipher::{DAMAGED, parameters, rounds},
    pbkdf2::Pbkdf2,
};
use crate::{Error, FileKind, algorithm::unsupported};

const PBMAC1: &str = "1.2.840.113549.1.5.14";
/// RFC 9579 section 5 asks for 20 bytes at least; no HMAC has a longer output than 64.
const KEY_LENGTHS: std::ops::RangeInclusive<u16> = 20..=64;

/// `MacData` (RFC 7292 section 4), with a count of any size.
#[derive(Sequence)]
pub(super) struct MacData<'a> {
    mac: DigestInfo,
    salt: &'a OctetStringRef,
    iterations: Option<AnyRef<'a>>,
}

impl MacData<'_> {
    /// True where the MAC over `content` is that of the password.
    pub(super) fn verify(
        &self,
        content: &[u8],
        password: &Candidate<'_>,
        budget: &mut Budget,
    ) -> Result<bool, Error> {
        let tag = self.mac.digest.as_bytes();
        let oid = self.mac.algorithm.oid.to_string();
        if oid == PBMAC1 {
            let (key, check) = pbmac1(&self.mac.algorithm, password, budget)?;
            return Ok(check(&key, content, tag));
        }
        let digest = DIGESTS.iter().find(|digest| digest.oid == oid);
        let digest = digest.ok_or_else(|| unsupported(&oid, FileKind::Pfx))?;
        let rounds = budget.derive(self.iterations.map_or(Ok(1), rounds)?)?.cast_signed();
        let key = (digest.derive)(&password.bmp, self.salt.as_bytes(), rounds);
        Ok((digest.check)(&key, content, tag))
    }
}

/// `PBMAC1-params ::= SEQUENCE { keyDerivationFunc, messageAuthScheme }`, both algorithm identifiers
fn pbmac1(
    algorithm: &AlgorithmIdentifierOwned,
    password: &Candidate<'_>,
    budget: &mut Budget,
) -> Result<(Zeroizing<Vec<u8>>, Check), Error> {
    let [kdf, scheme] = parameters::<AlgorithmIdentifierOwned, 2>(algorithm)?;
    let oid = scheme.oid.to_string();
    let digest = DIGESTS.iter().find(|digest| digest.hmac_oid == oid);
    let digest = digest.ok_or_else(|| unsupported(&oid, FileKind::Pfx))?;
    let kdf = Pbkdf2::read(&kdf)?;
    let length = kdf.key_length.filter(|length| KEY_LENGTHS.contains(length)).ok_or(DAMAGED)?;
    Ok((kdf.derive(password, length.into(), budget)?, digest.check))
}

type Derive = fn(&[u8], &[u8], i32) -> Zeroizing<Vec<u8>>;
type Check = fn(&[u8], &[u8], &[u8]) -> bool;

struct Digest {
    oid: &'static str,
    hmac_oid: &'static str,
    derive: Derive,
    check: Check,
}

macro_rules! digest {
    ($digest:ty, $oid:literal, $hmac_oid:literal) => {
        Digest { oid: $oid, hmac_oid: $hmac_oid, derive: mac_key::<$digest>, check: is_hmac::<$digest> }
    };
}

const DIGESTS: [Digest; 7] = [
    digest!(Sha1, "1.3.14.3.2.26", "1.2.840.113549.2.7"),
    digest!(Sha224, "2.16.840.1.101.3.4.2.4", "1.2.840.113549.2.8"),
    digest!(Sha256, "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9"),
    digest!(Sha384, "2.16.840.1.101.3.4.2.2", "1.2.840.113549.2.10"),
    digest!(Sha512, "2.16.840.1.101.3.4.2.3", "1.2.840.113549.2.11"),
    digest!(Sha512_224, "2.16.840.1.101.3.4.2.5", "1.2.840.113549.2.12"),
    digest!(Sha512_256, "2.16.840.1.101.3.4.2.6", "1.2.840.113549.2.13"),
];

fn mac_key<D>(password: &[u8], salt: &[u8], rounds: i32) -> Zeroizing<Vec<u8>>
where
    D: sha2::Digest + hmac::digest::FixedOutputReset + hmac::digest::block_api::BlockSizeUser,
{
    let size = <D as sha2::Digest>::output_size();
    Zeroizing::new(derive_key::<D>(password, salt, Pkcs12KeyType::Mac, rounds, size))
}

/// Compares in constant time.
fn is_hmac<D: EagerHash>(key: &[u8], content: &[u8], tag: &[u8]) -> bool
where
    Hmac<D>: Mac + KeyInit,
{
    let mac = <Hmac<D> as KeyInit>::new_from_slice(key).map(|mac| mac.chain_update(content));
    mac.is_ok_and(|mac| mac.verify_slice(tag).is_ok())
}
