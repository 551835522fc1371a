//! The app that an imported login is of: one that is stored already, or a new one.

use connection_store::{App, AppKind, ClientId, ClientSecret, RedirectUri, Server, Store};
use xero_auth_oauth2::AppIdentity;

use super::foreign_login::ForeignLogin;
use crate::{
    Context,
    args::ImportFrom,
    commands::connect::app::{self, ChosenApp},
    failure::{Failure, Outcome},
    secrets::client_secret,
    show,
    store_access::StoreAccess,
    ui::one_line,
};

pub(super) fn settle(
    context: &Context,
    access: &StoreAccess,
    args: &ImportFrom,
    login: &ForeignLogin,
    server: &Server,
) -> Outcome<ChosenApp> {
    let client_id = client_id(context, args, login)?;
    let redirect_uris = redirect_uris(context, args, login)?;
    if let StoreAccess::Open(store) = access
        && let Some(app) = stored(store, &client_id, server)?
    {
        check_stored(&app, args)?;
        context.ui.say(format!("Using the stored app {}.", app.client_id));
        return Ok(ChosenApp { kind: app.kind, identity: store.app_identity(&app)?, redirect_uris });
    }
    let secret = secret(context, args, login)?;
    let kind = if secret.is_some() { AppKind::Web } else { AppKind::Desktop };
    Ok(ChosenApp { kind, identity: AppIdentity { client_id, secret }, redirect_uris })
}

/// The app as it is stored by now: its secret is known to be good, that of another program may be an old one.
pub(super) fn as_stored(store: &Store, app: ChosenApp, server: &Server) -> Outcome<ChosenApp> {
    Ok(match stored(store, &app.identity.client_id, server)? {
        Some(there) => ChosenApp { kind: there.kind, identity: store.app_identity(&there)?, ..app },
        None => app,
    })
}

fn stored(store: &Store, client_id: &ClientId, server: &Server) -> Outcome<Option<App>> {
    let same = |app: &App| app.client_id == client_id.as_str() && app.server == *server;
    Ok(store.apps()?.into_iter().find(same))
}

/// The client id by the option, the source, its tokens, or asked for. The tokens know best.
fn client_id(context: &Context, args: &ImportFrom, login: &ForeignLogin) -> Outcome<ClientId> {
    let place = &login.place;
    if let Some(given) = &args.client_id {
        let given = ClientId::parse(given)?;
        return match login.app_of_tokens().filter(|own| !own.eq_ignore_ascii_case(given.as_str())) {
            None => Ok(given),
            Some(own) => {
                Err(Failure::usage(format!("{place}: the tokens are of another app, {}", one_line(&own)))
                    .hint("leave --client-id out"))
            }
        };
    }
    match login.app() {
        Some(said) => ClientId::parse(&said).map_err(|error| {
            Failure::usage(format!("{place}: {error}")).hint("give the right one with --client-id ID")
        }),
        None if context.ui.interactive() => {
            let check = |typed: &str| ClientId::parse(typed).map(drop).map_err(|error| format!("{error}."));
            let question = format!("Client id of the app that {place} is of:");
            Ok(ClientId::parse(&context.ui.ask(&question, "", check)?)?)
        }
        None => Err(Failure::usage(format!("{place} does not say which app the login is of"))
            .hint("give --client-id ID, from the app's page in the developer portal")),
    }
}

/// A stored app keeps what it has: nothing has proved the other secret yet.
fn check_stored(app: &App, args: &ImportFrom) -> Outcome {
    if !matches!(app.kind, AppKind::Web | AppKind::Desktop) {
        return Err(Failure::usage(format!(
            "that app is stored as a {} app, which has no login",
            app.kind.as_str()
        ))
        .hint("check the client id"));
    }
    if args.secret.is_given() {
        return Err(Failure::usage("that app is stored already, with what it proves itself with")
            .hint("leave --client-secret-… out"));
    }
    Ok(())
}

/// The client secret by the options, the source, or asked for. None: a desktop app.
fn secret(context: &Context, args: &ImportFrom, login: &ForeignLogin) -> Outcome<Option<ClientSecret>> {
    let ui = &context.ui;
    if let Some(secret) = client_secret(&args.secret)? {
        if login.desktop {
            return Err(Failure::usage(format!(
                "{} is of a desktop app, which has no client secret",
                login.place
            ))
            .hint("leave --client-secret-… out"));
        }
        return Ok(Some(ClientSecret::new(&secret)?));
    }
    if let Some(secret) = &login.client_secret {
        return Ok(Some(ClientSecret::new(secret)?));
    }
    if login.desktop || !ui.interactive() {
        return Ok(None);
    }
    let choices = [AppKind::Web, AppKind::Desktop].map(|kind| show::kind_line(kind).to_owned());
    Ok(match ui.choose("What kind of app is it?", choices.to_vec())? {
        0 => Some(ClientSecret::new(&app::ask_secret(context)?)?),
        _ => None,
    })
}

/// Those given must be right; those of the source are left out where they are not.
fn redirect_uris(context: &Context, args: &ImportFrom, login: &ForeignLogin) -> Outcome<Vec<RedirectUri>> {
    if !args.redirect_uri.is_empty() {
        return Ok(args.redirect_uri.iter().map(|uri| RedirectUri::parse(uri)).collect::<Result<_, _>>()?);
    }
    let mut uris = Vec::new();
    for uri in &login.redirect_uris {
        match RedirectUri::parse(uri) {
            Ok(uri) => uris.push(uri),
            Err(error) => context.ui.warn(format!("{}: {error}; {} is left out", login.place, one_line(uri))),
        }
    }
    Ok(uris)
}
