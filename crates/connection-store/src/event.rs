//! The history of an authorisation: what happened to its tokens.

use std::time::SystemTime;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A person consented.
    Consented,
    /// The tokens were refreshed.
    Refreshed,
    /// A token was found again that another run had left behind: the one before, a spare, a rescued one.
    Recovered,
    /// A refresh failed; the tokens are as good as before.
    Failed,
    /// Only a new login helps.
    NeedsLogin,
    /// The right to refresh was taken over from a process that had died.
    TakenOver,
    /// The store changed its owner, or this store renews the login from now on.
    Adopted,
    /// The login was exported to another store, or imported from one.
    HandedOver,
}

/// One entry of the history. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// What happened.
    pub what: EventKind,
    /// Who did it, and where.
    pub by: String,
    /// With which result, in words.
    pub detail: String,
}

/// A machine that uses a store, as far as the history tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// When it did something with a login last.
    pub seen_at: SystemTime,
    /// When it renewed a login last.
    pub refreshed_at: Option<SystemTime>,
}

/// An entry as it is to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewEvent<'a> {
    pub(crate) at: SystemTime,
    pub(crate) what: EventKind,
    pub(crate) by: &'a str,
    pub(crate) detail: &'a str,
}

impl EventKind {
    const ALL: [Self; 8] = [
        Self::Consented,
        Self::Refreshed,
        Self::Recovered,
        Self::Failed,
        Self::NeedsLogin,
        Self::TakenOver,
        Self::Adopted,
        Self::HandedOver,
    ];

    /// The kind of that word; `None` where this version knows no such word.
    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consented => "consented",
            Self::Refreshed => "refreshed",
            Self::Recovered => "recovered",
            Self::Failed => "failed",
            Self::NeedsLogin => "needs-login",
            Self::TakenOver => "taken-over",
            Self::Adopted => "adopted",
            Self::HandedOver => "handed-over",
        }
    }
}
