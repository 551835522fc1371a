//! Why a database server is of no use, where it can be told.

use super::DatabaseError;
#[cfg(feature = "postgres")]
use super::Said;

/// Why a database server is of no use: what somebody must do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There is no host of that name.
    NoSuchHost,
    /// Nobody listens there.
    Refused,
    /// It does not answer.
    Silent,
    /// It has no TLS.
    NoTls,
    /// Nobody who is trusted says that its certificate is its own.
    Untrusted,
    /// It wants a password, and none was given.
    NoPassword,
    /// It does not take this user with this password.
    WrongPassword,
    /// It does not let this user in from here.
    NotAdmitted,
    /// It has no database of that name.
    NoSuchDatabase,
    /// The role may not do this.
    NoRights,
    /// It has no place for one more.
    Crowded,
    /// Something else.
    Other,
}

impl DatabaseError {
    /// Why the database is of no use.
    pub fn reason(&self) -> Reason {
        #[cfg(feature = "postgres")]
        match &self.0 {
            Said::Nothing => return Reason::Silent,
            Said::Postgres(error) => return at_server::reason(error),
            _ => {}
        }
        Reason::Other
    }
}

#[cfg(feature = "postgres")]
mod at_server {
    use std::{error::Error as StdError, io};

    use tokio_postgres::{Error, error::SqlState};

    use super::Reason;

    pub(super) fn reason(error: &Error) -> Reason {
        if let Some(code) = error.code() {
            return by_code(code);
        }
        let Some(cause) = error.source() else { return Reason::Other };
        if cause.to_string() == "password missing" {
            return Reason::NoPassword;
        }
        if cause.to_string() == "server does not support TLS" {
            return Reason::NoTls;
        }
        match cause.downcast_ref::<io::Error>() {
            Some(error) => by_system(error),
            None => Reason::Other,
        }
    }

    fn by_code(code: &SqlState) -> Reason {
        match *code {
            SqlState::INVALID_PASSWORD => Reason::WrongPassword,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Reason::NotAdmitted,
            SqlState::INVALID_CATALOG_NAME => Reason::NoSuchDatabase,
            SqlState::INSUFFICIENT_PRIVILEGE => Reason::NoRights,
            SqlState::TOO_MANY_CONNECTIONS => Reason::Crowded,
            _ => Reason::Other,
        }
    }

    fn by_system(error: &io::Error) -> Reason {
        // What the standard library says of a name that the resolver does not know has no number of its own.
        let unknown_name = || error.to_string().starts_with("failed to lookup address");
        match error.kind() {
            // A socket that is not there.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Reason::Refused,
            io::ErrorKind::TimedOut => Reason::Silent,
            _ if is_of_certificate(error) => Reason::Untrusted,
            _ if unknown_name() => Reason::NoSuchHost,
            _ => Reason::Other,
        }
    }

    fn is_of_certificate(error: &io::Error) -> bool {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
    }
}
