//! `xeroctl show`: one connection in full.

use std::time::SystemTime;

use connection_store::{AppKind, Authorisation, Connection};
use serde_json::json;

use crate::{Context, args::OneConnection, failure::Outcome, show, ui::one_line};

pub(crate) fn run(context: &Context, args: &OneConnection) -> Outcome {
    let Context { ui, .. } = context;
    let connection = context.open_store()?.connection(args.name.as_deref())?;
    let now = SystemTime::now();
    ui.document(json!({ "connection": show::connection_json(&connection, now) }))?;
    ui.data(show::fields(&rows(&connection, now)))
}

fn rows(connection: &Connection, now: SystemTime) -> Vec<(&'static str, String)> {
    let private = connection.app.kind == AppKind::Private;
    let mut rows = vec![
        ("Name", format!("{}{}", connection.name, if connection.is_default { " (default)" } else { "" })),
        ("Kind", kind(connection)),
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
    if let Some(ends) = login.refresh_expires_at.filter(|_| login.needs_login.is_none()) {
        rows.push((
            "Login ends",
            format!("{} ({}) unless it is used before", show::date(ends), show::left(connection, now)),
        ));
    }
    if let Some(needs) = &login.needs_login {
        let again = format!("{} (since {})", one_line(&needs.reason), show::date(needs.since));
        rows.push(("Log in again", again));
    }
    rows
}
