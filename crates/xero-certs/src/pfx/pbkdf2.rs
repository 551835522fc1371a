//! PBKDF2 (RFC 8018 section 5.2), for PBES2 and PBMAC1.

use der::{
    Sequence,
    asn1::{AnyRef, OctetStringRef},
};
use hmac::EagerHash;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};
use zeroize::Zeroizing;

use super::{
    budget::Budget,
    candidate::Candidate,
    cipher::{DAMAGED, rounds},
};
use crate::{Error, FileKind, algorithm::unsupported};

const PBKDF2: &str = "1.2.840.113549.1.5.12";

/// `PBKDF2-params` (RFC 8018 appendix A.2), with a count of any size.
#[derive(Sequence)]
pub(super) struct Pbkdf2<'a> {
    salt: &'a OctetStringRef,
    iterations: AnyRef<'a>,
    pub(super) key_length: Option<u16>,
    prf: Option<AlgorithmIdentifierRef<'a>>,
}

impl<'a> Pbkdf2<'a> {
    /// scrypt, which takes as much memory as it likes, is not supported.
    pub(super) fn read(algorithm: &'a AlgorithmIdentifierOwned) -> Result<Self, Error> {
        let oid = algorithm.oid.to_string();
        if oid != PBKDF2 {
            return Err(unsupported(&oid, FileKind::Pfx));
        }
        let parameters = algorithm.parameters.as_ref().ok_or(DAMAGED)?;
        parameters.decode_as().map_err(|_: der::Error| DAMAGED)
    }

    /// A key of `size` bytes.
    pub(super) fn derive(
        &self,
        password: &Candidate<'_>,
        size: usize,
        budget: &mut Budget,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let count = budget.derive(rounds(self.iterations)?)?;
        let mut key = Zeroizing::new(vec![0; size]);
        self.function()?(password.utf8.as_bytes(), self.salt.as_bytes(), count, &mut key);
        Ok(key)
    }

    /// HMAC with SHA-1 where the file names none.
    fn function(&self) -> Result<Function, Error> {
        let oid = self.prf.as_ref().map_or("1.2.840.113549.2.7".to_owned(), |prf| prf.oid.to_string());
        Ok(match oid.as_str() {
            "1.2.840.113549.2.7" => pbkdf2::<Sha1>,
            "1.2.840.113549.2.8" => pbkdf2::<Sha224>,
            "1.2.840.113549.2.9" => pbkdf2::<Sha256>,
            "1.2.840.113549.2.10" => pbkdf2::<Sha384>,
            "1.2.840.113549.2.11" => pbkdf2::<Sha512>,
            _ => return Err(unsupported(&oid, FileKind::Pfx)),
        })
    }
}

type Function = fn(&[u8], &[u8], u32, &mut [u8]);

fn pbkdf2<D: EagerHash<Core: Sync>>(password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8]) {
    pbkdf2::pbkdf2_hmac::<D>(password, salt, rounds, key);
}
