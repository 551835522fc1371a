//! A look at a PKCS#12 or PKCS#8 file before anything is derived from a password: what it is, and what it asks for.

use std::fmt;

use x509_parser::asn1_rs::{Any, Class, FromBer, FromDer, Oid, Tag};

use crate::{Error, encrypted_part::EncryptedPart};

pub(crate) const PBMAC1: &str = "1.2.840.113549.1.5.14";
pub(crate) const SCRYPT: &str = "1.3.6.1.4.1.11591.4.11";
pub(crate) const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const ENVELOPED_DATA: &str = "1.2.840.113549.1.7.3";
const PBKDF2: &str = "1.2.840.113549.1.5.12";
const PBES1: [&str; 12] = [
    "1.2.840.113549.1.5.1",
    "1.2.840.113549.1.5.3",
    "1.2.840.113549.1.5.4",
    "1.2.840.113549.1.5.6",
    "1.2.840.113549.1.5.10",
    "1.2.840.113549.1.5.11",
    "1.2.840.113549.1.12.1.1",
    "1.2.840.113549.1.12.1.2",
    "1.2.840.113549.1.12.1.3",
    "1.2.840.113549.1.12.1.4",
    "1.2.840.113549.1.12.1.5",
    "1.2.840.113549.1.12.1.6",
];

/// Algorithms that neither reader knows, with the names that people know them by.
const UNSUPPORTED: [(&str, &str); 12] = [
    (PBMAC1, "PBMAC1 (RFC 9579)"),
    ("1.2.840.113549.1.12.1.2", "pbeWithSHA1And40BitRC4"),
    ("1.2.840.113549.1.12.1.4", "pbeWithSHA1And2-KeyTripleDES-CBC"),
    ("1.2.840.113549.1.12.1.5", "pbeWithSHA1And128BitRC2-CBC"),
    ("1.2.840.113549.1.5.1", "pbeWithMD2AndDES-CBC"),
    ("1.2.840.113549.1.5.3", "pbeWithMD5AndDES-CBC"),
    ("1.2.840.113549.1.5.4", "pbeWithMD2AndRC2-CBC"),
    ("1.2.840.113549.1.5.6", "pbeWithMD5AndRC2-CBC"),
    ("1.2.840.113549.1.5.10", "pbeWithSHA1AndDES-CBC"),
    ("1.2.840.113549.1.5.11", "pbeWithSHA1AndRC2-CBC"),
    (SCRYPT, "scrypt"),
    (ENVELOPED_DATA, "public-key privacy (EnvelopedData)"),
];

/// Algorithms with which the readers open what PBES2 and the MAC name: AES-CBC, triple DES, SHA-1, SHA-2 and their HMACs.
const SUPPORTED: [&str; 18] = [
    "2.16.840.1.101.3.4.1.2",
    "2.16.840.1.101.3.4.1.22",
    "2.16.840.1.101.3.4.1.42",
    "1.2.840.113549.3.7",
    "1.3.14.3.2.26",
    "2.16.840.1.101.3.4.2.1",
    "2.16.840.1.101.3.4.2.2",
    "2.16.840.1.101.3.4.2.3",
    "2.16.840.1.101.3.4.2.4",
    "2.16.840.1.101.3.4.2.5",
    "2.16.840.1.101.3.4.2.6",
    "1.2.840.113549.2.7",
    "1.2.840.113549.2.8",
    "1.2.840.113549.2.9",
    "1.2.840.113549.2.10",
    "1.2.840.113549.2.11",
    "1.2.840.113549.2.12",
    "1.2.840.113549.2.13",
];

/// A signature in place of a MAC, which cannot be checked; and scrypt, which takes as much memory as it likes.
const REFUSED: [(&str, &str); 2] = [(SIGNED_DATA, "public-key integrity (SignedData)"), (SCRYPT, "scrypt")];

/// Where ciphers and digests are registered: AES, SHA-2 and SHA-3; RSA Security's; OIW's; Camellia; ARIA; GOST.
const ALGORITHM_ARCS: [&str; 7] = [
    "2.16.840.1.101.3.4.",
    "1.2.840.113549.2.",
    "1.2.840.113549.3.",
    "1.3.14.3.2.",
    "1.2.392.200011.61.1.1.1.",
    "1.2.410.200046.",
    "1.2.643.",
];

/// One file may ask for this many key-derivation rounds in sum: about a second of work.
pub(crate) const MAX_ITERATIONS: u64 = 3_000_000;
/// One derivation alone, the bound of the library behind.
const MAX_ITERATIONS_EACH: u64 = 1_000_000;
/// Larger encrypted parts could hide many more key bags than any real file has.
const MAX_ENCRYPTED_PART: usize = 128 * 1024;
const BREAKS_OFF: &str = "its structure breaks off";
const MAX_DEPTH: usize = 24;
const MAX_ELEMENTS: usize = 20_000;

/// What the bytes look like where they are not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// Nothing at all.
    Empty,
    /// An X.509 certificate in PEM (base-64) form, such as a `.cer` for the portal.
    CertificatePem,
    /// An X.509 certificate in DER (binary) form.
    CertificateDer,
    /// A private key in PEM form.
    PrivateKeyPem,
    /// A private key in DER form.
    PrivateKeyDer,
    /// A certificate signing request in PEM form.
    RequestPem,
    /// A private key in OpenSSH's own form.
    OpenSshKey,
    /// A Java key store in one of the old forms, JKS or JCEKS.
    JavaKeyStore,
    /// A PKCS#12 file.
    Pfx,
    /// A PKCS#7 certificate bundle.
    Pkcs7,
    /// Some other PEM file.
    OtherPem,
    /// Binary data in base 64 without PEM's first and last line.
    Base64,
    /// A text file in UTF-16, as Windows PowerShell's `>` writes it.
    Utf16,
    /// A text file.
    Text,
    /// Something else.
    Unknown,
}

impl FileKind {
    /// Looks at the bytes. Reads no password and derives nothing.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        if bytes.starts_with(&[0xFE, 0xED, 0xFE, 0xED]) || bytes.starts_with(&[0xCE; 4]) {
            return Self::JavaKeyStore;
        }
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            return Self::Utf16;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::of_text(text),
            // Programs write names around the PEM blocks in encodings of their own.
            Err(_) if bytes[0] != 0x30 => {
                let text = String::from_utf8_lossy(bytes);
                if text.contains("-----BEGIN ") { Self::of_text(&text) } else { Self::of_binary(bytes) }
            }
            Err(_) => Self::of_binary(bytes),
        }
    }

    fn of_text(text: &str) -> Self {
        const LABELS: [(&str, FileKind); 5] = [
            ("OPENSSH PRIVATE KEY-----", FileKind::OpenSshKey),
            ("PRIVATE KEY-----", FileKind::PrivateKeyPem),
            ("BEGIN CERTIFICATE REQUEST", FileKind::RequestPem),
            ("BEGIN CERTIFICATE-----", FileKind::CertificatePem),
            ("-----BEGIN ", FileKind::OtherPem),
        ];
        let labelled = LABELS.iter().find(|(label, _)| text.contains(label)).map(|(_, kind)| *kind);
        // A DER sequence of 128 bytes or more begins with `MI` in base 64.
        labelled.unwrap_or(if text.trim_start().starts_with("MI") { Self::Base64 } else { Self::Text })
    }

    fn of_binary(bytes: &[u8]) -> Self {
        if x509_parser::parse_x509_certificate(bytes).is_ok() {
            return Self::CertificateDer;
        }
        let Some(first) = Any::from_ber(bytes).ok().and_then(|(_, outer)| first_element(&outer)) else {
            return Self::Unknown;
        };
        match (first.tag(), first.data) {
            (Tag::Integer, [3]) => Self::Pfx,
            (Tag::Integer, [0 | 1]) => Self::PrivateKeyDer,
            (Tag::Oid, _) => Self::Pkcs7,
            _ => Self::Unknown,
        }
    }

    /// The command that makes a readable private key of it, where there is one.
    pub(crate) fn to_key(self) -> Option<&'static str> {
        match self {
            Self::OpenSshKey => Some("convert a copy of it: `ssh-keygen -p -m PKCS8 -f COPY`"),
            Self::Utf16 => Some("save it again as UTF-8 or ASCII text"),
            Self::CertificatePem | Self::CertificateDer | Self::RequestPem => {
                Some("give the private key file that was made together with it")
            }
            _ => None,
        }
    }

    /// The command that takes the certificate out of it, or where to look.
    pub(crate) fn to_certificate(self) -> Option<&'static str> {
        match self {
            Self::Pfx => {
                Some("take the certificate out: `openssl pkcs12 -in OLD.pfx -nokeys -clcerts -out NEW.cer`")
            }
            Self::Pkcs7 => Some(
                "take the certificates out: `openssl pkcs7 -inform DER -in OLD.p7b -print_certs -out NEW.cer`",
            ),
            Self::PrivateKeyPem | Self::PrivateKeyDer | Self::OpenSshKey | Self::RequestPem => {
                Some("give the .cer file that was made together with it")
            }
            Self::Utf16 => Some("save it again as UTF-8 or ASCII text"),
            _ => None,
        }
    }

    /// The command that makes a PFX of it, or where to look.
    pub(crate) fn to_pfx(self) -> &'static str {
        match self {
            Self::CertificatePem | Self::CertificateDer => {
                "this is the file to upload to Xero; give the .pfx that was made with it, or join it with its key: \
                 `openssl pkcs12 -export -inkey KEY.pem -in CERTIFICATE.cer -out NEW.pfx`"
            }
            Self::PrivateKeyPem | Self::PrivateKeyDer => {
                "join it with its certificate: `openssl pkcs12 -export -inkey KEY.pem -in CERTIFICATE.cer -out NEW.pfx`"
            }
            Self::Base64 => "decode it: `openssl base64 -d -A -in OLD.txt -out NEW.pfx`",
            Self::JavaKeyStore => {
                "convert it: `keytool -importkeystore -srckeystore OLD.jks -destkeystore NEW.pfx -deststoretype PKCS12`"
            }
            _ => "give the .pfx (or .p12) file that was made together with the certificate",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::CertificatePem => "a certificate (PEM)",
            Self::CertificateDer => "a certificate (DER)",
            Self::PrivateKeyPem => "a private key (PEM)",
            Self::PrivateKeyDer => "a private key (DER)",
            Self::RequestPem => "a certificate signing request (PEM)",
            Self::OpenSshKey => "an OpenSSH private key",
            Self::JavaKeyStore => "a Java key store (JKS or JCEKS)",
            Self::Pfx => "a PFX (PKCS#12) file",
            Self::Pkcs7 => "a PKCS#7 file",
            Self::OtherPem => "a PEM file of another kind",
            Self::Base64 => "base-64 text",
            Self::Utf16 => "a text file in UTF-16",
            Self::Text => "a text file",
            Self::Unknown => "something else",
        })
    }
}

/// What a file asks for, found without a password.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Object identifiers seen anywhere in clear, in file order.
    oids: Vec<String>,
    iterations: u64,
    largest: u64,
    has_zero_count: bool,
    elements: usize,
    pub(crate) has_mac: bool,
    pub(crate) indefinite: bool,
}

impl Survey {
    /// Surveys a PKCS#12 file and gives back the part of `bytes` that is the file (bytes behind its end are ignored).
    pub(crate) fn of_pfx(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        check_whole(bytes)?;
        let (rest, outer) = Any::from_ber(bytes).map_err(|_| Error::NotPfx(FileKind::of(bytes)))?;
        if !matches!(first_element(&outer), Some(v) if v.tag() == Tag::Integer && v.data == [3]) {
            return Err(Error::NotPfx(FileKind::of(bytes)));
        }
        let mut survey = Self::default();
        survey.read_mac(&outer);
        let file = &bytes[..bytes.len() - rest.len()];
        survey.walk(file, 0)?;
        survey.check()?;
        Ok((survey, file))
    }

    /// Surveys an encrypted PKCS#8 key.
    pub(crate) fn of_key(der: &[u8]) -> Result<Self, Error> {
        let mut survey = Self::default();
        survey.walk(der, 0)?;
        survey.check()?;
        Ok(survey)
    }

    /// The first algorithm in the file that no reader here knows; `container` says what kind of file it is.
    pub(crate) fn unsupported(&self, container: FileKind) -> Option<Error> {
        let named = |oid: &String| {
            let known = UNSUPPORTED.iter().find(|(unsupported, _)| unsupported == oid)?;
            Some((oid.clone(), known.1))
        };
        let other = |oid: &String| {
            let is_algorithm = ALGORITHM_ARCS.iter().any(|arc| oid.starts_with(arc));
            (is_algorithm && !SUPPORTED.contains(&oid.as_str()))
                .then(|| (oid.clone(), "an unknown algorithm"))
        };
        let found = self.oids.iter().find_map(named).or_else(|| self.oids.iter().find_map(other));
        found.map(|(oid, name)| Error::UnsupportedAlgorithm { oid, name, container })
    }

    /// What is refused before a reader sees it.
    pub(crate) fn refusal(&self) -> Option<Error> {
        let (oid, name) =
            REFUSED.into_iter().find(|(refused, _)| self.oids.iter().any(|oid| oid == refused))?;
        Some(Error::UnsupportedAlgorithm { oid: oid.to_owned(), name, container: FileKind::Pfx })
    }

    /// Decrypts the parts that `password` opens and counts the rounds that they ask for in their turn.
    pub(crate) fn look_inside(&self, file: &[u8], password: &str) -> Result<(), Error> {
        let mut inside = Self { iterations: self.iterations, largest: self.largest, ..Self::default() };
        for part in EncryptedPart::all(file) {
            if let Some(plain) = part.decrypt(password) {
                inside.enter_string(&plain, 0)?;
            }
        }
        inside.refusal().map_or(Ok(()), Err)?;
        inside.check()
    }

    /// True where something in the file was encrypted under a password.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.iterations > 0
    }

    fn check(&self) -> Result<(), Error> {
        if self.has_zero_count {
            return Err(Error::Damaged("it asks for zero key-derivation rounds"));
        }
        if self.largest > MAX_ITERATIONS_EACH {
            return Err(Error::TooManyIterations { found: self.largest, limit: MAX_ITERATIONS_EACH });
        }
        if self.iterations > MAX_ITERATIONS {
            return Err(Error::TooManyIterations { found: self.iterations, limit: MAX_ITERATIONS });
        }
        Ok(())
    }

    /// `MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING, iterations INTEGER DEFAULT 1 }` (RFC 7292 section 4)
    fn read_mac(&mut self, outer: &Any<'_>) {
        let Some(mac) = elements(outer.data).nth(2) else {
            return;
        };
        self.has_mac = true;
        self.add_iterations(elements(mac.data).nth(2).map_or(1, |count| unsigned(&count)));
    }

    fn walk(&mut self, mut bytes: &[u8], depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Damaged("it is nested too deeply"));
        }
        while !bytes.is_empty() {
            self.elements += 1;
            if self.elements > MAX_ELEMENTS {
                return Err(Error::Damaged("it has too many parts"));
            }
            let Ok((rest, element)) = Any::from_ber(bytes) else {
                return Err(Error::Damaged(BREAKS_OFF));
            };
            self.indefinite |= element.header.length().definite().is_err();
            self.visit(&element, depth)?;
            bytes = rest;
        }
        Ok(())
    }

    fn visit(&mut self, element: &Any<'_>, depth: usize) -> Result<(), Error> {
        if element.header.is_constructed() {
            if element.tag() == Tag::Sequence {
                self.note_algorithm(element.data);
            }
            if let Some(joined) = joined_string(element) {
                return self.enter_string(&joined, depth);
            }
            return self.walk(element.data, depth + 1);
        }
        match (element.class(), element.tag()) {
            (Class::Universal, Tag::OctetString) => self.enter_string(element.data, depth)?,
            (Class::ContextSpecific, _) if element.data.len() > MAX_ENCRYPTED_PART => {
                return Err(Error::TooLarge { limit: MAX_ENCRYPTED_PART });
            }
            _ => {}
        }
        Ok(())
    }

    /// An octet string may wrap further structure; one that holds ciphertext does not parse and is left alone.
    /// A limit that is hit inside counts: what follows would go uncounted.
    fn enter_string(&mut self, content: &[u8], depth: usize) -> Result<(), Error> {
        if content.first() != Some(&0x30) {
            return Ok(());
        }
        match self.walk(content, depth + 1) {
            Err(Error::Damaged(BREAKS_OFF)) => Ok(()),
            other => other,
        }
    }

    /// `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }`
    fn note_algorithm(&mut self, sequence: &[u8]) {
        let mut parts = elements(sequence);
        let Some(oid) =
            parts.next().and_then(|first| first.oid().ok().map(|oid: Oid<'_>| oid.to_id_string()))
        else {
            return;
        };
        let parameters = parts.next();
        let count = |nth: usize| {
            parameters.as_ref().and_then(|p| elements(p.data).nth(nth)).map_or(0, |count| unsigned(&count))
        };
        if oid == PBKDF2 || PBES1.contains(&oid.as_str()) {
            self.add_iterations(count(1));
        }
        self.oids.push(oid);
    }

    fn add_iterations(&mut self, count: u64) {
        self.iterations = self.iterations.saturating_add(count);
        self.largest = self.largest.max(count);
        self.has_zero_count |= count == 0;
    }
}

/// Refuses what is too large, what is something else, and what ends early.
fn check_whole(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() > crate::MAX_FILE {
        return Err(Error::TooLarge { limit: crate::MAX_FILE });
    }
    if bytes.first() != Some(&0x30) || std::str::from_utf8(bytes).is_ok() {
        return Err(Error::NotPfx(FileKind::of(bytes)));
    }
    let Ok((body, header)) = x509_parser::asn1_rs::Header::from_ber(bytes) else {
        return Err(Error::Truncated { announced: bytes.len() + 1, found: bytes.len() });
    };
    if let Ok(length) = header.length().definite() {
        let announced = length.saturating_add(bytes.len() - body.len());
        let starts_right = elements(body).next().is_none_or(|v| v.tag() == Tag::Integer && v.data == [3]);
        if announced > bytes.len() && starts_right {
            return Err(Error::Truncated { announced, found: bytes.len() });
        }
    } else if Any::from_ber(bytes).is_err() {
        return Err(Error::Damaged(BREAKS_OFF));
    }
    Ok(())
}

/// The content of an octet string that was cut in chunks (BER, X.690 section 8.7.3).
fn joined_string(element: &Any<'_>) -> Option<Vec<u8>> {
    let is_string = element.class() == Class::Universal && element.tag() == Tag::OctetString;
    is_string.then(|| elements(element.data).flat_map(|chunk| chunk.data.to_vec()).collect())
}

fn first_element<'a>(outer: &Any<'a>) -> Option<Any<'a>> {
    elements(outer.data).next()
}

pub(crate) fn elements(bytes: &[u8]) -> impl Iterator<Item = Any<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (after, element) = Any::from_ber(rest).ok()?;
        rest = after;
        Some(element)
    })
}

pub(crate) fn unsigned(element: &Any<'_>) -> u64 {
    match element.clone().integer() {
        Ok(value) => value.as_u64().unwrap_or(u64::MAX),
        Err(_) => 0,
    }
}

/// True where the bytes are one DER value from the first byte to the last.
pub(crate) fn is_one_der_value(bytes: &[u8]) -> bool {
    Any::from_der(bytes).is_ok_and(|(rest, _)| rest.is_empty())
}
