//! Why the developer portal refuses an app or a certificate.

/// What an app or a certificate lacks. The message is short; the portal's pages say the same in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A kind of app that the portal does not have was asked for, or none.
    #[error("no such kind of app")]
    NotPrivate,
    /// The name is empty.
    #[error("the app has no name")]
    NameMissing,
    /// The name contains "Xero".
    #[error("the app's name contains \"Xero\"")]
    NameHasXero,
    /// Another app has the name.
    #[error("another app has this name")]
    NameTaken,
    /// The company or application URL is no `https` address.
    #[error("the company or application URL is no https address")]
    CompanyUrlNotHttps,
    /// A web or desktop app needs a redirect URI.
    #[error("the app has no redirect URI")]
    RedirectUriMissing,
    /// Neither `https` nor `http://localhost`, or with a wildcard or a fragment.
    #[error("{uri:?} is no redirect URI that can be registered")]
    RedirectUriNotAllowed {
        /// What was typed.
        uri: String,
    },
    /// `http` with a loopback address instead of the name `localhost`.
    #[error("a redirect URI must name localhost, not the loopback address")]
    RedirectUriIsLoopbackAddress,
    /// More redirect URIs than an app may have.
    #[error("the app has more than {} redirect URIs", crate::client_app::MAX_REDIRECT_URIS)]
    TooManyRedirectUris,
    /// A desktop app was to get a secret.
    #[error("desktop apps have no secret")]
    NoSecret,
    /// Something that only custom connections have was asked of another app.
    #[error("the app is no custom connection")]
    NotCustom,
    /// A custom connection without scopes.
    #[error("no scope was chosen")]
    NoScopes,
    /// A scope that is unknown, or not offered to custom connections.
    #[error("the scope {scope:?} is not offered")]
    ScopeNotOffered {
        /// What was asked for.
        scope: String,
    },
    /// Nobody has this e-mail address.
    #[error("no such user")]
    UnknownUser,
    /// The country has no custom connections.
    #[error("the organisation cannot have a custom connection")]
    NoCustomConnections,
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
