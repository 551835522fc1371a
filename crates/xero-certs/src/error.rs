//! What can be wrong with a key file, one variant for each thing to do next.

use std::{io, path::PathBuf};

use crate::FileKind;

/// The errors of this crate.
///
/// No variant carries a password, a line of a key file or any part of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The password does not open the file.
    #[error("the password is wrong")]
    WrongPassword,
    /// The file is encrypted and no password was given.
    #[error("the file is protected and no password was given")]
    PasswordNeeded,
    /// The bytes are something other than a PKCS#12 file.
    #[error("not a PFX (PKCS#12) file: this is {0}")]
    NotPfx(FileKind),
    /// The bytes hold no private key in any known form.
    #[error("not a private key file: this is {0}")]
    NotKey(FileKind),
    /// The bytes hold no X.509 certificate.
    #[error("not a certificate: this is {0}")]
    NotCertificate(FileKind),
    /// The file ends before the length that it announces.
    #[error("the file is truncated: it announces {announced} bytes and has {found}")]
    Truncated {
        /// Bytes that the file's own header announces.
        announced: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The file is a PKCS#12 file or a key, but its inside cannot be read.
    #[error("the file is damaged: {0}")]
    Damaged(&'static str),
    /// The file uses an algorithm that is not supported here.
    #[error("the file uses {name} ({oid}), which is not supported")]
    UnsupportedAlgorithm {
        /// The algorithm's object identifier, dotted.
        oid: String,
        /// The algorithm's usual name, or `an unknown algorithm`.
        name: &'static str,
        /// What kind of file it is: a PFX or a private key.
        container: FileKind,
    },
    /// Characters outside the Basic Multilingual Plane (emoji) in the password of a file that is written.
    #[error("the password has a character such as an emoji that PFX files cannot carry portably")]
    UnsupportedPassword,
    /// A PKCS#12 file without a private key.
    #[error("the file holds no private key")]
    NoKey,
    /// A PKCS#12 file without a certificate.
    #[error("the file holds no certificate")]
    NoCertificate,
    /// No certificate in the file belongs to a private key in the file.
    #[error("the certificate does not belong to the private key")]
    KeyMismatch,
    /// The key is of another kind than RSA.
    #[error("the key is not an RSA key")]
    NotRsa,
    /// The RSA key is too short to be used.
    #[error("the RSA key has {bits} bits; at least {minimum} are needed", minimum = crate::PrivateKey::MINIMUM_BITS)]
    KeyTooSmall {
        /// The size of the key's modulus in bits.
        bits: u32,
    },
    /// The input is larger than any sensible key file.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The file asks for more key-derivation work than is reasonable.
    #[error("the file asks for {found} key-derivation rounds; the limit is {limit}")]
    TooManyIterations {
        /// Rounds (iterations) that the file asks for: of one derivation, or in sum up to where counting stopped.
        found: u64,
        /// The limit for one derivation, or for the file.
        limit: u64,
    },
    /// A certificate cannot be made with the values given.
    #[error("a certificate cannot be made: {0}")]
    Certificate(&'static str),
    /// The cryptographic library failed at something that should not fail.
    #[error("the cryptographic library could not {0}")]
    Crypto(&'static str),
    /// The output path is taken and nothing was said of replacing.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// The output path is a device, a pipe or the like, which must not be replaced.
    #[error("{0} is not a file")]
    NotAFile(PathBuf),
    /// The output path is a directory.
    #[error("{0} is a directory")]
    IsDirectory(PathBuf),
    /// The output file could not be written; nothing is left half-written.
    #[error("{path} could not be written")]
    Write {
        /// The path that was to be written.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    /// The tool and command that mend it, where one does. `OLD` and `NEW` stand for the reader's files.
    pub fn advice(&self) -> Option<&'static str> {
        const OPENSSL: &str = "rewrite it with OpenSSL 3: `openssl pkcs12 -legacy -in OLD.pfx -out key.pem`, \
             then `openssl pkcs12 -export -in key.pem -out NEW.pfx`";
        const OPENSSL_KEY: &str =
            "rewrite it with OpenSSL: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.pem -out NEW.pem`";
        match self {
            Self::UnsupportedAlgorithm { container, .. } if *container != FileKind::Pfx => Some(OPENSSL_KEY),
            Self::UnsupportedAlgorithm { oid, .. } if oid == crate::algorithm::SIGNED_DATA => {
                Some("export it again with a password in place of a signature")
            }
            Self::UnsupportedAlgorithm { .. } => Some(OPENSSL),
            Self::UnsupportedPassword => {
                Some("choose a password without emoji; ASCII is what every program reads")
            }
            Self::NotKey(kind) => kind.to_key(),
            Self::NotPfx(kind) => Some(kind.to_pfx()),
            Self::NotCertificate(kind) => kind.to_certificate(),
            Self::NoKey => Some(
                "export it again with its private key, or join the two: \
                 `openssl pkcs12 -export -inkey KEY.pem -in CERTIFICATE.cer -out NEW.pfx`",
            ),
            Self::NoCertificate | Self::KeyMismatch => Some(
                "join the key with the certificate that was made for it: \
                 `openssl pkcs12 -export -inkey KEY.pem -in CERTIFICATE.cer -out NEW.pfx`",
            ),
            Self::TooManyIterations { .. } => Some(
                "if you trust the file, rewrite it with OpenSSL: a PFX with `openssl pkcs12 -in OLD.pfx -out key.pem` \
                 and `openssl pkcs12 -export -in key.pem -out NEW.pfx`, a key with `openssl pkcs8 -topk8`",
            ),
            Self::NotRsa | Self::KeyTooSmall { .. } => {
                Some("make a new RSA key of 2048 bits or more; Xero takes RSA only")
            }
            Self::Truncated { .. } | Self::Damaged(_) => Some(
                "copy the file again from where it came; a transfer in text mode or a full disk damages it",
            ),
            _ => None,
        }
    }
}
