//! `xeroctl show`: one connection in full.

use std::time::SystemTime;

use connection_store::Connection;
use serde_json::json;

use crate::{Context, args::OneConnection, failure::Outcome, show, store_access};

pub(crate) fn run(context: &Context, args: &OneConnection) -> Outcome {
    let Context { ui, global } = context;
    let connection = store_access::open(ui, global)?.connection(args.name.as_deref())?;
    let now = SystemTime::now();
    ui.document(json!({ "connection": show::connection_json(&connection, now) }))?;
    ui.data(show::fields(&rows(&connection, now)))
}

fn rows(connection: &Connection, now: SystemTime) -> Vec<(&'static str, String)> {
    let server = show::server(connection);
    let kind = match connection.app.server.address() {
        None => format!("private app (OAuth 1.0a), {}", show::RETIRED_SHORT),
        Some(_) => "private app (OAuth 1.0a)".to_owned(),
    };
    let mut rows = vec![
        ("Name", format!("{}{}", connection.name, if connection.is_default { " (default)" } else { "" })),
        ("Kind", kind),
        ("Server", server),
        ("Consumer key", connection.app.client_id.clone()),
        ("Organisation", show::organisation(connection)),
    ];
    if let Some(organisation) = &connection.organisation {
        rows.push(("Organisation id", organisation.id.clone()));
        rows.extend(organisation.short_code.clone().map(|code| ("Short code", code)));
    }
    rows.push(("Made", show::date(connection.created_at)));
    rows.push(("Last test", connection.tested_at.map_or("never".to_owned(), show::date)));
    rows.extend(show::certificate_fields(&connection.app.certificate, now));
    rows
}
