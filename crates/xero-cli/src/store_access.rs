//! Finds the store and opens it, or prepares to make one.

use std::{path::Path, time::Duration};

use connection_store::{Error as StoreError, Ownership, Store, StoreKey};
use etcetera::{BaseStrategy, choose_base_strategy};

use crate::{
    Context,
    args::KeySource,
    failure::{Failure, Kind, Outcome},
    host,
    keys::{self, PlannedKey},
    ownership,
    store_place::{StorePlace, of_run},
};

/// A store that is open, or that will be made when there is something to keep.
pub(crate) enum StoreAccess {
    Open(Store),
    Planned(NewStore),
}

/// What is needed to make a store.
pub(crate) struct NewStore {
    pub(crate) key: PlannedKey,
}

pub(crate) fn base() -> Outcome<impl BaseStrategy> {
    choose_base_strategy().map_err(|_| {
        Failure::new(Kind::StoreUnusable, "there is no home directory to keep a store in")
            .hint("say where it is with --store or XEROCTL_STORE")
    })
}

impl Context {
    /// Where the store of this run is.
    pub(crate) fn store_place(&self) -> Outcome<&StorePlace> {
        if self.place.get().is_none() {
            let place = StorePlace::of(&self.global)?;
            drop(self.place.set(place));
        }
        Ok(self.place.get().expect("it was set above, if not before"))
    }

    /// True where no store was made yet. What is wrong with a file is the file's: something is there. Of a server that cannot be
    /// asked nothing is known.
    pub(crate) fn has_no_store(&self) -> Outcome<bool> {
        let place = self.store_place()?;
        match place.key_slots() {
            Ok(_) => Ok(false),
            Err(StoreError::NotFound(_)) => Ok(true),
            Err(_) if place.file().is_some() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// True where nothing was made yet, and nothing was said of where it should be: there is nothing to be shown, and nothing is
    /// wrong.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where a store was named, and none is there.
    pub(crate) fn is_at_the_beginning(&self) -> Outcome<bool> {
        let nothing = self.has_no_store()?;
        match &self.global.store {
            Some(_) if nothing => Err(StoreError::NotFound(self.store_place()?.path().to_owned()).into()),
            _ => Ok(nothing),
        }
    }

    /// Opens the store of this run, and warns where it is a copy.
    pub(crate) fn open_store(&self) -> Outcome<Store> {
        let store = self.open_store_quietly()?;
        let ownership = store.ownership()?;
        if let Some(reason) = ownership::reason(&ownership) {
            let what = match ownership {
                Ownership::Copied { .. } => {
                    format!(": logins are not renewed here before `{}`", of_run::command(ownership::ADOPT))
                }
                Ownership::Arriving { .. } => ": logins are not renewed here before it is".to_owned(),
                _ => String::new(),
            };
            self.ui.warn(format!("{reason}{what}"));
        }
        Ok(store)
    }

    /// Opens the store of this run.
    pub(crate) fn open_store_quietly(&self) -> Outcome<Store> {
        let place = self.store_place()?;
        tracing::debug!(path = %place.path().display(), "opening the store");
        let store = keys::open(&self.ui, &self.global.opened_by, place.find()?)?;
        Ok(self.furnish(store))
    }

    /// Finds the key of a backup, and does with it what `with` says.
    pub(crate) fn with_key_of_copy<T>(
        &self,
        path: &Path,
        with: impl Fn(&StoreKey) -> Result<T, StoreError>,
    ) -> Outcome<T> {
        keys::open_copy(&self.ui, &self.global.opened_by, path, with)
    }

    /// Tells the store who and where we are, and notes it, so that nothing that it does is broken off by a signal.
    pub(crate) fn furnish(&self, store: Store) -> Store {
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
    match context.open_store() {
        Ok(store) => Ok(StoreAccess::Open(store)),
        Err(failure) if context.has_no_store()? => match plan(context, &[])? {
            Some(new) => Ok(StoreAccess::Planned(new)),
            None => Err(failure.hint(
                "give --key-file FILE: a key file is made there, and a store with it; `xeroctl store init` has other ways. Or \
                 say where the store is, with --store or XEROCTL_STORE",
            )),
        },
        Err(failure) => Err(failure),
    }
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
        let place = context.store_place()?;
        match place.create(&self.key.new) {
            Ok(store) => {
                self.key.report(ui);
                ui.say(format!("Store:    {}", place.path().display()));
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
pub(crate) fn plan(context: &Context, recipients: &[String]) -> Outcome<Option<NewStore>> {
    let Context { ui, global, .. } = context;
    let path = context.store_place()?.path();
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
    Ok(Some(NewStore { key }))
}
