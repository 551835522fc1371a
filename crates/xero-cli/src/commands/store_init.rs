//! `xeroctl store init`: makes the store.

use connection_store::Error;
use serde_json::json;

use crate::{
    Context,
    failure::{Failure, Outcome},
    store_access,
};

pub(crate) fn run(context: &Context) -> Outcome {
    let Context { ui, global, .. } = context;
    let path = store_access::store_path(global)?;
    if !store_access::is_missing(global)? {
        return Err(Error::Exists(path).into());
    }
    let Some(new) = store_access::plan(ui, global)? else {
        return Err(Failure::usage("nothing was said of what shall open the store")
            .hint("give --key-file FILE (made if it does not exist) or --passphrase-file FILE"));
    };
    new.make(context)?;
    ui.document(json!({ "store": path.display().to_string() }))
}
