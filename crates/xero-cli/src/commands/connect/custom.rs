//! Custom connections: an app with one organisation of its own, and no person at all.

use connection_store::{AppKind, NewApp, NewAuthorisation, NewConnection, Organisation, Store, User};
use xero_auth_oauth2::{
    AccessToken, ApiProblem, AppIdentity, Claims, ClientSecret, Error as AuthError, Identity, Scopes,
    TokenAnswer,
};

use super::{app, consented, exchange, name::Taken, server};
use crate::{
    Context,
    args::Connect,
    failure::{Failure, Kind, Outcome},
    store_access,
    ui::Ui,
    xero_api,
};

pub(super) fn run(context: &Context, args: &Connect) -> Outcome {
    let server = server(context)?;
    let store = store_access::open_or_plan(context)?;
    let mut taken = Taken::of(&store)?;
    if let Some(name) = &args.making.name {
        taken.check(name, args.making.replace)?;
    }
    let mut app = app::choose(context, &store, &args.app, AppKind::Custom, &server)?;
    let scopes = match args.app.scopes.as_deref() {
        Some(given) => Some(app::parse_scopes(context, given)?.without_openid()),
        None => None,
    };
    let identity = Identity::new(server.endpoints(), context.timeout());
    let answer = answer(context, &identity, &mut app.identity, scopes.as_ref())?;
    let access = answer.access?;
    let reached = context.block_on(reached(&identity, &access.token, &app.identity))?;
    let name = match &args.making.name {
        Some(name) => name.clone(),
        None => taken.choose(context, &reached.name, args.making.replace)?,
    };
    taken.take(&name);
    let claims = Claims::read(&access.token);
    let granted = exchange::granted(Some(&access), claims.as_ref());
    let app = NewApp { kind: AppKind::Custom, identity: app.identity, server, redirect_uris: Vec::new() };
    let new = NewAuthorisation {
        app,
        refresh_token: None,
        access: Some((access.token, access.expires_in)),
        scopes: granted,
        asked: scopes,
        user: User::default(),
        consent: None,
    };
    let store = store.into_store(context)?;
    consented::keeps_organisation(context, &store, &name, &reached)?;
    add(context, &store, args, (name, reached), &new)
}

/// Asks for a token. On a terminal what Xero refuses can be mended in the portal, or the secret typed again.
fn answer(
    context: &Context,
    server: &Identity,
    app: &mut AppIdentity,
    scopes: Option<&Scopes>,
) -> Outcome<TokenAnswer> {
    let ui = &context.ui;
    loop {
        let failure = match context.block_on(async { Ok(server.client_credentials(app, scopes).await?) }) {
            Err(failure) if failure.kind == Kind::Refused && ui.interactive() => failure,
            other => return other,
        };
        Ui::explain(&failure);
        let choices = ["Try again", "Enter another client secret, and try again", "Stop, and save nothing"];
        match ui.choose("What now?", choices.map(str::to_owned).to_vec())? {
            0 => {}
            1 => app.secret = Some(ClientSecret::new(&app::ask_secret(context)?)?),
            _ => {
                ui.document(failure.document())?;
                return Err(Failure::silent(failure.kind));
            }
        }
    }
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

/// The one organisation. Where the app may not read it, Xero's list of connections names it, if it has one entry.
async fn reached(identity: &Identity, token: &AccessToken, app: &AppIdentity) -> Outcome<Organisation> {
    let refused = match identity.organisation(token, None).await {
        Ok(found) => return Ok(xero_api::kept(&found)),
        Err(error) => error,
    };
    if matches!(refused, AuthError::Api(ApiProblem::MissingScope))
        && let Ok(links) = identity.tenant_links(token, None).await
        && let [only] = links.as_slice()
    {
        let name = super::organisations::name(only);
        return Ok(Organisation { id: only.tenant_id.clone(), name, short_code: None });
    }
    let missing = matches!(refused, AuthError::Api(ApiProblem::MissingScope));
    let failure = Failure::from(refused);
    Err(match missing {
        true => failure.hint(format!(
            "tick accounting.settings.read for the app {} in the portal, have its user authorise it again, and run \
             this once more",
            app.client_id.as_str()
        )),
        false => failure,
    })
}
