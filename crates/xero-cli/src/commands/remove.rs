//! `xeroctl remove`: takes connections and their keys out of the store.

use connection_store::{Connection, HandedWay};
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
        connections.iter().filter_map(moved).for_each(|text| ui.say(text));
        ui.say("Their secrets leave the store; Xero is not told (`xeroctl disconnect` ends a connection there too).");
        if !ui.interactive() {
            return Err(Failure::usage("no one can be asked whether to remove them").hint("give --yes"));
        }
        if !ui.confirm(&format!("Remove {}?", names.join(", ")))? {
            return Err(Failure::new(Kind::Interrupted, "nothing was removed"));
        }
    }
    store.remove(&names)?;
    if args.yes {
        connections.iter().filter_map(moved).for_each(|text| ui.say(text));
    }
    if connections.iter().any(|one| one.is_default) && !store.connections()?.is_empty() {
        ui.say("No connection is the default one now: `xeroctl default NAME` makes one.");
    }
    ui.say(format!("Removed {}. The app in the developer portal is still there.", names.join(", ")));
    ui.document(json!({ "removed": names }))
}

/// While it is here, `disconnect` spares the link that the other store needs.
fn moved(connection: &Connection) -> Option<String> {
    let handed = connection.authorisation.as_ref()?.handed.filter(|one| one.way == HandedWay::Exported)?;
    let (name, organisation) = (&connection.name, show::organisation(connection));
    Some(format!(
        "{name} was handed over on {}. Once it is removed here, `xeroctl disconnect` of another connection to {organisation} \
         ends it at Xero for the other store too; `--local-only` does not.",
        show::date(handed.since)
    ))
}
