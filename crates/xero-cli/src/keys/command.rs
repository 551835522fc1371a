//! Keys from an external command: it prints a key file's line, or a passphrase.

use connection_store::{KeyBytes, StoreKey};

use crate::{
    failure::{Failure, Kind, Outcome},
    secrets::command_line,
};

/// What the line of every key file begins with, in whatever version.
const KEY_LINE: &str = "xeroctl-store-key-";
const HINT: &str =
    "run the command by hand: it must print a key file's line or a passphrase, and nothing before it";

/// Runs the command; its first line is the key.
pub(super) fn run(command: &str) -> Outcome<StoreKey> {
    let unusable = |failure: Failure| Failure { kind: Kind::StoreUnusable, ..failure.hint(HINT) };
    let line = command_line(command, "the store's key").map_err(unusable)?;
    if line.starts_with(KEY_LINE) {
        let key = KeyBytes::from_key_file(line.as_bytes()).map_err(|error| unusable(error.into()))?;
        return Ok(StoreKey::File(key));
    }
    if line.is_empty() {
        return Err(unusable(Failure::usage("the command for the store's key printed an empty line")));
    }
    Ok(StoreKey::passphrase(line.as_str()))
}
