//! What a file is, told from its first bytes.

use std::fmt;

use x509_parser::asn1_rs::{Any, FromBer, Tag};

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
        let Some(first) = Any::from_ber(bytes).ok().and_then(|(_, outer)| elements(outer.data).next()) else {
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

/// The elements that stand in a row, as far as they parse.
pub(crate) fn elements(bytes: &[u8]) -> impl Iterator<Item = Any<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (after, element) = Any::from_ber(rest).ok()?;
        rest = after;
        Some(element)
    })
}
