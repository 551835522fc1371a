//! `xeroctl remove`: takes connections and their keys out of the store.

use serde_json::json;

use crate::{
    Context,
    args::Remove,
    failure::{Failure, Kind, Outcome},
    show,
};

pub(crate) fn run(context: &Context, args: &Remove) -> Outcome {
    let Context { ui, .. } = context;
    let store = context.open_store()?;
    let mut connections = Vec::new();
    for name in &args.names {
        connections.push(store.connection(Some(name))?);
    }
    let names: Vec<_> = connections.iter().map(|one| one.name.clone()).collect();
    if !args.yes {
        for one in &connections {
            ui.say(format!("{} ({})", one.name, show::organisation(one)));
        }
        ui.say("Their secrets leave the store; Xero is not told (`xeroctl disconnect` ends a connection there too).");
        if !ui.interactive() {
            return Err(Failure::usage("no one can be asked whether to remove them").hint("give --yes"));
        }
        if !ui.confirm(&format!("Remove {}?", names.join(", ")))? {
            return Err(Failure::new(Kind::Interrupted, "nothing was removed"));
        }
    }
    store.remove(&names)?;
    if connections.iter().any(|one| one.is_default) && !store.connections()?.is_empty() {
        ui.say("No connection is the default one now: `xeroctl default NAME` makes one.");
    }
    ui.say(format!("Removed {}. The app in the developer portal is still there.", names.join(", ")));
    ui.document(json!({ "removed": names }))
}
