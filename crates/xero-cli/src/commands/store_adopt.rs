//! `xeroctl store adopt`: this machine owns the store from now on.

use connection_store::Ownership;
use serde_json::json;

use crate::{
    Context,
    args::StoreAdopt,
    failure::{Failure, Kind, Outcome},
    show,
    ui::one_line,
};

pub(crate) fn run(context: &Context, args: &StoreAdopt) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store_quietly()?;
    let before = match store.ownership()? {
        Ownership::Here => {
            ui.say("This machine owns the store already.");
            return ui.document(json!({ "adopted": false, "owner_before": null }));
        }
        Ownership::Copied { owner, since } => {
            ui.say(format!(
                "The store is a copy of the one that {} owns since {}.",
                one_line(&owner),
                show::date(since)
            ));
            ui.say("Where both are in use, each renewal of one makes the other's login useless.");
            confirm(context, args)?;
            Some(owner)
        }
        Ownership::Nobody => None,
    };
    store.adopt()?;
    ui.say("This machine owns the store now, and renews its logins.");
    ui.document(json!({ "adopted": true, "owner_before": before }))
}

fn confirm(context: &Context, args: &StoreAdopt) -> Outcome {
    let ui = &context.ui;
    if args.yes {
        return Ok(());
    }
    if !ui.interactive() {
        return Err(
            Failure::usage("no one can be asked whether the other one is out of use").hint("give --yes")
        );
    }
    if ui.confirm("Is the other one out of use for good?")? {
        Ok(())
    } else {
        Err(Failure::new(Kind::Interrupted, "nothing was changed"))
    }
}
