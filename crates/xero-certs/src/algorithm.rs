//! Algorithms that are not supported, by the names that people know them by.

use crate::{Error, FileKind};

pub(crate) const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

const NAMES: [(&str, &str); 18] = [
    (SIGNED_DATA, "public-key integrity (SignedData)"),
    ("1.2.840.113549.1.7.3", "public-key privacy (EnvelopedData)"),
    ("1.2.840.113549.1.12.1.2", "pbeWithSHA1And40BitRC4"),
    ("1.2.840.113549.1.12.1.4", "pbeWithSHA1And2-KeyTripleDES-CBC"),
    ("1.2.840.113549.1.12.1.5", "pbeWithSHA1And128BitRC2-CBC"),
    ("1.2.840.113549.1.5.1", "pbeWithMD2AndDES-CBC"),
    ("1.2.840.113549.1.5.3", "pbeWithMD5AndDES-CBC"),
    ("1.2.840.113549.1.5.4", "pbeWithMD2AndRC2-CBC"),
    ("1.2.840.113549.1.5.6", "pbeWithMD5AndRC2-CBC"),
    ("1.2.840.113549.1.5.10", "pbeWithSHA1AndDES-CBC"),
    ("1.2.840.113549.1.5.11", "pbeWithSHA1AndRC2-CBC"),
    ("1.2.840.113549.2.5", "MD5"),
    ("1.2.392.200011.61.1.1.1.2", "Camellia-128-CBC"),
    ("1.2.392.200011.61.1.1.1.3", "Camellia-192-CBC"),
    ("1.2.392.200011.61.1.1.1.4", "Camellia-256-CBC"),
    ("2.16.840.1.101.3.4.2.8", "SHA3-256"),
    ("2.16.840.1.101.3.4.2.10", "SHA3-512"),
    ("1.3.6.1.4.1.11591.4.11", "scrypt"),
];

/// The error for an algorithm; `container` says what kind of file names it.
pub(crate) fn unsupported(oid: &str, container: FileKind) -> Error {
    let name = NAMES.iter().find(|(known, _)| *known == oid).map_or("an unknown algorithm", |(_, name)| name);
    Error::UnsupportedAlgorithm { oid: oid.to_owned(), name, container }
}
