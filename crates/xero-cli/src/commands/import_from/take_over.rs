//! A foreign login is kept, renewed at once, and becomes connections.

use connection_store::{
    AppKind, Authorisation, Error as StoreError, Need, NewApp, NewAuthorisation, RefreshToken, Store,
};
use xero_auth_oauth2::Error as AuthError;

use super::{foreign_login::ForeignLogin, imported_app};
use crate::{
    Context,
    args::{Choosing, ImportFrom, Making},
    commands::connect::{self, app::ChosenApp, consented::Kept, name::Taken, two_steps},
    failure::{Failure, Kind, Outcome},
    show,
};

/// One login that is ready to be imported.
pub(super) struct Import<'a> {
    pub(super) login: &'a ForeignLogin,
    pub(super) token: RefreshToken,
    pub(super) app: ChosenApp,
}

/// Imports one login; gives the names of its connections.
///
/// The login is durable before its token is spent. From then on a broken-off import goes on with `connect finish`.
pub(super) fn import(
    context: &Context,
    store: &Store,
    args: &ImportFrom,
    import: Import<'_>,
) -> Outcome<Vec<String>> {
    let (login, server) = (import.login, connect::server(context)?);
    // The one before in the same run may have brought the app.
    let app = imported_app::as_stored(store, import.app, &server)?;
    let (kind, client_id) = (app.kind, app.identity.client_id.clone());
    if let Some(holder) = store.holder_of(&import.token, &client_id, &server)? {
        return Err(imported_before(store, &holder, &login.place)?);
    }
    let authorisation = store.add_authorisation(&new_authorisation(Import { app, ..import }, server))?;
    let ui = &context.ui;
    let id = two_steps::short_id(&authorisation);
    ui.say(format!(
        "Taking over the login of {}. If this breaks off: xeroctl connect finish {id}",
        login.place
    ));
    let connect = format!("xeroctl connect --kind {} --client-id {client_id}", kind.as_str());
    renew(context, store, &authorisation, |error| refusal(error, login, kind, &connect))?;
    if let Some(who) = show::user(&authorisation.user) {
        ui.say(format!("It is the login of {who}."));
    }
    ui.tell(format!(
        "Renewed: the login is this store's now. The copy of {} ends within 30 minutes; do not use it any more.",
        login.place
    ));
    ui.tell(format!("To delete it there: {}", login.delete));
    let authorisation =
        store.authorisation(&authorisation.id)?.ok_or(StoreError::NoSuchAuthorisation(authorisation.id))?;
    let choosing = choosing(args, login);
    let making = making(args, login, store)?;
    connect::consented::add(context, store, &Kept { authorisation, login: None }, &making, &choosing)
}

/// Two logins of one refresh token would spend it for each other.
fn imported_before(store: &Store, holder: &Authorisation, place: &str) -> Outcome<Failure> {
    let names: Vec<_> = store.sharing(&holder.id)?.into_iter().map(|one| one.name).collect();
    let Some(name) = names.first() else {
        let message = format!("the refresh token of {place} was imported already; no connection uses it yet");
        return Ok(
            Failure::usage(message).hint(format!("xeroctl connect finish {}", two_steps::short_id(holder)))
        );
    };
    let message = format!("the refresh token of {place} was imported already, as {}", show::few(&names, ""));
    Ok(Failure::usage(message)
        .hint(format!("`xeroctl copy {}` connects another organisation with that login", show::quoted(name))))
}

fn new_authorisation(import: Import<'_>, server: connection_store::Server) -> NewAuthorisation {
    let Import { login, token, app } = import;
    let user = login.user(&app.identity.client_id);
    let ChosenApp { kind, identity, redirect_uris } = app;
    NewAuthorisation {
        app: NewApp { kind, identity, server, redirect_uris },
        refresh_token: Some(token),
        access: None,
        scopes: login.granted(),
        asked: None,
        user,
        consent: login.consent(),
    }
}

/// Renews the login, which proves it. One that Xero refuses is forgotten: its token was not taken. Otherwise it is kept:
/// the token may have been spent.
fn renew(
    context: &Context,
    store: &Store,
    authorisation: &Authorisation,
    refused: impl FnOnce(StoreError) -> Failure,
) -> Outcome {
    let need = Need::fresh(authorisation.generation());
    match context.ask_xero(async { Ok(store.access_of(authorisation, need).await) })? {
        Ok(_) => Ok(()),
        Err(error) if is_refused(&error) => {
            store.forget_authorisation(&authorisation.id)?;
            Err(refused(error))
        }
        Err(error) => {
            let kept = Kept { authorisation: authorisation.clone(), login: None };
            Err(two_steps::keep_for_later(&kept, error.into()))
        }
    }
}

/// True where Xero has said that it does not take the token, from this app or from any.
fn is_refused(error: &StoreError) -> bool {
    match error {
        StoreError::NeedsLogin { .. } => true,
        StoreError::Auth(error) => matches!(
            error,
            AuthError::InvalidGrant
                | AuthError::InvalidClient
                | AuthError::UnauthorizedClient
                | AuthError::InvalidScope
        ),
        _ => false,
    }
}

/// What Xero's refusal means here. `connect` is the command that logs in anew.
fn refusal(error: StoreError, login: &ForeignLogin, kind: AppKind, connect: &str) -> Failure {
    let place = &login.place;
    if matches!(error, StoreError::NeedsLogin { .. } | StoreError::Auth(AuthError::InvalidGrant)) {
        let message = format!("Xero does not take the refresh token of {place} any more; nothing was saved");
        let why = "it was used elsewhere more than 30 minutes ago, lay idle for 60 days, was revoked, or is of another app";
        let failure = Failure::new(Kind::NeedsPerson, message).hint(connect);
        return Failure { causes: vec![why.to_owned()], ..failure };
    }
    let failure = Failure::from(error);
    let message =
        format!("{}; nothing was saved, and the token of {place} is as good as before", failure.message);
    let failure = Failure { message, ..failure };
    if kind == AppKind::Desktop && !login.desktop {
        return failure.hint("if it is a web app, give its client secret: --client-secret-file FILE");
    }
    failure
}

/// The organisations by the options, or the one that the source was used for.
fn choosing(args: &ImportFrom, login: &ForeignLogin) -> Choosing {
    match &login.tenant {
        Some(tenant) if args.choosing.organisations.is_empty() => {
            Choosing { organisations: vec![tenant.clone()] }
        }
        _ => args.choosing.clone(),
    }
}

/// A profile that was for one organisation gives its name to the connection, where it is free.
fn making(args: &ImportFrom, login: &ForeignLogin, store: &Store) -> Outcome<Making> {
    let making = args.making();
    let one = login.tenant.is_some() && args.choosing.organisations.is_empty();
    let Some(profile) = login.profile.clone().filter(|_| one && making.name.is_none()) else {
        return Ok(making);
    };
    let free = Taken::in_store(store)?.check(&profile, making.replace).is_ok();
    Ok(Making { name: free.then_some(profile), ..making })
}
