//! `xeroctl store unlock` and `store lock`: a passphrase that is given once for many runs.

use std::time::{Duration, SystemTime};

use connection_store::Lock;
use serde_json::json;

use crate::{
    Context,
    args::StoreUnlock,
    failure::{Failure, Kind, Outcome},
    keys::kernel::{self, Trouble},
    show,
};

/// Opens the store with its passphrase, and keeps what was made of that in the kernel's memory.
pub(crate) fn unlock(context: &Context, args: &StoreUnlock) -> Outcome {
    let store = context.open_store_quietly()?;
    let Some((slot, key)) = store.derived_key()? else {
        return Err(Failure::new(
            Kind::Usage,
            "the store was opened without a passphrase: there is nothing to keep",
        )
        .hint("use it as it is; with --passphrase-file FILE it is opened with the passphrase"));
    };
    let slots = store.slots()?;
    if slots.iter().any(|one| one.id == slot && one.lock != Lock::Passphrase) {
        return Err(Failure::new(
            Kind::Usage,
            "the store was opened with the passphrase that a command prints: nothing is kept of that, and the command is asked each \
             time",
        )
        .hint("give the command each time, or add a passphrase: `xeroctl store key add --new-passphrase-file FILE`"));
    }
    let lasts = Duration::from_secs(args.minutes * 60);
    kernel::keep(store.id(), slot, &key, lasts).map_err(|trouble| not_kept(&trouble))?;
    let until = SystemTime::now() + lasts;
    let ui = &context.ui;
    let (day, time) = (show::date(until), show::clock_time(until));
    ui.say(format!("The store needs no passphrase until {day} {time}, or before `xeroctl store lock`."));
    ui.say("Its key is in the kernel's memory, for all programs of this user; it is in no file.");
    ui.document(json!({ "key": slot, "until": show::timestamp(until) }))
}

/// Takes what is kept away.
pub(crate) fn lock(context: &Context) -> Outcome {
    let locked = context.store_place()?.find()?;
    let id = locked.id()?;
    let mut forgotten = Vec::new();
    for slot in locked.key_slots()? {
        if kernel::forget(&id, slot.id).map_err(|trouble| not_kept(&trouble))? {
            forgotten.push(slot.id);
        }
    }
    let said = if forgotten.is_empty() {
        "No key of the store was kept."
    } else {
        "The store needs its passphrase again."
    };
    context.ui.say(said);
    context.ui.document(json!({ "forgotten": forgotten }))
}

fn not_kept(trouble: &Trouble) -> Failure {
    Failure::new(Kind::Other, "no key can be kept in the system's memory")
        .because(trouble)
        .hint("use a key file (`xeroctl store key add --new-key-file FILE`), or name a --passphrase-file")
}
