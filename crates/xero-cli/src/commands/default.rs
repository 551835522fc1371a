//! `xeroctl default`: the connection that is used where none is named.

use serde_json::json;

use crate::{Context, args::NamedConnection, failure::Outcome};

pub(crate) fn run(context: &Context, args: &NamedConnection) -> Outcome {
    let Context { ui, .. } = context;
    let store = context.open_store()?;
    store.set_default(&args.name)?;
    let connection = store.connection(Some(&args.name))?;
    ui.say(format!("{} is the default connection now.", connection.name));
    ui.document(json!({ "default": connection.name }))
}
