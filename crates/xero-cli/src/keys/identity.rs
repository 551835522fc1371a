//! age and SSH identities: the slot's key stands in the store as an age file for their public keys.

use std::{io::Write as _, path::Path};

use age::{DecryptError, Encryptor, secrecy::SecretString, ssh, x25519};
use connection_store::KeyBytes;
use zeroize::Zeroizing;

use super::private_file::{self, Role};
use crate::{
    failure::{Failure, Kind, Outcome},
    ui::Ui,
};

const ROLE: Role = Role { what: "identity", option: "--identity" };
/// How files begin that age has sealed, as bytes and as text.
const ENCRYPTED: [&[u8]; 2] = [b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE"];
const KINDS: &str = "give an age identity (`age-keygen`) or an SSH key (`ssh-keygen -t ed25519`)";

/// The private half, as read from a file.
pub(crate) enum Identity {
    Age(Vec<x25519::Identity>),
    Ssh(Box<ssh::Identity>),
}

/// A public key.
pub(crate) type Recipient = Box<dyn age::Recipient + Send>;

/// Reads an identity file. An SSH key with a passphrase stays closed until something is to be opened.
pub(crate) fn read(path: &Path) -> Outcome<Identity> {
    let bytes = private_file::read(path, ROLE)?;
    if ENCRYPTED.iter().any(|begin| bytes.trim_ascii_start().starts_with(begin)) {
        return Err(unfit(path, "is encrypted itself")
            .hint("let age decrypt it: --key-command 'age --decrypt …' can print the store's key"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unfit(path, "is no text"))?;
    if text.trim_start().starts_with("-----BEGIN") {
        return read_ssh(path, text);
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities = lines.map(|line| line.parse::<x25519::Identity>()).collect::<Result<Vec<_>, _>>();
    match identities {
        Ok(identities) if !identities.is_empty() => Ok(Identity::Age(identities)),
        _ => Err(unfit(path, "is neither an age identity nor an SSH private key")),
    }
}

fn read_ssh(path: &Path, text: &str) -> Outcome<Identity> {
    let identity = ssh::Identity::from_buffer(text.trim_start().as_bytes(), None)
        .map_err(|_| unfit(path, "is neither an age identity nor an SSH private key"))?;
    match ssh::Recipient::try_from(identity.clone()) {
        Ok(ssh::Recipient::SshEd25519(..)) => Ok(Identity::Ssh(Box::new(identity))),
        _ => Err(unfit(path, "is an SSH key of another kind than ed25519")),
    }
}

fn unfit(path: &Path, why: &str) -> Failure {
    Failure::new(Kind::StoreUnusable, format!("{} {why}", path.display())).hint(KINDS)
}

/// Seals a key to the public keys given and to that of the identity: one of them at the least.
pub(super) fn seal(key: &KeyBytes, identity: Option<&Identity>, others: &[String]) -> Outcome<Vec<u8>> {
    let mut recipients = identity.map(own_recipients).unwrap_or_default();
    for other in others {
        recipients.push(recipient(other)?);
    }
    Ok(age_file(to(&recipients), key.to_key_file().as_bytes()))
}

/// What seals to these public keys: one at the least.
pub(crate) fn to(recipients: &[Recipient]) -> Encryptor {
    let recipients = recipients.iter().map(|one| &**one as &dyn age::Recipient);
    Encryptor::with_recipients(recipients).expect("there is one, and age's and SSH's go together")
}

/// A text as an age file.
pub(crate) fn age_file(encryptor: Encryptor, clear: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    let written = encryptor.wrap_output(&mut sealed).and_then(|mut writer| {
        writer.write_all(clear)?;
        writer.finish()
    });
    written.expect("memory takes what is written to it");
    sealed
}

fn own_recipients(identity: &Identity) -> Vec<Recipient> {
    match identity {
        Identity::Age(all) => all.iter().map(|one| Box::new(one.to_public()) as Recipient).collect(),
        Identity::Ssh(one) => {
            let own =
                ssh::Recipient::try_from((**one).clone()).expect("its kind was looked at when it was read");
            vec![Box::new(own)]
        }
    }
}

pub(crate) fn recipient(text: &str) -> Outcome<Recipient> {
    let text = text.trim();
    if let Ok(age) = text.parse::<x25519::Recipient>() {
        return Ok(Box::new(age));
    }
    match text.parse::<ssh::Recipient>() {
        Ok(key @ ssh::Recipient::SshEd25519(..)) => Ok(Box::new(key)),
        _ => Err(Failure::usage(format!("{text:?} is not a public key that can be sealed to"))
            .hint("give a line such as age1… or ssh-ed25519 AAAA…; for a file: \"$(cat id_ed25519.pub)\"")),
    }
}

impl Identity {
    /// The same, ready to open: for an SSH key with a passphrase it is asked for.
    pub(crate) fn unlocked(self, ui: &Ui, path: &Path) -> Outcome<Self> {
        match self {
            Self::Ssh(one) => Ok(Self::Ssh(Box::new(unlocked(ui, path, *one)?))),
            age => Ok(age),
        }
    }

    /// All of them, for a file that may be sealed to any.
    pub(crate) fn all(&self) -> Vec<&dyn age::Identity> {
        match self {
            Self::Age(all) => all.iter().map(|one| one as &dyn age::Identity).collect(),
            Self::Ssh(one) => vec![&**one],
        }
    }

    /// The key that was sealed to this identity; `None` where it was sealed to others.
    pub(super) fn open(&self, sealed: &[u8]) -> Outcome<Option<KeyBytes>> {
        let opened = match self {
            Self::Age(all) => all.iter().find_map(|one| matching(age::decrypt(one, sealed))),
            Self::Ssh(one) => matching(age::decrypt(&**one, sealed)),
        };
        let Some(opened) = opened else { return Ok(None) };
        let text = Zeroizing::new(opened.map_err(|_| {
            Failure::new(Kind::StoreUnusable, "the key that is kept for an identity is damaged").hint(
                "open the store with another of its keys (`xeroctl store key list`); with that one `xeroctl store key add` makes \
                 one for the identity anew",
            )
        })?);
        Ok(Some(KeyBytes::from_key_file(&text)?))
    }
}

/// Nothing where the file is for other identities.
fn matching(outcome: Result<Vec<u8>, DecryptError>) -> Option<Result<Vec<u8>, DecryptError>> {
    match outcome {
        Err(DecryptError::NoMatchingKeys) => None,
        outcome => Some(outcome),
    }
}

/// Asks for the passphrase of an SSH key that has one.
fn unlocked(ui: &Ui, path: &Path, identity: ssh::Identity) -> Outcome<ssh::Identity> {
    let ssh::Identity::Encrypted(key) = identity else { return Ok(identity) };
    if !ui.interactive() {
        let message = format!("{} has a passphrase and no one can be asked for it", path.display());
        return Err(Failure::new(Kind::StoreUnusable, message)
            .hint("give a key without a passphrase, or another key of the store"));
    }
    let typed = SecretString::from(ui.ask_hidden(&format!("Passphrase of {}:", path.display()))?);
    match key.decrypt(typed) {
        Ok(opened) => Ok(opened.into()),
        Err(_) => {
            Err(Failure::new(Kind::StoreUnusable, format!("the passphrase does not open {}", path.display()))
                .hint("try again"))
        }
    }
}
