//! Custom connections: an app with one organisation of its own, and no person at all.

use connection_store::{AppKind, NewApp, NewAuthorisation, NewConnection, Organisation, Store, User};
use xero_auth_oauth2::{Claims, Identity, Scopes};

use super::{app, consented, name::Taken, server};
use crate::{
    Context,
    args::Connect,
    failure::{Failure, Outcome},
    store_access, xero_api,
};

pub(super) fn run(context: &Context, args: &Connect) -> Outcome {
    let server = server(context)?;
    let access = store_access::open_or_plan(&context.ui, &context.global)?;
    let mut taken = Taken::of(&access)?;
    if let Some(name) = &args.making.name {
        taken.check(name, args.making.replace)?;
    }
    let app = app::choose(context, &access, &args.app, AppKind::Custom, &server)?;
    let scopes = match args.app.scopes.as_deref() {
        Some(given) => Some(app::parse_scopes(context, given)?.without_openid()),
        None => None,
    };
    let identity = Identity::new(server.endpoints(), context.timeout());
    let answer =
        context.block_on(async { Ok(identity.client_credentials(&app.identity, scopes.as_ref()).await?) })?;
    let access_token = answer.access?;
    let reached = context.block_on(reached(&identity, &access_token.token, context))?;
    let name = match &args.making.name {
        Some(name) => name.clone(),
        None => taken.choose(context, &reached.name, args.making.replace)?,
    };
    taken.take(&name);
    let granted = match (access_token.scopes, Claims::read(&access_token.token)) {
        (Some(scopes), _) => scopes,
        (None, Some(claims)) => Scopes::parse_lenient(&claims.scopes.join(" "))?,
        (None, None) => scopes.unwrap_or_default(),
    };
    let app = NewApp { kind: AppKind::Custom, identity: app.identity, server, redirect_uris: Vec::new() };
    let new = NewAuthorisation {
        app,
        refresh_token: None,
        access: Some((access_token.token, access_token.expires_in)),
        scopes: granted,
        user: User::default(),
        consent: None,
    };
    let store = access.into_store(&context.ui)?;
    add(context, &store, args, (name, reached), &new)
}

fn add(
    context: &Context,
    store: &Store,
    args: &Connect,
    (name, organisation): (String, Organisation),
    new: &NewAuthorisation,
) -> Outcome {
    let authorisation = store.add_authorisation(new)?;
    let connection = NewConnection {
        name: name.clone(),
        authorisation: authorisation.id.clone(),
        organisation: Some(organisation),
        make_default: args.making.default,
        replace: args.making.replace,
        tested: false,
    };
    if let Err(error) = store.add_connections(&[connection]) {
        store.forget_authorisation(&authorisation.id)?;
        return Err(error.into());
    }
    consented::finish(context, store, &[name], &args.making)
}

/// The one organisation. Where the app may not read it, Xero's list of connections names it.
async fn reached(
    identity: &Identity,
    token: &xero_auth_oauth2::AccessToken,
    context: &Context,
) -> Outcome<Organisation> {
    match identity.organisation(token, None).await {
        Ok(found) => Ok(xero_api::kept(&found)),
        Err(error) => {
            tracing::info!(%error, "the organisation cannot be read; asking for the list");
            match identity.tenant_links(token, None).await {
                Ok(links) if !links.is_empty() => {
                    let link = &links[0];
                    let name = super::organisations::name(link);
                    Ok(Organisation { id: link.tenant_id.clone(), name, short_code: None })
                }
                // What went wrong first is what a person must mend.
                _ => {
                    let failure = Failure::from(error);
                    context.ui.say("The app has a token, and the organisation cannot be read with it.");
                    Err(failure)
                }
            }
        }
    }
}
