//! The history of each authorisation, for people: who refreshed, when, with which result.

use xero_auth_oauth2::Error as AuthError;

use std::{collections::BTreeMap, time::SystemTime};

use super::Store;
use crate::{Error, Event, EventKind, Machine};

/// What stands before the machine's name where somebody is named.
const AT: &str = "at ";

impl Store {
    /// What happened to an authorisation's tokens, the newest first; the last 200 are kept. No entry holds a secret or a text
    /// that a server could have put one into.
    pub fn events(&self, authorisation: &str, limit: usize) -> Result<Vec<Event>, Error> {
        self.db().events(authorisation, limit)
    }

    /// The machines that did something with logins of the store, by name. Those whose entries are too old to be kept, or who
    /// only used tokens that others had renewed, are not among them.
    pub fn machines(&self) -> Result<Vec<Machine>, Error> {
        let mut machines = BTreeMap::new();
        for (actor, what, at) in self.db().actors()? {
            if let Some(name) = machine_of(&actor) {
                let what = EventKind::read(&what);
                let refreshed =
                    matches!(what, Some(EventKind::Refreshed | EventKind::Recovered)).then_some(at);
                let seen: &mut (SystemTime, Option<SystemTime>) =
                    machines.entry(name.to_owned()).or_insert((at, None));
                *seen = (seen.0.max(at), seen.1.max(refreshed));
            }
        }
        let machine = |(name, (seen_at, refreshed_at))| Machine { name, seen_at, refreshed_at };
        Ok(machines.into_iter().map(machine).collect())
    }

    /// Who acts, in words.
    pub(super) fn actor(&self) -> String {
        let host = &self.host;
        match (host.actor.as_str(), host.label.as_str()) {
            (actor, "") => actor.to_owned(),
            ("", label) => format!("{AT}{label}"),
            (actor, label) => format!("{actor} {AT}{label}"),
        }
    }
}

/// The machine of whoever acted.
fn machine_of(actor: &str) -> Option<&str> {
    let (before, name) = actor.rsplit_once(AT)?;
    (before.is_empty() || before.ends_with(' ')).then_some(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_what_the_actor_is_at() {
        for (actor, machine) in [
            ("xeroctl token, process 7, user me at nightly", Some("nightly")),
            ("at nightly", Some("nightly")),
            ("user at home at rack 2", Some("rack 2")),
            ("somebody", None),
            ("somewhat nightly", None),
            ("", None),
        ] {
            assert_eq!(machine_of(actor), machine, "{actor}");
        }
    }
}
