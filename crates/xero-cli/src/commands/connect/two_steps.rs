//! `xeroctl connect begin` and `finish`, and those of `reauth`: a login in two steps, for jobs and for a browser elsewhere.

use std::time::Duration;

use connection_store::{AppKind, Authorisation, Server, Store};
use serde::{Deserialize, Serialize};
use serde_json::json;
use xero_auth_oauth2::{
    AppIdentity, ClientId, ClientSecret, Nonce, Pkce, RedirectUri, Scopes, State, read_callback,
};
use zeroize::Zeroizing;

use super::{
    app::{self, ChosenApp},
    consent::{Attempt, Consent, Request, first_uri},
    consented::{self, Kept},
    exchange::{self, Again},
    server,
};
use crate::{
    Context,
    args::{AddressSource, Begin, Finish, Kind as ArgsKind},
    failure::{Failure, Kind, Outcome},
    secrets, show, store_access,
};

/// How long a login may stay unfinished. The code itself is good for 5 minutes, from the consent on.
const PATIENCE: Duration = Duration::from_secs(60 * 60);
/// The length of a login's name.
const SHORT: usize = 12;

/// A login between its two steps, sealed in the store.
#[derive(Serialize, Deserialize)]
enum Login {
    /// A person has an address to open.
    Begun(Begun),
    /// The consent is in the store; no organisation is connected yet.
    Consented { authorisation: String },
}

/// What the second step needs to know of the first.
#[derive(Serialize, Deserialize)]
struct Begun {
    kind: String,
    client_id: String,
    secret: Option<Zeroizing<String>>,
    server: Option<String>,
    redirect_uri: String,
    state: Zeroizing<String>,
    pkce: Zeroizing<String>,
    nonce: Zeroizing<String>,
    /// The connection that is logged in again.
    connection: Option<String>,
}

pub(super) fn begin(context: &Context, args: &Begin) -> Outcome {
    secrets::none_in_the_open(&args.app.secret)?;
    let kind = match args.kind {
        ArgsKind::Web | ArgsKind::Desktop => args.kind.of_app(),
        _ => {
            return Err(Failure::usage("only web and desktop apps have a consent to begin")
                .hint("`xeroctl connect --kind custom` or `--kind private` needs no person"));
        }
    };
    if kind == AppKind::Desktop && args.app.secret.is_given() {
        return Err(
            Failure::usage("a desktop app has no client secret").hint("leave it out, or give --kind web")
        );
    }
    let server = server(context)?;
    let access = store_access::open_or_plan(context)?;
    let app = app::choose(context, &access, &args.app, kind, &server)?;
    let scopes = app::scopes(context, args.app.scopes.as_deref())?;
    let store = access.into_store(context)?;
    offer(context, &store, (&app, &server), &scopes, None)
}

/// Keeps a login that begins, and prints the address to open and the next step. With a connection it is one for that.
pub(crate) fn offer(
    context: &Context,
    store: &Store,
    (app, server): (&ChosenApp, &Server),
    scopes: &Scopes,
    connection: Option<&str>,
) -> Outcome {
    let first = first_uri(&app.identity.client_id, &app.redirect_uris)?;
    let attempt = Attempt::new(first.clone())?;
    let request = Request { endpoints: server.endpoints(), redirect_uris: &app.redirect_uris, scopes };
    let address = attempt.address(&app.identity.client_id, &request);
    let expires_at = store.clock().now() + PATIENCE;
    let id = login_id(&attempt);
    keep(store, &id, &Login::Begun(Begun::of(app, server, &attempt, connection)), expires_at)?;
    let next = finishing(&id, connection.is_some());
    context.ui.document(json!({ "login": {
        "id": id,
        "address": address.as_str(),
        "redirect_uri": attempt.redirect_uri.as_str(),
        "expires_at": show::timestamp(expires_at),
        "next_step": next,
    }}))?;
    context
        .ui
        .data(format!("Open this address in any browser, log in and allow access:\n\n  {address}\n"))?;
    context
        .ui
        .data(format!("The browser ends at {}… Copy that whole address, and within", first.as_str()))?;
    context.ui.data(format!("5 minutes of the consent give it to\n\n  {next}"))
}

/// The command of the second step.
fn finishing(id: &str, again: bool) -> String {
    let command = if again { "reauth" } else { "connect" };
    format!("xeroctl {command} finish {id} --address-stdin")
}

pub(super) fn finish(context: &Context, args: &Finish) -> Outcome {
    let store = context.open_store()?;
    let login = Some(args.login.clone());
    let kept = match load(&store, &args.login)? {
        Found::Consented(authorisation) => Kept { authorisation, login },
        Found::Begun(Begun { connection: Some(_), .. }) => return Err(of_the_other(&args.login, true)),
        Found::Begun(begun) => {
            let Returned { app, server, consent } = begun.returned(&args.address)?;
            let again = Again::Finish("xeroctl connect begin");
            let authorisation = exchange::keep(context, &store, (app, &server), &consent, again)?;
            let consented = Login::Consented { authorisation: authorisation.id.clone() };
            keep(&store, &args.login, &consented, store.clock().now() + PATIENCE)?;
            Kept { authorisation, login }
        }
    };
    consented::connect(context, &store, &kept, &args.making, &args.choosing)
}

/// The login that `reauth begin` began: its connection, and what came back from the browser.
pub(crate) fn returned_again(
    store: &Store,
    login: &str,
    address: &AddressSource,
) -> Outcome<(String, Returned)> {
    match load(store, login)? {
        Found::Begun(Begun { connection: None, .. }) | Found::Consented(_) => Err(of_the_other(login, false)),
        Found::Begun(mut begun) => {
            let connection = begun.connection.take().expect("those without one are above");
            Ok((connection, begun.returned(address)?))
        }
    }
}

fn of_the_other(login: &str, again: bool) -> Failure {
    let command = if again { "reauth" } else { "connect" };
    Failure::usage(format!("the login {login} was begun by `xeroctl {command}`"))
        .hint(finishing(login, again))
}

/// What an unfinished login has come to.
enum Found {
    Begun(Begun),
    Consented(Authorisation),
}

/// A consent that came back, and what it is exchanged with.
pub(crate) struct Returned {
    pub(crate) app: ChosenApp,
    pub(crate) server: Server,
    pub(crate) consent: Consent,
}

impl Begun {
    fn of(app: &ChosenApp, server: &Server, attempt: &Attempt, connection: Option<&str>) -> Self {
        let secret = |text: &str| Zeroizing::new(text.to_owned());
        Self {
            kind: app.kind.as_str().to_owned(),
            client_id: app.identity.client_id.as_str().to_owned(),
            secret: app.identity.secret.as_ref().map(|one| secret(one.expose())),
            server: server.address().map(str::to_owned),
            redirect_uri: attempt.redirect_uri.as_str().to_owned(),
            state: secret(attempt.state.expose()),
            pkce: secret(attempt.pkce.expose()),
            nonce: secret(attempt.nonce.expose()),
            connection: connection.map(str::to_owned),
        }
    }

    fn returned(self, address: &AddressSource) -> Outcome<Returned> {
        let server = self.server.as_deref().map_or(Ok(Server::xero()), Server::at)?;
        let redirect_uri = RedirectUri::parse(&self.redirect_uri)?;
        let attempt = Attempt {
            redirect_uri: redirect_uri.clone(),
            state: State::from_stored(&self.state)?,
            pkce: Pkce::from_stored(&self.pkce)?,
            nonce: Nonce::from_stored(&self.nonce)?,
        };
        let code = read_callback(&address.read()?, &attempt.redirect_uri, &attempt.state)?;
        let app = ChosenApp {
            kind: if self.kind == AppKind::Desktop.as_str() { AppKind::Desktop } else { AppKind::Web },
            identity: AppIdentity {
                client_id: ClientId::parse(&self.client_id)?,
                secret: self.secret.map(|secret| ClientSecret::new(&secret)).transpose()?,
            },
            redirect_uris: vec![redirect_uri],
        };
        Ok(Returned { app, server, consent: Consent { code, attempt } })
    }
}

impl AddressSource {
    fn read(&self) -> Outcome<Zeroizing<String>> {
        let address = match &self.address_file {
            Some(path) => secrets::file_line(path)?,
            None if self.address_stdin => secrets::stdin_line("the address")?,
            None => {
                return Err(Failure::usage("nothing was said of the address that the browser ended at")
                    .hint("give it with --address-stdin or --address-file"));
            }
        };
        if address.trim().is_empty() {
            return Err(Failure::usage("no address was given")
                .hint("give the whole address that the browser ended at"));
        }
        Ok(address)
    }
}

/// A login is named by the beginning of its PKCE challenge, which is public.
fn login_id(attempt: &Attempt) -> String {
    attempt
        .pkce
        .challenge()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(SHORT)
        .collect::<String>()
        .to_lowercase()
}

fn keep(store: &Store, id: &str, login: &Login, expires_at: std::time::SystemTime) -> Outcome {
    let contents = Zeroizing::new(serde_json::to_vec(login).expect("a login is made of texts"));
    Ok(store.keep_pending(id, &contents, expires_at)?)
}

/// A consent whose organisations could not be connected now stays in the store: the failure says how to go on without
/// another consent.
pub(crate) fn keep_for_later(kept: &Kept, failure: Failure) -> Failure {
    let go_on = format!(
        "xeroctl connect finish {}",
        kept.login.clone().unwrap_or_else(|| short_id(&kept.authorisation))
    );
    let (message, hint) = match (failure.kind, &failure.hint) {
        (Kind::Interrupted, _) => {
            ("cancelled; no connection was saved, the consent is kept for an hour".to_owned(), go_on)
        }
        (_, Some(hint)) => (
            failure.message.clone(),
            format!("{hint}; the consent is kept for an hour: `{go_on}` goes on with it"),
        ),
        (_, None) => {
            (failure.message.clone(), format!("the consent is kept for an hour: `{go_on}` goes on with it"))
        }
    };
    Failure { message, hint: Some(hint), ..failure }
}

/// What a kept consent is called by: enough of its id.
pub(crate) fn short_id(authorisation: &Authorisation) -> String {
    authorisation.id.chars().take(SHORT).collect()
}

fn load(store: &Store, id: &str) -> Outcome<Found> {
    let authorisation = match store.pending(id)? {
        Some(contents) => match serde_json::from_slice(&contents).map_err(|_| unknown(id))? {
            Login::Consented { authorisation } => store.authorisation(&authorisation)?,
            Login::Begun(begun) => return Ok(Found::Begun(begun)),
        },
        None => store.unused_authorisations()?.into_iter().find(|one| short_id(one) == id),
    };
    authorisation.map(Found::Consented).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Failure {
    // Who gives the address here has given the code with it: it is not repeated.
    let what = if id.len() > SHORT { "of that name".to_owned() } else { format!("{id:?}") };
    Failure::new(Kind::NoSuchConnection, format!("there is no unfinished login {what}"))
        .hint(
            "begin again with `xeroctl connect begin` (or `reauth begin`); a login that is finished cannot be finished again",
        )
}
