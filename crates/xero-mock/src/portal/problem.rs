//! What the portal's pages say about each [`Error`], and beside which field.

use crate::Error;
use crate::app::MAX_PRIVATE_APPS;

/// A line of the list at the head of a form, and beside its field.
#[derive(Debug)]
pub(super) struct FormProblem {
    pub(super) field: &'static str,
    pub(super) sentence: String,
}

impl From<&Error> for FormProblem {
    fn from(error: &Error) -> Self {
        Self { field: field(error), sentence: sentence(error) }
    }
}

/// The id of the field that an error belongs to.
pub(super) fn field(error: &Error) -> &'static str {
    match error {
        Error::NotPrivate => "app-type",
        Error::NameMissing | Error::UnknownApp => "name",
        Error::OrganisationUnknown | Error::TooManyApps => "organisation",
        Error::TermsNotAccepted => "terms",
        _ => "certificate",
    }
}

fn sentence(error: &Error) -> String {
    let fixed = match error {
        Error::NotPrivate => "Choose Private app; it is the only kind that this portal offers.",
        Error::NameMissing => "Enter a name for the app.",
        Error::OrganisationUnknown => "Choose the organisation that the app acts for.",
        Error::TooManyApps => {
            return format!(
                "This organisation already has {MAX_PRIVATE_APPS} private apps, which is as many as it may have. Delete one of them first."
            );
        }
        Error::CertificateMissing => "Upload a certificate file or paste the certificate's text.",
        Error::CertificateIsDer => {
            "This certificate is in binary (DER) form. Save it as base-64 encoded X.509, which begins with BEGIN CERTIFICATE, and upload that."
        }
        Error::PrivateKeyGiven => {
            "This is a private key. It must stay with you and must not be shared with anyone: upload the certificate (.cer) that belongs to it."
        }
        Error::PfxGiven => {
            "This is a .pfx file, which holds your private key. It must stay with you and must not be shared with anyone: upload the certificate (.cer) alone."
        }
        Error::OtherPem => {
            "This is not a certificate but another kind of key file. The certificate begins with BEGIN CERTIFICATE; a bare public key or a certificate request does not do."
        }
        Error::NotACertificate => {
            "This cannot be read as a base-64 encoded X.509 certificate (.cer or .crt)."
        }
        Error::NotRsa => {
            "The certificate's key is not an RSA key. OAuth 1.0a requests are signed with RSA-SHA1 only."
        }
        Error::KeyTooShort { bits } => {
            return format!(
                "The certificate's RSA key has {bits} bits. At least 1024 are needed; 2048 is a good choice."
            );
        }
        Error::KeyTooLong { bits } => {
            return format!("The certificate's RSA key has {bits} bits. At most 8192 are accepted.");
        }
        Error::CertificateExpired => "This certificate has already expired. Make a new one and upload that.",
        Error::TermsNotAccepted => "Agree to the terms and conditions to create an app.",
        Error::UnknownApp => "There is no such app any more.",
    };
    fixed.to_owned()
}
