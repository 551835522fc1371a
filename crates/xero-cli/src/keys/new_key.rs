//! A key that shall open a store: planned by options or by asking, and kept where it belongs just before it is needed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use connection_store::{KeyBytes, Lock, NewKey, StoreKey};
use zeroize::Zeroizing;

use super::{command, default_path, identity, key_file, keychain, opening::read_passphrase};
use crate::{
    args::KeySource,
    failure::{Failure, Outcome},
    ui::Ui,
};

/// The shortest new passphrase that nothing is said of, in characters.
pub(crate) const SHORTEST_PASSPHRASE: usize = 12;

/// A key that was settled on. Nothing of it is written yet.
pub(crate) struct PlannedKey {
    pub(crate) new: NewKey,
    keep: Keep,
}

/// Where a key must be put so that it can be found again.
enum Keep {
    /// It is somewhere already, or in somebody's head.
    Nowhere,
    KeyFile(PathBuf, Zeroizing<String>),
    Keychain(String, KeyBytes),
}

/// The key that options name.
pub(crate) fn plan(source: KeySource<'_>) -> Outcome<PlannedKey> {
    match source {
        KeySource::File(path) => key_file_at(path),
        KeySource::PassphraseFile(path) => Ok(of_passphrase(&read_passphrase(path)?)),
        KeySource::Keychain => in_keychain(),
        KeySource::Command(command) => Ok(PlannedKey::kept_elsewhere(command::run(command)?, Lock::Command)),
        KeySource::Identity(path, recipients) => for_identity(path, recipients),
    }
}

/// Uses the keychain where one answers promptly, and asks otherwise.
pub(crate) fn plan_by_asking(ui: &Ui) -> Outcome<PlannedKey> {
    match keychain::probe() {
        Ok(()) => return in_keychain(),
        Err(trouble @ keychain::Trouble::Silent(..)) => {
            ui.say(format!("{}.", Failure::from(trouble).message));
        }
        Err(trouble) => tracing::debug!(?trouble, "no keychain"),
    }
    ask(ui, "What shall open the store?", &[Asked::KeyFile, Asked::Passphrase])
}

/// Asks what else shall open a store.
pub(crate) fn plan_another(ui: &Ui) -> Outcome<PlannedKey> {
    ask(ui, "What else shall open the store?", &[Asked::KeyFile, Asked::Passphrase, Asked::Keychain])
}

/// What a person can choose.
#[derive(Debug, Clone, Copy)]
enum Asked {
    KeyFile,
    Passphrase,
    Keychain,
}

fn ask(ui: &Ui, question: &str, choices: &[Asked]) -> Outcome<PlannedKey> {
    let path = default_path()?;
    let line = |choice: &Asked| match choice {
        Asked::KeyFile => format!("a key file: opens without a person, for jobs ({})", path.display()),
        Asked::Passphrase => "a passphrase: asked for at each command".to_owned(),
        Asked::Keychain => "this system's keychain: opens while you are logged in".to_owned(),
    };
    match choices[ui.choose(question, choices.iter().map(line).collect())?] {
        Asked::KeyFile => key_file_at(&path),
        Asked::Passphrase => by_passphrase(ui),
        Asked::Keychain => in_keychain(),
    }
}

fn by_passphrase(ui: &Ui) -> Outcome<PlannedKey> {
    let typed = Zeroizing::new(ui.ask_hidden_twice("Passphrase of the store:", "It cannot be recovered.")?);
    if typed.is_empty() {
        return Err(Failure::usage("the passphrase is empty").hint("choose a long one"));
    }
    Ok(of_passphrase(&typed))
}

fn of_passphrase(passphrase: &str) -> PlannedKey {
    if passphrase.chars().count() < SHORTEST_PASSPHRASE {
        Ui::caution(format!(
            "the passphrase has fewer than {SHORTEST_PASSPHRASE} characters: whoever has the store's file can try them all"
        ));
    }
    PlannedKey::kept_elsewhere(StoreKey::passphrase(passphrase), Lock::Passphrase)
}

/// Uses the key file if there is one, and plans to write it otherwise.
fn key_file_at(path: &Path) -> Outcome<PlannedKey> {
    let absolute = std::path::absolute(path).map_err(|error| Failure::unreadable(path, &error))?;
    let Some(noted) = absolute.to_str().map(str::to_owned) else {
        let message = format!("the path of the key file, {}, is not UTF-8", path.display());
        return Err(Failure::usage(message).hint("choose another: the store must be able to note it"));
    };
    if path.exists() || path.is_symlink() {
        let key = StoreKey::File(key_file::read(path)?);
        return Ok(PlannedKey::kept_elsewhere(key, Lock::KeyFile(noted)));
    }
    let bytes = StoreKey::generate()?;
    let keep = Keep::KeyFile(absolute, bytes.to_key_file());
    Ok(PlannedKey { new: NewKey { key: StoreKey::File(bytes), lock: Lock::KeyFile(noted) }, keep })
}

fn in_keychain() -> Outcome<PlannedKey> {
    let (name, bytes) = (keychain::new_entry(), StoreKey::generate()?);
    let new = NewKey { key: StoreKey::File(bytes.clone()), lock: Lock::Keychain(name.clone()) };
    Ok(PlannedKey { new, keep: Keep::Keychain(name, bytes) })
}

fn for_identity(path: Option<&Path>, recipients: &[String]) -> Outcome<PlannedKey> {
    let own = path.map(identity::read).transpose()?;
    let bytes = StoreKey::generate()?;
    let sealed = identity::seal(&bytes, own.as_ref(), recipients)?;
    Ok(PlannedKey::kept_elsewhere(StoreKey::File(bytes), Lock::Identity(sealed)))
}

impl PlannedKey {
    fn kept_elsewhere(key: StoreKey, lock: Lock) -> Self {
        Self { new: NewKey { key, lock }, keep: Keep::Nowhere }
    }

    /// Writes the key file or the keychain's entry, where the key is a new one.
    pub(crate) fn keep(&self, ui: &Ui) -> Outcome {
        match &self.keep {
            Keep::Nowhere => Ok(()),
            Keep::KeyFile(path, contents) => key_file::write(path, contents),
            Keep::Keychain(name, key) => Ok(keychain::write(ui, name, key)?),
        }
    }

    /// Takes away what [`Self::keep`] wrote, where nobody else can need it: a key file only if `nobody_uses_it`, since
    /// another process may have found it and made its own store with it.
    pub(crate) fn forget(&self, ui: &Ui, nobody_uses_it: bool) {
        match &self.keep {
            Keep::KeyFile(path, _) if nobody_uses_it => drop(fs::remove_file(path)),
            Keep::KeyFile(path, _) => {
                ui.say(format!("The key file {} stays; the next try uses it.", path.display()));
            }
            // Its name is known to nobody else.
            Keep::Keychain(name, _) => drop(keychain::delete(ui, name)),
            Keep::Nowhere => {}
        }
    }

    /// Says what was written, and what follows from it.
    pub(crate) fn report(&self, ui: &Ui) {
        match &self.keep {
            Keep::KeyFile(path, _) => {
                let note = "whoever has it can open the store; keep a copy in a safe place";
                ui.say(format!("Key file: {} ({note})", path.display()));
            }
            Keep::Keychain(name, _) => {
                ui.say(format!("Key:      in this system's keychain, as {name:?} of xeroctl"));
                ui.say(
                    "          It is locked while nobody is logged in. For jobs a key file or a command is better:\n\
                     \u{20}         `xeroctl store key add --new-key-file FILE` adds one.",
                );
            }
            Keep::Nowhere => {}
        }
    }
}
