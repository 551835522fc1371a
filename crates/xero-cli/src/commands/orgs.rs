//! `xeroctl orgs`: the organisations that a connection's consent reaches.

use connection_store::{AppKind, Connection, Store};
use serde_json::{Value, json};
use xero_auth_oauth2::TenantLink;

use crate::{
    Context,
    args::{Making, Orgs},
    commands::{
        connect::{self, organisations::Reach},
        token,
    },
    failure::{Failure, Outcome},
    show, store_access,
    ui::one_line,
    xero_api,
};

pub(crate) fn run(context: &Context, args: &Orgs) -> Outcome {
    let Context { ui, global, .. } = context;
    let store = store_access::open(ui, global)?;
    let connection = store.connection(args.name.as_deref())?;
    token::has_tokens(&connection)?;
    xero_api::check_server(global, &connection)?;
    let Some(authorisation) = &connection.authorisation else {
        return Err(Failure::usage(format!("{} has no consent", connection.name)));
    };
    let links = context.block_on(async { Ok(store.tenant_links(authorisation, false).await?) })?;
    if args.add.is_empty() {
        return list(context, &store, &connection, &links);
    }
    if connection.app.kind == AppKind::Custom {
        return Err(Failure::usage("a custom connection reaches one organisation only")
            .hint("create another custom connection in the portal"));
    }
    let reach = Reach { just: 0, links };
    let chosen = reach.choose(context, &args.add)?;
    let making = Making { name: args.r#as.clone(), default: false, replace: false, no_test: false };
    let new = connect::name_them(context, &store, &authorisation.id, &chosen, &making)?;
    store.add_connections(&new)?;
    let names: Vec<_> = new.into_iter().map(|one| one.name).collect();
    connect::finish(context, &store, &names, &making)
}

fn list(context: &Context, store: &Store, connection: &Connection, links: &[TenantLink]) -> Outcome {
    let ui = &context.ui;
    let ours = store.connections()?;
    let used = |link: &TenantLink| {
        let fits = |one: &&Connection| {
            one.app.id == connection.app.id
                && one.organisation.as_ref().is_some_and(|own| own.id == link.tenant_id)
        };
        ours.iter().filter(fits).map(|one| one.name.clone()).collect::<Vec<_>>()
    };
    let document = |link: &TenantLink| -> Value {
        json!({
            "id": link.tenant_id,
            "name": link.name,
            "kind": link.tenant_type,
            "link": link.id,
            "linked_at": link.created,
            "connections": used(link),
        })
    };
    let documents: Vec<_> = links.iter().map(document).collect();
    ui.document(json!({ "connection": connection.name, "organisations": documents }))?;
    if links.is_empty() {
        ui.say("The consent reaches no organisation any more.");
        ui.say(format!("next: xeroctl reauth {}", show::quoted(&connection.name)));
        return Ok(());
    }
    let row = |link: &TenantLink| {
        let names = used(link);
        let since = link.created.as_deref().and_then(|text| text.get(..10)).unwrap_or_default();
        let names = if names.is_empty() { "-".to_owned() } else { names.join(", ") };
        vec![connect::organisations::name(link), names, one_line(since), one_line(&link.tenant_id)]
    };
    ui.data(show::table(&["ORGANISATION", "CONNECTION", "LINKED", "ID"], links.iter().map(row).collect()))?;
    if links.iter().any(|link| used(link).is_empty()) {
        let name = show::quoted(&connection.name);
        ui.say(format!("`xeroctl orgs {name} --add ORGANISATION` connects one that has no connection yet."));
    }
    Ok(())
}
