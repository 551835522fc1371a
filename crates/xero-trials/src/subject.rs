//! The command that is tried: what sets it up, what renews, what hands out a token. All of it a black box.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::args::Arguments;
use crate::error::{Error, Outcome};

/// Which command is tried.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// `xeroctl`, whose store has two connections of one consent.
    Xeroctl(PathBuf),
    /// Another one, each step a line for the shell.
    Other { setup: String, refresh: String, token: String, recover: String },
}

/// A command line: the program first.
pub(crate) type Line = Vec<OsString>;

/// The names that `xeroctl` makes of the organisations'.
const FIRST: &str = "maple-florist-ltd";
const SECOND: &str = "demo-company-nz";
/// What `xeroctl` ends with where a person has to log in.
const NEEDS_LOGIN: i32 = 4;

impl Subject {
    pub(crate) fn of(arguments: &Arguments) -> Outcome<Self> {
        let (Some(token), Some(setup)) = (&arguments.token_command, &arguments.setup_command) else {
            return xeroctl(arguments.xeroctl.as_deref()).map(Self::Xeroctl);
        };
        let or_token = |command: &Option<String>| command.as_ref().unwrap_or(token).clone();
        Ok(Self::Other {
            setup: setup.clone(),
            refresh: or_token(&arguments.refresh_command),
            token: token.clone(),
            recover: or_token(&arguments.recover_command),
        })
    }

    /// Renews the tokens, whether they have ended or not.
    pub(crate) fn refresh(&self) -> Line {
        match self {
            Self::Xeroctl(_) => self.xeroctl(&["refresh", FIRST]),
            Self::Other { refresh, .. } => shell(refresh),
        }
    }

    /// The same with a time limit of one second, where the command has such an option.
    pub(crate) fn hasty_refresh(&self) -> Line {
        match self {
            Self::Xeroctl(_) => self.xeroctl(&["refresh", FIRST, "--timeout", "1"]),
            Self::Other { refresh, .. } => shell(refresh),
        }
    }

    /// Prints an access token; a new one where the old has ended.
    pub(crate) fn token(&self) -> Line {
        match self {
            Self::Xeroctl(_) => self.xeroctl(&["token", FIRST]),
            Self::Other { token, .. } => shell(token),
        }
    }

    /// The same for another organisation of the same consent; a command that knows one gives its own.
    pub(crate) fn token_of_second(&self) -> Line {
        match self {
            Self::Xeroctl(_) => self.xeroctl(&["token", SECOND]),
            Self::Other { token, .. } => shell(token),
        }
    }

    /// What a person or a job runs after a fault; prints an access token.
    pub(crate) fn recover(&self) -> Line {
        match self {
            Self::Xeroctl(_) => self.token(),
            Self::Other { recover, .. } => shell(recover),
        }
    }

    /// Any command of `xeroctl`.
    pub(crate) fn xeroctl(&self, arguments: &[&str]) -> Line {
        let program = match self {
            Self::Xeroctl(program) => program.as_os_str().to_owned(),
            Self::Other { .. } => "xeroctl".into(),
        };
        std::iter::once(program).chain(arguments.iter().map(OsString::from)).collect()
    }

    pub(crate) fn is_xeroctl(&self) -> bool {
        matches!(self, Self::Xeroctl(_))
    }

    /// The status that asks for a login, where there is one of its own.
    pub(crate) fn login_status(&self) -> Option<i32> {
        self.is_xeroctl().then_some(NEEDS_LOGIN)
    }
}

fn shell(command: &str) -> Line {
    ["/bin/sh", "-c", command].map(OsString::from).to_vec()
}

/// The file given, or the one that cargo built beside this program.
fn xeroctl(given: Option<&Path>) -> Outcome<PathBuf> {
    let beside = || env::current_exe().map(|own| own.with_file_name("xeroctl"));
    let file = given.map_or_else(beside, |given| Ok(given.to_owned())).map_err(Error::io("find xeroctl"))?;
    file.canonicalize().map_err(Error::io(format!("find {} (--xeroctl names it)", file.display())))
}
