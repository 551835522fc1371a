//! Bundles of connections as age files: sealed to a passphrase or to public keys, and opened again.

use std::{io::Read, path::Path};

use age::{
    Decryptor, Encryptor, scrypt,
    secrecy::{ExposeSecret, SecretString},
};
use zeroize::Zeroizing;

use crate::{
    args::BundlePassphrase,
    failure::{Failure, Outcome},
    keys::{
        SHORTEST_PASSPHRASE,
        identity::{self, Identity, Recipient},
        private_file::{self, Role},
    },
    secrets::{first_line, stdin_line},
    ui::Ui,
};

/// The largest file that is read, in bytes: some ten thousand connections.
pub(crate) const MAX_FILE: u64 = 64 * 1024 * 1024;
const ROLE: Role = Role { what: "passphrase file", option: "--bundle-passphrase-file" };
/// How age files begin.
const MAGIC: &[u8] = b"age-encryption.org/v1";
/// The costliest passphrase that is tried: two to the power of this in scrypt's N. What this program writes takes about a
/// second; this takes some ten.
const MAX_WORK_FACTOR: u8 = 22;

/// What a bundle is sealed with.
pub(crate) enum Seal {
    Passphrase(SecretString),
    /// One at the least.
    Recipients(Vec<Recipient>),
}

/// What opens a bundle.
pub(crate) enum Opener {
    Passphrase(SecretString),
    Identity(Identity),
}

impl Seal {
    pub(crate) fn seal(&self, clear: &[u8]) -> Vec<u8> {
        let encryptor = match self {
            Self::Passphrase(passphrase) => Encryptor::with_user_passphrase(passphrase.clone()),
            Self::Recipients(recipients) => identity::to(recipients),
        };
        identity::age_file(encryptor, clear)
    }
}

/// Opens what was sealed: with the identity given, else with a passphrase by the options, else with one asked for.
pub(crate) fn open(
    ui: &Ui,
    path: &Path,
    sealed: &[u8],
    by: (Option<&Path>, &BundlePassphrase),
) -> Outcome<Zeroizing<Vec<u8>>> {
    let named = path.display();
    if !sealed.starts_with(MAGIC) {
        let message = format!("{named} is not a file that `xeroctl export` wrote");
        return Err(
            Failure::usage(message).hint("check the path; `xeroctl help import` says what can be imported")
        );
    }
    let damaged = |error: &dyn std::error::Error| {
        Failure::usage(format!("{named} is damaged")).because(error).hint("copy it again, or export again")
    };
    let decryptor = Decryptor::new(sealed).map_err(|error| damaged(&error))?;
    let opener = opener(ui, path, decryptor.is_scrypt(), by)?;
    let opened = match &opener {
        Opener::Passphrase(passphrase) => {
            let mut identity = scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(MAX_WORK_FACTOR);
            decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
        }
        Opener::Identity(identity) => decryptor.decrypt(identity.all().into_iter()),
    };
    let mut reader = opened.map_err(|error| match error {
        age::DecryptError::NoMatchingKeys | age::DecryptError::DecryptionFailed => closed(path, &opener),
        age::DecryptError::ExcessiveWork { .. } => damaged(&error),
        error => damaged(&error),
    })?;
    let mut clear = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.read_to_end(&mut clear).map_err(|error| damaged(&error))?;
    Ok(clear)
}

fn opener(
    ui: &Ui,
    path: &Path,
    by_passphrase: bool,
    (identity, passphrase): (Option<&Path>, &BundlePassphrase),
) -> Outcome<Opener> {
    if !by_passphrase {
        let message = format!("{} is sealed to a public key", path.display());
        let file = identity.ok_or_else(|| Failure::usage(message).hint("give --bundle-identity FILE"))?;
        return Ok(Opener::Identity(identity::read(file)?.unlocked(ui, file)?));
    }
    if identity.is_some() {
        let message = format!("{} is sealed with a passphrase, not to a public key", path.display());
        return Err(Failure::usage(message).hint("leave --bundle-identity out"));
    }
    if let Some(given) = given(passphrase)? {
        return Ok(Opener::Passphrase(given));
    }
    if !ui.interactive() {
        return Err(Failure::usage(format!("{} is sealed with a passphrase", path.display()))
            .hint("give --bundle-passphrase-file FILE or --bundle-passphrase-stdin"));
    }
    let typed = ui.ask_hidden(&format!("Passphrase of {}:", path.display()))?;
    Ok(Opener::Passphrase(SecretString::from(typed)))
}

fn closed(path: &Path, opener: &Opener) -> Failure {
    match opener {
        Opener::Passphrase(_) => {
            Failure::usage(format!("the passphrase does not open {}", path.display())).hint("try again")
        }
        Opener::Identity(_) => Failure::usage(format!("the identity does not open {}", path.display()))
            .hint("give the one whose public key it was exported to"),
    }
}

/// What a new bundle is sealed with: by the options, or asked for.
pub(crate) fn seal(ui: &Ui, recipients: &[String], passphrase: &BundlePassphrase) -> Outcome<Seal> {
    let given = given(passphrase)?;
    match (recipients, given) {
        ([], Some(passphrase)) => long_enough(passphrase).map(Seal::Passphrase),
        ([], None) if ui.interactive() => {
            let help = "Whoever imports the file needs it. Several words are better than one.";
            let typed = Zeroizing::new(ui.ask_hidden_twice("Passphrase for the file:", help)?);
            long_enough(checked(&typed)?).map(Seal::Passphrase)
        }
        ([], None) => Err(Failure::usage("nothing was said of who can open the file")
            .hint("give --recipient PUBLIC-KEY, --bundle-passphrase-file FILE or --bundle-passphrase-stdin")),
        (_, Some(_)) => Err(Failure::usage("an age file has either a passphrase or public keys")
            .hint("give --recipient or --bundle-passphrase-…, not both")),
        (keys, None) => {
            let recipients = keys.iter().map(|key| identity::recipient(key)).collect::<Outcome<_>>()?;
            Ok(Seal::Recipients(recipients))
        }
    }
}

fn given(source: &BundlePassphrase) -> Outcome<Option<SecretString>> {
    let line = match source {
        BundlePassphrase { bundle_passphrase_stdin: true, .. } => stdin_line("the passphrase of the file")?,
        BundlePassphrase { bundle_passphrase_file: Some(path), .. } => {
            first_line(&private_file::read(path, ROLE)?, &path.display().to_string())?
        }
        _ => return Ok(None),
    };
    checked(&line).map(Some)
}

fn long_enough(passphrase: SecretString) -> Outcome<SecretString> {
    // The file travels, and can be tried for ever.
    if passphrase.expose_secret().chars().count() < SHORTEST_PASSPHRASE {
        return Err(Failure::usage(format!(
            "the passphrase of the file has fewer than {SHORTEST_PASSPHRASE} characters; nothing was exported"
        ))
        .hint(
            "give several words that do not belong together, or seal it to a public key with --recipient",
        ));
    }
    Ok(passphrase)
}

fn checked(passphrase: &str) -> Outcome<SecretString> {
    if passphrase.is_empty() {
        return Err(
            Failure::usage("the passphrase of the file is empty").hint("give one that nobody guesses")
        );
    }
    Ok(SecretString::from(passphrase))
}
