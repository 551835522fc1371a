//! `xeroctl edit`: what is known of a connection and its app. The kind stays.

use connection_store::{AppKind, ClientSecret, Connection, Store};
use serde_json::json;

use super::{apps, connect::app::ask_secret, rename::name_taken};
use crate::{
    Context,
    args::Edit,
    failure::{Failure, Outcome},
    show,
};

/// What a person may choose to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Name,
    Default,
    AppName,
    Secret,
    RedirectUri,
    ConsumerKey,
    Certificate,
}

pub(crate) fn run(context: &Context, args: &Edit) -> Outcome {
    let ui = &context.ui;
    let store = context.open_store()?;
    let connection = store.connection(args.name.as_deref())?;
    let nothing = args.rename.is_none() && !args.default && args.app.is_empty();
    if nothing && ui.interactive() {
        return ask(context, &store, &connection, args);
    }
    if nothing {
        return Err(Failure::usage("nothing was said of what to change")
            .hint("`xeroctl help edit` lists what can be changed"));
    }
    apply(context, &store, &connection, args)
}

fn apply(context: &Context, store: &Store, connection: &Connection, args: &Edit) -> Outcome {
    let ui = &context.ui;
    if !args.app.is_empty() {
        apps::edit(context, (store, Some(connection)), &connection.app, &args.app, args.no_test)?;
        say_who_else(context, store, connection)?;
    }
    if args.default {
        store.set_default(&connection.name)?;
    }
    let mut name = connection.name.clone();
    if let Some(new_name) = &args.rename {
        store.rename(&name, new_name).map_err(name_taken)?;
        name.clone_from(new_name);
    }
    ui.say(format!("Changed {name}."));
    let connection = store.connection(Some(&name))?;
    ui.document(json!({ "connection": show::connection_json(&connection, store.clock().now()) }))
}

/// A change of the app is one for all of its connections.
fn say_who_else(context: &Context, store: &Store, connection: &Connection) -> Outcome {
    let others = store.connections()?.into_iter();
    let others = others.filter(|one| one.app.id == connection.app.id && one.name != connection.name);
    let names: Vec<_> = others.map(|one| one.name).collect();
    if !names.is_empty() {
        context.ui.say(format!("The app is changed for {} too.", names.join(", ")));
    }
    Ok(())
}

fn ask(context: &Context, store: &Store, connection: &Connection, args: &Edit) -> Outcome {
    let changes = changes(connection);
    let lines = changes.iter().map(|change| change.line(connection)).collect();
    let change = changes[context.ui.choose(&format!("What of {} is to change?", connection.name), lines)?];
    let mut asked = args.clone();
    match change {
        Change::Secret => {
            let secret = ClientSecret::new(&ask_secret(context)?)?;
            apps::replace_secret(context, store, &connection.app, secret, args.no_test)?;
            return say_who_else(context, store, connection);
        }
        Change::Default => asked.default = true,
        _ => answer(context, connection, change, &mut asked)?,
    }
    apply(context, store, connection, &asked)
}

/// The answer, as options would have said it.
fn answer(context: &Context, connection: &Connection, change: Change, asked: &mut Edit) -> Outcome {
    let Connection { name, app, .. } = connection;
    let ask = |question: &str, suggestion: &str| context.ui.ask(question, suggestion, |_| Ok(()));
    match change {
        Change::Name => asked.rename = Some(ask("New name:", name)?),
        Change::AppName => {
            asked.app.app_name = Some(ask("Name of the app:", app.name.as_deref().unwrap_or_default())?);
        }
        Change::RedirectUri => asked.app.redirect_uri = vec![ask("Redirect URI, as the portal has it:", "")?],
        Change::ConsumerKey => asked.app.consumer_key = Some(ask("Consumer key:", "")?),
        Change::Certificate => {
            let path = context.ui.ask_path("Path of the .pfx file:", |_| Ok(()))?;
            asked.app.certificate = Some(path.into());
        }
        Change::Default | Change::Secret => {}
    }
    Ok(())
}

/// What can be changed of a connection of this kind.
fn changes(connection: &Connection) -> Vec<Change> {
    let mut changes = vec![Change::Name];
    changes.extend((!connection.is_default).then_some(Change::Default));
    changes.push(Change::AppName);
    changes.extend_from_slice(match connection.app.kind {
        AppKind::Web => &[Change::Secret, Change::RedirectUri],
        AppKind::Desktop => &[Change::RedirectUri],
        AppKind::Custom => &[Change::Secret],
        AppKind::Private => &[Change::ConsumerKey, Change::Certificate],
        _ => &[],
    });
    changes
}

impl Change {
    fn line(self, connection: &Connection) -> String {
        let app = &connection.app;
        match self {
            Self::Name => format!("its name: {}", connection.name),
            Self::Default => "make it the default connection".to_owned(),
            Self::AppName => format!("the app's name: {}", app.name.as_deref().unwrap_or("none")),
            Self::Secret => "the app's client secret".to_owned(),
            Self::RedirectUri => {
                let uris: Vec<_> = app.redirect_uris.iter().map(|uri| uri.as_str()).collect();
                format!("the app's redirect URI: {}", uris.join(", "))
            }
            Self::ConsumerKey => format!("the app's consumer key: {}", app.client_id),
            Self::Certificate => "the app's certificate and key (.pfx)".to_owned(),
        }
    }
}
