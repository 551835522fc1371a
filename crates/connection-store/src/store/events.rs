//! The history of each authorisation, for people: who refreshed, when, with which result.

use xero_auth_oauth2::Error as AuthError;

use super::Store;
use crate::{Error, Event};

impl Store {
    /// What happened to an authorisation's tokens, the newest first; the last 200 are kept. No entry holds a secret or a text
    /// that a server could have put one into.
    pub fn events(&self, authorisation: &str, limit: usize) -> Result<Vec<Event>, Error> {
        self.db().events(authorisation, limit)
    }

    /// Who acts, in words.
    pub(super) fn actor(&self) -> String {
        let host = &self.host;
        match (host.actor.as_str(), host.label.as_str()) {
            (actor, "") => actor.to_owned(),
            ("", label) => format!("at {label}"),
            (actor, label) => format!("{actor} at {label}"),
        }
    }
}

/// Why something failed, in words without a secret.
pub(super) fn in_words(error: &Error) -> String {
    match error {
        // The server's own words are not kept.
        Error::Auth(AuthError::Refused { .. }) | Error::Xero { source: AuthError::Refused { .. }, .. } => {
            "Xero's identity server refused".to_owned()
        }
        Error::Auth(source) | Error::Xero { source, .. } => source.to_string(),
        Error::NotSaved { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}
