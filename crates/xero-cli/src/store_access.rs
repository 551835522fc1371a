//! Finds the store and the key that opens it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use connection_store::{KeyBytes, Lock, Store, StoreKey};
use etcetera::{BaseStrategy, choose_base_strategy};
use xero_certs::{Access, Existing, NewFile, write_files};
use zeroize::Zeroizing;

use crate::{
    args::Global,
    failure::{Failure, Kind, Outcome},
    secrets::{file_line, read_small},
    ui::Ui,
};

/// A store that is open, or that will be made when there is something to keep.
pub(crate) enum StoreAccess {
    Open(Store),
    Planned(NewStore),
}

/// What is needed to make a store.
pub(crate) struct NewStore {
    path: PathBuf,
    key: StoreKey,
    /// The key file to write first, if it is new.
    key_file: Option<(PathBuf, Zeroizing<String>)>,
    key_path: String,
}

/// Where the store is: the option, the variable, or the platform's data directory.
pub(crate) fn store_path(global: &Global) -> Outcome<PathBuf> {
    match &global.store {
        Some(path) => Ok(path.clone()),
        None => Ok(base()?.data_dir().join("xeroctl").join("connections.db")),
    }
}

/// Where a key file goes unless told otherwise: the configuration directory, so that a copy of the data directory alone
/// opens nothing.
pub(crate) fn default_key_path() -> Outcome<PathBuf> {
    Ok(base()?.config_dir().join("xeroctl").join("store.key"))
}

fn base() -> Outcome<impl BaseStrategy> {
    choose_base_strategy().map_err(|_| {
        Failure::new(Kind::StoreUnusable, "there is no home directory to keep a store in")
            .hint("say where it is with --store or XEROCTL_STORE")
    })
}

/// Opens the store.
pub(crate) fn open(ui: &Ui, global: &Global) -> Outcome<Store> {
    let path = store_path(global)?;
    let lock = Store::lock(&path)?;
    tracing::debug!(path = %path.display(), ?lock, "opening the store");
    let key = key_for(ui, global, &lock)?;
    Ok(Store::open(&path, &key)?)
}

/// Opens the store, or prepares to make one by the options given or by asking.
pub(crate) fn open_or_plan(ui: &Ui, global: &Global) -> Outcome<StoreAccess> {
    match open(ui, global) {
        Ok(store) => Ok(StoreAccess::Open(store)),
        Err(failure) if is_missing(global)? => match plan(ui, global)? {
            Some(new) => Ok(StoreAccess::Planned(new)),
            None => Err(failure),
        },
        Err(failure) => Err(failure),
    }
}

/// True where no store was made yet.
pub(crate) fn is_missing(global: &Global) -> Outcome<bool> {
    Ok(matches!(Store::lock(&store_path(global)?), Err(connection_store::Error::NotFound(_))))
}

impl StoreAccess {
    /// The store, made now if it was only planned.
    pub(crate) fn into_store(self, ui: &Ui) -> Outcome<Store> {
        match self {
            Self::Open(store) => Ok(store),
            Self::Planned(new) => new.make(ui),
        }
    }
}

impl NewStore {
    /// Writes the key file and makes the store. Where the store cannot be made, a key file that was new is taken away.
    pub(crate) fn make(self, ui: &Ui) -> Outcome<Store> {
        if let Some((path, contents)) = &self.key_file {
            write_key_file(path, contents)?;
        }
        match Store::create(&self.path, &self.key, &self.key_path, SystemTime::now()) {
            Ok(store) => {
                self.report(ui);
                Ok(store)
            }
            Err(error) => {
                if let Some((path, _)) = &self.key_file {
                    drop(fs::remove_file(path));
                }
                Err(error.into())
            }
        }
    }
}

/// How a new store is to be locked: by the options, or asked for. None where neither says.
pub(crate) fn plan(ui: &Ui, global: &Global) -> Outcome<Option<NewStore>> {
    let path = store_path(global)?;
    if let Some(passphrase_file) = &global.passphrase_file {
        let passphrase = file_line(passphrase_file)?;
        return Ok(Some(NewStore::with_passphrase(path, &passphrase)?));
    }
    if let Some(key_file) = &global.key_file {
        return Ok(Some(NewStore::with_key_file(path, key_file)?));
    }
    if !ui.interactive() {
        return Ok(None);
    }
    ui.say(format!("No store yet: one will be made at {}.", path.display()));
    let key_path = default_key_path()?;
    let choices = vec![
        format!("a key file: opens without a person, for jobs ({})", key_path.display()),
        "a passphrase: asked for at each command".to_owned(),
    ];
    Ok(Some(match ui.choose("What shall open the store?", choices)? {
        0 => NewStore::with_key_file(path, &key_path)?,
        _ => {
            let typed = ui.ask_hidden_twice("Passphrase of the store:", "It cannot be recovered.")?;
            NewStore::with_passphrase(path, &Zeroizing::new(typed))?
        }
    }))
}

impl NewStore {
    fn report(&self, ui: &Ui) {
        if let Some((path, _)) = &self.key_file {
            let note = "whoever has it can open the store; keep a copy in a safe place";
            ui.say(format!("Key file: {} ({note})", path.display()));
        }
        ui.say(format!("Store:    {}", self.path.display()));
    }

    fn with_passphrase(path: PathBuf, passphrase: &str) -> Outcome<Self> {
        if passphrase.is_empty() {
            return Err(Failure::usage("the passphrase is empty").hint("choose a long one"));
        }
        Ok(Self { path, key: StoreKey::passphrase(passphrase), key_file: None, key_path: String::new() })
    }

    /// Uses the key file if there is one, and plans to write it otherwise.
    fn with_key_file(path: PathBuf, key_file: &Path) -> Outcome<Self> {
        let absolute =
            std::path::absolute(key_file).map_err(|error| Failure::unreadable(key_file, &error))?;
        let key_path = absolute.display().to_string();
        if key_file.exists() {
            let key = StoreKey::File(read_key_file(key_file)?);
            return Ok(Self { path, key, key_file: None, key_path });
        }
        let bytes = StoreKey::generate()?;
        let key_file = Some((absolute, bytes.to_key_file()));
        Ok(Self { path, key: StoreKey::File(bytes), key_file, key_path })
    }
}

/// The key that opens an existing store.
fn key_for(ui: &Ui, global: &Global, lock: &Lock) -> Outcome<StoreKey> {
    if let Some(path) = &global.passphrase_file {
        return Ok(StoreKey::passphrase(file_line(path)?.as_str()));
    }
    match (lock, &global.key_file) {
        (_, Some(path)) => Ok(StoreKey::File(read_key_file(path)?)),
        (Lock::KeyFile(path), None) => Ok(StoreKey::File(read_key_file(Path::new(path))?)),
        (Lock::Passphrase, None) if ui.interactive() => {
            Ok(StoreKey::passphrase(Zeroizing::new(ui.ask_hidden("Passphrase of the store:")?).as_str()))
        }
        (Lock::Passphrase, None) => Err(Failure::new(
            Kind::StoreUnusable,
            "the store is locked with a passphrase and no one can be asked",
        )
        .hint("give --passphrase-file FILE or set XEROCTL_PASSPHRASE_FILE")),
    }
}

fn read_key_file(path: &Path) -> Outcome<KeyBytes> {
    let unusable = |failure: Failure| Failure { kind: Kind::StoreUnusable, ..failure };
    let bytes = read_small(path).map_err(|failure| {
        unusable(failure).hint("say where the store's key file is with --key-file or XEROCTL_KEY_FILE")
    })?;
    check_private(path)?;
    KeyBytes::from_key_file(&bytes)
        .map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..error.into() })
}

/// A key that others can read is no key.
#[cfg(unix)]
fn check_private(path: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        fs::metadata(path).map_err(|error| Failure::unreadable(path, &error))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("other users can read the key file {} (mode {mode:04o})", path.display());
    Err(Failure::new(Kind::StoreUnusable, message).hint(format!("chmod 600 '{}'", path.display())))
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> Outcome {
    Ok(())
}

fn write_key_file(path: &Path, contents: &str) -> Outcome {
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder).map_err(|error| {
            Failure::new(Kind::Other, format!("{} cannot be made", folder.display())).because(&error)
        })?;
    }
    let file = NewFile { path, contents: contents.as_bytes(), access: Access::Private };
    write_files(&[file], Existing::Keep).map_err(|error| Failure::output(&error))
}
