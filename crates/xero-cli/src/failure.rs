//! A command that failed: what, why, what to do next, and the exit status that says which kind.

mod oauth2;

use std::{error::Error as _, path::Path, time::Duration};

use connection_store::Error as StoreError;
use serde_json::{Value, json};
use xero_auth_oauth1::{Problem, Retry};
use xero_certs::Error as CertError;

use crate::show::quoted;

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
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command ends without having done its work.
#[derive(Debug)]
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
            (_, None) => failure,
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

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // What Xero said is the failure itself; that a token was wanted for it is the lesser news.
        if let StoreError::Auth(error) | StoreError::Xero { source: error, .. } = error {
            return error.into();
        }
        let failure = Self::new(kind_of(&error), error.to_string());
        let failure = match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        };
        match hint_for(&error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

fn kind_of(error: &StoreError) -> Kind {
    match error {
        StoreError::NoSuchConnection { .. } | StoreError::NoDefault { .. } => Kind::NoSuchConnection,
        StoreError::NameTaken(_) | StoreError::BadName(_) | StoreError::BadServer(_) => Kind::Usage,
        StoreError::Sign(_) | StoreError::OtherServer { .. } => Kind::Usage,
        StoreError::Busy => Kind::Temporary,
        StoreError::DiskFull | StoreError::NotSaved { .. } => Kind::NotSaved,
        StoreError::NeedsLogin { .. } => Kind::NeedsPerson,
        StoreError::RefreshBusy => Kind::Temporary,
        StoreError::AppMismatch | StoreError::WrongKind { .. } | StoreError::PendingExpired => Kind::Usage,
        StoreError::NoSuchAuthorisation(_) => Kind::NoSuchConnection,
        StoreError::Exists(_) | StoreError::Key(_) | StoreError::Crypto(_) => Kind::Other,
        _ => Kind::StoreUnusable,
    }
}

fn hint_for(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::NotFound(_) => {
            "make one with `xeroctl store init --key-file FILE`, or say where it is with --store or XEROCTL_STORE".to_owned()
        }
        StoreError::Exists(_) => "use it as it is, or name another file with --store".to_owned(),
        StoreError::NotADatabase(_) | StoreError::Foreign(_) => {
            "check --store and XEROCTL_STORE; the file was left as it is".to_owned()
        }
        StoreError::Corrupt(_) => "put back the newest backup of the file; it was left as it is".to_owned(),
        StoreError::NewerFormat { .. } => "install the newest xeroctl; the file was left as it is".to_owned(),
        StoreError::WrongKey => {
            "check --key-file and XEROCTL_KEY_FILE: this is the key of another store".to_owned()
        }
        StoreError::WrongPassphrase => "try again, or check --passphrase-file".to_owned(),
        StoreError::OtherLock("a passphrase") => "give --passphrase-file instead of --key-file".to_owned(),
        StoreError::OtherLock(_) => "give --key-file instead of --passphrase-file".to_owned(),
        StoreError::NotAKeyFile => "give the file that `xeroctl store init` made".to_owned(),
        StoreError::Tampered { .. } => "put back a backup from before the change".to_owned(),
        StoreError::Busy => "run the command again in a moment".to_owned(),
        StoreError::DiskFull => "free some space and run the same command again".to_owned(),
        StoreError::NotWritable(_) => {
            "check who owns the file and its directory, or name another with --store".into()
        }
        StoreError::NoSuchConnection { known, .. } => names(known),
        StoreError::NoDefault { known } if known.is_empty() => names(known),
        StoreError::NoDefault { known } => {
            format!("name one, or choose one with `xeroctl default NAME`; there are: {}", known.join(", "))
        }
        StoreError::BadName(_) => "give another name".to_owned(),
        StoreError::NameTaken(_) => "choose another name, or give --replace".to_owned(),
        StoreError::OtherServer { .. } => "make another connection for that server".to_owned(),
        StoreError::Sign(error) => error.advice().to_owned(),
        StoreError::NeedsLogin { connections, .. } => match connections.as_slice() {
            [] => "connect it again with `xeroctl connect`".to_owned(),
            [only] => format!("xeroctl reauth {}", quoted(only)),
            [first, ..] => {
                format!("xeroctl reauth {}; it is for all of: {}", quoted(first), connections.join(", "))
            }
        },
        StoreError::NotSaved { .. } => {
            "make the store writable again and run the same command within 30 minutes: until then Xero takes the old token \
             once more"
                .to_owned()
        }
        StoreError::RefreshBusy => "run the command again in a moment; no token was spent here".to_owned(),
        StoreError::AppMismatch => "log in to the app that the connection is of".to_owned(),
        StoreError::UnknownKind { .. } => "install the newest xeroctl; nothing was changed".to_owned(),
        StoreError::PendingExpired => "begin again with `xeroctl connect begin`".to_owned(),
        _ => return None,
    })
}

fn names(known: &[String]) -> String {
    match known {
        [] => "there are none yet: `xeroctl connect` makes one".to_owned(),
        known => format!("there are: {}", known.join(", ")),
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
