//! A look at an encrypted PKCS#8 key before anything is derived from a password: what it asks for.

use x509_parser::asn1_rs::{Any, FromBer, FromDer, Oid, Tag};

use crate::{Error, FileKind, algorithm::unsupported, file_kind::elements, pfx::budget::Budget};

const PBES2: &str = "1.2.840.113549.1.5.13";
/// The algorithms of RFC 8018 and of RFC 7292 appendix C; all but PBES2 itself have a salt and a count.
const PASSWORD_BASED: [&str; 2] = ["1.2.840.113549.1.5.", "1.2.840.113549.1.12.1."];

/// What aws-lc opens keys with: PBES2 with PBKDF2, AES-CBC or triple DES, and HMAC of SHA-1 or SHA-2; and three of
/// RFC 7292 appendix C.
const SUPPORTED: [&str; 16] = [
    PBES2,
    "1.2.840.113549.1.5.12",
    "1.2.840.113549.1.12.1.1",
    "1.2.840.113549.1.12.1.3",
    "1.2.840.113549.1.12.1.6",
    "2.16.840.1.101.3.4.1.2",
    "2.16.840.1.101.3.4.1.22",
    "2.16.840.1.101.3.4.1.42",
    "1.2.840.113549.3.7",
    "1.2.840.113549.2.7",
    "1.2.840.113549.2.8",
    "1.2.840.113549.2.9",
    "1.2.840.113549.2.10",
    "1.2.840.113549.2.11",
    "1.2.840.113549.2.12",
    "1.2.840.113549.2.13",
];

/// Where ciphers and derivations are registered: RSA Security's; NIST's; OIW's; scrypt; Camellia; ARIA; GOST.
const ALGORITHM_ARCS: [&str; 10] = [
    PASSWORD_BASED[0],
    PASSWORD_BASED[1],
    "1.2.840.113549.2.",
    "1.2.840.113549.3.",
    "2.16.840.1.101.3.4.",
    "1.3.14.3.2.",
    "1.3.6.1.4.1.11591.4.",
    "1.2.392.200011.61.1.1.1.",
    "1.2.410.200046.",
    "1.2.643.",
];

/// What a key asks for, found without a password.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Object identifiers of algorithms, in file order.
    oids: Vec<String>,
    budget: Budget,
    /// True where something was encrypted under a password.
    pub(crate) is_encrypted: bool,
}

impl Survey {
    /// Surveys a key and refuses one that asks for too much.
    pub(crate) fn of_key(der: &[u8]) -> Result<Self, Error> {
        let mut survey = Self::default();
        survey.walk(der, 0)?;
        Ok(survey)
    }

    /// Refuses a key with an algorithm that is not supported.
    pub(crate) fn check_algorithms(&self) -> Result<(), Error> {
        let is_refused = |oid: &&String| {
            let is_algorithm = ALGORITHM_ARCS.iter().any(|arc| oid.starts_with(arc));
            is_algorithm && !SUPPORTED.contains(&oid.as_str())
        };
        let refused = self.oids.iter().find(is_refused);
        refused.map_or(Ok(()), |oid| Err(unsupported(oid, FileKind::PrivateKeyDer)))
    }

    fn walk(&mut self, mut bytes: &[u8], depth: usize) -> Result<(), Error> {
        while !bytes.is_empty() {
            self.budget.element(depth)?;
            let (rest, element) =
                Any::from_ber(bytes).map_err(|_| Error::Damaged("its structure breaks off"))?;
            if element.header.is_constructed() {
                if element.tag() == Tag::Sequence {
                    self.note_algorithm(element.data)?;
                }
                self.walk(element.data, depth + 1)?;
            }
            bytes = rest;
        }
        Ok(())
    }

    /// `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }`
    fn note_algorithm(&mut self, sequence: &[u8]) -> Result<(), Error> {
        let mut parts = elements(sequence);
        let oid = parts.next().and_then(|first| first.oid().ok().map(|oid: Oid<'_>| oid.to_id_string()));
        let Some(oid) = oid else { return Ok(()) };
        if oid != PBES2 && PASSWORD_BASED.iter().any(|arc| oid.starts_with(arc)) {
            let count = parts.next().and_then(|parameters| elements(parameters.data).nth(1));
            self.budget.derive(count.map_or(0, unsigned))?;
            self.is_encrypted = true;
        }
        self.oids.push(oid);
        Ok(())
    }
}

fn unsigned(element: Any<'_>) -> u64 {
    element.integer().map_or(0, |count| count.as_u64().unwrap_or(u64::MAX))
}

/// True where the bytes are one DER value from the first byte to the last.
pub(crate) fn is_one_der_value(bytes: &[u8]) -> bool {
    Any::from_der(bytes).is_ok_and(|(rest, _)| rest.is_empty())
}
