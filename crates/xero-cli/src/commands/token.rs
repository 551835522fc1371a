//! `xeroctl token`: an access token for another program, refreshed if need be.

use std::time::Duration;

use connection_store::{Authorisation, Connection, Need};
use serde_json::json;

use crate::{
    Context,
    args::{Token, TokenFormat},
    failure::{Failure, Outcome},
    show, xero_api,
};

pub(crate) fn run(context: &Context, args: &Token) -> Outcome {
    let Context { ui, global, .. } = context;
    let store = context.open_store()?;
    let connection = store.connection(args.name.as_deref())?;
    login_of(&connection)?;
    xero_api::check_server(global, &connection)?;
    let need = Need { min_ttl: Duration::from_secs(args.min_ttl), ..Need::default() };
    // Most runs find a good token, and need nothing of what speaks to Xero.
    let access = match store.stored_access(&connection, &need) {
        Ok(Some(access)) => access,
        Ok(None) => {
            let access = store.access(&connection, need);
            context
                .ask_xero(async { access.await.map_err(|error| xero_api::no_token(error, &connection)) })?
        }
        Err(error) => return Err(xero_api::no_token(error, &connection)),
    };
    let tenant_id = connection.organisation.as_ref().map(|one| one.id.as_str());
    let document = json!({
        "connection": connection.name,
        "access_token": access.token.expose(),
        "expires_at": show::timestamp(access.expires_at),
        "tenant_id": tenant_id,
    });
    let (token, tenant_id) = (access.token.expose(), tenant_id.unwrap_or_default());
    match args.format {
        _ if ui.json => ui.document(document),
        TokenFormat::Json => ui.as_document(document),
        TokenFormat::Plain => ui.data(token),
        // Neither has a character in it that a shell or a header minds.
        TokenFormat::Env => ui.data(format!("XERO_ACCESS_TOKEN={token}\nXERO_TENANT_ID={tenant_id}")),
        TokenFormat::Header => {
            let tenant =
                if tenant_id.is_empty() { String::new() } else { format!("\nxero-tenant-id: {tenant_id}") };
            ui.data(format!("Authorization: Bearer {token}{tenant}"))
        }
    }
}

/// What a connection's tokens are kept with. Only private apps have none.
pub(crate) fn login_of(connection: &Connection) -> Outcome<&Authorisation> {
    connection.authorisation.as_ref().ok_or_else(|| {
        Failure::usage(format!(
            "{} uses a private app, which signs requests and has no tokens",
            connection.name
        ))
        .hint(format!("xeroctl sign -c {} GET Organisation", show::quoted(&connection.name)))
    })
}
