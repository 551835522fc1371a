//! The operating system's keychain: Secret Service, macOS Keychain, Windows Credential Manager.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store as Keychain;
use connection_store::KeyBytes;
use keyring_core::{Entry, Error, api::CredentialStoreApi};
#[cfg(windows)]
use windows_native_keyring_store::Store as Keychain;
#[cfg(all(unix, not(target_os = "macos")))]
use zbus_secret_service_keyring_store::Store as Keychain;
use zeroize::Zeroizing;

use crate::{
    failure::{Failure, Kind},
    ui::Ui,
};

/// The name of the program under which entries are filed.
const SERVICE: &str = "xeroctl";
/// A keychain that is there answers within this.
const PROMPTLY: Duration = Duration::from_secs(3);
/// How long a person may take to unlock it.
const PATIENTLY: Duration = Duration::from_secs(90);

/// Why a keychain is of no use.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It did not answer in time; what it was asked for last.
    Silent(Duration, &'static str),
    /// It has no such entry.
    NoEntry,
    /// There is none, or it refused; in its words.
    Refused(String),
}

/// What is being done at the moment, for the report of a keychain that does not answer.
#[derive(Clone)]
struct Step(Arc<Mutex<&'static str>>);

/// A name for a new entry, which no other store has.
pub(super) fn new_entry() -> String {
    format!("store key {}", uuid::Uuid::new_v4())
}

/// Whether a keychain answers promptly: a probe is written, read and deleted.
pub(crate) fn probe() -> Result<(), Trouble> {
    within(PROMPTLY, |step| {
        let entry = entry(step, SERVICE, &format!("probe {}", uuid::Uuid::new_v4()))?;
        let read = write_and_read(step, &entry, b"probe");
        step.begin("deleting an entry");
        let deleted = entry.delete_credential();
        read.and(deleted)
    })
}

/// Writes an entry and reads it again.
pub(super) fn write(ui: &Ui, name: &str, key: &KeyBytes) -> Result<(), Trouble> {
    let (name, text) = (name.to_owned(), key.to_key_file());
    within(patience(ui), move |step| {
        write_and_read(step, &entry(step, SERVICE, &name)?, text.trim_end().as_bytes())
    })
}

/// The text of an entry.
pub(super) fn read(ui: &Ui, name: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    read_of(ui, SERVICE, name)
}

/// The text of an entry of another program, which filed it under a service and a user.
pub(crate) fn read_of(ui: &Ui, service: &str, user: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let (service, user) = (service.to_owned(), user.to_owned());
    within(patience(ui), move |step| {
        let entry = entry(step, &service, &user)?;
        step.begin("reading an entry");
        entry.get_secret().map(Zeroizing::new)
    })
}

/// Takes a new entry away again; one that is not there is no trouble.
pub(super) fn delete(ui: &Ui, name: &str) -> Result<(), Trouble> {
    let name = name.to_owned();
    let outcome = within(patience(ui), move |step| {
        let entry = entry(step, SERVICE, &name)?;
        step.begin("deleting an entry");
        entry.delete_credential()
    });
    match outcome {
        Err(Trouble::NoEntry) => Ok(()),
        outcome => outcome,
    }
}

/// Where a person is there it may ask for its password.
fn patience(ui: &Ui) -> Duration {
    if ui.interactive() { PATIENTLY } else { PROMPTLY }
}

fn entry(step: &Step, service: &str, user: &str) -> keyring_core::Result<Entry> {
    step.begin("connecting to it");
    Keychain::new()?.build(service, user, None)
}

fn write_and_read(step: &Step, entry: &Entry, secret: &[u8]) -> keyring_core::Result<()> {
    step.begin("writing an entry");
    entry.set_secret(secret)?;
    step.begin("reading an entry");
    if *Zeroizing::new(entry.get_secret()?) == secret { Ok(()) } else { Err(Error::NoEntry) }
}

impl Step {
    fn begin(&self, what: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }
}

/// Does something in a thread of its own, which is left alone where it takes too long: a keychain may hang.
fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce(&Step) -> keyring_core::Result<T> + Send + 'static,
) -> Result<T, Trouble> {
    let step = Step(Arc::new(Mutex::new("starting")));
    let (send, receive) = mpsc::channel();
    let theirs = step.clone();
    std::thread::spawn(move || drop(send.send(work(&theirs))));
    match receive.recv_timeout(patience) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Error::NoEntry)) => Err(Trouble::NoEntry),
        Ok(Err(error)) => Err(Trouble::Refused(error.to_string())),
        Err(mpsc::RecvTimeoutError::Timeout) => {
            Err(Trouble::Silent(patience, *step.0.lock().unwrap_or_else(PoisonError::into_inner)))
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(Trouble::Refused("it broke off".to_owned())),
    }
}

impl Trouble {
    /// What happened, where the entry was another program's.
    pub(crate) fn with_entry_of(&self, program: &str) -> String {
        match self {
            Self::Silent(patience, step) => {
                format!(
                    "this system's keychain did not answer within {} seconds ({step})",
                    patience.as_secs()
                )
            }
            Self::NoEntry => format!("this system's keychain has no such entry of {program}"),
            Self::Refused(why) => format!("this system's keychain cannot be used: {why}"),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let message = match trouble {
            Trouble::Silent(patience, step) => {
                let seconds = patience.as_secs();
                format!("the keychain of this system did not answer within {seconds} seconds ({step})")
            }
            Trouble::NoEntry => "the keychain of this system does not have the store's key".to_owned(),
            Trouble::Refused(why) => {
                let failure = Self::new(Kind::StoreUnusable, "the keychain of this system cannot be used");
                return Self { causes: vec![why], ..failure }.hint(HINT);
            }
        };
        Self::new(Kind::StoreUnusable, message).hint(HINT)
    }
}

const HINT: &str = "it is locked while nobody is logged in, and many servers have none: for jobs a key file or a command is \
     better, with --key-file FILE or --key-command COMMAND; `xeroctl store key add` adds one to a store";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keychain_that_hangs_is_left_alone_and_the_step_is_named() {
        let (_held, never) = mpsc::channel::<()>();
        let outcome = within(Duration::ZERO, move |step| {
            step.begin("waiting for the test");
            never.recv().map_err(|_| Error::NoEntry)
        });
        assert!(matches!(outcome, Err(Trouble::Silent(Duration::ZERO, _))), "{outcome:?}");
    }
}
