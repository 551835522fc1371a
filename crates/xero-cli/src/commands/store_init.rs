//! `xeroctl store init`: makes the store, and says what other roles of a database server need to use it.

use connection_store::Error;
use serde_json::json;

use crate::{
    Context,
    args::StoreInit,
    failure::{Failure, Outcome},
    store_access,
    store_place::StorePlace,
};

pub(crate) fn run(context: &Context, args: &StoreInit) -> Outcome {
    let (ui, place) = (&context.ui, context.store_place()?);
    let grants = grants(place, &args.grants)?;
    let made = match context.has_no_store()? {
        true => Some(make(context, args)?),
        false if args.grants.is_empty() => return Err(Error::Exists(place.path().to_owned()).into()),
        false => None,
    };
    ui.document(json!({
        "store": place.path().display().to_string(),
        "key": made,
        "grants": (!args.grants.is_empty()).then_some(&grants),
    }))?;
    if grants.is_empty() { Ok(()) } else { ui.data(grants.trim_end()) }
}

/// Makes the store; gives the kind of what opens it.
fn make(context: &Context, args: &StoreInit) -> Outcome<&'static str> {
    let Some(new) = store_access::plan(context, &args.recipients)? else {
        return Err(Failure::usage("nothing was said of what shall open the store").hint(
            "give --key-file FILE (made if it does not exist), --passphrase-file FILE, --keychain, --key-command \
             COMMAND or --identity FILE",
        ));
    };
    new.make(context)?;
    Ok(new.key.new.lock.as_str())
}

fn grants(place: &StorePlace, roles: &[String]) -> Outcome<String> {
    if !roles.is_empty() && place.file().is_some() {
        return Err(Failure::usage("a file has no roles")
            .hint("leave --grants out, or name a server: --store postgres://USER@HOST/DATABASE"));
    }
    Ok(roles.iter().map(|role| place.grants(role)).collect())
}
