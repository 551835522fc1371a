//! X.509 certificates: read, looked at, written as `.cer`, and made for a key.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::digest;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyUsagePurpose, SerialNumber};
use x509_parser::{certificate::X509Certificate, prelude::FromDer, time::ASN1Time};

use crate::{Error, FileKind, MAX_FILE, PrivateKey, PublicKey};

const DAY: u64 = 24 * 60 * 60;

/// An X.509 certificate (RFC 5280), whole and parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    subject: String,
    not_before: SystemTime,
    not_after: SystemTime,
    public_key: Option<PublicKey>,
}

/// What goes into a self-signed certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSigned {
    /// The subject's common name, 1 to 64 characters (RFC 5280 appendix A.1).
    pub common_name: String,
    /// The first moment at which the certificate is valid; cut to whole seconds.
    pub not_before: SystemTime,
    /// How many days of 24 hours it is valid. Xero's own guide used [`SelfSigned::DEFAULT_DAYS`].
    pub days: u32,
}

impl SelfSigned {
    /// Five years, as in Xero's guide for private applications.
    pub const DEFAULT_DAYS: u32 = 1_825;
    /// A hundred years; X.509 dates end in the year 9999.
    pub const MAXIMUM_DAYS: u32 = 36_525;

    /// Makes the certificate: X.509 v3, signed by `key` itself with SHA-256, with a random serial number.
    ///
    /// # Errors
    /// [`Error::Certificate`] where a value does not fit; [`Error::KeyTooSmall`] for keys under 2048 bits.
    pub fn issue(&self, key: &PrivateKey) -> Result<Certificate, Error> {
        if key.bits() < 2048 {
            return Err(Error::KeyTooSmall { bits: key.bits() });
        }
        let der = key.to_pkcs8_der()?;
        let pair =
            rcgen::KeyPair::try_from(der.as_slice()).map_err(|_| Error::Crypto("use the key to sign"))?;
        let made =
            self.parameters()?.self_signed(&pair).map_err(|_| Error::Crypto("sign the certificate"))?;
        Certificate::from_der(made.der())
    }

    fn parameters(&self) -> Result<CertificateParams, Error> {
        self.check()?;
        let not_before = whole_seconds(self.not_before);
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, self.common_name.as_str());
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = name;
        parameters.not_before = not_before.into();
        parameters.not_after = (not_before + Duration::from_secs(u64::from(self.days) * DAY)).into();
        parameters.serial_number = Some(serial_number()?);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        Ok(parameters)
    }

    fn check(&self) -> Result<(), Error> {
        let length = self.common_name.chars().count();
        if self.common_name.trim().is_empty() || length > 64 {
            return Err(Error::Certificate("the name must have 1 to 64 characters"));
        }
        if self.common_name.chars().any(char::is_control) {
            return Err(Error::Certificate("the name must not contain control characters"));
        }
        if self.days == 0 || self.days > Self::MAXIMUM_DAYS {
            return Err(Error::Certificate("it must be valid for 1 to 36525 days"));
        }
        let start = self.not_before.duration_since(UNIX_EPOCH).map(|since| since.as_secs());
        // 9000-01-01: with the longest validity the end still lies before the year 9999.
        if !start.is_ok_and(|seconds| seconds < 221_845_392_000) {
            return Err(Error::Certificate("its first day must lie between 1970 and 9000"));
        }
        Ok(())
    }
}

impl Certificate {
    /// Reads a certificate in PEM or DER form; of several PEM blocks the first certificate counts.
    pub fn read(file: &[u8]) -> Result<Self, Error> {
        if file.len() > MAX_FILE {
            return Err(Error::TooLarge { limit: MAX_FILE });
        }
        if x509_parser::parse_x509_certificate(file).is_ok() {
            return Self::from_der(file);
        }
        let blocks = pem::parse_many(file).unwrap_or_default();
        match blocks.iter().find(|block| matches!(block.tag(), "CERTIFICATE" | "X509 CERTIFICATE")) {
            Some(block) => Self::from_der(block.contents()),
            None => Err(Error::NotCertificate(FileKind::of(file))),
        }
    }

    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        const DAMAGED: Error = Error::Damaged("it is not a well-formed certificate");
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| DAMAGED)?;
        Ok(Self {
            der: der[..der.len() - rest.len()].to_vec(),
            subject: parsed.subject().to_string(),
            not_before: system_time(parsed.validity().not_before).ok_or(DAMAGED)?,
            not_after: system_time(parsed.validity().not_after).ok_or(DAMAGED)?,
            public_key: PublicKey::of(parsed.public_key()).ok(),
        })
    }

    /// The certificate as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate as base-64 PEM (RFC 7468 section 5): the `.cer` that Xero's portal took.
    pub fn to_pem(&self) -> String {
        let block = pem::Pem::new("CERTIFICATE", self.der.clone());
        pem::encode_config(&block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
    }

    /// The subject, in the form of RFC 4514.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The first moment of validity.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// The last moment of validity. Xero refused requests after it.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whole days from `now` to the end of validity, rounded down; negative once it is over.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        let whole = |days: u128| i64::try_from(days).unwrap_or(i64::MAX);
        let day = Duration::from_secs(DAY).as_nanos();
        match self.not_after.duration_since(now) {
            Ok(left) => whole(left.as_nanos() / day),
            Err(over) => -whole(over.duration().as_nanos().div_ceil(day)),
        }
    }

    /// True while `now` lies within the validity.
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// The public key.
    ///
    /// # Errors
    /// [`Error::NotRsa`] for keys of another kind.
    pub fn public_key(&self) -> Result<&PublicKey, Error> {
        self.public_key.as_ref().ok_or(Error::NotRsa)
    }

    /// True where the certificate was made for `key`.
    pub fn belongs_to(&self, key: &PrivateKey) -> bool {
        self.public_key.is_some() && self.public_key == key.public_key().ok()
    }

    /// The SHA-1 fingerprint, which the portal showed.
    pub fn sha1(&self) -> Fingerprint {
        Fingerprint(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref().to_vec())
    }

    /// The SHA-256 fingerprint.
    pub fn sha256(&self) -> Fingerprint {
        Fingerprint(digest::digest(&digest::SHA256, &self.der).as_ref().to_vec())
    }
}

/// A digest over a certificate; prints as `AB:CD:…`, as OpenSSL and Windows do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Vec<u8>);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// A positive random number of 16 bytes (RFC 5280 section 4.1.2.2).
fn serial_number() -> Result<SerialNumber, Error> {
    let mut serial = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| Error::Crypto("make a serial number"))?;
    serial[0] = (serial[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&serial))
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    UNIX_EPOCH + Duration::from_secs(since)
}

fn system_time(time: ASN1Time) -> Option<SystemTime> {
    let seconds = time.timestamp();
    let span = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) }
}
