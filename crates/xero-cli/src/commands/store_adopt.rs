//! `xeroctl store adopt`: this machine owns the store from now on.

use connection_store::Ownership;
use serde_json::json;

use crate::{
    Context,
    args::StoreAdopt,
    failure::{Failure, Kind, Outcome},
    ownership::gone_on,
    show,
    ui::one_line,
};

const BOTH: &str = "Where both are in use, each renewal of one makes the other's login useless.";

pub(crate) fn run(context: &Context, args: &StoreAdopt) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store_quietly()?;
    let before = match store.ownership()? {
        Ownership::Here => {
            ui.say(format!("{} owns the store already.", owner(context)?));
            return ui.document(json!({ "adopted": false, "owner_before": null }));
        }
        Ownership::Copied { owner, since } => {
            ui.say(format!(
                "The store is a copy of the one that {} owns since {}.",
                one_line(&owner),
                show::date(since)
            ));
            ui.say(BOTH);
            confirm(context, args)?;
            Some(owner)
        }
        Ownership::Moved { to: other, since } => {
            ui.say(format!("The store was moved to {} on {}.", one_line(&other), show::date(since)));
            ui.say(BOTH);
            confirm(context, args)?;
            Some(other)
        }
        Ownership::Arriving { from: other, to, since } => {
            ui.say(format!(
                "The move from {}, of {}, was not finished.",
                one_line(&other),
                show::date(since)
            ));
            ui.say(format!("To {}.", gone_on(&other, &to)));
            ui.say(BOTH);
            confirm(context, args)?;
            Some(other)
        }
        Ownership::Nobody => None,
    };
    store.adopt()?;
    ui.say(match context.store_place()?.file() {
        Some(_) => "This machine owns the store now, and renews its logins.",
        None => "This database owns the store now: all machines that reach it renew its logins.",
    });
    ui.document(json!({ "adopted": true, "owner_before": before }))
}

fn owner(context: &Context) -> Outcome<&'static str> {
    Ok(if context.store_place()?.file().is_some() { "This machine" } else { "This database" })
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
