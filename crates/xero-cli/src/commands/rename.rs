//! `xeroctl rename`.

use connection_store::Error as StoreError;
use serde_json::json;

use crate::{
    Context,
    args::Rename,
    failure::{Failure, Outcome},
};

pub(crate) fn run(context: &Context, args: &Rename) -> Outcome {
    let store = context.open_store()?;
    let was = store.connection(Some(&args.name))?.name;
    if was == args.new_name {
        context.ui.say(format!("{was} is called that already."));
        return context.ui.document(json!({ "renamed": { "from": was, "to": was } }));
    }
    store.rename(&was, &args.new_name).map_err(name_taken)?;
    context.ui.say(format!("{was} is called {} now. Jobs that name it must be told.", args.new_name));
    context.ui.document(json!({ "renamed": { "from": was, "to": args.new_name } }))
}

/// Renaming replaces nothing.
pub(crate) fn name_taken(error: StoreError) -> Failure {
    match error {
        StoreError::NameTaken(_) => Failure::from(error).hint("choose another name; nothing was changed"),
        error => error.into(),
    }
}
