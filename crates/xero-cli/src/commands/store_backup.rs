//! `xeroctl store backup`: copies the store while it is in use.

use serde_json::json;

use super::{store_status, store_verify};
use crate::{Context, args::StoreBackup, failure::Outcome, store_place::of_run};

pub(crate) fn run(context: &Context, args: &StoreBackup) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store_quietly()?;
    store_verify::warn_of_damage(ui, &store, &of_run::command("xeroctl store verify"))?;
    store.backup(&args.file)?;
    let status = store.status()?;
    let file = args.file.display();
    let holds = store_status::holds(&status);
    ui.say(format!("Backup:   {file} ({holds}; secrets are sealed as in the store)"));
    ui.say("The key that opens it is not in it: keep a copy of the key in another place.");
    ui.document(json!({
        "backup": file.to_string(),
        "apps": status.apps,
        "logins": status.authorisations,
        "connections": status.connections,
    }))
}
