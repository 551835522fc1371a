//! Failures of OAuth 2.0: what Xero's identity server and API said, and the command that mends it.

use std::error::Error as _;

use xero_auth_oauth2::{ApiProblem, Error as AuthError, Retry};

use super::{Failure, Kind};

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        let failure = Self::new(auth_kind(&error), error.to_string());
        let failure = match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        };
        let failure = failure.hint(auth_hint(&error));
        match error.retry() {
            Retry::After(wait) => failure.wait(wait),
            _ => failure,
        }
    }
}

impl From<ApiProblem> for Failure {
    fn from(problem: ApiProblem) -> Self {
        let failure = Self::new(api_kind(&problem), problem.to_string()).hint(problem.advice());
        match problem.retry() {
            Retry::After(wait) => failure.wait(wait),
            _ => failure,
        }
    }
}

/// The kind of a failure of logging in or of refreshing.
fn auth_kind(error: &AuthError) -> Kind {
    match error {
        AuthError::BadClientId { .. }
        | AuthError::BadSecret { .. }
        | AuthError::BadRedirectUri { .. }
        | AuthError::UnknownScope { .. }
        | AuthError::NotACallback { .. }
        | AuthError::StateMismatch => Kind::Usage,
        AuthError::Cancelled | AuthError::ConsentTimedOut | AuthError::InvalidGrant => Kind::NeedsPerson,
        AuthError::WrongAppScopes
        | AuthError::Denied { .. }
        | AuthError::InvalidClient
        | AuthError::UnauthorizedClient
        | AuthError::InvalidScope
        | AuthError::Refused { .. } => Kind::Refused,
        AuthError::Unreachable { .. } | AuthError::Interrupted { .. } | AuthError::Unavailable { .. } => {
            Kind::Temporary
        }
        AuthError::Api(problem) => api_kind(problem),
        _ => Kind::Other,
    }
}

/// What to do next. Where the library's advice names no command of ours, ours do.
fn auth_hint(error: &AuthError) -> String {
    match error {
        AuthError::PortsTaken { ports } => {
            let port = ports.first().copied().unwrap_or_default();
            format!(
                "end the program that uses it (`ss -ltnp 'sport = :{port}'` or `lsof -i :{port}` shows which), or add \
                 another redirect URI to the app in the portal and give both, each with --redirect-uri"
            )
        }
        AuthError::ConsentTimedOut => {
            "if the browser showed a page of Xero that begins \u{201c}Sorry, something went wrong\u{201d}, its line \
             \u{201c}Error:\u{201d} says why: Invalid redirect_uri (the portal must have the redirect URI exactly), \
             Unknown client (the client id), Invalid scope (the scopes); otherwise run the command again, with --wait \
             for more time"
                .to_owned()
        }
        AuthError::StateMismatch => {
            "copy the address again from the window in which you have just consented; an address of an earlier try \
             is of no use"
                .to_owned()
        }
        other => other.advice().to_owned(),
    }
}

fn api_kind(problem: &ApiProblem) -> Kind {
    match problem {
        ApiProblem::RateLimited { .. } => Kind::RateLimited,
        ApiProblem::NotConnected => Kind::WrongOrganisation,
        ApiProblem::TokenExpired | ApiProblem::TokenInvalid | ApiProblem::MissingScope => Kind::NeedsPerson,
        ApiProblem::Unavailable { .. } => Kind::Temporary,
        _ => Kind::Refused,
    }
}
