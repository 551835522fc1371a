//! Failures of a store at a database server: what is the matter with the way to it, and what to do next.

use connection_store::{Error as StoreError, Reason};

use super::Kind;
use crate::store_place::is_at_server;

/// Why the server is of no use, where that is what failed.
fn reason(error: &StoreError) -> Option<Reason> {
    match error {
        StoreError::Unreachable { source, .. } | StoreError::Database(source) => Some(source.reason()),
        _ => None,
    }
}

fn is_server(place: &std::path::Path) -> bool {
    is_at_server(&place.to_string_lossy())
}

/// The kind of a failure that is the server's.
pub(super) fn kind(error: &StoreError) -> Option<Kind> {
    match reason(error)? {
        // Another try changes nothing.
        Reason::NoTls | Reason::Untrusted | Reason::NoPassword => Some(Kind::StoreUnusable),
        Reason::Crowded => Some(Kind::Temporary),
        _ => None,
    }
}

/// What failed, where more can be said than that the database did.
pub(super) fn message(error: &StoreError) -> Option<String> {
    if let StoreError::NotWritable(place) = error {
        return is_server(place)
            .then(|| format!("the role of this address may not use the store at {}", place.display()));
    }
    let message = match reason(error)? {
        Reason::NoTls => "the database server has no TLS",
        Reason::Untrusted => "the database server's certificate is not trusted",
        Reason::NoPassword => "the database server wants a password, and none was found",
        Reason::WrongPassword => "the database server does not take this user with this password",
        Reason::NotAdmitted => "the database server does not let this user in from here",
        Reason::NoSuchDatabase => "the database server has no database of that name",
        Reason::Crowded => "the database server has no place for one more",
        _ => return None,
    };
    Some(message.to_owned())
}

/// True where the message says it all.
pub(super) fn is_plain(error: &StoreError) -> bool {
    matches!(reason(error), Some(Reason::NoTls | Reason::NoPassword))
}

/// What to do next.
pub(super) fn hint(error: &StoreError) -> Option<&'static str> {
    match reason(error) {
        Some(reason) => by_reason(reason),
        None => on_store(error),
    }
}

fn by_reason(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NoSuchHost => "check the host in the address: postgres://USER@HOST:PORT/DATABASE",
        Reason::Refused => {
            "check host and port, whether the server runs, and whether it listens there (listen_addresses); what was being \
             saved is tried again"
        }
        Reason::Silent => {
            "check host and port, and whether a firewall stands between; what was being saved is tried again"
        }
        Reason::NoTls => {
            "turn TLS on at the server (ssl = on); for a server on this very machine, or behind a tunnel, ?sslmode=disable \
             at the end of the address does without"
        }
        Reason::Untrusted => {
            "name the certificates that are to be trusted: ?sslrootcert=FILE at the end of the address, PGSSLROOTCERT, or \
             ~/.postgresql/root.crt; and use the host's name that stands in the certificate"
        }
        Reason::NoPassword => {
            "write it into a file of mode 0600 and give --store-password-file FILE (of the new place of `store move`: \
             --to-password-file FILE), or add a line to ~/.pgpass; `xeroctl help environment` has the other ways"
        }
        Reason::WrongPassword => {
            "check the user in the address, and the first line of --store-password-file, PGPASSWORD or the line of ~/.pgpass, \
             whichever comes first"
        }
        Reason::NotAdmitted => {
            "check the user in the address; whoever runs the server lets users in with CREATE ROLE … LOGIN and pg_hba.conf"
        }
        Reason::NoSuchDatabase => {
            "check the name at the end of the address, or have the database made: CREATE DATABASE … OWNER …"
        }
        Reason::Crowded => {
            "try again in a moment; each process takes one connection, or two: raise max_connections, or the role's \
             CONNECTION LIMIT"
        }
        _ => return None,
    })
}

/// What is another thing to do than for a store in a file.
fn on_store(error: &StoreError) -> Option<&'static str> {
    Some(match error {
        StoreError::NotFound(place) if is_server(place) => {
            "make one with `xeroctl store init`; where there should be one, check the database's name in --store or \
             XEROCTL_STORE"
        }
        StoreError::Exists(place) if is_server(place) => {
            "use it as it is, or name another database with --store"
        }
        StoreError::NotWritable(place) if is_server(place) => {
            "whoever made the store runs what `xeroctl store init --grants ROLE` prints; to make one, a role needs CREATE on \
             the database"
        }
        StoreError::Corrupt(place) if is_server(place) => {
            "have the whole database put back from the server's own backup, then say `xeroctl store adopt` \
             (docs/many-machines.md, 6); nothing was changed"
        }
        StoreError::NewerFormat { path, .. } if is_server(path) => {
            "install the newest xeroctl on this machine; the store was left as it is"
        }
        StoreError::OldServer { .. } => "use a newer server: these programs are tested with PostgreSQL 15",
        _ => return None,
    })
}
