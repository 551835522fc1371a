//! A consent that is kept becomes connections: organisations are chosen, named, connected and tested.

use connection_store::{AppKind, Authorisation, Connection, Need, NewConnection, Organisation, Store};
use serde_json::json;
use xero_auth_oauth2::{ApiProblem, Error as AuthError, Identity, TenantLink};

use super::{
    name::Taken,
    organisations::{self, Reach},
    two_steps,
};
use crate::{
    Context,
    args::{Choosing, Making},
    commands::test::{self, Tested},
    failure::{Failure, Kind, Outcome},
    show,
    ui::Ui,
};

/// A consent that is in the store.
pub(crate) struct Kept {
    pub(crate) authorisation: Authorisation,
    /// The unfinished login that it belongs to, if it was begun as one.
    pub(crate) login: Option<String>,
}

/// Organisations are chosen, named, connected and tested. Where that cannot be done now, the consent is kept for later.
pub(super) fn connect(
    context: &Context,
    store: &Store,
    kept: &Kept,
    making: &Making,
    choosing: &Choosing,
) -> Outcome {
    let names = add(context, store, kept, making, choosing)?;
    if let Some(login) = &kept.login {
        store.forget_pending(login)?;
    }
    finish(context, store, &names, making)
}

/// The same without tests; gives the names of the connections.
pub(crate) fn add(
    context: &Context,
    store: &Store,
    kept: &Kept,
    making: &Making,
    choosing: &Choosing,
) -> Outcome<Vec<String>> {
    choose_and_add(context, store, kept, making, choosing)
        .map_err(|failure| two_steps::keep_for_later(kept, failure))
}

fn choose_and_add(
    context: &Context,
    store: &Store,
    kept: &Kept,
    making: &Making,
    choosing: &Choosing,
) -> Outcome<Vec<String>> {
    let links = context.block_on(async { Ok(store.tenant_links(&kept.authorisation, false).await?) })?;
    let reach = Reach::of(links, kept.authorisation.consent.as_deref());
    let chosen = reach.choose(context, &choosing.organisations)?;
    let new = name_them(context, store, &kept.authorisation.id, &chosen, making)?;
    for one in new.iter().filter(|one| one.replace) {
        may_replace(context, store, &kept.authorisation, one, making)?;
    }
    store.add_connections(&new)?;
    Ok(new.into_iter().map(|one| one.name).collect())
}

/// A connection that works is not given up for one that does not, nor for another organisation unasked.
fn may_replace(
    context: &Context,
    store: &Store,
    authorisation: &Authorisation,
    new: &NewConnection,
    making: &Making,
) -> Outcome {
    let Some(organisation) = &new.organisation else { return Ok(()) };
    let replaces = keeps_organisation(context, store, &new.name, organisation)?;
    let app = store.apps()?.into_iter().find(|app| app.id == authorisation.app);
    let Some(app) = app.filter(|_| replaces && !making.no_test) else { return Ok(()) };
    let tested = context.block_on(async {
        let access = store.access_of(authorisation, Need::default()).await?;
        let server = Identity::new(app.server.endpoints(), context.timeout());
        Ok(server.organisation(&access.token, Some(&organisation.id)).await)
    })?;
    match tested {
        // The list of connections, from which the organisation was chosen, is the test then.
        Ok(_) | Err(AuthError::Api(ApiProblem::MissingScope)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Refuses to put another organisation under a name that is taken, unless a person says so. False: the name is free.
pub(super) fn keeps_organisation(
    context: &Context,
    store: &Store,
    name: &str,
    new: &Organisation,
) -> Outcome<bool> {
    let known = store.connections()?;
    let Some(old) = known.iter().find(|one| one.name.eq_ignore_ascii_case(name)) else { return Ok(false) };
    let Some(was) = old.organisation.as_ref().filter(|was| !was.id.eq_ignore_ascii_case(&new.id)) else {
        return Ok(true);
    };
    let question = format!("{} is for {}. Make it one for {}?", old.name, was.name, new.name);
    if context.ui.interactive() && context.ui.confirm(&question)? {
        return Ok(true);
    }
    let message = format!(
        "{} is for {}, and the new one would be for {}; nothing was replaced",
        old.name, was.name, new.name
    );
    let hint = format!("give another name, or `xeroctl remove {}` first", show::quoted(&old.name));
    Err(Failure::new(Kind::WrongOrganisation, message).hint(hint))
}

/// One connection for each organisation.
pub(crate) fn name_them(
    context: &Context,
    store: &Store,
    authorisation: &str,
    chosen: &[&TenantLink],
    making: &Making,
) -> Outcome<Vec<NewConnection>> {
    if let (Some(_), [_, _, ..]) = (&making.name, chosen) {
        return Err(Failure::usage("one name was given, and several organisations were chosen")
            .hint("leave the name out: each connection is then named after its organisation"));
    }
    let mut taken = Taken::in_store(store)?;
    let mut new = Vec::new();
    for (at, link) in chosen.iter().enumerate() {
        let organisation = organisations::name(link);
        let name = match &making.name {
            Some(name) => {
                taken.check(name, making.replace)?;
                name.clone()
            }
            None => {
                context.ui.say(format!("Connecting {organisation}."));
                taken.choose(context, &organisation, making.replace)?
            }
        };
        taken.take(&name);
        new.push(NewConnection {
            name,
            authorisation: authorisation.to_owned(),
            organisation: Some(Organisation {
                id: link.tenant_id.clone(),
                name: organisation,
                short_code: None,
            }),
            make_default: making.default && at == 0,
            replace: making.replace,
            tested: false,
        });
    }
    Ok(new)
}

/// Tests the new connections and says what can be done with them.
pub(crate) fn finish(context: &Context, store: &Store, names: &[String], making: &Making) -> Outcome {
    let ui = &context.ui;
    let mut first_failure = None;
    for name in names.iter().filter(|_| !making.no_test) {
        let connection = store.connection(Some(name))?;
        ui.say(format!("Testing {name}…"));
        match test::test_one(context, store, &connection) {
            Ok(Tested { seen, .. }) => ui.say(format!("It works: {}.", seen.name)),
            Err(failure) => {
                Ui::explain(&failure);
                first_failure = first_failure.or(Some(failure));
            }
        }
    }
    let connections: Vec<Connection> =
        names.iter().map(|name| store.connection(Some(name))).collect::<Result<_, _>>()?;
    let now = store.clock().now();
    let documents: Vec<_> = connections.iter().map(|one| show::connection_json(one, now)).collect();
    match first_failure {
        None => {
            ui.document(json!({ "connection": documents.first(), "connections": documents }))?;
            closing(ui, &connections);
            Ok(())
        }
        Some(failure) => {
            ui.say(format!("Saved all the same: {}. `xeroctl test` tries again.", names.join(", ")));
            let mut document = failure.document();
            document["connections"] = documents.into();
            ui.document(document)?;
            Err(Failure::silent(failure.kind))
        }
    }
}

/// What can be done now, in lines to copy.
pub(crate) fn closing(ui: &Ui, connections: &[Connection]) {
    for one in connections {
        let default = if one.is_default { " (the default connection)" } else { "" };
        ui.say(format!("Saved as {}{default}.", one.name));
    }
    let Some(first) = connections.first() else { return };
    let name = show::quoted(&first.name);
    ui.say("");
    match first.app.kind {
        AppKind::Private => {
            ui.say(format!("  xeroctl test {name}"));
            ui.say(format!("  xeroctl request -c {name} GET Invoices"));
            ui.say(format!("  xeroctl sign -c {name} GET Organisation"));
        }
        _ => {
            ui.say(format!("  xeroctl token {name}"));
            ui.say(format!("  xeroctl request -c {name} GET Invoices"));
            ui.say(format!("  xeroctl exec {name} -- your-program"));
        }
    }
}
