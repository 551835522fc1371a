//! The password of a user of PostgreSQL: from a file, or from where libpq looks for it. Never from the address.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{
    Password,
    address::{Address, Surroundings, is_usual_socket},
};
use crate::{
    failure::{Failure, Kind, Outcome},
    keys::private_file::{self, Role},
    secrets::first_line,
};

const FILE: Role = Role { what: "password file", option: "--store-password-file" };
/// libpq's file, whose name is an environment variable's or libpq's own.
const PGPASS: Role = Role { what: "password file", option: "PGPASSFILE" };
/// How many fields of a line say whose password it is: host, port, database, user.
const FIELDS: usize = 4;

/// The password: of the file that is named, of `PGPASSWORD` where that is for this server, or of libpq's file. None: the server may want none.
pub(super) fn find(
    address: &Address,
    named: Password<'_>,
    around: &Surroundings,
) -> Outcome<Option<SecretString>> {
    if let Some(path) = named.file {
        return read(path).map(Some);
    }
    if let Some(password) = (around.variable)("PGPASSWORD").filter(|_| named.by_variable) {
        return Ok(Some(password.into()));
    }
    let named = address.password_file().map(PathBuf::from);
    let Some(path) = named.or_else(|| Some(around.home.as_ref()?.join(".pgpass"))) else { return Ok(None) };
    // As with libpq, there need not be one, and a device is none.
    if !path.is_file() {
        return Ok(None);
    }
    let real = path.canonicalize().unwrap_or(path);
    let bytes = private_file::read(&real, PGPASS)?;
    let found = wanted(address).iter().find_map(|wanted| look_up(&bytes, wanted));
    Ok(found.filter(|password| !password.is_empty()).map(|password| password.as_str().into()))
}

fn read(path: &Path) -> Outcome<SecretString> {
    let line = first_line(&private_file::read(path, FILE)?, &path.display().to_string())?;
    if line.is_empty() {
        let message = format!("the password file {} is empty", path.display());
        return Err(Failure::new(Kind::StoreUnusable, message).hint("write the password on its first line"));
    }
    Ok(line.as_str().into())
}

/// What the fields of a line must be, for each host of the address.
fn wanted(address: &Address) -> Vec<[&str; FIELDS]> {
    let [database, user] = ["dbname", "user"].map(|name| address.value(name).unwrap_or_default());
    let host = |host| if is_usual_socket(host) { "localhost" } else { host };
    address.hosts().into_iter().map(|(name, port)| [host(name), port, database, user]).collect()
}

/// The password of the first line that fits, by the rules of libpq's password file.
fn look_up(bytes: &[u8], wanted: &[&str; FIELDS]) -> Option<Zeroizing<String>> {
    bytes.split(|byte| *byte == b'\n').find_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"#") { None } else { password_of(std::str::from_utf8(line).ok()?, wanted) }
    })
}

fn password_of(line: &str, wanted: &[&str; FIELDS]) -> Option<Zeroizing<String>> {
    let mut rest = line;
    for wanted in wanted {
        let (field, after) = field(rest);
        if field != "*" && *unescaped(field) != *wanted {
            return None;
        }
        rest = after?;
    }
    Some(unescaped(field(rest).0))
}

/// What stands before the next colon that no backslash stands before, and what stands after it, where there is one.
fn field(text: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            ':' if !escaped => return (&text[..at], Some(&text[at + 1..])),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    (text, None)
}

fn unescaped(field: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(field.len()));
    let mut rest = field.chars();
    while let Some(c) = rest.next() {
        text.extend(if c == '\\' { rest.next().or(Some(c)) } else { Some(c) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [&str; FIELDS] = ["db.example", "5432", "books", "ann"];

    fn found(text: &str, wanted: &[&str; FIELDS]) -> Option<String> {
        look_up(text.as_bytes(), wanted).map(|password| password.to_string())
    }

    #[test]
    fn the_first_line_that_fits_has_it() {
        for (text, password) in [
            ("db.example:5432:books:ann:geheim", Some("geheim")),
            ("db.example:5432:books:ann:geheim\r\nx", Some("geheim")),
            ("*:*:*:*:any", Some("any")),
            ("other:*:*:*:no\n*:*:*:ann:yes\n*:*:*:*:late", Some("yes")),
            ("# *:*:*:*:no\n\n*:*:*:*:yes", Some("yes")),
            ("#*:*:*:*:no", None),
            ("db.example:5433:books:ann:no", None),
            ("db.example:5432:books:eve:no", None),
            ("db.example:5432:book*:ann:no", None),
            ("db.example:5432:books:ann", None),
            ("db.example:5432:books:ann:\n*:*:*:*:late", Some("")),
            ("", None),
        ] {
            assert_eq!(found(text, &WANTED).as_deref(), password, "{text}");
        }
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        let wanted = ["::1", "5432", "a\\b", "*"];
        assert_eq!(found(r"\:\:1:5432:a\\b:\*:p\:q\\r:ignored", &wanted).as_deref(), Some(r"p:q\r"));
        assert_eq!(found(r"\:\:1:5432:a\\b:\*:p", &WANTED), None);
        assert_eq!(found(r"*:*:*:\*:p", &WANTED), None, "an escaped star is a star");
        assert_eq!(found("*:*:*:*:end\\", &WANTED).as_deref(), Some("end\\"));
    }

    #[test]
    fn each_host_is_looked_for_and_a_socket_is_localhost() {
        let address = |text| {
            let around = Surroundings { variable: Box::new(|_| None), home: None, user: None };
            Address::parse(text).unwrap().completed(&around)
        };
        let two = address("postgres://ann@a,b:7/books");
        assert_eq!(wanted(&two), [["a", "5432", "books", "ann"], ["b", "7", "books", "ann"]]);
        let sockets = address("postgres://ann@/books?host=/var/run/postgresql,/srv/pg");
        let hosts: Vec<_> = wanted(&sockets).into_iter().map(|wanted| wanted[0]).collect();
        assert_eq!(hosts, ["localhost", "/srv/pg"]);
    }
}
