//! `xeroctl show`: one connection in full.

use std::time::SystemTime;

use connection_store::{AppKind, Authorisation, Connection, Event, Store};
use serde_json::json;

use crate::{
    Context, args::OneConnection, failure::Outcome, half_way, health::Health, keys, show, ui::one_line,
};

pub(crate) fn run(context: &Context, args: &OneConnection) -> Outcome {
    let Context { ui, .. } = context;
    let store = context.open_store()?;
    let connection = half_way::looked_at(&store, store.connection(args.name.as_deref())?)?;
    let now = SystemTime::now();
    let last = last_event(&store, &connection)?;
    let mut document = show::connection_json(&connection, now);
    document["last_event"] = last.as_ref().map(super::log::document).into();
    document["store"] = store.status()?.path.display().to_string().into();
    ui.document(json!({ "connection": document }))?;
    let mut rows = rows(&connection, now);
    rows.extend(last.as_ref().map(|event| ("Last event", told(event))));
    rows.extend(store_rows(&store)?);
    ui.data(show::fields(&rows))
}

/// The newest entry of the login's history.
fn last_event(store: &Store, connection: &Connection) -> Outcome<Option<Event>> {
    Ok(match &connection.authorisation {
        Some(login) => store.events(&login.id, 1)?.pop(),
        None => None,
    })
}

fn told(event: &Event) -> String {
    let (date, time) = (show::date(event.at), show::clock_time(event.at));
    let detail =
        if event.detail.is_empty() { String::new() } else { format!(": {}", one_line(&event.detail)) };
    format!("{}, {date} {time}{detail}", event.what.as_str())
}

/// Where it is kept, and what opens that.
fn store_rows(store: &Store) -> Outcome<[(&'static str, String); 2]> {
    let status = store.status()?;
    let keys: Vec<_> = status.slots.iter().map(|slot| one_line(&keys::described(&slot.lock))).collect();
    let secrets = format!("sealed in the store with AES-256-GCM; opened by: {}", keys.join("; "));
    Ok([("Store", status.path.display().to_string()), ("Secrets", secrets)])
}

fn rows(connection: &Connection, now: SystemTime) -> Vec<(&'static str, String)> {
    let private = connection.app.kind == AppKind::Private;
    let mut rows = vec![
        ("Name", format!("{}{}", connection.name, if connection.is_default { " (default)" } else { "" })),
        ("Kind", kind(connection)),
        ("Health", Health::of(connection, now).words().to_owned()),
        ("Server", show::server(connection)),
        (if private { "Consumer key" } else { "Client id" }, connection.app.client_id.clone()),
        ("Organisation", show::organisation(connection)),
    ];
    if let Some(organisation) = &connection.organisation {
        rows.push(("Organisation id", organisation.id.clone()));
        rows.extend(organisation.short_code.clone().map(|code| ("Short code", code)));
    }
    if let Some(login) = &connection.authorisation {
        rows.extend(login_rows(connection, login, now));
    }
    rows.push(("Made", show::date(connection.created_at)));
    rows.push(("Last test", connection.tested_at.map_or("never".to_owned(), show::date)));
    if let Some(certificate) = &connection.app.certificate {
        rows.extend(show::certificate_fields(certificate, now));
    }
    rows
}

fn kind(connection: &Connection) -> String {
    match connection.app.kind {
        AppKind::Web => "web app (OAuth 2.0)".to_owned(),
        AppKind::Desktop => "desktop app (OAuth 2.0, PKCE)".to_owned(),
        AppKind::Custom => "custom connection (OAuth 2.0, client credentials)".to_owned(),
        AppKind::Private if connection.app.server.address().is_none() => {
            format!("private app (OAuth 1.0a), {}", show::RETIRED_SHORT)
        }
        AppKind::Private => "private app (OAuth 1.0a)".to_owned(),
        other => other.as_str().to_owned(),
    }
}

/// Commands renew an access token that has ended.
fn access(end: SystemTime, now: SystemTime) -> String {
    let word = if end > now { "ends" } else { "ended" };
    format!("{word} {} {}", show::date(end), show::clock_time(end))
}

fn login_rows(
    connection: &Connection,
    login: &Authorisation,
    now: SystemTime,
) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if connection.app.kind != AppKind::Custom {
        rows.extend(show::user(&login.user).map(|who| ("Logged in", one_line(&who))));
    }
    rows.push(("Scopes", login.scopes.to_string()));
    rows.push(("Last renewed", show::date(login.refreshed_at)));
    rows.extend(login.access_expires_at.map(|end| ("Access token", access(end, now))));
    if let Some(ends) = login.refresh_expires_at.filter(|_| login.needs_login.is_none()) {
        rows.push((
            "Login ends",
            format!("{} ({}) unless it is used before", show::date(ends), show::left(connection, now)),
        ));
    }
    if let Some(since) = half_way::since(connection) {
        rows.push(("Half-way", half_way::what(since, now)));
    }
    if let Some(needs) = &login.needs_login {
        let again = format!("{} (since {})", one_line(&needs.reason), show::date(needs.since));
        rows.push(("Log in again", again));
    }
    rows
}
