//! `xeroctl orgs`: the organisations that a connection's consent reaches.

use connection_store::{AppKind, Connection, Store};
use serde_json::{Value, json};
use xero_auth_oauth2::TenantLink;

use crate::{
    Context,
    args::{Copy, Making, Orgs},
    commands::{
        connect::{self, organisations::Reach},
        export, token,
    },
    failure::{Failure, Kind, Outcome},
    show,
    table::{self, Column},
    ui::one_line,
    xero_api,
};

const COLUMNS: [Column; 4] = [
    Column::text("ORGANISATION"),
    Column::text("CONNECTION"),
    Column::whole("LINKED").worth(1),
    Column::whole("ID").worth(2),
];

pub(crate) fn run(context: &Context, args: &Orgs) -> Outcome {
    let global = &context.global;
    let store = context.open_store()?;
    let connection = store.connection(args.name.as_deref())?;
    token::login_of(&connection)?;
    xero_api::check_server(global, &connection)?;
    let links = context.ask_xero(async {
        store.tenant_links_of(&connection).await.map_err(|error| xero_api::no_token(error, &connection))
    })?;
    if args.add.is_empty() {
        return list(context, &store, &connection, &links);
    }
    add(context, (&store, &connection), links, (&args.add, args.r#as.clone()))
}

/// `xeroctl copy`: the same app and login for another organisation.
pub(crate) fn copy(context: &Context, args: &Copy) -> Outcome {
    let store = context.open_store()?;
    let connection = store.connection(Some(&args.name))?;
    token::login_of(&connection)?;
    xero_api::check_server(&context.global, &connection)?;
    if args.organisations.is_empty() && !context.ui.interactive() {
        return Err(Failure::usage("nothing was said of the organisation").hint(format!(
            "give --organisation; `xeroctl orgs {}` lists them",
            show::quoted(&connection.name)
        )));
    }
    let links = context.ask_xero(async {
        store.tenant_links_of(&connection).await.map_err(|error| xero_api::no_token(error, &connection))
    })?;
    add(context, (&store, &connection), links, (&args.organisations, args.r#as.clone()))
}

/// Connects organisations that the consent reaches.
fn add(
    context: &Context,
    (store, connection): (&Store, &Connection),
    links: Vec<TenantLink>,
    (wanted, name): (&[String], Option<String>),
) -> Outcome {
    let ui = &context.ui;
    let authorisation = token::login_of(connection)?;
    if let Some(handed) = export::handed(connection) {
        return Err(Failure::new(
            Kind::NeedsPerson,
            format!("the login of {} was {handed}", connection.name),
        )
        .hint(format!("xeroctl adopt {}", show::quoted(&connection.name))));
    }
    if connection.app.kind == AppKind::Custom {
        return Err(Failure::usage("a custom connection reaches one organisation only")
            .hint("create another custom connection in the portal"));
    }
    // Asked for, those that have a connection need not be offered.
    let all = wanted.is_empty() || wanted.iter().any(|wanted| wanted == "all");
    let ours = store.connections()?;
    // `all` are those that have no connection yet.
    let links: Vec<_> =
        links.into_iter().filter(|link| !all || connections_to(&ours, connection, link).is_empty()).collect();
    if all && links.is_empty() {
        ui.say("Every organisation of the list has a connection.");
        return ui.document(json!({ "connection": connection.name, "connections": [] }));
    }
    let reach = Reach { just: 0, links };
    let chosen = reach.choose(context, wanted).map_err(|failure| {
        let more = format!(
            "another one is consented to with: xeroctl connect --kind {} --client-id {}",
            connection.app.kind.as_str(),
            connection.app.client_id
        );
        match (&failure.hint, wanted.is_empty()) {
            (Some(hint), false) => {
                let hint = format!("{hint}; {more}");
                failure.hint(hint)
            }
            _ => failure,
        }
    })?;
    let making = Making { name, default: false, replace: false, no_test: false };
    let new = connect::name_them(context, store, &authorisation.id, &chosen, &making).map_err(|failure| {
        match failure.kind {
            Kind::Usage if chosen.len() > 1 => {
                failure.hint("add them one at a time, each with its name: --as")
            }
            Kind::Usage => failure.hint("give another name with --as"),
            _ => failure,
        }
    })?;
    store.add_connections(&new)?;
    let names: Vec<_> = new.into_iter().map(|one| one.name).collect();
    connect::finish(context, store, &names, &making)
}

fn list(context: &Context, store: &Store, connection: &Connection, links: &[TenantLink]) -> Outcome {
    let ui = &context.ui;
    let ours = store.connections()?;
    let used = |link: &TenantLink| connections_to(&ours, connection, link);
    let document = |link: &TenantLink| -> Value {
        json!({
            "id": link.tenant_id,
            "name": link.name,
            "kind": link.tenant_type,
            "link": link.id,
            "linked_at": link.created.as_deref().and_then(show::xero_time),
            "connections": used(link),
        })
    };
    if links.is_empty() {
        return Err(Failure::new(Kind::NeedsPerson, "the consent reaches no organisation any more")
            .hint(format!("xeroctl reauth {}", show::quoted(&connection.name))));
    }
    let documents: Vec<_> = links.iter().map(document).collect();
    ui.document(json!({ "connection": connection.name, "organisations": documents }))?;
    let row = |link: &TenantLink| {
        let names = used(link);
        let since = link.created.as_deref().and_then(|text| text.get(..10)).unwrap_or_default();
        let names = if names.is_empty() { "-".to_owned() } else { names.join(", ") };
        vec![connect::organisations::name(link), names, one_line(since), one_line(&link.tenant_id)]
    };
    ui.data(table::table(&COLUMNS, links.iter().map(row).collect()))?;
    if links.iter().any(|link| used(link).is_empty()) {
        let name = show::quoted(&connection.name);
        ui.say(format!("`xeroctl orgs {name} --add ORGANISATION` connects one that has no connection yet."));
    }
    Ok(())
}

/// The names of the connections of the same app to an organisation.
fn connections_to(ours: &[Connection], connection: &Connection, link: &TenantLink) -> Vec<String> {
    let fits = |one: &&Connection| {
        one.app.id == connection.app.id
            && one.organisation.as_ref().is_some_and(|own| own.id.eq_ignore_ascii_case(&link.tenant_id))
    };
    ours.iter().filter(fits).map(|one| one.name.clone()).collect()
}
