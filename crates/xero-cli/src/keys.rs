//! The keys of a store: where they come from, and how they are made.

mod command;
pub(crate) mod identity;
pub(crate) mod kernel;
mod key_file;
pub(crate) mod keychain;
mod new_key;
mod opening;
pub(crate) mod private_file;

use connection_store::Lock;

pub(crate) use self::{
    key_file::{default_path, noted, read as read_key_file},
    new_key::{PlannedKey, SHORTEST_PASSPHRASE, plan, plan_another, plan_by_asking},
    opening::{open, open_copy},
};

/// A key for people: what it is and where.
pub(crate) fn described(lock: &Lock) -> String {
    match lock {
        Lock::KeyFile(path) => format!("key file {path}"),
        Lock::Passphrase => "passphrase".to_owned(),
        Lock::Keychain(entry) => format!("keychain, entry {entry:?}"),
        Lock::Command => "command".to_owned(),
        Lock::Identity(_) => "age or SSH identity".to_owned(),
    }
}
