//! `xeroctl default`: the connection that is used where none is named.

use serde_json::json;

use crate::{Context, args::NamedConnection, failure::Outcome, store_access};

pub(crate) fn run(context: &Context, args: &NamedConnection) -> Outcome {
    let Context { ui, global, .. } = context;
    let store = store_access::open(ui, global)?;
    store.set_default(&args.name)?;
    let connection = store.connection(Some(&args.name))?;
    ui.say(format!("{} is the default connection now.", connection.name));
    ui.document(json!({ "default": connection.name }))
}
