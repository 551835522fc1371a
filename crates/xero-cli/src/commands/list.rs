//! `xeroctl list`: all connections.

use std::time::SystemTime;

use connection_store::{AppKind, Connection};
use serde_json::json;

use crate::{Context, commands::connect::two_steps, failure::Outcome, show, store_access};

pub(crate) fn run(context: &Context) -> Outcome {
    let Context { ui, global, .. } = context;
    let (connections, unfinished) = if store_access::is_missing(global)? {
        ui.say(format!("There is no store at {} yet.", store_access::store_path(global)?.display()));
        (Vec::new(), Vec::new())
    } else {
        let store = context.open_store()?;
        (store.connections()?, store.unused_authorisations()?)
    };
    for login in &unfinished {
        let of = show::user(&login.user).map(|who| format!(" of {who}")).unwrap_or_default();
        let id = two_steps::short_id(login);
        ui.say(format!("A login{of} has no connection yet: `xeroctl connect finish {id}` goes on with it."));
    }
    let now = SystemTime::now();
    let documents: Vec<_> = connections.iter().map(|one| show::connection_json(one, now)).collect();
    ui.document(json!({ "connections": documents }))?;
    if connections.is_empty() {
        ui.say("No connections. `xeroctl connect` makes one.");
        return Ok(());
    }
    let rows = connections.iter().map(|one| row(one, now)).collect();
    ui.data(show::table(&["NAME", "KIND", "ORGANISATION", "LEFT", "LAST TEST", "SERVER"], rows))?;
    if connections.iter().any(|one| one.app.kind == AppKind::Private && one.app.server.address().is_none()) {
        ui.say(format!("Private apps at Xero: {}.", show::RETIRED_SHORT));
    }
    Ok(())
}

fn row(connection: &Connection, now: SystemTime) -> Vec<String> {
    vec![
        format!("{}{}", connection.name, if connection.is_default { " (default)" } else { "" }),
        connection.app.kind.as_str().to_owned(),
        show::organisation(connection),
        show::left(connection, now),
        connection.tested_at.map_or("never".to_owned(), show::date),
        show::server(connection),
    ]
}
