//! `xeroctl rename`.

use serde_json::json;

use crate::{Context, args::Rename, failure::Outcome};

pub(crate) fn run(context: &Context, args: &Rename) -> Outcome {
    let store = context.open_store()?;
    let was = store.connection(Some(&args.name))?.name;
    store.rename(&was, &args.new_name)?;
    context.ui.say(format!("{was} is called {} now. Jobs that name it must be told.", args.new_name));
    context.ui.document(json!({ "renamed": { "from": was, "to": args.new_name } }))
}
