//! From a consent to tokens that are kept: nothing is done with them before.

use connection_store::{Authorisation, NewApp, NewAuthorisation, Server, Store, User};
use xero_auth_oauth2::{
    Access, AppIdentity, Claims, ClientSecret, Error as AuthError, Identity, Scopes, TokenAnswer,
    User as Login,
};

use super::{
    app::{self, ChosenApp},
    consent::{Attempt, Consent},
};
use crate::{
    Context,
    failure::{Failure, Kind, Outcome},
    show,
    ui::{Ui, one_line},
};

/// How often a secret may be typed again.
const TRIES: usize = 3;
/// The longest name or address that is kept of a user, in characters.
const MAX_NAME: usize = 200;

/// What a failed exchange leaves to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same command, with a new consent.
    Command,
    /// The same step while the code is good, then the command that began.
    Finish(&'static str),
}

/// Exchanges the code and keeps the tokens: durable when this returns.
pub(crate) fn keep(
    context: &Context,
    store: &Store,
    (mut app, server): (ChosenApp, &Server),
    consent: &Consent,
    again: Again,
) -> Outcome<Authorisation> {
    let identity = Identity::new(server.endpoints(), context.timeout());
    let stored = stored_secret(store, &app, server)?;
    let answer = match exchange(context, &identity, &mut app.identity, (consent, stored)) {
        // The code may still be good: the app is kept, so that its secret can be set.
        Err(Stop::Xero(error @ AuthError::InvalidClient)) if let Again::Finish(begin) = again => {
            store.keep_app(&app.as_new(server))?;
            return Err(wrong_secret(error, &app, begin));
        }
        answer => answer.map_err(|stop| stop.into_failure(again))?,
    };
    let new = new_authorisation(context, app, server, &consent.attempt, answer)?;
    let authorisation = store.add_authorisation(&new)?;
    context.ui.say(match show::user(&authorisation.user) {
        Some(who) => format!("Logged in as {who}."),
        None => "Logged in; Xero did not say who.".to_owned(),
    });
    Ok(authorisation)
}

/// A secret that the app was given since.
fn stored_secret(store: &Store, app: &ChosenApp, server: &Server) -> Outcome<Option<ClientSecret>> {
    let Some(there) = store.app_like(&app.as_new(server))? else { return Ok(None) };
    let stored = store.app_identity(&there)?.secret;
    let own = app.identity.secret.as_ref().map(ClientSecret::expose);
    Ok(stored.filter(|stored| own.is_some_and(|own| own != stored.expose())))
}

fn wrong_secret(error: AuthError, app: &ChosenApp, begin: &str) -> Failure {
    let failure = Failure::from(error);
    if app.identity.secret.is_none() {
        return failure;
    }
    let id = app.identity.client_id.as_str();
    failure.hint(format!(
        "xeroctl apps secret set {id} --client-secret-file FILE, then the same command again, within 5 minutes of the \
         consent; after that begin again with `{begin}`"
    ))
}

/// Why there was no exchange.
enum Stop {
    Xero(AuthError),
    Person(Failure),
}

/// Exchanges a code for tokens. On a terminal a secret that is refused can be typed again: the code is still good.
fn exchange(
    context: &Context,
    identity: &Identity,
    app: &mut AppIdentity,
    (consent, mut stored): (&Consent, Option<ClientSecret>),
) -> Result<TokenAnswer, Stop> {
    let Consent { code, attempt: Attempt { redirect_uri, pkce, .. } } = consent;
    let mut tries = 0;
    loop {
        let exchanged = async { Ok(identity.exchange(app, code, redirect_uri, pkce).await) };
        match context.block_on(exchanged).map_err(Stop::Person)? {
            Err(AuthError::InvalidClient) if stored.is_some() => app.secret = stored.take(),
            Err(error @ AuthError::InvalidClient)
                if app.secret.is_some() && context.ui.interactive() && tries < TRIES =>
            {
                tries += 1;
                Ui::explain(&error.into());
                let typed = app::ask_secret(context).map_err(Stop::Person)?;
                app.secret = Some(ClientSecret::new(&typed).map_err(Stop::Xero)?);
            }
            answer => return answer.map_err(Stop::Xero),
        }
    }
}

impl Stop {
    fn into_failure(self, again: Again) -> Failure {
        let error = match self {
            Self::Person(failure) => return failure,
            Self::Xero(error) => error,
        };
        let passing = matches!(
            error,
            AuthError::Unreachable { .. } | AuthError::Interrupted { .. } | AuthError::Unavailable { .. }
        );
        if matches!(error, AuthError::InvalidGrant) {
            let message =
                "Xero does not accept the code of this consent any more: it is good once, and for 5 minutes";
            return Failure::new(Kind::NeedsPerson, message).hint(match again {
                Again::Command => "run the same command again, and consent again".to_owned(),
                Again::Finish(begin) => format!("begin again with `{begin}`, and consent again"),
            });
        }
        let failure = Failure::from(error);
        if !passing {
            return failure;
        }
        failure.hint(match again {
            Again::Command => "nothing was saved; run the same command again, and consent again",
            Again::Finish(_) => {
                "nothing was saved; run the same command again: the code may still be good, for 5 minutes from the \
                 consent on; otherwise begin again"
            }
        })
    }
}

/// What the answer gives to keep. Only a missing refresh token is a reason not to.
fn new_authorisation(
    context: &Context,
    app: ChosenApp,
    server: &Server,
    attempt: &Attempt,
    answer: TokenAnswer,
) -> Outcome<NewAuthorisation> {
    let TokenAnswer { refresh_token, access } = answer;
    let access = match (refresh_token.is_some(), access) {
        (_, Ok(access)) => Some(access),
        // What is wrong with the access token is mended by the first renewal.
        (true, Err(error)) => {
            context.ui.warn(format!("{error}; the login is kept and renewed at its first use"));
            None
        }
        (false, Err(error)) => return Err(error.into()),
    };
    if refresh_token.is_none() {
        return Err(Failure::new(
            Kind::Refused,
            "Xero gave no refresh token: the connection would end in half an hour",
        )
        .hint("the scope offline_access was not granted; consent again, and check the app in the portal"));
    }
    let claims = access.as_ref().and_then(|access| Claims::read(&access.token));
    let id_token = access.as_ref().and_then(|access| access.id_token.as_ref());
    let who = |token| Login::read(token, &app.identity.client_id, Some(&attempt.nonce));
    let login = id_token.map(who).transpose()?;
    let ChosenApp { kind, identity, redirect_uris } = app;
    Ok(NewAuthorisation {
        app: NewApp { kind, identity, server: server.clone(), redirect_uris },
        refresh_token,
        scopes: granted(access.as_ref(), claims.as_ref()),
        consent: claims.as_ref().and_then(|claims| claims.consent.clone()),
        user: user(login, claims),
        access: access.map(|access| (access.token, access.expires_in)),
        asked: None,
    })
}

/// What was granted, by the answer or by the token itself.
pub(super) fn granted(access: Option<&Access>, claims: Option<&Claims>) -> Scopes {
    match (access.and_then(|access| access.scopes.clone()), claims) {
        (Some(scopes), _) => scopes,
        (None, Some(claims)) => Scopes::granted(claims.scopes.iter().map(String::as_str)),
        (None, None) => Scopes::default(),
    }
}

fn user(login: Option<Login>, claims: Option<Claims>) -> User {
    let short = |text: String| one_line(&text).chars().take(MAX_NAME).collect::<String>();
    let (id, name, email) = login.map_or((None, None, None), |login| (login.id, login.name, login.email));
    let id = claims.and_then(|claims| claims.user_id).or(id);
    User { id: id.map(short), name: name.map(short), email: email.map(short) }
}
