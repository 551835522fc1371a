//! Why the developer portal refuses an app or a certificate.

/// What an app or a certificate lacks. The message is short; the portal's pages say the same in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another kind of app than "Private app" was asked for.
    #[error("only private apps can be added")]
    NotPrivate,
    /// The name is empty.
    #[error("the app has no name")]
    NameMissing,
    /// The organisation is missing or is not one of the mock's.
    #[error("no such organisation")]
    OrganisationUnknown,
    /// The organisation already has its two private apps.
    #[error("the organisation already has {} private apps", crate::app::MAX_PRIVATE_APPS)]
    TooManyApps,
    /// Neither a file nor text was given.
    #[error("no certificate was given")]
    CertificateMissing,
    /// The certificate is in binary (DER) form.
    #[error("the certificate is DER, not base-64")]
    CertificateIsDer,
    /// A private key was given, alone or beside a certificate.
    #[error("a private key was given instead of a certificate")]
    PrivateKeyGiven,
    /// A PKCS#12 file (`.pfx`, `.p12`) was given; it holds the private key.
    #[error("a PKCS#12 file was given instead of a certificate")]
    PfxGiven,
    /// PEM of another kind, such as a bare public key or a certificate request.
    #[error("the PEM block is no certificate")]
    OtherPem,
    /// Neither PEM nor anything else that is known.
    #[error("this is no base-64 X.509 certificate")]
    NotACertificate,
    /// The certificate's key is not an RSA key.
    #[error("the certificate's key is not RSA")]
    NotRsa,
    /// The RSA key has fewer than 1,024 bits.
    #[error("the RSA key has {bits} bits, fewer than 1,024")]
    KeyTooShort {
        /// Length of the modulus in bits.
        bits: usize,
    },
    /// The RSA key has more than 8,192 bits.
    #[error("the RSA key has {bits} bits, more than 8,192")]
    KeyTooLong {
        /// Length of the modulus in bits.
        bits: usize,
    },
    /// The certificate's validity ended before the mock's present time.
    #[error("the certificate has expired")]
    CertificateExpired,
    /// The terms were not accepted.
    #[error("the terms were not accepted")]
    TermsNotAccepted,
    /// No app has this consumer key or id.
    #[error("no such app")]
    UnknownApp,
}
