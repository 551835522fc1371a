//! Failures of the store: their kinds, and what to do next.

use std::{error::Error as _, time::Duration};

use connection_store::Error as StoreError;

use super::{Failure, Kind, server};
use crate::{
    ownership::{adopted, gone_on, put_back, used_there},
    show::{date, few, quoted},
    store_place::{WRITE_IT, of_run},
};

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // What Xero said is the failure itself; that a token was wanted for it is the lesser news.
        if let StoreError::Auth(error) | StoreError::Xero { source: error, .. } = error {
            return error.into();
        }
        let kind = server::kind(&error).unwrap_or_else(|| kind_of(&error));
        let message = server::message(&error).unwrap_or_else(|| error.to_string());
        let failure = Self::new(kind, message);
        if let StoreError::LimitReached(wait) = error {
            let whole =
                Duration::from_secs(wait.time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
            return failure.hint("wait before the next call, and send fewer; nothing was sent").wait(whole);
        }
        let failure = match error.source() {
            Some(source) if !server::is_plain(&error) => failure.because(source),
            _ => failure,
        };
        let hint = server::hint(&error).map(str::to_owned).or_else(|| hint_on_file(&error));
        let hint = hint.or_else(|| hint_on_key(&error)).or_else(|| hint_on_use(&error));
        match hint.or_else(|| hint_on_wish(&error)) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

fn kind_of(error: &StoreError) -> Kind {
    match error {
        StoreError::NoSuchConnection { .. } | StoreError::NoDefault { .. } => Kind::NoSuchConnection,
        StoreError::NameTaken(_)
        | StoreError::AppNameTaken(_)
        | StoreError::BadName(_)
        | StoreError::BadServer(_)
        | StoreError::BadAddress(_)
        | StoreError::BadParameter(_)
        | StoreError::InServer(_) => Kind::Usage,
        StoreError::Sign(_) | StoreError::OtherServer { .. } => Kind::Usage,
        StoreError::Busy | StoreError::Unreachable { .. } => Kind::Temporary,
        StoreError::DiskFull | StoreError::NotSaved { .. } => Kind::NotSaved,
        StoreError::NeedsLogin { .. } => Kind::NeedsPerson,
        StoreError::RefreshBusy | StoreError::HalfWay { .. } => Kind::Temporary,
        StoreError::LimitReached(_) => Kind::RateLimited,
        StoreError::OtherOrganisation { .. } => Kind::WrongOrganisation,
        StoreError::AppMismatch | StoreError::WrongKind { .. } | StoreError::PendingExpired => Kind::Usage,
        StoreError::NoSuchAuthorisation(_) | StoreError::NoSuchApp(_) => Kind::NoSuchConnection,
        StoreError::HandedOver { .. } | StoreError::NotAdopted { .. } => Kind::NeedsPerson,
        StoreError::SharedLogin { .. } | StoreError::NoSecondSecret => Kind::Usage,
        StoreError::NotABundle | StoreError::NewerBundle { .. } | StoreError::OtherApp { .. } => Kind::Usage,
        StoreError::NoSuchKey(_) | StoreError::LastKey | StoreError::FileExists(_) => Kind::Usage,
        StoreError::Rekeyed => Kind::Temporary,
        StoreError::KeyNotSeen(_) => Kind::Other,
        StoreError::Exists(_) | StoreError::Key(_) | StoreError::Crypto(_) => Kind::Other,
        _ => Kind::StoreUnusable,
    }
}

/// About the file, its state and its place.
fn hint_on_file(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::NotFound(_) => {
            "make one with `xeroctl store init`, or say where it is with --store or XEROCTL_STORE".to_owned()
        }
        StoreError::Exists(_) => "use it as it is, or name another file with --store".to_owned(),
        StoreError::NotADatabase(_) | StoreError::Foreign(_) => {
            "check --store and XEROCTL_STORE; the file was left as it is".to_owned()
        }
        StoreError::Corrupt(_) => {
            format!(
                "put back the newest backup with `{}`; the file was left as it is",
                of_run::command("xeroctl store restore FILE")
            )
        }
        StoreError::OlderFormat { .. } => {
            "run `xeroctl status` once as the role that made the store; programs of the version before go on meanwhile".to_owned()
        }
        StoreError::NewerFormat { .. } => "install the newest xeroctl; the file was left as it is".to_owned(),
        StoreError::Tampered { .. } => {
            format!("{}; `{}` names all that was changed", put_back(), of_run::command("xeroctl store verify"))
        }
        StoreError::Busy => "run the command again in a moment".to_owned(),
        StoreError::DiskFull => "free some space and run the same command again".to_owned(),
        StoreError::NotWritable(_) => {
            "check who owns the file and its directory, or name another with --store".into()
        }
        StoreError::UnknownKind { .. } => "install the newest xeroctl; nothing was changed".to_owned(),
        StoreError::BadAddress(_) | StoreError::BadParameter(_) => WRITE_IT.to_owned(),
        StoreError::InServer(_) => {
            "to put a backup there: xeroctl store adopt --store FILE, then xeroctl store move FILE postgres://…, into a \
             database without a store"
                .to_owned()
        }
        StoreError::Unreachable { .. } => {
            "check the address, and whether the server runs; what was being saved is tried again".to_owned()
        }
        StoreError::Database(_) if of_run::is_at_server() => {
            "look into the server's own log, and at the way there with `xeroctl doctor`".to_owned()
        }
        StoreError::Database(_) => {
            format!("`{}` looks through the store", of_run::command("xeroctl store verify"))
        }
        StoreError::Copied { .. } => adopted(),
        StoreError::Moved { to, since } => used_there(to, *since),
        StoreError::Arriving { from, to, .. } => gone_on(from, to),
        StoreError::NotTheSame { .. } => "run the command again; the store is as it was".to_owned(),
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "check the path; its directory must be there".to_owned()
        }
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            "check who owns it and its directory, and with which mode; or name another place".to_owned()
        }
        StoreError::FileExists(_) => "choose another name; nothing is replaced".to_owned(),
        StoreError::Crypto(_) => "try again; `xeroctl doctor` looks at this machine".to_owned(),
        _ => return None,
    })
}

/// About what opens it.
fn hint_on_key(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::WrongKey => {
            "this is the key of another store, or was removed from this one; `xeroctl store key list` says what opens it"
                .to_owned()
        }
        StoreError::WrongPassphrase => "try again, or check --passphrase-file".to_owned(),
        StoreError::OtherLock(_) => "`xeroctl store key list` says what opens it".to_owned(),
        StoreError::NotAKeyFile => "give the file that `xeroctl store init` made".to_owned(),
        StoreError::LastKey => "add another first: `xeroctl store key add`".to_owned(),
        StoreError::NoSuchKey(_) => "`xeroctl store key list` lists the keys".to_owned(),
        StoreError::Rekeyed => "run the command again".to_owned(),
        StoreError::KeyNotSeen(key) => format!(
            "open the store with that key once (xeroctl store status --key-file FILE, or as it is opened), or take it away: \
             xeroctl store key remove {key}"
        ),
        _ => return None,
    })
}

/// About what is in it, and what was done with it.
fn hint_on_use(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::NoSuchConnection { name, known } => names(known, name),
        StoreError::NoDefault { known } if known.is_empty() => names(known, ""),
        StoreError::NoDefault { known } => {
            format!("name one, or choose one with `xeroctl default NAME`; {}", names(known, ""))
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
        StoreError::NotSaved { rescued: Some(path), source } => format!(
            "the new token is kept, sealed, in {}: {}, and run the same command on this machine",
            path.display(),
            writable_again(source)
        ),
        StoreError::NotSaved { source, .. } => format!(
            "{}, and run the same command within 30 minutes: until then Xero takes the old token once more",
            writable_again(source)
        ),
        StoreError::OtherOrganisation { found, .. } => {
            format!("make a connection for {found} with `xeroctl connect`, and remove this one")
        }
        StoreError::RefreshBusy => "run the command again in a moment; no token was spent here".to_owned(),
        StoreError::HalfWay { connections } => half_way_mended(connections.first().map(String::as_str)),
        StoreError::AppNameTaken(_) => "choose another name; `xeroctl apps list` lists them".to_owned(),
        StoreError::NoSuchApp(_) => "`xeroctl apps list` lists the apps".to_owned(),
        StoreError::HandedOver { connections, since } => format!(
            "use it where it was imported; if the file of {} was imported nowhere: xeroctl adopt {}",
            date(*since),
            listed(connections)
        ),
        StoreError::NotAdopted { connections, .. } => format!(
            "if the file was imported nowhere else, and its logins are renewed nowhere else: xeroctl adopt {}",
            listed(connections)
        ),
        StoreError::SharedLogin { others } => {
            format!("they go together: name {} too, or give --with-shared", others.join(", "))
        }
        StoreError::NewerBundle { .. } => "install the newest xeroctl; nothing was imported".to_owned(),
        StoreError::NotABundle => "export again; nothing was imported".to_owned(),
        StoreError::OtherApp { .. } => {
            "no store wrote that: ask whoever gave you the file; nothing was imported".to_owned()
        }
        StoreError::AppMismatch => "log in to the app that the connection is of".to_owned(),
        StoreError::PendingExpired => {
            "begin again with `xeroctl connect begin` (or `reauth begin`)".to_owned()
        }
        _ => return None,
    })
}

/// How a renewal that was left half-way is brought to its end.
fn half_way_mended(connection: Option<&str>) -> String {
    match connection {
        Some(name) => format!(
            "run `xeroctl refresh {}`, on the machine that began it if you know which, or remove the connection; then this \
             command again",
            quoted(name)
        ),
        None => "finish the import or login that was begun, or wait an hour: then it is forgotten; nothing was changed".to_owned(),
    }
}

/// What must be so before a token can be saved.
fn writable_again(why_not: &StoreError) -> &'static str {
    match why_not {
        StoreError::DiskFull => "free some space",
        StoreError::Unreachable { .. } => "wait until the database is back",
        StoreError::Busy => "wait until others are done",
        _ => "make the store writable again",
    }
}

/// About what was asked for, and is not to be had.
fn hint_on_wish(error: &StoreError) -> Option<String> {
    Some(match error {
        StoreError::BadServer(_) => {
            "give an https address, or http on this machine itself, such as http://127.0.0.1:8790; leave --xero-url out \
             for Xero itself"
                .to_owned()
        }
        StoreError::NoSuchAuthorisation(_) => {
            "it was replaced or removed in the meantime: `xeroctl list` shows what there is; run the command again".to_owned()
        }
        StoreError::WrongKind { .. } => {
            "`xeroctl show` says which kind a connection is; `xeroctl help connect` what each kind has".to_owned()
        }
        StoreError::NoSecondSecret => {
            "there is one secret only; `xeroctl apps secret set` or `xeroctl cert renew` adds another".to_owned()
        }
        _ => return None,
    })
}

/// Names as a shell takes them.
fn listed(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" ")
}

fn names(known: &[String], wanted: &str) -> String {
    match known {
        [] => "there are none yet: `xeroctl connect` makes one".to_owned(),
        known => format!("there are: {}", few(known, wanted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_saved(source: StoreError) -> Failure {
        StoreError::NotSaved { source: Box::new(source), rescued: Some("rescue".into()) }.into()
    }

    #[test]
    fn what_could_not_be_saved_says_why() {
        for (source, advice) in [
            (StoreError::DiskFull, "free some space"),
            (StoreError::Busy, "wait until others are done"),
            (StoreError::NotWritable("x.db".into()), "make the store writable again"),
        ] {
            let (cause, failure) = (source.to_string(), not_saved(source));
            assert_eq!((failure.causes, failure.kind), (vec![cause], Kind::NotSaved));
            assert!(failure.hint.unwrap().contains(advice), "{advice}");
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_server_that_is_away_is_no_full_disk() {
        let folder = tempfile::tempdir().unwrap();
        let address = "postgres://ann@127.0.0.1:1/books?sslmode=disable";
        let address = connection_store::PostgresAddress::parse(address).unwrap();
        let away = connection_store::Store::key_slots_at(&address, folder.path()).unwrap_err();
        let failure = not_saved(away);
        assert!(failure.causes[0].contains("cannot be reached"), "{failure:?}");
        assert!(failure.hint.unwrap().contains("wait until the database is back"));
    }
}
