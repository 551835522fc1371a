//! `xeroctl refresh`: renews the tokens of a connection now.

use connection_store::Need;
use serde_json::json;

use crate::{Context, args::OneConnection, commands::token, failure::Outcome, show, xero_api};

pub(crate) fn run(context: &Context, args: &OneConnection) -> Outcome {
    let Context { ui, global, .. } = context;
    let store = context.open_store()?;
    let connection = store.connection(args.name.as_deref())?;
    token::login_of(&connection)?;
    xero_api::check_server(global, &connection)?;
    let need = connection.authorisation.as_ref().map_or(Need::default(), |own| Need::fresh(own.generation()));
    let access = context.ask_xero(async {
        store.access(&connection, need).await.map_err(|error| xero_api::no_token(error, &connection))
    })?;
    let connection = store.connection(Some(&connection.name))?;
    let login_ends = connection.authorisation.as_ref().and_then(|one| one.refresh_expires_at);
    ui.document(json!({
        "connection": connection.name,
        "access_expires_at": show::timestamp(access.expires_at),
        "login_expires_at": login_ends.map(show::timestamp),
    }))?;
    let until = show::clock_time(access.expires_at);
    ui.say(match login_ends {
        Some(ends) => {
            format!("Renewed: the access token is good until {until}, the login until {}.", show::date(ends))
        }
        None => format!("Renewed: the access token is good until {until}."),
    });
    Ok(())
}
