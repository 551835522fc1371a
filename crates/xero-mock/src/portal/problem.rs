//! What the portal's pages say about each [`Error`], and beside which field.

use crate::Error;
use crate::app::MAX_PRIVATE_APPS;
use crate::client_app::MAX_REDIRECT_URIS;

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
        Error::NameMissing | Error::NameHasXero | Error::NameTaken | Error::UnknownApp => "name",
        Error::CompanyUrlNotHttps => "company-url",
        Error::RedirectUriMissing
        | Error::RedirectUriNotAllowed { .. }
        | Error::RedirectUriIsLoopbackAddress
        | Error::TooManyRedirectUris => "redirect-uri",
        Error::NoScopes | Error::ScopeNotOffered { .. } | Error::NotCustom => "scopes",
        Error::UnknownUser => "authorising-user",
        Error::NoSecret => "generate-secret",
        Error::OrganisationUnknown | Error::TooManyApps | Error::NoCustomConnections => "organisation",
        Error::TermsNotAccepted => "terms",
        _ => "certificate",
    }
}

fn sentence(error: &Error) -> String {
    let fixed = match error {
        Error::NotPrivate => "Choose Private app or one of the other kinds.",
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
        other => return client_sentence(other),
    };
    fixed.to_owned()
}

/// Of the errors that only OAuth 2.0 apps can have.
fn client_sentence(error: &Error) -> String {
    let fixed = match error {
        Error::NameHasXero => "The name must not contain the word Xero. Choose another.",
        Error::NameTaken => "Another app has this name already. Choose another.",
        Error::CompanyUrlNotHttps => {
            "Enter the address of your company or application; it begins with https://."
        }
        Error::RedirectUriMissing => "Enter a redirect URI.",
        Error::RedirectUriNotAllowed { uri } => {
            return format!(
                "“{uri}” cannot be a redirect URI. It begins with https://, or with http://localhost for a program on your own computer, and has no * and no #."
            );
        }
        Error::RedirectUriIsLoopbackAddress => {
            "With http only the name localhost is allowed, not an address such as 127.0.0.1. Write http://localhost instead; the rest can stay."
        }
        Error::TooManyRedirectUris => {
            return format!("An app can have at most {MAX_REDIRECT_URIS} redirect URIs. Remove one first.");
        }
        Error::NoSecret => {
            "A mobile or desktop app has no secret: what is installed on many computers keeps none."
        }
        Error::NotCustom => "Only custom connections choose their scopes here.",
        Error::NoScopes => "Choose at least one scope.",
        Error::ScopeNotOffered { scope } => {
            return format!("The scope “{scope}” is not offered to custom connections.");
        }
        Error::UnknownUser => "Nobody here has this e-mail address.",
        Error::NoCustomConnections => {
            "Custom connections exist for organisations in Australia, New Zealand, the United Kingdom and the United States, and for the demo company."
        }
        other => return other.to_string(),
    };
    fixed.to_owned()
}
