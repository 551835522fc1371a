//! The options of `xeroctl store`, and those that say which key opens a store.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

use super::{StoreMove, variable};

/// A key, as options or variables name it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeySource<'a> {
    File(&'a Path),
    PassphraseFile(&'a Path),
    Keychain,
    Command(&'a str),
    /// An age or SSH identity, public keys that are to open the same, or both.
    Identity(Option<&'a Path>, &'a [String]),
}

// What opens the store, and what shall open one that is made.
#[derive(Debug, Args, Default)]
pub(crate) struct OpenedBy {
    /// The key file that opens the store; without it, the one that the store names [env: XEROCTL_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    pub(crate) key_file: Option<PathBuf>,
    /// A file whose first line is the passphrase that opens the store [env: XEROCTL_PASSPHRASE_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING, conflicts_with = "key_file")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// A command that prints a key file's line or a passphrase; the shell runs it [env: XEROCTL_KEY_COMMAND]
    #[arg(long, global = true, value_name = "COMMAND", help_heading = HEADING, conflicts_with_all = ["key_file", "passphrase_file"])]
    pub(crate) key_command: Option<String>,
    /// An age identity, or an SSH private key (ed25519), that opens the store [env: XEROCTL_IDENTITY]
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING, conflicts_with_all = ["key_file", "passphrase_file", "key_command"])]
    pub(crate) identity: Option<PathBuf>,
    /// The key in this system's keychain, and no other
    #[arg(long, global = true, help_heading = HEADING, conflicts_with_all = ["key_file", "passphrase_file", "key_command", "identity"])]
    pub(crate) keychain: bool,
}

const HEADING: &str = "Global options";

impl OpenedBy {
    /// The key that is named, if one is. `recipients` are for a store that is made.
    pub(crate) fn source<'a>(&'a self, recipients: &'a [String]) -> Option<KeySource<'a>> {
        Some(match self {
            Self { key_file: Some(path), .. } => KeySource::File(path),
            Self { passphrase_file: Some(path), .. } => KeySource::PassphraseFile(path),
            Self { key_command: Some(command), .. } => KeySource::Command(command),
            Self { identity: Some(path), .. } => KeySource::Identity(Some(path), recipients),
            Self { keychain: true, .. } => KeySource::Keychain,
            _ => return None,
        })
    }

    /// Takes one key from the environment where the command line names none.
    pub(super) fn take_environment(&mut self) {
        if self.source(&[]).is_some() {
            return;
        }
        let text = |name| variable(name)?.into_string().ok();
        if let Some(path) = variable("XEROCTL_PASSPHRASE_FILE") {
            self.passphrase_file = Some(path.into());
        } else if let Some(path) = variable("XEROCTL_KEY_FILE") {
            self.key_file = Some(path.into());
        } else if let Some(command) = text("XEROCTL_KEY_COMMAND") {
            self.key_command = Some(command);
        } else {
            self.identity = variable("XEROCTL_IDENTITY").map(PathBuf::from);
        }
    }
}

// `xeroctl store`.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Make a store, and choose what opens it
    ///
    /// A key file is made if it does not exist; the first line of a passphrase file is the passphrase; a command must
    /// print a key or a passphrase already. Without any of these a terminal gets this system's keychain where one
    /// answers within 3 seconds, and is asked otherwise.
    Init(StoreInit),
    /// Show where the store is, how its secrets are kept, what opens it and who owns it
    Status,
    /// Give the store's passphrase once: what is made of it is kept in the kernel's memory for a while (Linux)
    ///
    /// Until then this user's programs open the store without the passphrase, and without the fifth of a second that it takes.
    /// Nothing is written to a file; it is gone when the machine starts anew.
    Unlock(StoreUnlock),
    /// Forget what `store unlock` keeps
    Lock,
    /// List, add and remove the keys that open the store
    #[command(subcommand)]
    Key(StoreKeyCommand),
    /// Seal all secrets anew under a new data key: copies and keys of before are of no use for what is saved from now on
    Rekey,
    /// Copy the store to a new file while it is in use
    Backup(StoreBackup),
    /// Put a backup in the store's place; what is there is kept beside it
    Restore(StoreRestore),
    /// Use a store in another place from now on: from a file to a server, back, or to another of the same
    ///
    /// It is copied in one transaction, read again and compared row by row, while nobody changes it. Then the old place
    /// refuses and says where the store is. Killed at any moment it is whole in one of the two: the same command goes on.
    Move(StoreMove),
    /// Look whether everything in a store is whole, and belongs where it stands
    Verify(StoreVerify),
    /// Say that this machine is the one that renews the logins of the store from now on
    Adopt(StoreAdopt),
}

// `xeroctl store unlock`.
#[derive(Debug, Args)]
pub(crate) struct StoreUnlock {
    /// For how long, in minutes
    #[arg(long = "for", value_name = "MINUTES", default_value_t = 480, value_parser = clap::value_parser!(u64).range(1..=43_200))]
    pub(crate) minutes: u64,
}

// `xeroctl store init`.
#[derive(Debug, Args)]
pub(crate) struct StoreInit {
    /// With --identity: another public key that opens the store too, age1… or ssh-ed25519 …; may be repeated
    #[arg(long = "recipient", value_name = "PUBLIC-KEY", requires = "identity")]
    pub(crate) recipients: Vec<String>,
    /// At a PostgreSQL server: print the statements by which another role may use the store, and only that; may be repeated.
    /// Where there is a store already nothing else is done
    #[arg(long, value_name = "ROLE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) grants: Vec<String>,
}

// `xeroctl store key`.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreKeyCommand {
    /// List what opens the store; needs no key
    List,
    /// Add another key. What opens the store today is found or named as for every command
    Add(Box<NewKeyOptions>),
    /// Remove a key; the last one stays
    Remove(StoreKeyRemove),
}

// The key that `xeroctl store key add` adds.
#[derive(Debug, Args)]
pub(crate) struct NewKeyOptions {
    /// A key file; it is made if it does not exist
    #[arg(long, value_name = "FILE", group = "new-key")]
    pub(crate) new_key_file: Option<PathBuf>,
    /// A passphrase: the first line of the file
    #[arg(long, value_name = "FILE", group = "new-key")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    /// A new key in this system's keychain
    #[arg(long, group = "new-key")]
    pub(crate) new_keychain: bool,
    /// The key or passphrase that a command prints; the shell runs it
    #[arg(long, value_name = "COMMAND", group = "new-key")]
    pub(crate) new_key_command: Option<String>,
    /// An age identity or an SSH private key (ed25519)
    #[arg(long, value_name = "FILE", group = "new-key")]
    pub(crate) new_identity: Option<PathBuf>,
    /// The public key of somebody's identity, age1… or ssh-ed25519 …; may be repeated
    #[arg(long = "new-recipient", value_name = "PUBLIC-KEY", conflicts_with_all = ["new_key_file", "new_passphrase_file", "new_keychain", "new_key_command"])]
    pub(crate) new_recipients: Vec<String>,
}

impl NewKeyOptions {
    /// The key that is named, if one is.
    pub(crate) fn source(&self) -> Option<KeySource<'_>> {
        Some(match self {
            Self { new_key_file: Some(path), .. } => KeySource::File(path),
            Self { new_passphrase_file: Some(path), .. } => KeySource::PassphraseFile(path),
            Self { new_key_command: Some(command), .. } => KeySource::Command(command),
            Self { new_keychain: true, .. } => KeySource::Keychain,
            Self { new_identity: None, new_recipients, .. } if new_recipients.is_empty() => return None,
            Self { new_identity, new_recipients, .. } => {
                KeySource::Identity(new_identity.as_deref(), new_recipients)
            }
        })
    }
}

// `xeroctl store key remove`.
#[derive(Debug, Args)]
pub(crate) struct StoreKeyRemove {
    /// The key's number, as `xeroctl store key list` has it
    pub(crate) id: i64,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

// `xeroctl store backup`.
#[derive(Debug, Args)]
pub(crate) struct StoreBackup {
    /// The new file; none is replaced
    pub(crate) file: PathBuf,
}

// `xeroctl store restore`.
#[derive(Debug, Args)]
pub(crate) struct StoreRestore {
    /// The backup
    pub(crate) file: PathBuf,
    /// Replace the store that is there without asking
    #[arg(long)]
    pub(crate) force: bool,
}

// `xeroctl store verify`.
#[derive(Debug, Args)]
pub(crate) struct StoreVerify {
    /// A backup or another store; without it, the store itself
    pub(crate) file: Option<PathBuf>,
}

// `xeroctl store adopt`.
#[derive(Debug, Args)]
pub(crate) struct StoreAdopt {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}
