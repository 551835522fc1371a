//! Finds the store and opens it, or prepares to make one.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use connection_store::{Error as StoreError, Ownership, Store, StoreKey};
use etcetera::{BaseStrategy, choose_base_strategy};

use crate::{
    Context,
    args::{Global, KeySource},
    failure::{Failure, Kind, Outcome},
    host,
    keys::{self, PlannedKey},
    show,
    ui::{Ui, one_line},
};

/// A store that is open, or that will be made when there is something to keep.
pub(crate) enum StoreAccess {
    Open(Store),
    Planned(NewStore),
}

/// What is needed to make a store.
pub(crate) struct NewStore {
    path: PathBuf,
    pub(crate) key: PlannedKey,
}

/// Where the store is: the option, the variable, or the platform's data directory.
pub(crate) fn store_path(global: &Global) -> Outcome<PathBuf> {
    match &global.store {
        Some(path) => Ok(path.clone()),
        None => Ok(base()?.data_dir().join("xeroctl").join("connections.db")),
    }
}

pub(crate) fn base() -> Outcome<impl BaseStrategy> {
    choose_base_strategy().map_err(|_| {
        Failure::new(Kind::StoreUnusable, "there is no home directory to keep a store in")
            .hint("say where it is with --store or XEROCTL_STORE")
    })
}

impl Context {
    /// Opens the store of this run, and warns where it is a copy.
    pub(crate) fn open_store(&self) -> Outcome<Store> {
        let store = self.open_store_quietly()?;
        if let Ownership::Copied { owner, since } = store.ownership()? {
            let (owner, since) = (one_line(&owner), show::date(since));
            self.ui.warn(format!(
                "this is a copy of the store that {owner} owns since {since}: logins are not renewed here before \
                 `xeroctl store adopt`"
            ));
        }
        Ok(store)
    }

    /// Opens the store of this run.
    pub(crate) fn open_store_quietly(&self) -> Outcome<Store> {
        let path = store_path(&self.global)?;
        tracing::debug!(path = %path.display(), "opening the store");
        let store = self.with_key(&path, |key| Store::open(&path, key))?;
        Ok(self.furnish(store))
    }

    /// Finds the key of the store at `path`, and does with it what `with` says.
    pub(crate) fn with_key<T>(
        &self,
        path: &Path,
        with: impl Fn(&StoreKey) -> Result<T, StoreError>,
    ) -> Outcome<T> {
        keys::open(&self.ui, &self.global.opened_by, path, with)
    }

    /// The same for a backup.
    pub(crate) fn with_key_of_copy<T>(
        &self,
        path: &Path,
        with: impl Fn(&StoreKey) -> Result<T, StoreError>,
    ) -> Outcome<T> {
        keys::open_copy(&self.ui, &self.global.opened_by, path, with)
    }

    /// Tells the store who and where we are, and notes it, so that nothing that it does is broken off by a signal.
    fn furnish(&self, store: Store) -> Store {
        let store = store
            .with_timeout(Duration::from_secs(self.global.timeout))
            .with_host(host::this(&self.command_name, self.global.machine.as_deref()));
        let store = host::rescue_folders().into_iter().fold(store, Store::with_rescue_folder);
        self.store.get_or_init(|| store.clone());
        store
    }
}

/// Opens the store, or prepares to make one by the options given or by asking.
pub(crate) fn open_or_plan(context: &Context) -> Outcome<StoreAccess> {
    let Context { ui, global, .. } = context;
    match context.open_store() {
        Ok(store) => Ok(StoreAccess::Open(store)),
        Err(failure) if is_missing(global)? => match plan(ui, global, &[])? {
            Some(new) => Ok(StoreAccess::Planned(new)),
            None => Err(failure.hint(
                "give --key-file FILE: a key file is made there, and a store with it; `xeroctl store init` has other ways. Or \
                 say where the store is, with --store or XEROCTL_STORE",
            )),
        },
        Err(failure) => Err(failure),
    }
}

/// True where no store was made yet.
pub(crate) fn is_missing(global: &Global) -> Outcome<bool> {
    Ok(matches!(Store::key_slots(&store_path(global)?), Err(StoreError::NotFound(_))))
}

impl StoreAccess {
    /// The store, made now if it was only planned.
    pub(crate) fn into_store(self, context: &Context) -> Outcome<Store> {
        match self {
            Self::Open(store) => Ok(store),
            Self::Planned(new) => new.make(context),
        }
    }
}

impl NewStore {
    /// Writes the key where it is kept if it is new, and makes the store.
    pub(crate) fn make(&self, context: &Context) -> Outcome<Store> {
        let ui = &context.ui;
        self.key.keep(ui)?;
        match Store::create(&self.path, &self.key.new) {
            Ok(store) => {
                self.key.report(ui);
                ui.say(format!("Store:    {}", self.path.display()));
                Ok(context.furnish(store))
            }
            Err(error) => {
                // In another program's file nobody can have made a store with the key.
                let no_store = matches!(error, StoreError::Foreign(_) | StoreError::NotADatabase(_));
                self.key.forget(ui, no_store);
                Err(error.into())
            }
        }
    }
}

/// What shall open a new store: by the options, or asked for. None where neither says.
pub(crate) fn plan(ui: &Ui, global: &Global, recipients: &[String]) -> Outcome<Option<NewStore>> {
    let path = store_path(global)?;
    let source: Option<KeySource<'_>> = global.opened_by.source(recipients);
    if source.is_none() && !ui.interactive() {
        return Ok(None);
    }
    let key = match source {
        Some(source) => keys::plan(source)?,
        None => {
            ui.say(format!("No store yet: one will be made at {}.", path.display()));
            keys::plan_by_asking(ui)?
        }
    };
    Ok(Some(NewStore { path, key }))
}
