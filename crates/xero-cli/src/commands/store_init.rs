//! `xeroctl store init`: makes the store.

use connection_store::Error;
use serde_json::json;

use crate::{
    Context,
    args::StoreInit,
    failure::{Failure, Outcome},
    store_access,
};

pub(crate) fn run(context: &Context, args: &StoreInit) -> Outcome {
    let (ui, place) = (&context.ui, context.store_place()?);
    if !context.has_no_store()? {
        return Err(Error::Exists(place.path().to_owned()).into());
    }
    let Some(new) = store_access::plan(context, &args.recipients)? else {
        return Err(Failure::usage("nothing was said of what shall open the store").hint(
            "give --key-file FILE (made if it does not exist), --passphrase-file FILE, --keychain, --key-command \
             COMMAND or --identity FILE",
        ));
    };
    new.make(context)?;
    ui.document(json!({ "store": place.path().display().to_string(), "key": new.key.new.lock.as_str() }))
}
