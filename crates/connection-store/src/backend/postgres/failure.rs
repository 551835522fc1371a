//! What a failure of the server means: for the link, and for a caller.

use std::{error::Error as _, path::Path};

use tokio_postgres::{
    error::{Severity, SqlState},
    types::{WasNull, WrongType},
};

use crate::{Error, database::Fault, error::DatabaseError};

/// True where the server has ended the link.
pub(super) fn has_ended(fault: &Fault) -> bool {
    let Fault::Postgres(error) = fault else { return false };
    let severity = error.as_db_error().and_then(|said| said.parsed_severity());
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

/// True where the link has ended in the middle of something, and a new one may be had.
pub(super) fn is_cut(fault: &Fault) -> bool {
    matches!(fault, Fault::Postgres(error) if error.code().is_none() && !is_of_a_value(error))
        || has_ended(fault)
}

/// True where the server has said nothing at all.
pub(super) fn is_silence(fault: &Fault) -> bool {
    match fault {
        Fault::Postgres(error) => error.code().is_none(),
        Fault::Ours(Error::Unreachable { source, .. }) => source.is_silence(),
        _ => false,
    }
}

/// True for a value that is not of the sort that its column has.
fn is_of_a_value(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(|cause| cause.is::<WasNull>() || cause.is::<WrongType>())
}

/// True where the server takes no changes, as a standby does.
pub(super) fn is_read_only(fault: &Fault) -> bool {
    let Fault::Postgres(error) = fault else { return false };
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// What a failure of the server means for a caller.
pub(in super::super) fn explain(error: tokio_postgres::Error, place: &Path) -> Error {
    let Some(code) = error.code().cloned() else {
        if is_of_a_value(&error) {
            return Error::Database(DatabaseError::from(error));
        }
        return Error::Unreachable { place: place.to_owned(), source: DatabaseError::from(error) };
    };
    match meaning(&code) {
        Meaning::Away => Error::Unreachable { place: place.to_owned(), source: DatabaseError::from(error) },
        Meaning::Busy => Error::Busy,
        Meaning::Full => Error::DiskFull,
        Meaning::Forbidden => Error::NotWritable(place.to_owned()),
        Meaning::NoStore => Error::NotFound(place.to_owned()),
        Meaning::Else => Error::Database(DatabaseError::from(error)),
    }
}

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The server went, is coming or gives its place to another: wait, and make the link anew.
    Away,
    /// Others are in the way: wait.
    Busy,
    Full,
    Forbidden,
    NoStore,
    Else,
}

/// By the codes of PostgreSQL's manual, appendix A.
fn meaning(code: &SqlState) -> Meaning {
    match *code {
        SqlState::DISK_FULL => Meaning::Full,
        SqlState::INSUFFICIENT_PRIVILEGE => Meaning::Forbidden,
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME => Meaning::NoStore,
        SqlState::LOCK_NOT_AVAILABLE | SqlState::QUERY_CANCELED | SqlState::IN_FAILED_SQL_TRANSACTION => {
            Meaning::Busy
        }
        // The last two: no place for one more; the database lets nobody in for now.
        SqlState::READ_ONLY_SQL_TRANSACTION
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        | SqlState::TOO_MANY_CONNECTIONS
        | SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => Meaning::Away,
        // A database that is gone does not come again.
        SqlState::DATABASE_DROPPED => Meaning::Else,
        _ => match code.code().get(..2) {
            // Connections, an operator's hand, the system below.
            Some("08" | "57" | "58") => Meaning::Away,
            // Transactions that were rolled back for others; memory, places, limits.
            Some("40" | "53") => Meaning::Busy,
            _ => Meaning::Else,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let cases = [
            ("08006", Meaning::Away),      // connection_failure
            ("08P01", Meaning::Away),      // protocol_violation, a pooler's word for most things
            ("57P01", Meaning::Away),      // admin_shutdown
            ("57P02", Meaning::Away),      // crash_shutdown
            ("57P03", Meaning::Away),      // cannot_connect_now
            ("57P05", Meaning::Away),      // idle_session_timeout
            ("58030", Meaning::Away),      // io_error
            ("25P03", Meaning::Away),      // idle_in_transaction_session_timeout
            ("25006", Meaning::Away),      // read_only_sql_transaction
            ("55000", Meaning::Away),      // object_not_in_prerequisite_state
            ("25P02", Meaning::Busy),      // in_failed_sql_transaction
            ("57014", Meaning::Busy),      // query_canceled, by statement_timeout too
            ("55P03", Meaning::Busy),      // lock_not_available
            ("40001", Meaning::Busy),      // serialization_failure
            ("40P01", Meaning::Busy),      // deadlock_detected
            ("53200", Meaning::Busy),      // out_of_memory
            ("53300", Meaning::Away),      // too_many_connections
            ("53100", Meaning::Full),      // disk_full
            ("42501", Meaning::Forbidden), // insufficient_privilege
            ("42P01", Meaning::NoStore),   // undefined_table
            ("3D000", Meaning::Else),      // invalid_catalog_name
            ("57P04", Meaning::Else),      // database_dropped
            ("28P01", Meaning::Else),      // invalid_password
            ("23505", Meaning::Else),      // unique_violation
            ("P0001", Meaning::Else),      // raise_exception
        ];
        for (code, expected) in cases {
            assert_eq!(meaning(&SqlState::from_code(code)), expected, "{code}");
        }
    }
}
