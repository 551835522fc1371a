//! RSA private keys: made, read in every usual form, written as PKCS#8, and signing with RSA-SHA1.

use std::fmt;

use aws_lc_rs::digest;
use x509_parser::{prelude::FromDer, public_key, x509::SubjectPublicKeyInfo};
use zeroize::Zeroizing;

use crate::{
    Error, FileKind, MAX_FILE, Password,
    aws_lc::{Refusal, RsaKey},
    survey::{Survey, is_one_der_value},
};

/// The size of a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeySize {
    /// 2048 bits.
    #[default]
    Rsa2048,
    /// 3072 bits.
    Rsa3072,
    /// 4096 bits.
    Rsa4096,
}

impl KeySize {
    /// The size in bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
        }
    }
}

/// An RSA private key. Parsed once; every use after that only computes.
///
/// `Debug` prints its size and nothing else. Signing may be done from several threads at once.
pub struct PrivateKey(RsaKey);

/// The public half of an RSA key; two are equal when they verify the same signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).
    pub(crate) fn of(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self, Error> {
        match spki.parsed() {
            Ok(public_key::PublicKey::RSA(key)) => {
                Ok(Self { modulus: trimmed(key.modulus), exponent: trimmed(key.exponent) })
            }
            _ => Err(Error::NotRsa),
        }
    }

    /// The size of the modulus in bits.
    pub fn bits(&self) -> u32 {
        let spare = self.modulus.first().map_or(0, |first| first.leading_zeros());
        u32::try_from(self.modulus.len() * 8).unwrap_or(u32::MAX) - spare
    }
}

impl PrivateKey {
    /// Smaller keys are refused: they can be broken. 1024 bits were Xero's own advice once.
    pub const MINIMUM_BITS: u32 = 1024;

    /// Makes a new key. Takes a tenth of a second for 2048 bits, about a second for 4096.
    pub fn generate(size: KeySize) -> Result<Self, Error> {
        let size = match size {
            KeySize::Rsa2048 => rcgen::RsaKeySize::_2048,
            KeySize::Rsa3072 => rcgen::RsaKeySize::_3072,
            KeySize::Rsa4096 => rcgen::RsaKeySize::_4096,
        };
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size)
            .map_err(|_| Error::Crypto("make an RSA key"))?;
        Self::from_der(&Zeroizing::new(pair.serialize_der()))
    }

    /// Reads a key: PKCS#8 or PKCS#1, PEM or DER, plain or encrypted; other PEM blocks in the file are passed over.
    ///
    /// The password is used only where the file is encrypted. For a PKCS#12 file see [`Pfx`](crate::Pfx).
    pub fn read(file: &[u8], password: Option<&Password>) -> Result<Self, Error> {
        if file.len() > MAX_FILE {
            return Err(Error::TooLarge { limit: MAX_FILE });
        }
        match FileKind::of(file) {
            FileKind::PrivateKeyPem => Self::from_pem(file, password),
            FileKind::PrivateKeyDer => Self::from_der(file),
            FileKind::Unknown if is_one_der_value(file) => Self::from_encrypted(file, password),
            kind => Err(Error::NotKey(kind)),
        }
    }

    /// The size of the modulus in bits.
    pub fn bits(&self) -> u32 {
        self.0.bits()
    }

    /// The public half.
    pub fn public_key(&self) -> Result<PublicKey, Error> {
        const FAILED: Error = Error::Crypto("write the public key");
        let spki = self.0.to_spki().ok_or(FAILED)?;
        let (_, spki) = SubjectPublicKeyInfo::from_der(&spki).map_err(|_| FAILED)?;
        PublicKey::of(&spki)
    }

    /// Signs a message with RSASSA-PKCS1-v1_5 and SHA-1 (RFC 8017 section 8.2, RFC 5849 section 3.4.3).
    pub fn sign_rsa_sha1(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, message);
        let digest = digest.as_ref().try_into().expect("a SHA-1 digest has 20 bytes");
        self.0.sign_sha1_digest(digest).ok_or(Error::Crypto("sign"))
    }

    /// The key as PKCS#8 DER, unencrypted (RFC 5958).
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.0.to_pkcs8().ok_or(Error::Crypto("write the private key"))
    }

    /// The key as PKCS#8 PEM, unencrypted (RFC 7468 section 10).
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, Error> {
        let block = pem::Pem::new("PRIVATE KEY", self.to_pkcs8_der()?.to_vec());
        let text = pem::encode_config(&block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF));
        Ok(Zeroizing::new(text))
    }

    /// Reads unencrypted PKCS#8 or PKCS#1 DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::checked(RsaKey::from_der(der), Error::Damaged("it is not a well-formed private key"))
    }

    fn from_pem(file: &[u8], password: Option<&Password>) -> Result<Self, Error> {
        const DAMAGED: Error = Error::Damaged("its PEM armour is broken");
        let blocks = pem::parse_many(file).map_err(|_| DAMAGED)?;
        let block = blocks.iter().find(|block| block.tag().ends_with("PRIVATE KEY")).ok_or(DAMAGED)?;
        if block.headers().get("DEK-Info").is_some() {
            let password = password.ok_or(Error::PasswordNeeded)?;
            let text = Zeroizing::new(pem::encode(block));
            return Self::checked(
                RsaKey::from_encrypted_pem(text.as_bytes(), password.expose()),
                Error::WrongPassword,
            );
        }
        match block.tag() {
            "ENCRYPTED PRIVATE KEY" => Self::from_encrypted(block.contents(), password),
            _ => Self::from_der(block.contents()),
        }
    }

    fn from_encrypted(der: &[u8], password: Option<&Password>) -> Result<Self, Error> {
        let survey = Survey::of_key(der)?;
        survey.check_algorithms()?;
        if !survey.is_encrypted {
            return Err(Error::NotKey(FileKind::of(der)));
        }
        let password = password.ok_or(Error::PasswordNeeded)?;
        Self::checked(RsaKey::from_encrypted_pkcs8(der, password.expose()), Error::WrongPassword)
    }

    fn checked(key: Result<RsaKey, Refusal>, unreadable: Error) -> Result<Self, Error> {
        let key = key.map_err(|refusal| match refusal {
            Refusal::NotRsa => Error::NotRsa,
            Refusal::Unreadable => unreadable,
        })?;
        match key.bits() {
            bits if bits < Self::MINIMUM_BITS => Err(Error::KeyTooSmall { bits }),
            _ => Ok(Self(key)),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits)", self.bits())
    }
}

/// DER integers carry a sign byte that is no part of the number.
fn trimmed(integer: &[u8]) -> Vec<u8> {
    let start = integer.iter().position(|byte| *byte != 0).unwrap_or(integer.len());
    integer[start..].to_vec()
}
