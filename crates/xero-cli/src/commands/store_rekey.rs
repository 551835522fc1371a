//! `xeroctl store rekey`: seals everything under a new data key.

use serde_json::json;

use crate::{Context, failure::Outcome};

pub(crate) fn run(context: &Context) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store_quietly()?;
    let bar = ui.progress("Sealing");
    let count = store.rekey(&mut |done, total| bar.show(done, total))?;
    drop(bar);
    let values = if count == 1 { "1 value is".to_owned() } else { format!("{count} values are") };
    ui.say(format!("{values} sealed under a new data key. The keys that open the store are the same."));
    ui.say("Old copies stay as they are. If one has leaked with its key, replace at Xero what is in it: secrets, certificates, logins.");
    ui.document(json!({ "sealed": count, "data_key": store.status()?.data_key }))
}
