//! Why trials cannot be made at all; what a trial shows is never an error.

use std::io;

/// What stands in the way of the trials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot {doing}")]
    Io { doing: String, source: io::Error },
    #[error(
        "this process may not trace others (ptrace: {0}): in a container allow it with --cap-add=SYS_PTRACE, or \
         with a seccomp profile that has ptrace"
    )]
    Ptrace(nix::errno::Errno),
    #[error("{program} is not there; `cargo xtask needs` installs it")]
    Missing { program: &'static str },
    #[error(
        "no file system can be mounted in a namespace of its own (unshare: {0}): in a container allow it with \
         --cap-add=SYS_ADMIN, or switch user namespaces on"
    )]
    Mount(String),
    #[error("no network namespace can be made ({0})")]
    Namespace(String),
    #[error("hosts cannot be joined by a network (ip: {0})")]
    Network(String),
    #[error("the setup failed: {what}\n{said}")]
    Setup { what: String, said: String },
    #[error("the command does not work undisturbed, so that nothing can be learned from disturbing it: {0}")]
    NotWorking(String),
    #[error("there is no fault {0:?}; --list names them")]
    NoSuchFault(String),
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

pub(crate) type Outcome<T> = Result<T, Error>;
