//! `xeroctl default`: the connection that is used where none is named.

use serde_json::json;

use crate::{Context, args::NamedConnection, failure::Outcome, ui::one_line};

pub(crate) fn run(context: &Context, args: &NamedConnection) -> Outcome {
    let Context { ui, .. } = context;
    let store = context.open_store()?;
    let forged = store.connection(None).ok().filter(|now| store.check(now).is_err());
    store.check(&store.connection(Some(&args.name))?)?;
    store.set_default(&args.name)?;
    if let Some(forged) = forged {
        ui.warn(format!(
            "{} was the default connection by a change that nobody with the store's key made; `xeroctl store verify` names \
             what else was changed",
            one_line(&forged.name)
        ));
    }
    let connection = store.connection(Some(&args.name))?;
    ui.say(format!("{} is the default connection now.", connection.name));
    ui.document(json!({ "default": connection.name }))
}
