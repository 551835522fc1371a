//! Why a login, a token or an answer of Xero was not had, and what to do next.

use std::{fmt, time::Duration};

use crate::{
    ApiProblem,
    said::{colon, said},
};

/// Something was not done. Each variant is mended in its own way.
///
/// No variant carries a token, a code, a secret, a body or a URL. `said` is the server's own description: one line of
/// printable characters, at most 200 long, never to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a client id as Xero issues them.
    #[error("a client id has 32 hexadecimal characters; {reason}")]
    BadClientId {
        /// What the text is instead.
        reason: &'static str,
    },
    /// A secret, token or code is empty or has characters that none of Xero's has.
    #[error("the {what} {reason}")]
    BadSecret {
        /// Which: `client secret`, `access token`…
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Xero registers no such redirect URI (developer portal, "OAuth 2.0 redirect URIs").
    #[error("the redirect URI {reason}")]
    BadRedirectUri {
        /// What is wrong, with Xero's rule.
        reason: &'static str,
    },
    /// The scope, or preset, is not in Xero's list of 2026.
    #[error("`{scope}` is not a scope of Xero{}", did_you_mean.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    UnknownScope {
        /// The scope as it was written, one line, shortened.
        scope: String,
        /// The known name that is closest, if one is close.
        did_you_mean: Option<&'static str>,
    },
    /// The address is not what the browser was sent back to.
    #[error("this is not the address that Xero sends the browser back to: {reason}")]
    NotACallback {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The callback belongs to another login, or to none: its `state` is missing or differs.
    #[error("the address belongs to another login attempt: its state does not match")]
    StateMismatch,
    /// The user pressed Cancel (`access_denied`).
    #[error("the consent was cancelled at Xero")]
    Cancelled,
    /// A scope was asked for that the app may not have (`access_denied`, "Requested wrong apps scopes").
    #[error("Xero refused the scopes at once: the app may not have one of them")]
    WrongAppScopes,
    /// The authorize endpoint sent another error to the callback (RFC 6749 section 4.1.2.1).
    #[error("Xero refused the login with `{code}`{}", colon(said))]
    Denied {
        /// The error code, printable and shortened.
        code: String,
        /// The server's description; empty without one.
        said: String,
    },
    /// Another program listens on each of the ports.
    #[error("another program listens on {}", ports_in_words(ports))]
    PortsTaken {
        /// The ports of the redirect URIs, in the order in which they were tried.
        ports: Vec<u16>,
    },
    /// None of the redirect URIs leads to this machine.
    #[error("none of the redirect URIs is on this machine")]
    NoLoopback,
    /// This machine does not let the program listen.
    #[error("the program cannot listen for the browser")]
    Listen {
        /// What the system said.
        source: Cause,
    },
    /// Nobody came back from the browser in time.
    #[error("nobody came back from the browser in time")]
    ConsentTimedOut,
    /// `invalid_client`: client id or secret are wrong.
    #[error("Xero does not know the client id, or its secret is another")]
    InvalidClient,
    /// `invalid_grant`: the code or refresh token is used, expired or revoked, or belongs to another app.
    #[error("Xero no longer accepts this code or refresh token")]
    InvalidGrant,
    /// `unauthorized_client`: the app is not of the kind for this grant, or not authorised yet.
    #[error("the app may not ask for tokens in this way")]
    UnauthorizedClient,
    /// `invalid_scope`: a scope is not ticked for the app.
    #[error("the app may not have one of the scopes")]
    InvalidScope,
    /// The identity server refused with another code (RFC 6749 section 5.2).
    #[error("Xero's identity server refused with `{code}`{}", colon(said))]
    Refused {
        /// The error code, printable and shortened.
        code: String,
        /// The server's description; empty without one.
        said: String,
    },
    /// No connection was made: nothing was sent.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// Host and, where it is not the usual one, port.
        host: String,
        /// What the system said.
        source: Cause,
    },
    /// The connection broke or the time was up: the request may have arrived.
    #[error("{host} did not answer to the end")]
    Interrupted {
        /// Host and, where it is not the usual one, port.
        host: String,
        /// What the system said.
        source: Cause,
    },
    /// The server is overloaded or out of order (429, 5xx).
    #[error("Xero's server is not available at the moment (status {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// How long to wait, if the server said so; at most a day.
        retry_after: Option<Duration>,
    },
    /// The answer is not one of Xero's.
    #[error("the answer does not look like one of Xero's (status {status})")]
    NotXero {
        /// The HTTP status.
        status: u16,
    },
    /// The identity server said yes, and the access token cannot be used.
    #[error("the identity server's answer {reason}")]
    BadTokenAnswer {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The id token is not for this login.
    #[error("the id token {reason}")]
    BadIdToken {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The API refused the call.
    #[error(transparent)]
    Api(#[from] ApiProblem),
    /// No TLS client can be made on this machine.
    #[error("a TLS client cannot be made")]
    TlsClient {
        /// What the TLS library said.
        source: Cause,
    },
    /// The system gave no random numbers.
    #[error("no random numbers for the login")]
    Random,
}

/// What another library or the system said, as text without a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause(String);

/// What a caller may do after an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Not before someone has done what the advice says.
    Never,
    /// After a time that nobody knows: seconds to hours.
    Later,
    /// After this time.
    After(Duration),
    /// With a fresh access token, once.
    WithFreshToken,
    /// After a new login.
    LogInAgain,
}

impl Error {
    /// What to do, in one sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::BadClientId { .. } => {
                "copy the client id again from the app's Configuration page in the developer portal"
            }
            Self::BadSecret { .. } => "copy it again, whole and without quotes",
            Self::BadRedirectUri { .. } => {
                "give a redirect URI that is registered for the app, such as http://localhost:8742/callback"
            }
            Self::UnknownScope { .. } => "give scopes from Xero's list, or a preset: @read, @sync or @all",
            Self::NotACallback { .. } => {
                "copy the whole address from the browser after Xero has sent it back, or log in again"
            }
            Self::StateMismatch => "close older login pages, start the login again, and use its own page",
            Self::Cancelled => "log in again and press Allow access",
            Self::WrongAppScopes | Self::InvalidScope => {
                "ask for fewer scopes, or tick them for the app in the developer portal first"
            }
            Self::Denied { .. } | Self::Refused { .. } => {
                "read what Xero said, and check the app in the developer portal"
            }
            Self::PortsTaken { .. } => {
                "stop the program on one of the ports, or register a redirect URI with another port"
            }
            Self::NoLoopback => {
                "register http://localhost:8742/callback for the app, or paste the address that the browser ends at"
            }
            Self::Listen { .. } => "allow the program to listen on this machine, or use a port above 1023",
            Self::ConsentTimedOut => {
                "log in again; if the browser showed an error page of Xero's, check the client id, the redirect URI \
                 and the scopes"
            }
            Self::InvalidClient => {
                "copy client id and secret again; a newly generated secret replaces the one before"
            }
            Self::InvalidGrant => "log in again",
            Self::UnauthorizedClient => {
                "check the kind of the app; a custom connection must first be authorised by its user, who gets an e-mail"
            }
            Self::Unreachable { .. } => "check the network and proxy settings, and try again",
            Self::Interrupted { .. } | Self::Unavailable { .. } => {
                "try again later, and look at status.xero.com"
            }
            Self::NotXero { .. } | Self::BadTokenAnswer { .. } => {
                "check the address and the proxy between this machine and Xero"
            }
            Self::BadIdToken { .. } => "log in again, and check that the client id belongs to this app",
            Self::Api(problem) => problem.advice(),
            Self::TlsClient { .. } => {
                "install the system's root certificates (on Debian: the package ca-certificates)"
            }
            Self::Random => "try again; the system's source of random numbers failed",
        }
    }

    /// When, and how, the same may be tried again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::InvalidGrant | Self::Cancelled | Self::ConsentTimedOut | Self::StateMismatch => {
                Retry::LogInAgain
            }
            Self::Unavailable { retry_after: Some(wait), .. } => Retry::After(*wait),
            Self::Unavailable { .. } | Self::Unreachable { .. } | Self::Interrupted { .. } | Self::Random => {
                Retry::Later
            }
            Self::Refused { code, .. } | Self::Denied { code, .. } if is_passing(code) => Retry::Later,
            Self::Api(problem) => problem.retry(),
            _ => Retry::Never,
        }
    }

    /// True where Xero may have acted on the request although no usable answer came: a refresh token may have been
    /// spent. False where nothing was sent or Xero is known to have refused.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Interrupted { .. } | Self::BadTokenAnswer { .. } => true,
            Self::Unavailable { status, .. } | Self::Api(ApiProblem::Unavailable { status }) => {
                *status >= 500
            }
            Self::NotXero { status } => !(300..500).contains(status),
            _ => false,
        }
    }
}

impl Cause {
    /// What is at the bottom of an error: those above it say no more than its variant.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut bottom = error;
        while let Some(below) = bottom.source() {
            bottom = below;
        }
        Self(said(&bottom.to_string()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

/// Codes that mean the server and not the request (RFC 6749 section 4.1.2.1).
fn is_passing(code: &str) -> bool {
    matches!(code, "server_error" | "temporarily_unavailable")
}

fn ports_in_words(ports: &[u16]) -> String {
    let list: Vec<_> = ports.iter().map(u16::to_string).collect();
    let word = if ports.len() == 1 { "port" } else { "each of the ports" };
    format!("{word} {}", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_may_do() {
        let (host, source) = (String::from("h"), Cause(String::from("c")));
        let wait = Duration::from_secs(3);
        for (error, retry, arrived) in [
            (Error::InvalidGrant, Retry::LogInAgain, false),
            (Error::InvalidClient, Retry::Never, false),
            (Error::Unreachable { host: host.clone(), source: source.clone() }, Retry::Later, false),
            (Error::Interrupted { host, source }, Retry::Later, true),
            (Error::Unavailable { status: 429, retry_after: Some(wait) }, Retry::After(wait), false),
            (Error::Unavailable { status: 503, retry_after: None }, Retry::Later, true),
            (Error::NotXero { status: 200 }, Retry::Never, true),
            (Error::NotXero { status: 302 }, Retry::Never, false),
            (Error::BadTokenAnswer { reason: "is not whole" }, Retry::Never, true),
            (
                Error::Refused { code: "temporarily_unavailable".into(), said: String::new() },
                Retry::Later,
                false,
            ),
            (Error::Refused { code: "invalid_request".into(), said: String::new() }, Retry::Never, false),
            (Error::Api(ApiProblem::TokenExpired), Retry::WithFreshToken, false),
        ] {
            assert_eq!((error.retry(), error.may_have_arrived()), (retry, arrived), "{error}");
        }
    }

    #[test]
    fn sentences() {
        assert_eq!(
            Error::PortsTaken { ports: vec![8742] }.to_string(),
            "another program listens on port 8742"
        );
        let two = Error::PortsTaken { ports: vec![8742, 8743] };
        assert_eq!(two.to_string(), "another program listens on each of the ports 8742, 8743");
        let scope = Error::UnknownScope { scope: "file".into(), did_you_mean: Some("files") };
        assert_eq!(scope.to_string(), "`file` is not a scope of Xero; did you mean `files`?");
        let refused = Error::Refused { code: "x".into(), said: "why".into() };
        assert_eq!(refused.to_string(), "Xero's identity server refused with `x`: why");
        let problem = Error::Api(ApiProblem::NotConnected);
        assert_eq!(problem.to_string(), "the organisation is not connected to the app");
    }

    #[test]
    fn the_cause_is_what_lies_deepest() {
        let inner = std::io::Error::other("the root");
        let outer = Error::Listen { source: Cause::of(&std::io::Error::other(inner)) };
        assert_eq!(std::error::Error::source(&outer).unwrap().to_string(), "the root");
    }
}
