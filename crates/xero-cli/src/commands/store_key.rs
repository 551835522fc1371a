//! `xeroctl store key`: the keys that open the store.

use connection_store::{Error, KeySlot, Lock};
use serde_json::{Value, json};

use crate::{
    Context,
    args::{NewKeyOptions, StoreKeyCommand, StoreKeyRemove},
    failure::{Failure, Kind, Outcome},
    keys, show,
    ui::one_line,
};

pub(crate) fn run(context: &Context, command: &StoreKeyCommand) -> Outcome {
    match command {
        StoreKeyCommand::List => list(context),
        StoreKeyCommand::Add(options) => add(context, options),
        StoreKeyCommand::Remove(args) => remove(context, args),
    }
}

fn list(context: &Context) -> Outcome {
    let slots = context.store_place()?.key_slots()?;
    context.ui.document(json!({ "keys": slots.iter().map(document).collect::<Vec<_>>() }))?;
    let rows = slots.iter().map(|slot| {
        vec![slot.id.to_string(), show::date(slot.created_at), one_line(&keys::described(&slot.lock))]
    });
    context.ui.data(show::table(&["NUMBER", "SINCE", "KEY"], rows.collect()))
}

fn add(context: &Context, options: &NewKeyOptions) -> Outcome {
    let ui = &context.ui;
    let source = options.source();
    if source.is_none() && !ui.interactive() {
        return Err(Failure::usage("nothing was said of what else shall open the store").hint(
            "give --new-key-file FILE, --new-passphrase-file FILE, --new-keychain, --new-key-command COMMAND, \
             --new-identity FILE or --new-recipient PUBLIC-KEY",
        ));
    }
    let store = context.open_store_quietly()?;
    let planned = match source {
        Some(source) => keys::plan(source)?,
        None => keys::plan_another(ui)?,
    };
    let same = store.same_as(&planned.new.key)?;
    planned.keep(ui)?;
    let slot = store.add_key(&planned.new).inspect_err(|_| planned.forget(ui, false))?;
    planned.report(ui);
    ui.say(format!("The store is opened by key {} as well: {}.", slot.id, keys::described(&slot.lock)));
    if !same.is_empty() {
        ui.warn(format!(
            "it is the same key as {}: whoever removes one must remove the other, or the key opens the store still",
            numbered(&same)
        ));
    }
    ui.document(json!({ "added": document(&slot), "same_as": numbers(&same) }))
}

fn remove(context: &Context, args: &StoreKeyRemove) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store_quietly()?;
    let slots = store.slots()?;
    let slot = slots.iter().find(|slot| slot.id == args.id).ok_or(Error::NoSuchKey(args.id))?;
    let what = format!("key {}, {}", slot.id, one_line(&keys::described(&slot.lock)));
    if slots.len() == 1 {
        return Err(Error::LastKey.into());
    }
    let same = store.same_as_slot(args.id)?;
    if !args.yes {
        if !ui.interactive() {
            return Err(Failure::usage("no one can be asked whether to remove the key").hint("give --yes"));
        }
        if !same.is_empty() {
            ui.warn(format!("it is the same key as {}, and opens the store as that still", numbered(&same)));
        }
        if !ui.confirm(&format!("Remove {what}?"))? {
            return Err(Failure::new(Kind::Interrupted, "nothing was removed"));
        }
    }
    let removed = store.remove_key(args.id)?;
    match same.first() {
        Some(other) => {
            ui.say(format!("Removed {what}."));
            ui.warn(format!(
                "the same key still opens this store, as {}: xeroctl store key remove {}",
                numbered(&same),
                other.id
            ));
        }
        None => ui.say(format!("Removed {what}. It still opens copies and backups of before.")),
    }
    if matches!(removed.lock, Lock::KeyFile(_) | Lock::Keychain(_)) {
        ui.say("The key itself stays where it is: they may need it.");
    }
    ui.say("If somebody else has it: `xeroctl store rekey` makes it useless for what is stored from now on.");
    ui.document(json!({ "removed": document(&removed), "same_as": numbers(&same) }))
}

fn numbered(slots: &[KeySlot]) -> String {
    let named = |slot: &KeySlot| format!("key {} ({})", slot.id, one_line(&keys::described(&slot.lock)));
    slots.iter().map(named).collect::<Vec<_>>().join(", ")
}

fn numbers(slots: &[KeySlot]) -> Vec<i64> {
    slots.iter().map(|slot| slot.id).collect()
}

/// A key as JSON.
pub(super) fn document(slot: &KeySlot) -> Value {
    let (path, entry) = match &slot.lock {
        Lock::KeyFile(path) => (Some(path), None),
        Lock::Keychain(entry) => (None, Some(entry)),
        _ => (None, None),
    };
    json!({
        "number": slot.id,
        "kind": slot.lock.as_str(),
        "path": path,
        "keychain_entry": entry,
        "created_at": show::timestamp(slot.created_at),
    })
}
