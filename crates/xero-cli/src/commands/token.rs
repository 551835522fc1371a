//! `xeroctl token`: an access token for another program, refreshed if need be.

use std::time::Duration;

use connection_store::{AppKind, Connection, Need};
use serde_json::json;

use crate::{
    Context,
    args::Token,
    failure::{Failure, Outcome},
    show, xero_api,
};

pub(crate) fn run(context: &Context, args: &Token) -> Outcome {
    let Context { ui, global, .. } = context;
    let store = context.open_store()?;
    let connection = store.connection(args.name.as_deref())?;
    has_tokens(&connection)?;
    xero_api::check_server(global, &connection)?;
    let need = Need { min_ttl: Duration::from_secs(args.min_ttl), ..Need::default() };
    let access = context.ask_xero(async {
        store.access(&connection, need).await.map_err(|error| xero_api::no_token(error, &connection))
    })?;
    ui.document(json!({
        "connection": connection.name,
        "access_token": access.token.expose(),
        "expires_at": show::timestamp(access.expires_at),
        "tenant_id": connection.organisation.as_ref().map(|one| one.id.as_str()),
    }))?;
    ui.data(access.token.expose())
}

/// Private apps have no tokens.
pub(crate) fn has_tokens(connection: &Connection) -> Outcome {
    if connection.app.kind != AppKind::Private {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} uses a private app, which signs requests and has no tokens",
        connection.name
    ))
    .hint(format!("xeroctl sign -c {} GET Organisation", show::quoted(&connection.name))))
}
