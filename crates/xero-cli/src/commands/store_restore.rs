//! `xeroctl store restore`: puts a backup in the store's place.

use std::path::Path;

use connection_store::{Error, Replace, Restored, Restoring, Store};
use serde_json::json;

use crate::{
    Context,
    args::StoreRestore,
    failure::{Failure, Kind, Outcome},
    host,
    ownership::ADOPT,
    show,
    store_place::of_run,
};

pub(crate) fn run(context: &Context, args: &StoreRestore) -> Outcome {
    let (ui, place) = (&context.ui, context.store_place()?);
    let path = place.file().ok_or_else(|| Error::InServer(place.path().to_owned()))?;
    let existing = consent(context, args, path)?;
    let host = host::this(&context.command_name, context.global.machine.as_deref());
    let restored = context.with_key_of_copy(&args.file, |key| {
        Store::restore(&Restoring { from: &args.file, to: path, key, host: &host, existing })
    })?;
    report(context, path, &restored);
    ui.document(json!({
        "store": path.display().to_string(),
        "kept": restored.kept.as_ref().map(|path| path.display().to_string()),
        "newer_tokens": restored.newer_tokens,
        "dropped": restored.dropped,
        "adopted": restored.adopted,
    }))
}

/// Whether a store that is there may be replaced.
fn consent(context: &Context, args: &StoreRestore, path: &Path) -> Outcome<Replace> {
    let ui = &context.ui;
    if context.has_no_store()? {
        return Ok(Replace::No);
    }
    if args.force {
        return Ok(Replace::Yes);
    }
    if !ui.interactive() {
        return Err(Failure::from(Error::Exists(path.to_owned()))
            .hint("give --force to put the backup in its place; the store that is there is kept beside it"));
    }
    ui.say(format!("The store that is there is kept beside {}.", path.display()));
    if ui.confirm(&format!("Put {} in its place?", args.file.display()))? {
        Ok(Replace::Yes)
    } else {
        Err(Failure::new(Kind::Interrupted, "nothing was replaced"))
    }
}

fn report(context: &Context, path: &Path, restored: &Restored) {
    let ui = &context.ui;
    ui.say(format!("Store:    {}", path.display()));
    if let Some(kept) = &restored.kept {
        ui.say(format!("Before:   {} (delete it when you do not need it any more)", kept.display()));
    }
    match restored.newer_tokens {
        0 => {}
        1 => ui.say("The tokens of 1 login were newer in the store that was there and are carried over."),
        many => ui.say(format!(
            "The tokens of {many} logins were newer in the store that was there and are carried over."
        )),
    }
    if !restored.dropped.is_empty() {
        let names: Vec<_> = restored.dropped.iter().map(|name| show::quoted(name)).collect();
        ui.warn(format!(
            "these connections were made after the backup and are only in the store from before: {}",
            names.join(", ")
        ));
    }
    if !restored.adopted {
        ui.say(format!(
            "It renews no logins yet: make sure that no other copy of it is in use, then `{}`.",
            of_run::command(ADOPT)
        ));
    }
}
