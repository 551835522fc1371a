//! The app that a consent is given to: one that is stored already, or a new one.

use connection_store::{App, AppKind, Server, Store};
use xero_auth_oauth2::{
    AppIdentity, ClientId, ClientSecret, RedirectUri, Scopes, ends_in_september_2027, granular,
};

use crate::{
    Context,
    args::OAuth2App,
    commands::apps,
    failure::{Failure, Kind, Outcome},
    secrets::client_secret,
    show,
    store_access::StoreAccess,
};

/// The redirect URI that the wizard proposes; its port is the one listened on.
const REDIRECT_URI: &str = "http://localhost:8742/callback";
/// What is asked for unless told otherwise.
const SCOPES: &str = "@read";
/// What every login asks for: without offline_access there is no refresh token; the others say who logged in, and none of
/// them needs ticking in the portal.
const LOGIN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// An app, with all that a consent needs.
pub(crate) struct ChosenApp {
    pub(crate) kind: AppKind,
    pub(crate) identity: AppIdentity,
    pub(crate) redirect_uris: Vec<RedirectUri>,
}

/// The app by the options given, or asked for.
pub(crate) fn choose(
    context: &Context,
    access: &StoreAccess,
    args: &OAuth2App,
    kind: AppKind,
    server: &Server,
) -> Outcome<ChosenApp> {
    let stored = match access {
        StoreAccess::Open(store) => store.apps()?.into_iter().filter(|app| app.server == *server).collect(),
        StoreAccess::Planned(_) => Vec::new(),
    };
    let client_id = match &args.app {
        Some(text) => Some(named(access, text, server)?),
        None => args.client_id.clone(),
    };
    let stored = of_kind(stored, client_id.as_deref(), kind)?;
    let chosen = match &client_id {
        Some(id) => {
            let id = ClientId::parse(id)?;
            stored.into_iter().find(|app| app.client_id == id.as_str()).ok_or(Some(id))
        }
        None if context.ui.interactive() => pick_stored(context, stored)?.ok_or(None),
        None => Err(None),
    };
    match (chosen, access) {
        (Ok(app), StoreAccess::Open(store)) => use_again(context, store, args, app),
        (Ok(_), StoreAccess::Planned(_)) => unreachable!("a planned store has no apps"),
        (Err(id), _) => new_app(context, args, id, (kind, server)),
    }
}

/// The client id of a stored app that was named.
fn named(access: &StoreAccess, text: &str, server: &Server) -> Outcome<String> {
    let StoreAccess::Open(store) = access else {
        return Err(Failure::new(Kind::NoSuchConnection, format!("there is no app {text:?}"))
            .hint("there is no store yet; a new app is named by --client-id"));
    };
    let app = apps::find(store, text)?;
    if app.server == *server {
        return Ok(app.client_id);
    }
    Err(Failure::usage(format!("the app {} is registered at {}", apps::called(&app), show::server_of(&app)))
        .hint("give --xero-url with that address, or leave it out for Xero itself"))
}

/// The apps of a kind. One that is stored as another kind is not to be had as this one.
fn of_kind(stored: Vec<App>, client_id: Option<&str>, kind: AppKind) -> Outcome<Vec<App>> {
    let (fitting, others): (Vec<_>, Vec<_>) = stored.into_iter().partition(|app| app.kind == kind);
    let same = |app: &App| client_id.is_some_and(|id| id.trim().eq_ignore_ascii_case(&app.client_id));
    match others.iter().find(|app| same(app)) {
        Some(other) => Err(Failure::usage(format!("that app is stored as a {} app", other.kind.as_str()))
            .hint(format!("give --kind {}", other.kind.as_str()))),
        None => Ok(fitting),
    }
}

/// None: a new one is wanted.
fn pick_stored(context: &Context, mut stored: Vec<App>) -> Outcome<Option<App>> {
    if stored.is_empty() {
        return Ok(None);
    }
    let mut choices: Vec<_> =
        stored.iter().map(|app| format!("the app {}, stored already", app.client_id)).collect();
    choices.push("a new app".to_owned());
    let at = context.ui.choose("Which app?", choices)?;
    Ok((at < stored.len()).then(|| stored.swap_remove(at)))
}

fn use_again(context: &Context, store: &Store, args: &OAuth2App, app: App) -> Outcome<ChosenApp> {
    let mut identity = store.app_identity(&app)?;
    if let Some(secret) = client_secret(&args.secret)? {
        identity.secret = Some(ClientSecret::new(&secret)?);
    }
    let redirect_uris = match args.redirect_uri.as_slice() {
        [] => app.redirect_uris,
        given => parse_uris(given)?,
    };
    context.ui.say(format!("Using the stored app {}.", app.client_id));
    Ok(ChosenApp { kind: app.kind, identity, redirect_uris })
}

fn new_app(
    context: &Context,
    args: &OAuth2App,
    id: Option<ClientId>,
    (kind, server): (AppKind, &Server),
) -> Outcome<ChosenApp> {
    let ui = &context.ui;
    let redirect_uris = match args.redirect_uri.as_slice() {
        _ if kind == AppKind::Custom => {
            if id.is_none() && ui.interactive() {
                say_how_to_make_a_custom_connection(context, server);
            }
            Vec::new()
        }
        [] if ui.interactive() => {
            if id.is_none() {
                say_how_to_register(context, kind, server);
            }
            vec![ask_redirect_uri(context)?]
        }
        [] => parse_uris(&[REDIRECT_URI.to_owned()])?,
        given => parse_uris(given)?,
    };
    let client_id = match id {
        Some(id) => id,
        None => {
            let check = |typed: &str| ClientId::parse(typed).map(drop).map_err(|error| format!("{error}."));
            let ask = || context.ui.ask("Client id:", "", check);
            ClientId::parse(&required(context, "client id", "--client-id ID", ask)?)?
        }
    };
    let secret = match kind {
        AppKind::Desktop => None,
        _ => Some(secret(context, args)?),
    };
    Ok(ChosenApp { kind, identity: AppIdentity { client_id, secret }, redirect_uris })
}

fn say_how_to_register(context: &Context, kind: AppKind, server: &Server) {
    let kind = if kind == AppKind::Web { "Web app" } else { "Mobile or desktop app" };
    context
        .ui
        .say(format!("In the portal, {}: New app, {kind}, a name, your address (https),", portal(server)));
    context.ui.say("and this redirect URI, exactly:");
    context.ui.say(format!("\n  {REDIRECT_URI}\n"));
    context.ui.say("An app that has another one serves too: type that one below.");
}

fn say_how_to_make_a_custom_connection(context: &Context, server: &Server) {
    context.ui.say(format!(
        "In the portal, {}: New app, Custom connection, a name, your address (https),",
        portal(server)
    ));
    context.ui.say(
        "the scopes, the user who authorises it, Save and connect. That user follows the link in the e-mail,",
    );
    context.ui.say(
        "chooses the organisation and allows access. Then Configuration has the client id and a secret.",
    );
}

fn ask_redirect_uri(context: &Context) -> Outcome<RedirectUri> {
    let check = |typed: &str| RedirectUri::parse(typed).map(drop).map_err(|error| format!("{error}."));
    let typed = context.ui.ask("Redirect URI, as the portal has it:", REDIRECT_URI, check)?;
    Ok(RedirectUri::parse(&typed)?)
}

fn parse_uris(given: &[String]) -> Outcome<Vec<RedirectUri>> {
    Ok(given.iter().map(|uri| RedirectUri::parse(uri)).collect::<Result<_, _>>()?)
}

/// The client secret by the options given, or asked for.
fn secret(context: &Context, args: &OAuth2App) -> Outcome<ClientSecret> {
    if let Some(secret) = client_secret(&args.secret)? {
        return Ok(ClientSecret::new(&secret)?);
    }
    let option = "--client-secret-stdin, --client-secret-file FILE or --client-secret-command COMMAND";
    let typed = required(context, "client secret", option, || ask_secret(context))?;
    Ok(ClientSecret::new(&typed)?)
}

pub(crate) fn ask_secret(context: &Context) -> Outcome<String> {
    let question = "Client secret (\u{201c}Generate a secret\u{201d} in the portal; it is not shown):";
    loop {
        let typed = context.ui.ask_hidden(question)?;
        match ClientSecret::new(&typed) {
            Ok(_) => return Ok(typed),
            Err(error) => context.ui.say(format!("{error}.")),
        }
    }
}

/// Asks where there is somebody to ask, and otherwise names the option.
fn required(
    context: &Context,
    what: &str,
    option: &str,
    ask: impl FnOnce() -> Outcome<String>,
) -> Outcome<String> {
    if context.ui.interactive() {
        return ask();
    }
    Err(Failure::usage(format!("nothing was said of the {what}")).hint(format!("give {option}")))
}

/// The scopes by the option given, or asked for, with those that every login needs.
pub(crate) fn scopes(context: &Context, given: Option<&str>) -> Outcome<Scopes> {
    let scopes = match given {
        Some(given) => parse_scopes(context, given)?,
        None if context.ui.interactive() => ask_scopes(context)?,
        None => Scopes::parse(SCOPES)?,
    };
    for broad in scopes.iter().filter(|scope| ends_in_september_2027(scope)) {
        let instead = granular(broad).join(" ");
        context.ui.warn(format!(
            "{broad} ends in September 2027, and apps made since 2 March 2026 cannot have it; ask for these instead: {instead}"
        ));
    }
    Ok(with_login(&scopes))
}

/// The scopes, with those of every login.
pub(crate) fn with_login(scopes: &Scopes) -> Scopes {
    Scopes::granted(LOGIN.into_iter().chain(scopes.iter().map(String::as_str)))
}

fn ask_scopes(context: &Context) -> Outcome<Scopes> {
    let choices = [
        "@read: read the accounts, change nothing",
        "@sync: read and write contacts, invoices, payments, bank transactions",
        "@all: everything that an ordinary app may have",
        "others: type their names",
    ];
    let preset =
        match context.ui.choose("What may the connection do?", choices.map(str::to_owned).to_vec())? {
            0 => "@read",
            1 => "@sync",
            2 => "@all",
            _ => {
                let check = |typed: &str| Scopes::parse(typed).map(drop).map_err(|error| format!("{error}."));
                let typed = context.ui.ask("Scopes, with spaces between:", "", check)?;
                return Ok(Scopes::parse(&typed)?);
            }
        };
    Ok(Scopes::parse(preset)?)
}

/// Scopes that Xero may have added since are passed on, with a warning: Xero itself decides.
pub(crate) fn parse_scopes(context: &Context, given: &str) -> Outcome<Scopes> {
    match Scopes::parse(given) {
        Ok(scopes) => Ok(scopes),
        Err(unknown) => {
            let scopes = Scopes::parse_lenient(given)?;
            context.ui.warn(format!("{unknown}; it is asked for all the same"));
            Ok(scopes)
        }
    }
}

/// Where apps are registered.
pub(crate) fn portal(server: &Server) -> String {
    match server.address() {
        None => "https://developer.xero.com/app/manage".to_owned(),
        Some(address) => format!("{address}myapps"),
    }
}
