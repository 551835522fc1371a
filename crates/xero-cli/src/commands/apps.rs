//! `xeroctl apps`: what was registered in the portal, and the connections that use it.

mod edits;
mod secret;

use connection_store::{App, AppKind, Connection, Store};
use serde_json::{Value, json};

pub(crate) use self::{edits::edit, secret::replace as replace_secret};
use crate::{
    Context,
    args::{AppEdit, AppRemove, AppSecret, AppsCommand, OneApp},
    failure::{Failure, Kind, Outcome},
    show,
    table::{self, Column},
};

const COLUMNS: [Column; 5] = [
    Column::text("NAME"),
    Column::whole("KIND").worth(2),
    Column::whole("CLIENT ID"),
    Column::whole("CONNECTIONS"),
    Column::text("SERVER").worth(1),
];

/// How much of a client id names an app at the least, in characters.
const SHORTEST: usize = 4;

pub(crate) fn run(context: &Context, command: &AppsCommand) -> Outcome {
    match command {
        AppsCommand::List => list(context),
        AppsCommand::Show(args) => show_one(context, args),
        AppsCommand::Edit(args) => edit_one(context, args),
        AppsCommand::Secret(AppSecret::Set(args)) => secret::set(context, args),
        AppsCommand::Secret(AppSecret::Remove(args)) => secret::remove(context, args),
        AppsCommand::Remove(args) => remove(context, args),
    }
}

/// The app of that name, client id or consumer key, or whose client id or consumer key begins so.
pub(crate) fn find(store: &Store, text: &str) -> Outcome<App> {
    let apps = store.apps()?;
    let by = |fits: &dyn Fn(&App) -> bool| apps.iter().filter(|app| fits(app)).collect::<Vec<_>>();
    let begins = |app: &App| {
        let begin = app.client_id.get(..text.len());
        text.len() >= SHORTEST && begin.is_some_and(|begin| begin.eq_ignore_ascii_case(text))
    };
    let tries = [
        by(&|app| app.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(text))),
        by(&|app| app.client_id.eq_ignore_ascii_case(text)),
        by(&begins),
    ];
    let found = tries.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
    match found.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let known: Vec<_> = apps.iter().map(called).collect();
            let hint = match known.as_slice() {
                [] => "there are none yet: `xeroctl connect` stores one".to_owned(),
                _ if text.len() < SHORTEST => format!(
                    "a name, or at least {SHORTEST} characters of a client id; there are: {}",
                    show::few(&known, text)
                ),
                known => format!("there are: {}", show::few(known, text)),
            };
            Err(Failure::new(Kind::NoSuchConnection, format!("there is no app {text:?}")).hint(hint))
        }
        several => Err(Failure::usage(format!("{text:?} names {} apps", several.len()))
            .hint("give each a name: `xeroctl edit CONNECTION --app-name NAME`")),
    }
}

/// What people call the app, or its client id.
pub(crate) fn called(app: &App) -> String {
    app.name.clone().unwrap_or_else(|| app.client_id.clone())
}

/// The word for what an app is known by in the portal.
fn id_word(app: &App) -> &'static str {
    if app.kind == AppKind::Private { "Consumer key" } else { "Client id" }
}

fn of(app: &App, connections: &[Connection]) -> Vec<String> {
    connections.iter().filter(|one| one.app.id == app.id).map(|one| one.name.clone()).collect()
}

fn list(context: &Context) -> Outcome {
    let store = context.open_store()?;
    let (apps, connections) = (store.apps()?, store.connections()?);
    let documents: Vec<_> = apps.iter().map(|app| document(app, &of(app, &connections))).collect();
    context.ui.document(json!({ "apps": documents }))?;
    if apps.is_empty() {
        context.ui.say("No apps. `xeroctl connect` stores one with its first connection.");
        return Ok(());
    }
    let row = |app: &App| {
        vec![
            app.name.clone().unwrap_or_else(|| "-".to_owned()),
            app.kind.as_str().to_owned(),
            app.client_id.clone(),
            of(app, &connections).len().to_string(),
            show::server_of(app),
        ]
    };
    let rows = apps.iter().map(row).collect();
    context.ui.data(table::table(&COLUMNS, rows))
}

fn show_one(context: &Context, args: &OneApp) -> Outcome {
    let store = context.open_store()?;
    let app = find(&store, &args.app)?;
    let names = of(&app, &store.connections()?);
    context.ui.document(json!({ "app": document(&app, &names) }))?;
    let mut rows = vec![
        ("Name", app.name.clone().unwrap_or_else(|| "none; `xeroctl apps edit` gives one".to_owned())),
        ("Kind", app.kind.as_str().to_owned()),
        (id_word(&app), app.client_id.clone()),
        ("Server", show::server_of(&app)),
        ("Made", show::date(app.created_at)),
    ];
    rows.extend(app.redirect_uris.iter().map(|uri| ("Redirect URI", uri.as_str().to_owned())));
    if let Some(second) = &app.second {
        let what = if app.kind == AppKind::Private { "certificate" } else { "secret" };
        rows.push(("Second", format!("another {what} is kept beside it since {}", show::date(second.since))));
    }
    rows.push(("Connections", if names.is_empty() { "none".to_owned() } else { names.join(", ") }));
    context.ui.data(show::fields(&rows))
}

fn edit_one(context: &Context, args: &AppEdit) -> Outcome {
    let store = context.open_store()?;
    let app = find(&store, &args.app)?;
    let names = of(&app, &store.connections()?);
    let connection = names.first().map(|name| store.connection(Some(name))).transpose()?;
    let edited = edit(context, (&store, connection.as_ref()), &app, &args.edits, args.no_test)?;
    context.ui.say(format!("Changed the app {}.", called(&edited)));
    context.ui.document(json!({ "app": document(&edited, &names) }))
}

fn remove(context: &Context, args: &AppRemove) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let app = find(&store, &args.app)?;
    let names = of(&app, &store.connections()?);
    if !args.yes {
        ui.say(format!("{} ({} app), with: {}", called(&app), app.kind.as_str(), listed(&names)));
        ui.say("Their secrets leave the store; Xero is not told (`xeroctl disconnect` ends connections there too).");
        if !ui.interactive() {
            return Err(Failure::usage("no one can be asked whether to remove the app").hint("give --yes"));
        }
        if !ui.confirm(&format!("Remove {} and its connections?", called(&app)))? {
            return Err(Failure::new(Kind::Interrupted, "nothing was removed"));
        }
    }
    store.remove(&names)?;
    // Logins that were not finished keep their app too.
    for login in store.unused_authorisations()?.iter().filter(|login| login.app == app.id) {
        store.forget_authorisation(&login.id)?;
    }
    ui.say(format!("Removed {}. The app in the developer portal is still there.", called(&app)));
    ui.document(json!({ "removed": { "app": called(&app), "connections": names } }))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no connections".to_owned() } else { names.join(", ") }
}

/// An app as JSON.
pub(crate) fn document(app: &App, connections: &[String]) -> Value {
    let second = app.second.as_ref().map(|second| json!({ "since": show::timestamp(second.since) }));
    let id = if app.kind == AppKind::Private { "consumer_key" } else { "client_id" };
    json!({
        "name": app.name,
        "kind": app.kind.as_str(),
        id: app.client_id,
        "server": show::server_of(app),
        "redirect_uris": app.redirect_uris.iter().map(|uri| uri.as_str()).collect::<Vec<_>>(),
        "second_secret": second,
        "connections": connections,
        "created_at": show::timestamp(app.created_at),
    })
}
