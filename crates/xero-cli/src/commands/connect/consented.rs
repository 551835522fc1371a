//! After the consent: tokens are kept before anything else, then organisations become connections.

use connection_store::{
    AppKind, Authorisation, Connection, NewApp, NewAuthorisation, NewConnection, Organisation, Server, Store,
    User,
};
use serde_json::json;
use xero_auth_oauth2::{
    AppIdentity, Claims, ClientSecret, Error as AuthError, IdToken, Identity, TenantLink, TokenAnswer,
    User as Login,
};

use super::{
    app::{self, ChosenApp},
    consent::{Attempt, Consent},
    name::Taken,
    organisations::{self, Reach},
    two_steps,
};
use crate::{
    Context,
    args::{Choosing, Making},
    commands::test::{self, Tested},
    failure::{Failure, Kind, Outcome},
    show,
    ui::Ui,
};

/// How often a secret may be typed again.
const TRIES: usize = 3;

/// A consent that is in the store.
pub(super) struct Kept {
    pub(super) authorisation: Authorisation,
    /// Which consent it was: Xero's `authentication_event_id`.
    pub(super) consent: Option<String>,
    /// The unfinished login that it belongs to, if it was begun as one.
    pub(super) login: Option<String>,
}

/// Exchanges the code and keeps the tokens: durable when this returns.
pub(super) fn keep(
    context: &Context,
    store: &Store,
    mut app: ChosenApp,
    server: &Server,
    consent: &Consent,
) -> Outcome<Kept> {
    let identity = Identity::new(server.endpoints(), context.timeout());
    let answer = exchange(context, &identity, &mut app.identity, consent)?;
    let new = new_authorisation(context, app, server, &consent.attempt, answer)?;
    let consent = new.consent.clone();
    let authorisation = store.add_authorisation(&new)?;
    let who = show::user(&authorisation.user);
    context.ui.say(format!("Logged in as {who}."));
    Ok(Kept { authorisation, consent, login: None })
}

/// Exchanges a code for tokens. On a terminal a secret that is refused can be typed again: the code is still good.
pub(crate) fn exchange(
    context: &Context,
    identity: &Identity,
    app: &mut AppIdentity,
    consent: &Consent,
) -> Outcome<TokenAnswer> {
    let Consent { code, attempt: Attempt { redirect_uri, pkce, .. } } = consent;
    let mut tries = 0;
    loop {
        let answer =
            context.block_on(async { Ok(identity.exchange(app, code, redirect_uri, pkce).await) })?;
        match answer {
            Err(error @ AuthError::InvalidClient)
                if app.secret.is_some() && context.ui.interactive() && tries < TRIES =>
            {
                tries += 1;
                Ui::explain(&error.into());
                app.secret = Some(ClientSecret::new(&app::ask_secret(context)?)?);
            }
            answer => return answer.map_err(unexchanged),
        }
    }
}

/// A code that gave no tokens.
fn unexchanged(error: AuthError) -> Failure {
    let temporary = matches!(
        error,
        AuthError::Unreachable { .. } | AuthError::Interrupted { .. } | AuthError::Unavailable { .. }
    );
    if matches!(error, AuthError::InvalidGrant) {
        let message =
            "Xero does not accept the code of this consent any more: it is good once, and for 5 minutes";
        return Failure::new(Kind::NeedsPerson, message)
            .hint("run the same command again, and consent again");
    }
    let failure = Failure::from(error);
    if temporary {
        return failure.hint(
            "nothing was saved; run it again: for 5 minutes `connect finish` takes the same address once more, \
             otherwise consent again",
        );
    }
    failure
}

/// What the answer gives to keep.
pub(crate) fn new_authorisation(
    context: &Context,
    app: ChosenApp,
    server: &Server,
    attempt: &Attempt,
    answer: TokenAnswer,
) -> Outcome<NewAuthorisation> {
    let access = answer.access?;
    if answer.refresh_token.is_none() {
        return Err(Failure::new(
            Kind::Refused,
            "Xero gave no refresh token: the connection would end in half an hour",
        )
        .hint("the scope offline_access was not granted; consent again, and check the app in the portal"));
    }
    let claims = Claims::read(&access.token);
    let scopes = match (&access.scopes, &claims) {
        (Some(scopes), _) => scopes.clone(),
        (None, Some(claims)) => xero_auth_oauth2::Scopes::parse_lenient(&claims.scopes.join(" "))?,
        (None, None) => xero_auth_oauth2::Scopes::parse_lenient("offline_access")?,
    };
    let login = access.id_token.as_ref().and_then(|token| who(context, token, &app.identity, attempt));
    let consent = claims.as_ref().and_then(|claims| claims.consent.clone());
    Ok(NewAuthorisation {
        app: NewApp {
            kind: app.kind,
            identity: app.identity,
            server: server.clone(),
            redirect_uris: app.redirect_uris,
        },
        refresh_token: answer.refresh_token,
        access: Some((access.token, access.expires_in)),
        scopes,
        user: user(login, claims),
        consent,
    })
}

/// Who logged in. A token that says nothing usable costs nobody a login: the name is only shown.
fn who(context: &Context, token: &IdToken, app: &AppIdentity, attempt: &Attempt) -> Option<Login> {
    match Login::read(token, &app.client_id, Some(&attempt.nonce)) {
        Ok(login) => Some(login),
        Err(error) => {
            context.ui.warn(format!("Xero did not say who logged in: {error}"));
            None
        }
    }
}

fn user(login: Option<Login>, claims: Option<Claims>) -> User {
    let short = |text: String| crate::ui::one_line(&text).chars().take(200).collect::<String>();
    let (id, name, email) = login.map_or((None, None, None), |login| (login.id, login.name, login.email));
    let id = claims.and_then(|claims| claims.user_id).or(id);
    User { id: id.map(short), name: name.map(short), email: email.map(short) }
}

/// Organisations are chosen, named, connected and tested. Where that cannot be done now, the consent is kept for later.
pub(super) fn connect(
    context: &Context,
    store: &Store,
    kept: &Kept,
    making: &Making,
    choosing: &Choosing,
) -> Outcome {
    match choose_and_add(context, store, kept, making, choosing) {
        Ok(names) => {
            if let Some(login) = &kept.login {
                store.forget_pending(login)?;
            }
            finish(context, store, &names, making)
        }
        Err(failure) => Err(two_steps::keep_for_later(store, kept, failure)),
    }
}

fn choose_and_add(
    context: &Context,
    store: &Store,
    kept: &Kept,
    making: &Making,
    choosing: &Choosing,
) -> Outcome<Vec<String>> {
    let links = context.block_on(async { Ok(store.tenant_links(&kept.authorisation, false).await?) })?;
    let reach = Reach::of(links, kept.consent.as_deref());
    let chosen = reach.choose(context, &choosing.organisations)?;
    let new = name_them(context, store, &kept.authorisation.id, &chosen, making)?;
    store.add_connections(&new)?;
    Ok(new.into_iter().map(|one| one.name).collect())
}

/// One connection for each organisation.
pub(crate) fn name_them(
    context: &Context,
    store: &Store,
    authorisation: &str,
    chosen: &[&TenantLink],
    making: &Making,
) -> Outcome<Vec<NewConnection>> {
    if let (Some(_), [_, _, ..]) = (&making.name, chosen) {
        return Err(Failure::usage("one name was given, and several organisations were chosen")
            .hint("leave the name out: each connection is then named after its organisation"));
    }
    let mut taken = Taken::in_store(store)?;
    let mut new = Vec::new();
    for (at, link) in chosen.iter().enumerate() {
        let organisation = organisations::name(link);
        let name = match &making.name {
            Some(name) => {
                taken.check(name, making.replace)?;
                name.clone()
            }
            None => {
                context.ui.say(format!("Connecting {organisation}."));
                taken.choose(context, &organisation, making.replace)?
            }
        };
        taken.take(&name);
        new.push(NewConnection {
            name,
            authorisation: authorisation.to_owned(),
            organisation: Some(Organisation {
                id: link.tenant_id.clone(),
                name: organisation,
                short_code: None,
            }),
            make_default: making.default && at == 0,
            replace: making.replace,
            tested: false,
        });
    }
    Ok(new)
}

/// Tests the new connections and says what can be done with them.
pub(crate) fn finish(context: &Context, store: &Store, names: &[String], making: &Making) -> Outcome {
    let ui = &context.ui;
    let mut first_failure = None;
    for name in names.iter().filter(|_| !making.no_test) {
        let connection = store.connection(Some(name))?;
        ui.say(format!("Testing {name}…"));
        match test::test_one(context, store, &connection) {
            Ok(Tested { seen, .. }) => ui.say(format!("It works: {}.", seen.name)),
            Err(failure) => {
                Ui::explain(&failure);
                first_failure = first_failure.or(Some(failure));
            }
        }
    }
    let connections: Vec<Connection> =
        names.iter().map(|name| store.connection(Some(name))).collect::<Result<_, _>>()?;
    let now = store.clock().now();
    let documents: Vec<_> = connections.iter().map(|one| show::connection_json(one, now)).collect();
    match first_failure {
        None => {
            ui.document(json!({ "connection": documents.first(), "connections": documents }))?;
            closing(ui, &connections);
            Ok(())
        }
        Some(failure) => {
            ui.say(format!("Saved all the same: {}. `xeroctl test` tries again.", names.join(", ")));
            let mut document = failure.document();
            document["connections"] = documents.into();
            ui.document(document)?;
            Err(Failure::silent(failure.kind))
        }
    }
}

/// What can be done now, in lines to copy.
pub(crate) fn closing(ui: &Ui, connections: &[Connection]) {
    for one in connections {
        let default = if one.is_default { " (the default connection)" } else { "" };
        ui.say(format!("Saved as {}{default}.", one.name));
    }
    let Some(first) = connections.first() else { return };
    let name = show::quoted(&first.name);
    ui.say("");
    match first.app.kind {
        AppKind::Private => {
            ui.say(format!("  xeroctl test {name}"));
            ui.say(format!("  xeroctl request -c {name} GET Invoices"));
            ui.say(format!("  xeroctl sign -c {name} GET Organisation"));
        }
        _ => {
            ui.say(format!("  xeroctl token {name}"));
            ui.say(format!("  xeroctl request -c {name} GET Invoices"));
            ui.say(format!("  XERO_ACCESS_TOKEN=\"$(xeroctl token {name})\" your-program"));
        }
    }
}
