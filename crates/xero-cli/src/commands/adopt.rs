//! `xeroctl adopt`: this store renews logins that were imported, or exported and imported nowhere.

use connection_store::{Connection, Error as StoreError, Store};
use serde_json::json;

use crate::{
    Context,
    args::Adopt,
    commands::export,
    failure::{Failure, Kind, Outcome},
};

pub(crate) fn run(context: &Context, args: &Adopt) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let waiting = waiting(&store, args)?;
    if let Some(refusal) = store.ownership()?.refusal() {
        return Err(refusal.into());
    }
    if waiting.is_empty() {
        must_live(&store, args)?;
        ui.say("This store renews these logins already.");
        return ui.document(json!({ "adopted": [] }));
    }
    confirm(context, args, &waiting)?;
    let names: Vec<_> = waiting.iter().map(|one| one.name.clone()).collect();
    let adopted = store.adopt_logins(Some(&names))?;
    ui.say(format!("This store renews the logins of {} from now on.", adopted.join(", ")));
    ui.document(json!({ "adopted": adopted }))
}

fn waiting(store: &Store, args: &Adopt) -> Outcome<Vec<Connection>> {
    let connections = match args.all {
        true => store.connections()?,
        false => args.names.iter().map(|name| store.connection(Some(name))).collect::<Result<_, _>>()?,
    };
    Ok(connections.into_iter().filter(|one| export::handed(one).is_some()).collect())
}

/// A login that has ended is renewed nowhere, whoever adopts it.
fn must_live(store: &Store, args: &Adopt) -> Outcome {
    for name in &args.names {
        let login = store.connection(Some(name))?.authorisation;
        let Some((id, mark)) = login.and_then(|login| Some((login.id, login.needs_login?))) else { continue };
        let connections = store.sharing(&id)?.into_iter().map(|one| one.name).collect();
        return Err(StoreError::NeedsLogin { connections, reason: mark.reason }.into());
    }
    Ok(())
}

fn confirm(context: &Context, args: &Adopt, waiting: &[Connection]) -> Outcome {
    let ui = &context.ui;
    if args.yes {
        return Ok(());
    }
    if !ui.interactive() {
        return Err(
            Failure::usage("no one can be asked whether another store renews them").hint("give --yes")
        );
    }
    for one in waiting {
        ui.say(format!("{}: {}", one.name, export::handed(one).unwrap_or_default()));
    }
    ui.say(
        "Where two stores renew one login, each spends the other's token, and a person must log in again.",
    );
    if ui.confirm("Is this the only store that renews them from now on?")? {
        Ok(())
    } else {
        Err(Failure::new(Kind::Interrupted, "nothing was changed"))
    }
}
