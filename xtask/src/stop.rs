//! Why a chore ends before its end, and with which exit status.

use std::error::Error;
use std::process::ExitStatus;

/// A message for a person and the exit status that goes with it.
#[derive(Debug)]
pub(crate) struct Stop {
    /// Never 0.
    pub(crate) status: u8,
    pub(crate) message: String,
}

impl Stop {
    /// Exit status 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { status: 1, message: message.into() }
    }

    /// Exit status 1, with the whole chain of causes.
    pub(crate) fn because(message: &str, error: &dyn Error) -> Self {
        let causes = std::iter::successors(Some(error), |error| (*error).source());
        Self::new(causes.fold(message.to_owned(), |text, cause| format!("{text}: {cause}")))
    }

    /// Exit status 2: a person has to do something first.
    pub(crate) fn needs_person(message: impl Into<String>) -> Self {
        Self { status: 2, message: message.into() }
    }

    /// A program that failed: its exit status, or 1 where a signal ended it.
    pub(crate) fn failed(status: ExitStatus, message: impl Into<String>) -> Self {
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Self { status: code.unwrap_or(1), message: message.into() }
    }
}
