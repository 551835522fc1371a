//! The password of a user of PostgreSQL: from a file, or from where libpq looks for it. Never from the address.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::address::{Address, Surroundings, is_usual_socket};
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

/// The password: of the file that is named, of `PGPASSWORD`, or of libpq's file. None: the server may want none.
pub(super) fn find(
    address: &Address,
    file: Option<&Path>,
    around: &Surroundings,
) -> Outcome<Option<SecretString>> {
    if let Some(path) = file {
        return read(path).map(Some);
    }
    if let Some(password) = (around.variable)("PGPASSWORD") {
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
    Ok(found.map(|password| password.as_str().into()))
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
    Some(unescaped(field(rest).0)).filter(|password| !password.is_empty())
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
