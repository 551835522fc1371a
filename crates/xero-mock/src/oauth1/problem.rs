//! The refusals that a private app can meet, with Xero's statuses and texts.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::base_string::encode;
use crate::journal::AnsweredProblem;

/// Why a request was refused. "Assumed" marks what no recording of Xero's answers shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No consumer key, or one that was never issued, on an API call.
    ConsumerKeyUnknown,
    /// The same on `/oauth/...`, where Xero words it differently.
    UnknownConsumer {
        realm: String,
        key: String,
    },
    /// A private app asked for a request token. The status is assumed.
    NoRequestToken,
    /// A private app came to `/oauth/migrate`. The text is assumed.
    NoMigration,
    /// A private app asked for an access token.
    AccessDenied,
    NoCertificate,
    /// The text is assumed by analogy with partner apps.
    NotRsaSha1,
    NoToken,
    OtherToken {
        token: String,
    },
    Revoked,
    TimestampOld,
    TimestampAhead,
    /// Not seen from Xero; the library's text. The status is assumed.
    ParameterAbsent {
        name: &'static str,
    },
    /// Not seen from Xero; the library's text. The status is assumed.
    TokenSecretSent,
    SignatureInvalid,
    NonceUsed {
        nonce: String,
    },
    RateLimit {
        header: &'static str,
    },
    /// The exact body is assumed; it contains "Organisation is offline".
    OrganisationOffline,
}

impl Problem {
    /// The value of `oauth_problem`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::ConsumerKeyUnknown | Self::UnknownConsumer { .. } => "consumer_key_unknown",
            Self::NoRequestToken | Self::NoMigration => "consumer_key_rejected",
            Self::AccessDenied => "permission_denied",
            Self::NoCertificate | Self::NotRsaSha1 => "signature_method_rejected",
            Self::NoToken | Self::OtherToken { .. } | Self::Revoked => "token_rejected",
            Self::TimestampOld | Self::TimestampAhead => "timestamp_refused",
            Self::ParameterAbsent { .. } => "parameter_absent",
            Self::TokenSecretSent => "parameter_rejected",
            Self::SignatureInvalid => "signature_invalid",
            Self::NonceUsed { .. } => "nonce_used",
            Self::RateLimit { .. } => "rate limit exceeded",
            Self::OrganisationOffline => "organisation offline",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoCertificate | Self::NotRsaSha1 => StatusCode::BAD_REQUEST,
            Self::ParameterAbsent { .. } | Self::TokenSecretSent => StatusCode::BAD_REQUEST,
            Self::RateLimit { .. } | Self::OrganisationOffline => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The value of `oauth_problem_advice`, spelled as Xero spelled it.
    fn advice(&self) -> Cow<'static, str> {
        match self {
            Self::ConsumerKeyUnknown => "Consumer key was not recognised".into(),
            Self::UnknownConsumer { realm, key } => {
                format!("Unknown Consumer (Realm: {realm}, Key: {key})").into()
            }
            Self::NoRequestToken => "Private applications cannot request a Request Token".into(),
            Self::NoMigration => "Private applications cannot be migrated".into(),
            Self::AccessDenied => "The consumer was denied access to this resource.".into(),
            Self::NoCertificate => "No certificates have been registered for the consumer".into(),
            Self::NotRsaSha1 => "Private applications must use RSA-SHA1 signature method".into(),
            Self::NoToken => "Token has not been provided".into(),
            Self::OtherToken { token } => {
                format!("Token {token} does not match an expected ACCESS token").into()
            }
            Self::Revoked => {
                "The access token has not been authorized, or has been revoked by the user".into()
            }
            Self::TimestampOld => {
                let rule = "it must be at most 1800 seconds before the servers current date and time";
                format!("The timestamp is to old, {rule}").into()
            }
            Self::TimestampAhead => {
                let rule = "if must be at most 1800 seconds after the server current date and time";
                format!("The timestamp is to far in the future, {rule}").into()
            }
            Self::ParameterAbsent { name } => format!("Missing required parameter : {name}").into(),
            Self::TokenSecretSent => "The oauth_token_secret must not be transmitted to the provider.".into(),
            Self::SignatureInvalid => "Failed to validate signature".into(),
            Self::NonceUsed { nonce } => format!("The nonce value \"{nonce}\" has already been used").into(),
            Self::RateLimit { .. } => "please wait before retrying the xero api".into(),
            Self::OrganisationOffline => "Organisation is offline".into(),
        }
    }

    fn body(&self) -> String {
        let mut body =
            format!("oauth_problem={}&oauth_problem_advice={}", encode(self.code()), encode(&self.advice()));
        match self {
            Self::ParameterAbsent { name } => body = format!("{body}&oauth_parameters_absent={name}"),
            Self::TokenSecretSent => body += "&oauth_parameters_rejected=oauth_token_secret",
            _ => {}
        }
        body
    }
}

impl IntoResponse for Problem {
    /// Form-encoded text that calls itself HTML, as Xero sent it.
    fn into_response(self) -> Response {
        let html = [("content-type", "text/html; charset=utf-8")];
        let mut response = (self.status(), html, self.body()).into_response();
        if let Self::RateLimit { header } = self {
            let name = HeaderName::from_static("x-rate-limit-problem");
            response.headers_mut().insert(name, HeaderValue::from_static(header));
        }
        response.extensions_mut().insert(AnsweredProblem(self.code()));
        response
    }
}
