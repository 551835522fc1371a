//! Reads the certificate that is uploaded to an app, and tells apart what people upload by mistake.

use ring::signature::{self, RsaPublicKeyComponents};
use std::time::SystemTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as ParsedKey;

use crate::Error;

/// An uploaded X.509 certificate: what the portal shows of it, and its RSA public key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The subject's distinguished name.
    pub subject: String,
    /// SHA-1 of the DER form, upper-case hex pairs joined by colons, as `openssl x509 -fingerprint` prints it.
    pub sha1_fingerprint: String,
    /// Length of the RSA modulus in bits.
    pub key_bits: usize,
    /// The last moment of validity.
    pub not_after: SystemTime,
    pub(crate) key: PublicKey,
}

/// An RSA public key, big-endian numbers without leading zeros.
#[derive(Clone, Debug)]
pub struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl PublicKey {
    /// A key from its two numbers, big-endian; leading zeros are dropped.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Self {
        Self { modulus: unsigned(modulus), exponent: unsigned(exponent) }
    }

    /// Whether `signature` is an RSASSA-PKCS1-v1_5 signature with SHA-1 over `message` (RFC 5849 section 3.4.3).
    pub fn verifies_rsa_sha1(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY;
        RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent }
            .verify(algorithm, message, signature)
            .is_ok()
    }
}

impl Certificate {
    /// Reads a PEM certificate with an RSA key of 1,024 to 8,192 bits that is still valid at `now`.
    /// Each thing that is often given instead has its own error.
    pub fn read(upload: &[u8], now: SystemTime) -> Result<Self, Error> {
        // Spaces before the first line come with pasting; DER has none to lose, it begins with 0x30.
        let upload = upload.trim_ascii_start();
        if upload.is_empty() {
            return Err(Error::CertificateMissing);
        }
        let pem = certificate_block(upload)?;
        let (_, x509) = X509Certificate::from_der(&pem.contents).map_err(|_| Error::NotACertificate)?;
        let certificate = Self::from_x509(&x509, &pem.contents)?;
        if certificate.expired(now) { Err(Error::CertificateExpired) } else { Ok(certificate) }
    }

    /// Whether the validity has ended at `now`.
    pub fn expired(&self, now: SystemTime) -> bool {
        now > self.not_after
    }

    fn from_x509(x509: &X509Certificate<'_>, der: &[u8]) -> Result<Self, Error> {
        let Ok(ParsedKey::RSA(rsa)) = x509.public_key().parsed() else {
            return Err(Error::NotRsa);
        };
        let key = PublicKey::new(rsa.modulus, rsa.exponent);
        Ok(Self {
            subject: x509.subject().to_string(),
            sha1_fingerprint: fingerprint(der),
            key_bits: key_bits(&key)?,
            not_after: x509.validity().not_after.to_datetime().into(),
            key,
        })
    }
}

/// The certificate's PEM block; a private key anywhere in the upload is refused.
fn certificate_block(upload: &[u8]) -> Result<Pem, Error> {
    if !upload.windows(10).any(|part| part == b"-----BEGIN") {
        return Err(without_armour(upload));
    }
    let blocks: Vec<Pem> = Pem::iter_from_buffer(upload).flatten().collect();
    if String::from_utf8_lossy(upload).contains("PRIVATE KEY-----") {
        return Err(Error::PrivateKeyGiven);
    }
    let is_certificate = |pem: &Pem| matches!(pem.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE");
    let found_other = !blocks.is_empty();
    let missing = if found_other { Error::OtherPem } else { Error::NotACertificate };
    blocks.into_iter().find(is_certificate).ok_or(missing)
}

/// What bytes without a `BEGIN` line are: DER of a certificate, a PKCS#12 file, a private key, or nothing known.
fn without_armour(upload: &[u8]) -> Error {
    if X509Certificate::from_der(upload).is_ok() {
        return Error::CertificateIsDer;
    }
    match version_of_sequence(upload) {
        Some(3) => Error::PfxGiven,
        Some(0 | 1) => Error::PrivateKeyGiven,
        _ => Error::NotACertificate,
    }
}

/// The INTEGER that opens a DER SEQUENCE: 3 in PKCS#12 (RFC 7292), 0 or 1 in PKCS#1 and PKCS#8 private keys.
fn version_of_sequence(der: &[u8]) -> Option<u8> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let octets = if length & 0x80 == 0 { 0 } else { usize::from(length & 0x7f) };
    match rest.get(octets..octets.checked_add(3)?)? {
        [0x02, 0x01, version] if tag == 0x30 => Some(*version),
        _ => None,
    }
}

fn key_bits(key: &PublicKey) -> Result<usize, Error> {
    let leading = key.modulus.first().map_or(0, |octet| octet.leading_zeros() as usize);
    match key.modulus.len() * 8 - leading {
        bits @ ..1024 => Err(Error::KeyTooShort { bits }),
        bits @ 1024..=8192 => Ok(bits),
        bits => Err(Error::KeyTooLong { bits }),
    }
}

fn fingerprint(der: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, der);
    let pairs: Vec<String> = digest.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
    pairs.join(":")
}

fn unsigned(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|&octet| octet != 0).unwrap_or(number.len());
    number[start..].to_vec()
}
