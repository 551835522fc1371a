//! A command that failed: what, why, what to do next, and the exit status that says which kind.

#[cfg(test)]
mod inventory;
mod oauth2;
mod server;
mod store;

use std::{error::Error as _, path::Path, time::Duration};

use serde_json::{Value, json};
use xero_auth_oauth1::{Problem, Retry};
use xero_certs::Error as CertError;

/// The kinds of failure; each is an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Other = 1,
    Usage = 2,
    NoSuchConnection = 3,
    NeedsPerson = 4,
    Temporary = 5,
    Refused = 6,
    RateLimited = 7,
    WrongOrganisation = 8,
    StoreUnusable = 9,
    NotSaved = 10,
    EndsSoon = 11,
    Interrupted = 130,
}

impl Kind {
    /// The exit status.
    pub(crate) fn status(self) -> u8 {
        self as u8
    }

    /// The word for it in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Usage => "usage",
            Self::NoSuchConnection => "no-such-connection",
            Self::NeedsPerson => "needs-person",
            Self::Temporary => "temporary",
            Self::Refused => "refused",
            Self::RateLimited => "rate-limited",
            Self::WrongOrganisation => "wrong-organisation",
            Self::StoreUnusable => "store-unusable",
            Self::NotSaved => "not-saved",
            Self::EndsSoon => "login-ends-soon",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command ends without having done its work.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
    /// Seconds to wait before trying again, where the server said so.
    pub(crate) retry_after: Option<u64>,
    /// For a refused request with `--json`: the answer's status and body.
    pub(crate) answer: Option<Box<Value>>,
    /// The failure was reported already: as data, or by clap.
    pub(crate) silent: bool,
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            retry_after: None,
            answer: None,
            silent: false,
        }
    }

    /// The failure as a JSON document.
    pub(crate) fn document(&self) -> Value {
        let mut error = json!({
            "kind": self.kind.word(),
            "exit_code": self.kind.status(),
            "message": self.message,
            "causes": self.causes,
            "hint": self.hint,
            "retry_after_seconds": self.retry_after,
        });
        if let (Value::Object(error), Some(Value::Object(answer))) = (&mut error, self.answer.as_deref()) {
            error.extend(answer.clone());
        }
        json!({ "error": error })
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn because(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// The server said how long to wait before the next try.
    fn wait(self, wait: Duration) -> Self {
        let seconds = wait.as_secs();
        let said = format!("wait {seconds} seconds");
        let hint = self.hint.as_ref().map_or(said.clone(), |hint| format!("{hint}; {said}"));
        Self { retry_after: Some(seconds), hint: Some(hint), ..self }
    }

    /// A command that reported its findings as data and only has a status left to give.
    pub(crate) fn silent(kind: Kind) -> Self {
        Self { silent: true, ..Self::new(kind, "") }
    }

    /// A key or certificate file that cannot be used.
    pub(crate) fn file(path: &Path, error: &CertError) -> Self {
        let kind = if matches!(error, CertError::PasswordNeeded) { Kind::Usage } else { Kind::Other };
        let failure = Self::new(kind, format!("{}: {error}", path.display()));
        let failure = match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        };
        match (error, error.advice()) {
            (CertError::WrongPassword, _) => failure.hint(
                "try the password again; a file written by another program may use other letters (capitals, accents)",
            ),
            (CertError::PasswordNeeded, _) => failure.hint("give it with --password-stdin or --password-file"),
            (_, Some(advice)) => failure.hint(advice),
            (CertError::Crypto(_), _) => failure.hint("try again; `xeroctl doctor` looks at this machine"),
            (CertError::TooLarge { .. }, _) => {
                failure.hint("check the path: keys, certificates and .pfx files are much smaller")
            }
            (CertError::Certificate(_), _) => failure.hint("give another name or another number of days"),
            (_, None) => failure.hint("check the path, and give a file of the kind that is wanted"),
        }
    }

    /// An output file that could not be written.
    pub(crate) fn output(error: &CertError) -> Self {
        let failure = Self::new(Kind::Other, error.to_string());
        match error {
            CertError::Exists(_) => failure.hint("choose another name, or give --force to replace it"),
            CertError::NotAFile(_) => failure.hint("give the name of a file; for a device or pipe use `>`"),
            CertError::IsDirectory(_) => failure.hint("give the name of a file in it"),
            CertError::Write { source, .. } => {
                let disk_full = source.kind() == std::io::ErrorKind::StorageFull;
                let failure = Self { kind: if disk_full { Kind::NotSaved } else { Kind::Other }, ..failure };
                let hint = match source.kind() {
                    std::io::ErrorKind::StorageFull => "free some space and run the same command again",
                    std::io::ErrorKind::NotFound => "make the directory first",
                    _ => "choose a place where you may write",
                };
                failure.because(source).hint(hint)
            }
            _ => failure,
        }
    }

    /// A file that could not be read.
    pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path",
            _ => "check what it is and who may read it",
        };
        Self::new(Kind::Other, format!("{} cannot be read", path.display())).because(error).hint(hint)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let failure = Self::new(problem_kind(&problem), problem.to_string()).hint(problem.advice());
        match problem.retry() {
            Retry::After(wait) => failure.wait(wait),
            _ => failure,
        }
    }
}

fn problem_kind(problem: &Problem) -> Kind {
    match problem {
        Problem::RateLimited { .. } => Kind::RateLimited,
        Problem::Revoked => Kind::NeedsPerson,
        problem => match problem.retry() {
            Retry::Never | Retry::SignAgain => Kind::Refused,
            Retry::After(_) | Retry::Later => Kind::Temporary,
        },
    }
}
