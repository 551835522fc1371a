//! `xeroctl connect`: an app and an organisation become a connection, by a wizard or by options.

pub(crate) mod app;
pub(crate) mod consent;
pub(crate) mod consented;
mod custom;
pub(crate) mod exchange;
pub(crate) mod name;
pub(crate) mod organisations;
mod private;
pub(crate) mod two_steps;

use connection_store::{AppKind, NewApp, Server, Store};

use self::{app::ChosenApp, consented::Kept, exchange::Again, name::Taken};
use crate::{
    Context,
    args::{Connect, ConnectStep, Kind},
    failure::{Failure, Kind as FailureKind, Outcome},
    secrets::none_in_the_open,
    show, signals, store_access,
};

pub(crate) use self::consented::{finish, name_them};

pub(crate) fn run(context: &Context, args: &Connect) -> Outcome {
    match &args.step {
        Some(ConnectStep::Begin(begin)) => return two_steps::begin(context, begin),
        Some(ConnectStep::Finish(finish)) => return two_steps::finish(context, finish),
        None => {}
    }
    none_in_the_open(&args.app.secret)?;
    let kind = kind(context, args)?;
    check_options(args, kind)?;
    match kind {
        Kind::Private => private::run(context, args),
        Kind::Custom => custom::run(context, args),
        Kind::Web | Kind::Desktop => with_consent(context, args, kind.of_app()),
    }
}

impl Kind {
    /// The same as the store has it.
    pub(crate) fn of_app(self) -> AppKind {
        match self {
            Self::Web => AppKind::Web,
            Self::Desktop => AppKind::Desktop,
            Self::Custom => AppKind::Custom,
            Self::Private => AppKind::Private,
        }
    }
}

/// The server that a new connection is made for.
pub(crate) fn server(context: &Context) -> Outcome<Server> {
    Ok(context.global.xero_url.as_deref().map_or(Ok(Server::xero()), Server::at)?)
}

/// The kind by its option, by options that only one kind has, or asked for.
fn kind(context: &Context, args: &Connect) -> Outcome<Kind> {
    if let Some(kind) = args.kind {
        return Ok(kind);
    }
    if args.consumer_key.is_some() || args.certificate.is_some() {
        return Ok(Kind::Private);
    }
    if !context.ui.interactive() {
        return Err(Failure::usage("nothing was said of the kind of app")
            .hint("give --kind web, desktop, custom or private; `xeroctl help connect` says what they are"));
    }
    let kinds = [Kind::Web, Kind::Desktop, Kind::Custom, Kind::Private];
    let choices = kinds.map(|kind| show::kind_line(kind.of_app()).to_owned()).to_vec();
    Ok(kinds[context.ui.choose("What kind of app is it?", choices)?])
}

/// Options of another kind of app are a mistake, not something to pass over.
fn check_options(args: &Connect, kind: Kind) -> Outcome {
    let private = args.consumer_key.is_some() || args.certificate.is_some() || args.password.is_given();
    let secret = args.app.secret.is_given();
    let consent = !args.app.redirect_uri.is_empty() || args.consenting.paste || args.consenting.no_browser;
    let stray = match kind {
        Kind::Private if args.app.client_id.is_some() => "--client-id",
        Kind::Private if args.app.app.is_some() => "--app",
        Kind::Private if secret => "--client-secret-…",
        Kind::Private if args.app.scopes.is_some() => "--scopes",
        Kind::Private | Kind::Custom if consent => "--redirect-uri, --paste or --no-browser",
        Kind::Private | Kind::Custom if !args.choosing.organisations.is_empty() => "--organisation",
        Kind::Desktop if secret => "--client-secret-…",
        Kind::Web | Kind::Desktop | Kind::Custom if private => {
            "--consumer-key, --certificate or --password-…"
        }
        _ => return Ok(()),
    };
    let kind = kind.of_app().as_str();
    Err(Failure::usage(format!("{stray}: a {kind} app has none of that"))
        .hint("leave it out, or give another --kind"))
}

/// Web and desktop apps: a person consents in a browser.
fn with_consent(context: &Context, args: &Connect, kind: AppKind) -> Outcome {
    let server = server(context)?;
    consent::must_be_possible(context, &args.consenting, consent::CONNECT)?;
    let access = store_access::open_or_plan(context)?;
    let taken = Taken::of(&access)?;
    if let Some(name) = &args.making.name {
        taken.check(name, args.making.replace)?;
    }
    let app = app::choose(context, &access, &args.app, kind, &server)?;
    let scopes = app::scopes(context, args.app.scopes.as_deref())?;
    // Made before anybody consents: what cannot be kept need not be asked for.
    let store = access.into_store(context)?;
    let consent = waiting(context, &store, (&app, &server), || {
        let request = app.request(&server, &scopes);
        consent::obtain(context, &app.identity.client_id, &request, &args.consenting)
    })?;
    let authorisation = exchange::keep(context, &store, (app, &server), &consent, Again::Command)?;
    let kept = Kept { authorisation, login: None };
    consented::connect(context, &store, &kept, &args.making, &args.choosing)
}

/// While a person is waited for, the app is kept: its secret is shown only once in the portal. Whoever breaks it off is told.
fn waiting<T>(
    context: &Context,
    store: &Store,
    (app, server): (&ChosenApp, &Server),
    work: impl FnOnce() -> Outcome<T>,
) -> Outcome<T> {
    if !context.ui.interactive() {
        return work();
    }
    store.keep_app(&app.as_new(server))?;
    let word = "the app is kept, no connection was saved: `xeroctl connect` offers it".to_owned();
    signals::leave_word(Some(word.clone()));
    let outcome = work();
    signals::leave_word(None);
    outcome.map_err(|failure| match failure.kind {
        FailureKind::Interrupted if !failure.silent => {
            Failure::new(FailureKind::Interrupted, "cancelled").hint(word)
        }
        _ => failure,
    })
}

impl ChosenApp {
    /// The same as the store takes it.
    pub(crate) fn as_new(&self, server: &Server) -> NewApp {
        let Self { kind, identity, redirect_uris } = self;
        NewApp {
            kind: *kind,
            identity: identity.clone(),
            server: server.clone(),
            redirect_uris: redirect_uris.clone(),
        }
    }

    fn request<'a>(
        &'a self,
        server: &'a Server,
        scopes: &'a xero_auth_oauth2::Scopes,
    ) -> consent::Request<'a> {
        consent::Request { endpoints: server.endpoints(), redirect_uris: &self.redirect_uris, scopes }
    }
}
