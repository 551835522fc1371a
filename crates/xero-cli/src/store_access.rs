//! Finds the store and the key that opens it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use connection_store::{Error as StoreError, KeyBytes, Lock, Store, StoreKey};
use etcetera::{BaseStrategy, choose_base_strategy};
use xero_certs::{Access, Existing, NewFile, write_files};
use zeroize::Zeroizing;

use crate::{
    Context,
    args::Global,
    failure::{Failure, Kind, Outcome},
    secrets::first_line,
    ui::Ui,
};

/// The largest key or passphrase file, in bytes.
const MAX_KEY_FILE: u64 = 64 * 1024;

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
fn open(ui: &Ui, global: &Global) -> Outcome<Store> {
    let path = store_path(global)?;
    let lock = Store::lock(&path)?;
    tracing::debug!(path = %path.display(), ?lock, "opening the store");
    let key = key_for(ui, global, &lock)?;
    Ok(Store::open(&path, &key)?.with_timeout(Duration::from_secs(global.timeout)))
}

impl Context {
    /// Opens the store of this run.
    pub(crate) fn open_store(&self) -> Outcome<Store> {
        let store = open(&self.ui, &self.global)?;
        Ok(self.keep_store(store))
    }

    /// Notes the store, so that nothing that it does is broken off by a signal.
    fn keep_store(&self, store: Store) -> Store {
        self.store.get_or_init(|| store.clone());
        store
    }
}

/// Opens the store, or prepares to make one by the options given or by asking.
pub(crate) fn open_or_plan(context: &Context) -> Outcome<StoreAccess> {
    let Context { ui, global, .. } = context;
    match context.open_store() {
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
    Ok(matches!(Store::lock(&store_path(global)?), Err(StoreError::NotFound(_))))
}

impl StoreAccess {
    /// The store, made now if it was only planned.
    pub(crate) fn into_store(self, context: &Context) -> Outcome<Store> {
        match self {
            Self::Open(store) => Ok(store),
            Self::Planned(new) => Ok(context.keep_store(new.make(context)?)),
        }
    }
}

impl NewStore {
    /// Writes the key file if it is new, and makes the store.
    pub(crate) fn make(self, context: &Context) -> Outcome<Store> {
        let Context { ui, global, .. } = context;
        if let Some((path, contents)) = &self.key_file {
            write_key_file(path, contents)?;
        }
        match Store::create(&self.path, &self.key, &self.key_path) {
            Ok(store) => {
                self.report(ui);
                Ok(store.with_timeout(Duration::from_secs(global.timeout)))
            }
            Err(error) => {
                self.settle_key_file(ui, &error);
                Err(error.into())
            }
        }
    }

    /// The key file of a store that could not be made. It is taken away only where there can be no store: another process
    /// may have made its own with it in the meantime, and a key without a store does no harm.
    fn settle_key_file(&self, ui: &Ui, error: &StoreError) {
        let Some((path, _)) = &self.key_file else { return };
        match error {
            StoreError::Foreign(_) | StoreError::NotADatabase(_) => drop(fs::remove_file(path)),
            _ => ui.say(format!("The key file {} stays; the next try uses it.", path.display())),
        }
    }
}

/// How a new store is to be locked: by the options, or asked for. None where neither says.
pub(crate) fn plan(ui: &Ui, global: &Global) -> Outcome<Option<NewStore>> {
    let path = store_path(global)?;
    if let Some(passphrase_file) = &global.passphrase_file {
        let key = read_passphrase(passphrase_file)?;
        return Ok(Some(NewStore { path, key, key_file: None, key_path: String::new() }));
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
        let Some(key_path) = absolute.to_str().map(str::to_owned) else {
            let message = format!("the path of the key file, {}, is not UTF-8", key_file.display());
            return Err(Failure::usage(message).hint("choose another: the store must be able to note it"));
        };
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
        return read_passphrase(path);
    }
    match (lock, &global.key_file) {
        (_, Some(path)) => Ok(StoreKey::File(read_key_file(path)?)),
        (Lock::KeyFile(path), None) => {
            // A home that has moved keeps its key file where key files are.
            let moved = default_key_path().ok().filter(|usual| !Path::new(path).exists() && usual.is_file());
            Ok(StoreKey::File(read_key_file(&moved.unwrap_or_else(|| PathBuf::from(path)))?))
        }
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
    if !path.exists() {
        let message = format!("the key file {} is not there", path.display());
        return Err(Failure::new(Kind::StoreUnusable, message)
            .hint("say where the store's key file is with --key-file or XEROCTL_KEY_FILE"));
    }
    KeyBytes::from_key_file(&read_private(path, "key file")?)
        .map_err(|error| Failure { message: format!("{}: {error}", path.display()), ..error.into() })
}

fn read_passphrase(path: &Path) -> Outcome<StoreKey> {
    let bytes = read_private(path, "passphrase file")?;
    let line = first_line(&bytes, &path.display().to_string())?;
    // Where a secret could not be fetched its file is empty: that must not lock a store.
    if line.is_empty() {
        let message = format!("the passphrase file {} is empty", path.display());
        return Err(Failure::new(Kind::StoreUnusable, message).hint("write the passphrase on its first line"));
    }
    Ok(StoreKey::passphrase(line.as_str()))
}

/// What opens the store must be a file that no other user can read; it is looked at and read through one handle.
fn read_private(path: &Path, what: &str) -> Outcome<Zeroizing<Vec<u8>>> {
    use std::io::Read;
    let unusable =
        |error: std::io::Error| Failure { kind: Kind::StoreUnusable, ..Failure::unreadable(path, &error) };
    // A pipe would be waited for without end.
    let regular = fs::metadata(path).map_err(unusable)?.is_file();
    if !regular {
        return Err(Failure::new(
            Kind::StoreUnusable,
            format!("the {what} {} is not a file", path.display()),
        )
        .hint("name a file: a directory, pipe or device is not read"));
    }
    let file = fs::File::open(path).map_err(unusable)?;
    check_private(&file, path, what)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_KEY_FILE).read_to_end(&mut bytes).map_err(unusable)?;
    Ok(bytes)
}

/// A key that others can read is no key.
#[cfg(unix)]
fn check_private(file: &fs::File, path: &Path, what: &str) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        file.metadata().map_err(|error| Failure::unreadable(path, &error))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("other users can read the {what} {} (mode {mode:04o})", path.display());
    Err(Failure::new(Kind::StoreUnusable, message).hint(format!("chmod 600 '{}'", path.display())))
}

#[cfg(not(unix))]
fn check_private(_: &fs::File, _: &Path, _: &str) -> Outcome {
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
    write_files(&[file], Existing::Keep).map_err(|error| match error {
        xero_certs::Error::Exists(_) => Failure::new(
            Kind::Temporary,
            format!("{} was made in this moment by another process", path.display()),
        )
        .hint("run the command again: it will use that key file"),
        error => Failure::output(&error),
    })
}
