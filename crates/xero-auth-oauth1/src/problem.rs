//! What Xero's OAuth errors mean: what happened, what to do, when to try again.

mod reading;

use std::{fmt, time::Duration};

/// Why Xero did not do what a signed request asked for. A variant is what can be done about it.
///
/// `Display` says what happened, in lower case. `said` is the server's own advice, one line, without control
/// characters, at most 200 characters long; it may name the consumer key. No other part of a body is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// `signature_invalid`: another key than that of the uploaded certificate, or a certificate that is new or expired.
    #[error("Xero could not verify the signature")]
    SignatureInvalid,
    /// `consumer_key_unknown`.
    #[error("Xero does not know the consumer key")]
    ConsumerKeyUnknown,
    /// `consumer_key_rejected`: the key is known and may not do this.
    #[error("Xero does not accept the consumer key for this request{}", colon(said))]
    ConsumerKeyRejected {
        /// What the server said.
        said: String,
    },
    /// `signature_method_rejected` because there is nothing to verify with.
    #[error("no certificate has been uploaded for the app")]
    NoCertificate,
    /// `signature_method_rejected`: the app is of a kind that does not sign with RSA-SHA1.
    #[error("Xero does not accept RSA-SHA1 from this app{}", colon(said))]
    SignatureMethodRejected {
        /// What the server said.
        said: String,
    },
    /// `token_rejected` because the app was disconnected or deleted, or its user lost the role.
    #[error("the app's access to the organisation has been revoked")]
    Revoked,
    /// `token_rejected` for any other reason.
    #[error("Xero rejected the token{}", colon(said))]
    TokenRejected {
        /// What the server said.
        said: String,
    },
    /// `token_expired`: never with a private app.
    #[error("the access token has expired")]
    TokenExpired,
    /// `timestamp_refused`.
    #[error("Xero refused the time of the request{}", offset.map(|offset| format!(": the local clock is {offset} Xero's")).unwrap_or_default())]
    ClockSkew {
        /// How far the local clock is off, by the answer's `Date`; unknown without one.
        offset: Option<ClockOffset>,
    },
    /// `nonce_used`; Xero said so of fresh nonces too.
    #[error("Xero has seen the nonce before")]
    NonceUsed,
    /// Too many requests.
    #[error("the rate limit{limit} is used up")]
    RateLimited {
        /// Which limit.
        limit: RateLimit,
        /// How long to wait, if the server said so; at most a day.
        retry_after: Option<Duration>,
    },
    /// The organisation is offline for a while, others are not.
    #[error("the organisation is offline at Xero")]
    OrganisationOffline,
    /// Announced maintenance, or the API says that it is not available.
    #[error("the Xero API is offline for maintenance or temporarily unavailable")]
    Maintenance,
    /// The user who authorised the app lacks the reporting role.
    #[error("the app may not read reports: its user lacks the reporting role")]
    ReportingRole,
    /// `permission_denied`, and other refusals of a known app.
    #[error("Xero denied permission{}", colon(said))]
    PermissionDenied {
        /// What the server said.
        said: String,
    },
    /// OAuth 1.0a is switched off: today's answer, without any `oauth_problem`.
    #[error("Xero no longer accepts OAuth 1.0a")]
    SwitchedOff,
    /// `parameter_absent`, `parameter_rejected` or `version_rejected`.
    #[error("Xero refused the OAuth parameters{}", colon(said))]
    ParameterRefused {
        /// What the server said.
        said: String,
    },
    /// An `oauth_problem` that is not known here.
    #[error("Xero reported the OAuth problem `{problem}`{}", colon(said))]
    Other {
        /// The value of `oauth_problem`, shortened and cleaned as `said` is.
        problem: String,
        /// What the server said.
        said: String,
    },
    /// The request was understood and its content refused (`ApiException`). Not a matter of OAuth: read the body.
    #[error("Xero refused the content of the request")]
    Validation,
    /// Nothing is there.
    #[error("nothing was found at this address")]
    NotFound,
    /// A web page instead of an answer: from a proxy or gateway in between.
    #[error("a web page came instead of an answer (status {status})")]
    WebPage {
        /// The HTTP status.
        status: u16,
    },
    /// A fault of the server.
    #[error("Xero's server failed (status {status})")]
    ServerFault {
        /// The HTTP status.
        status: u16,
    },
    /// None of these.
    #[error("Xero answered with status {status} and no reason that is known here")]
    Unknown {
        /// The HTTP status.
        status: u16,
    },
}

/// How far the local clock is from the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockOffset {
    /// The local clock shows an earlier time.
    Behind(Duration),
    /// The local clock shows a later time.
    Ahead(Duration),
}

/// Which of Xero's limits was met (`X-Rate-Limit-Problem`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimit {
    /// 60 requests in a minute for one organisation and app.
    Minute,
    /// 5,000 requests in a day for one organisation and app.
    Day,
    /// All requests of the app in a minute.
    AppMinute,
    /// Requests at the same time.
    Concurrent,
    /// The server did not say.
    Unknown,
}

/// When a request that met a [`Problem`] may be sent again. Always with a new stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Not before someone has done what [`Problem::advice`] says.
    Never,
    /// At once.
    SignAgain,
    /// After this time.
    After(Duration),
    /// After a time that nobody knows; minutes to hours.
    Later,
}

impl Problem {
    /// What to do, in one sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::SignatureInvalid => {
                "check that the certificate uploaded for the app belongs to this key and has not expired; \
                 a certificate uploaded just now takes up to a minute to work"
            }
            Self::ConsumerKeyUnknown => {
                "copy the consumer key again from the app's page in the developer portal; the app may have been deleted"
            }
            Self::ConsumerKeyRejected { .. } => {
                "use the consumer key of a private app, and call the API directly: a private app asks for no tokens"
            }
            Self::NoCertificate => "upload the .cer file on the app's page in the developer portal",
            Self::SignatureMethodRejected { .. } => {
                "use the consumer key of a private app; other kinds do not sign with RSA-SHA1"
            }
            Self::Revoked => {
                "ask who disconnected or deleted the app in Xero, and create or reconnect it in the developer portal"
            }
            Self::TokenRejected { .. } | Self::TokenExpired => {
                "check that the app is a private app: its token is the consumer key and never expires"
            }
            Self::ClockSkew { .. } => {
                "set the clock of this machine; Xero wants it to be right within five minutes"
            }
            Self::NonceUsed => "sign the request again with a new nonce",
            Self::RateLimited { .. } => "wait before the next request, and send fewer",
            Self::OrganisationOffline => "try again later; the organisation comes back by itself",
            Self::Maintenance | Self::ServerFault { .. } => "try again later, and look at status.xero.com",
            Self::ReportingRole => {
                "have the app authorised by a user with the reporting role or higher in the organisation"
            }
            Self::PermissionDenied { .. } => "check the role of the user who authorised the app",
            Self::SwitchedOff => {
                "connect with OAuth 2 instead: Xero switched OAuth 1.0a off on 30 September 2021"
            }
            Self::ParameterRefused { .. } | Self::Other { .. } => {
                "read what Xero said; if the request was altered on its way, send it without a proxy"
            }
            Self::Validation => "mend the content of the request; its signature was accepted",
            Self::NotFound => "check the path and the identifier in it",
            Self::WebPage { .. } => "check the address and the proxy between this machine and Xero",
            Self::Unknown { .. } => "check the address; the answer does not look like one of Xero's",
        }
    }

    /// When the request may be sent again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NonceUsed => Retry::SignAgain,
            Self::ClockSkew { offset: Some(offset) } if offset.is_small() => Retry::SignAgain,
            Self::RateLimited { retry_after: Some(time), .. } => Retry::After(*time),
            Self::RateLimited { limit, .. } => limit.retry(),
            Self::OrganisationOffline | Self::Maintenance | Self::ServerFault { .. } => Retry::Later,
            Self::WebPage { status: 500.. } => Retry::Later,
            _ => Retry::Never,
        }
    }
}

impl ClockOffset {
    /// Within what Xero tolerates: the clock is right and the stamp was old.
    fn is_small(self) -> bool {
        let (Self::Behind(by) | Self::Ahead(by)) = self;
        by < Duration::from_secs(300)
    }
}

impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind(by) => write!(f, "{} seconds behind", by.as_secs()),
            Self::Ahead(by) => write!(f, "{} seconds ahead of", by.as_secs()),
        }
    }
}

impl RateLimit {
    /// The wait when the server named none.
    fn retry(self) -> Retry {
        match self {
            Self::Day => Retry::Later,
            Self::Concurrent => Retry::After(Duration::from_secs(1)),
            Self::Minute | Self::AppMinute | Self::Unknown => Retry::After(Duration::from_secs(60)),
        }
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => " for one minute",
            Self::Day => " for one day",
            Self::AppMinute => " of the app for one minute",
            Self::Concurrent => " for requests at the same time",
            Self::Unknown => "",
        })
    }
}

fn colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}
