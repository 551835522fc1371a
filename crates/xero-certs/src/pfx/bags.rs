//! What a PKCS#12 file holds: the safe, its parts, and the bags in them (RFC 7292 sections 4 and 5).

use cms::{content_info::ContentInfo, encrypted_data::EncryptedData};
use der::{
    Decode, Encode, Sequence,
    asn1::{AnyRef, ObjectIdentifier, OctetStringRef},
};
use pkcs12::{
    PKCS_12_CERT_BAG_OID, PKCS_12_KEY_BAG_OID, PKCS_12_PKCS8_KEY_BAG_OID, PKCS_12_SAFE_CONTENTS_BAG_OID,
    PKCS_12_X509_CERT_OID, pbe_params::EncryptedPrivateKeyInfo,
};
use spki::AlgorithmIdentifierOwned;
use x509_parser::asn1_rs::{Any, FromBer, Tag};
use zeroize::Zeroizing;

use super::{
    ber::to_der,
    budget::Budget,
    candidate::Candidate,
    cipher::{DAMAGED, decrypt},
    mac::MacData,
};
use crate::{Certificate, Error, FileKind, PrivateKey, algorithm::unsupported};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");

/// `PFX` (RFC 7292 section 4)
#[derive(Sequence)]
struct Outer<'a> {
    version: u8,
    safe: ContentInfo,
    mac: Option<MacData<'a>>,
}

/// `SafeBag` (RFC 7292 section 4.2); the attributes are of no use here, and programs order them as they like.
#[derive(Sequence)]
struct SafeBag<'a> {
    id: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: AnyRef<'a>,
    attributes: Option<AnyRef<'a>>,
}

/// `CertBag` (RFC 7292 section 4.2.3)
#[derive(Sequence)]
struct CertBag<'a> {
    id: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: AnyRef<'a>,
}

/// What was found in a file, before it is known what belongs together.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) keys: Vec<Result<PrivateKey, Error>>,
    pub(super) certificates: Vec<Certificate>,
}

impl Contents {
    /// Reads a file. Where it has a MAC, that picks the spelling of the password; else each one is tried.
    pub(super) fn read(file: &[u8], password: &str) -> Result<Self, Error> {
        let outer = to_der(file, &mut Budget::default())?;
        let outer = Outer::from_der(&outer).map_err(|_| DAMAGED)?;
        if outer.safe.content_type != DATA {
            return Err(unsupported(&outer.safe.content_type.to_string(), FileKind::Pfx));
        }
        let safe = outer.safe.content.decode_as::<&OctetStringRef>().map_err(|_| DAMAGED)?.as_bytes();
        for candidate in Candidate::all(password) {
            match Reader::read(safe, outer.mac.as_ref(), candidate) {
                Err(Error::WrongPassword) => {}
                other => return other,
            }
        }
        Err(Error::WrongPassword)
    }
}

/// One reading, with one spelling of the password.
struct Reader<'a> {
    password: Candidate<'a>,
    /// What it means when something does not decrypt: with a good MAC, the password was right.
    undecrypted: fn() -> Error,
    budget: Budget,
    found: Contents,
}

impl<'a> Reader<'a> {
    fn read(safe: &[u8], mac: Option<&MacData<'_>>, password: Candidate<'a>) -> Result<Contents, Error> {
        let mut budget = Budget::default();
        if let Some(mac) = mac
            && !mac.verify(safe, &password, &mut budget)?
        {
            return Err(Error::WrongPassword);
        }
        let undecrypted = if mac.is_some() { || DAMAGED } else { || Error::WrongPassword };
        let mut reader = Self { password, undecrypted, budget, found: Contents::default() };
        reader.safe(safe)?;
        Ok(reader.found)
    }

    /// `AuthenticatedSafe ::= SEQUENCE OF ContentInfo`
    fn safe(&mut self, ber: &[u8]) -> Result<(), Error> {
        let safe = to_der(ber, &mut self.budget)?;
        for part in Vec::<ContentInfo>::from_der(&safe).map_err(|_| DAMAGED)? {
            match part.content_type {
                DATA => {
                    let content = part.content.decode_as::<&OctetStringRef>().map_err(|_| DAMAGED)?;
                    self.bags_of(content.as_bytes())?;
                }
                ENCRYPTED_DATA => {
                    let part = part.content.decode_as::<EncryptedData>().map_err(|_| DAMAGED)?;
                    let part = part.enc_content_info;
                    let content = part.encrypted_content.ok_or(DAMAGED)?;
                    let plain = self.decrypt(&part.content_enc_alg, content.as_bytes())?;
                    self.bags_of(&plain)?;
                }
                other => return Err(unsupported(&other.to_string(), FileKind::Pfx)),
            }
        }
        Ok(())
    }

    fn bags_of(&mut self, ber: &[u8]) -> Result<(), Error> {
        let contents = to_der(ber, &mut self.budget)?;
        self.bags(AnyRef::from_der(&contents).map_err(|_| DAMAGED)?)
    }

    /// `SafeContents ::= SEQUENCE OF SafeBag`
    fn bags(&mut self, contents: AnyRef<'_>) -> Result<(), Error> {
        let bags = contents.decode_as::<Vec<SafeBag<'_>>>().map_err(|_| DAMAGED)?;
        bags.into_iter().try_for_each(|bag| self.bag(&bag))
    }

    /// What is neither key nor certificate is passed over.
    fn bag(&mut self, bag: &SafeBag<'_>) -> Result<(), Error> {
        match bag.id {
            PKCS_12_KEY_BAG_OID => {
                let key = Zeroizing::new(bag.value.to_der().map_err(|_| DAMAGED)?);
                self.found.keys.push(PrivateKey::from_der(&key));
            }
            PKCS_12_PKCS8_KEY_BAG_OID => {
                let key = bag.value.decode_as::<EncryptedPrivateKeyInfo>().map_err(|_| DAMAGED)?;
                let key = self.decrypt(&key.encryption_algorithm, key.encrypted_data.as_bytes())?;
                self.found.keys.push(PrivateKey::from_der(&key));
            }
            PKCS_12_CERT_BAG_OID => {
                let certificate = bag.value.decode_as::<CertBag<'_>>().map_err(|_| DAMAGED)?;
                self.found.certificates.extend(x509(&certificate));
            }
            PKCS_12_SAFE_CONTENTS_BAG_OID => self.bags(bag.value)?,
            _ => {}
        }
        Ok(())
    }

    fn decrypt(
        &mut self,
        algorithm: &AlgorithmIdentifierOwned,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let plain = decrypt(algorithm, ciphertext, &self.password, &mut self.budget)?;
        // One wrong password in 256 leaves good padding, and a stream cipher has none.
        plain.filter(|plain| is_sequence(plain)).ok_or_else(self.undecrypted)
    }
}

fn x509(bag: &CertBag<'_>) -> Option<Certificate> {
    let der = bag.value.decode_as::<&OctetStringRef>().ok().filter(|_| bag.id == PKCS_12_X509_CERT_OID)?;
    Certificate::from_der(der.as_bytes()).ok()
}

/// True for one sequence from the first byte to the last.
fn is_sequence(bytes: &[u8]) -> bool {
    Any::from_ber(bytes).is_ok_and(|(rest, element)| element.tag() == Tag::Sequence && rest.is_empty())
}
