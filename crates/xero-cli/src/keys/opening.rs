//! Opening a store: with the key that is named, or with those that the store says it has, one after the other.

use std::{cell::RefCell, path::Path};

use connection_store::{DerivedKey, Error, KeyBytes, KeySlot, Lock, LockedStore, Store, StoreKey};
use zeroize::Zeroizing;

use super::{
    command, described, identity, kernel, key_file, keychain,
    private_file::{self, Role},
};
use crate::{
    args::{KeySource, OpenedBy},
    failure::{Failure, Kind, Outcome},
    secrets::first_line,
    ui::{Ui, one_line},
};

const PASSPHRASE: Role = Role { what: "passphrase file", option: "--passphrase-file" };

const LIST: &str = "`xeroctl store key list` lists the store's keys";

/// What a try came to.
enum Tried<T> {
    Opened(T),
    /// Not with this key; others may do.
    NotThis(Failure),
}

/// Finds a key that opens the store.
pub(crate) fn open(ui: &Ui, opened_by: &OpenedBy, store: LockedStore) -> Outcome<Store> {
    let (slots, id) = (store.key_slots()?, store.id()?);
    let store = RefCell::new(store);
    let fit = |key: &StoreKey| store.borrow_mut().fit(key);
    let opener = Opener { ui, slots: &slots, kept: |slot| kernel::find(&id, slot), with: fit };
    let fitted = opener.open(opened_by)?;
    Ok(store.into_inner().open(fitted)?)
}

/// The same for the keys of a backup, with advice that is about backups.
pub(crate) fn open_copy<T>(
    ui: &Ui,
    opened_by: &OpenedBy,
    path: &Path,
    with: impl Fn(&StoreKey) -> Result<T, Error>,
) -> Outcome<T> {
    let slots = Store::key_slots(path).map_err(about_backup)?;
    Opener { ui, slots: &slots, kept: |_| None, with }.open(opened_by)
}

fn about_backup(error: Error) -> Failure {
    match error {
        Error::NotFound(path) => {
            let message = format!("there is no backup at {}", path.display());
            Failure::new(Kind::StoreUnusable, message).hint("check the path")
        }
        Error::NotADatabase(_) | Error::Foreign(_) => {
            Failure::from(error).hint("give a file that `xeroctl store backup` made")
        }
        Error::Corrupt(_) => Failure::from(error).hint("take another backup; this one was left as it is"),
        other => other.into(),
    }
}

/// The first line of a passphrase file.
pub(super) fn read_passphrase(path: &Path) -> Outcome<Zeroizing<String>> {
    let bytes = private_file::read(path, PASSPHRASE)?;
    let line = first_line(&bytes, &path.display().to_string())?;
    // Where a secret could not be fetched its file is empty: that must not lock a store.
    if line.is_empty() {
        let message = format!("the passphrase file {} is empty", path.display());
        return Err(Failure::new(Kind::StoreUnusable, message).hint("write the passphrase on its first line"));
    }
    Ok(line)
}

struct Opener<'a, K, F> {
    ui: &'a Ui,
    slots: &'a [KeySlot],
    /// What was made of a slot's passphrase, where that is still at hand.
    kept: K,
    with: F,
}

impl<T, K: Fn(i64) -> Option<DerivedKey>, F: Fn(&StoreKey) -> Result<T, Error>> Opener<'_, K, F> {
    fn open(&self, opened_by: &OpenedBy) -> Outcome<T> {
        let tried = match opened_by.source(&[]) {
            Some(source) => self.given(source)?,
            None => return self.in_turn(),
        };
        match tried {
            Tried::Opened(opened) => Ok(opened),
            Tried::NotThis(failure) => Err(failure),
        }
    }

    /// With the key that options or variables name.
    fn given(&self, source: KeySource<'_>) -> Outcome<Tried<T>> {
        match source {
            KeySource::File(path) => self.attempt(&StoreKey::File(key_file::read(path)?)),
            KeySource::PassphraseFile(path) => {
                self.attempt(&StoreKey::passphrase(read_passphrase(path)?.as_str()))
            }
            KeySource::Command(command) => self.attempt(&command::run(command)?),
            KeySource::Keychain => self.any_of("keychain", |slot| match &slot.lock {
                Lock::Keychain(entry) => Some(self.entry(entry)),
                _ => None,
            }),
            KeySource::Identity(path, _) => {
                let path = path.expect("the option names a file");
                self.identity(path)
            }
        }
    }

    /// With each key of the store that can be had without being named: key files, the keychain, at last the passphrase.
    fn in_turn(&self) -> Outcome<T> {
        if let Some(opened) = self.kept()? {
            return Ok(opened);
        }
        let mut slots: Vec<_> = self.slots.iter().collect();
        slots.sort_by_key(|slot| rank_of(slot));
        // A passphrase is asked for once: each is tried with all slots.
        slots.dedup_by(|one, other| one.lock == Lock::Passphrase && other.lock == Lock::Passphrase);
        let mut reasons = Vec::new();
        for slot in slots {
            match self.slot(slot)? {
                Tried::Opened(opened) => {
                    tracing::debug!(key = slot.id, lock = slot.lock.as_str(), "opened the store");
                    return Ok(opened);
                }
                Tried::NotThis(failure) => reasons.push((slot, failure)),
            }
        }
        Err(none_of(reasons))
    }

    /// With what was made of a passphrase before. One that does not fit any more is of no interest.
    fn kept(&self) -> Outcome<Option<T>> {
        for slot in self.slots.iter().filter(|slot| slot.lock == Lock::Passphrase) {
            let Some(key) = (self.kept)(slot.id) else { continue };
            if let Tried::Opened(opened) = self.attempt(&StoreKey::Derived(key))? {
                tracing::debug!(key = slot.id, "opened the store with what is kept of its passphrase");
                return Ok(Some(opened));
            }
        }
        Ok(None)
    }

    fn slot(&self, slot: &KeySlot) -> Outcome<Tried<T>> {
        let key = match &slot.lock {
            Lock::KeyFile(path) => return self.key_file(Path::new(path)),
            Lock::Keychain(entry) => return self.entry(entry),
            Lock::Passphrase if self.ui.interactive() => {
                let typed = Zeroizing::new(self.ui.ask_hidden("Passphrase of the store:")?);
                Ok(StoreKey::passphrase(typed.as_str()))
            }
            lock => Err(unnamed(lock)),
        };
        match key {
            Ok(key) => self.attempt(&key),
            Err(failure) => Ok(Tried::NotThis(failure)),
        }
    }

    /// With the key file that the store notes, or with this user's own where that one cannot be had.
    fn key_file(&self, noted: &Path) -> Outcome<Tried<T>> {
        let usual = key_file::usual_instead_of(noted);
        let failure = match key_file::read(usual.as_deref().unwrap_or(noted)) {
            Ok(key) => match (self.attempt(&StoreKey::File(key))?, usual) {
                // That another file is of no use is not the reason.
                (Tried::NotThis(failure), Some(_)) => key_file::read(noted).err().unwrap_or(failure),
                (tried, _) => return Ok(tried),
            },
            Err(failure) => failure,
        };
        Ok(Tried::NotThis(failure))
    }

    fn entry(&self, entry: &str) -> Outcome<Tried<T>> {
        let text = match keychain::read(self.ui, entry) {
            Ok(text) => text,
            Err(trouble) => return Ok(Tried::NotThis(trouble.into())),
        };
        match KeyBytes::from_key_file(&text) {
            Ok(key) => self.attempt(&StoreKey::File(key)),
            Err(error) => Ok(Tried::NotThis(error.into())),
        }
    }

    fn identity(&self, path: &Path) -> Outcome<Tried<T>> {
        let identity = identity::read(path)?.unlocked(self.ui, path)?;
        let open = |sealed: &[u8]| match identity.open(sealed)? {
            Some(key) => self.attempt(&StoreKey::File(key)),
            None => {
                let message = format!("no key of the store is for {}", path.display());
                Ok(Tried::NotThis(Failure::new(Kind::StoreUnusable, message).hint(LIST)))
            }
        };
        self.any_of("identity", |slot| match &slot.lock {
            Lock::Identity(sealed) => Some(open(sealed)),
            _ => None,
        })
    }

    /// With the first slot of a kind that opens the store.
    fn any_of(
        &self,
        kind: &str,
        attempt: impl Fn(&KeySlot) -> Option<Outcome<Tried<T>>>,
    ) -> Outcome<Tried<T>> {
        let none = Failure::new(Kind::StoreUnusable, format!("the store has no key of the kind {kind}"));
        let mut last = none.hint(LIST);
        for outcome in self.slots.iter().filter_map(attempt) {
            match outcome? {
                Tried::NotThis(failure) => last = failure,
                opened @ Tried::Opened(_) => return Ok(opened),
            }
        }
        Ok(Tried::NotThis(last))
    }

    fn attempt(&self, key: &StoreKey) -> Outcome<Tried<T>> {
        match (self.with)(key) {
            Ok(opened) => Ok(Tried::Opened(opened)),
            Err(error @ (Error::WrongKey | Error::WrongPassphrase | Error::OtherLock(_))) => {
                Ok(Tried::NotThis(error.into()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The order in which keys are tried: those that cost nothing first, questions last.
fn rank_of(slot: &KeySlot) -> u8 {
    match slot.lock {
        Lock::KeyFile(_) => 0,
        Lock::Keychain(_) => 1,
        Lock::Command | Lock::Identity(_) => 2,
        Lock::Passphrase => 3,
    }
}

/// Why a key cannot be had unless it is named.
fn unnamed(lock: &Lock) -> Failure {
    let (with, hint) = match lock {
        Lock::Command => (
            "the key that a command prints, and none was named",
            "give --key-command COMMAND or set XEROCTL_KEY_COMMAND",
        ),
        Lock::Identity(_) => {
            ("an age or SSH identity, and none was named", "give --identity FILE or set XEROCTL_IDENTITY")
        }
        _ => (
            "a passphrase and no one can be asked",
            "give --passphrase-file FILE or set XEROCTL_PASSPHRASE_FILE",
        ),
    };
    Failure::new(Kind::StoreUnusable, format!("the store is locked with {with}")).hint(hint)
}

/// No key did: the only one's reason, or the reasons of all.
fn none_of(mut reasons: Vec<(&KeySlot, Failure)>) -> Failure {
    if reasons.len() == 1 {
        return reasons.remove(0).1;
    }
    reasons.sort_by_key(|(slot, _)| slot.id);
    let line = |(slot, reason): &(&KeySlot, Failure)| {
        format!("key {}, {}: {}", slot.id, one_line(&described(&slot.lock)), reason.message)
    };
    let causes = reasons.iter().map(line).collect();
    let failure = Failure::new(Kind::StoreUnusable, "none of the store's keys is at hand");
    Failure { causes, ..failure }
        .hint("give one: --key-file FILE, --passphrase-file FILE, --key-command COMMAND or --identity FILE")
}
