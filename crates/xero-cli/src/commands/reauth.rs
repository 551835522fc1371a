//! `xeroctl reauth`: a new consent for a connection, for the same organisation or not at all.

use connection_store::{AppKind, Authorisation, Connection, NewConnection, Scopes, Store};
use serde_json::json;
use xero_auth_oauth2::{ClientSecret, TenantLink};

use crate::{
    Context,
    args::{Consenting, Reauth, ReauthBegin, ReauthFinish, ReauthStep},
    commands::{
        connect::{
            app::{self, ChosenApp},
            consent::{self, Request},
            exchange::{self, Again},
            organisations,
            two_steps::{self, Returned},
        },
        test, token,
    },
    failure::{Failure, Kind, Outcome},
    secrets::{client_secret, none_in_the_open},
    show, xero_api,
};

pub(crate) fn run(context: &Context, args: &Reauth) -> Outcome {
    let store = context.open_store()?;
    match &args.step {
        Some(ReauthStep::Begin(args)) => begin(context, &store, args),
        Some(ReauthStep::Finish(args)) => finish(context, &store, args),
        None => consent_again(context, &store, (&args.asking, &args.consenting)),
    }
}

/// Has a person consent again, and moves to the new login what it reaches.
pub(crate) fn consent_again(
    context: &Context,
    store: &Store,
    (asking, consenting): (&ReauthBegin, &Consenting),
) -> Outcome {
    let Planned { connection, app, scopes } = Planned::of(context, store, asking, Some(consenting))?;
    let server = &connection.app.server;
    let request =
        Request { endpoints: server.endpoints(), redirect_uris: &app.redirect_uris, scopes: &scopes };
    say_what_to_choose(context, &connection);
    let consent = consent::obtain(context, &app.identity.client_id, &request, consenting)?;
    let kept = exchange::keep(context, store, (app, server), &consent, Again::Command)?;
    move_to(context, store, &connection, &kept)
}

fn begin(context: &Context, store: &Store, asking: &ReauthBegin) -> Outcome {
    let Planned { connection, app, scopes } = Planned::of(context, store, asking, None)?;
    say_what_to_choose(context, &connection);
    two_steps::offer(context, store, (&app, &connection.app.server), &scopes, Some(&connection.name))
}

fn finish(context: &Context, store: &Store, args: &ReauthFinish) -> Outcome {
    let (name, Returned { app, server, consent }) =
        two_steps::returned_again(store, &args.login, &args.address)?;
    let connection = store.connection(Some(&name))?;
    if connection.app.client_id != app.identity.client_id.as_str() {
        let quoted = show::quoted(&name);
        return Err(Failure::usage(format!("{name} uses another app by now"))
            .hint(format!("begin again with `xeroctl reauth begin {quoted}`")));
    }
    let kept =
        exchange::keep(context, store, (app, &server), &consent, Again::Finish("xeroctl reauth begin"))?;
    store.forget_pending(&args.login)?;
    move_to(context, store, &connection, &kept)
}

/// A consent that is to be asked for.
struct Planned {
    connection: Connection,
    app: ChosenApp,
    scopes: Scopes,
}

impl Planned {
    /// Looks whether it can be; with `consenting` also whether somebody is there.
    fn of(
        context: &Context,
        store: &Store,
        asking: &ReauthBegin,
        consenting: Option<&Consenting>,
    ) -> Outcome<Self> {
        none_in_the_open(&asking.secret)?;
        let connection = store.connection(asking.name.as_deref())?;
        let login = token::login_of(&connection)?;
        xero_api::check_server(&context.global, &connection)?;
        store.check(&connection)?;
        if connection.app.kind == AppKind::Custom {
            return Err(Failure::usage("a custom connection is authorised in the portal, not here")
                .hint("in the portal: Configuration, Save and connect; then `xeroctl test`"));
        }
        if let Some(consenting) = consenting {
            consent::must_be_possible(context, consenting, consent::REAUTH)?;
        }
        let scopes = match &asking.scopes {
            Some(given) => app::scopes(context, Some(given))?,
            None => app::with_login(&login.scopes),
        };
        let mut identity = store.app_identity(&connection.app)?;
        if let Some(secret) = client_secret(&asking.secret)? {
            identity.secret = Some(ClientSecret::new(&secret)?);
        }
        let redirect_uris = connection.app.redirect_uris.clone();
        let app = ChosenApp { kind: connection.app.kind, identity, redirect_uris };
        Ok(Self { connection, app, scopes })
    }
}

fn say_what_to_choose(context: &Context, connection: &Connection) {
    if let Some(organisation) = &connection.organisation {
        context.ui.say(format!("Choose {} again.", organisation.name));
    }
}

/// All connections of the old login that the new one reaches become connections of the new one, or, where it does not
/// reach the one asked for, none.
fn move_to(context: &Context, store: &Store, connection: &Connection, kept: &Authorisation) -> Outcome {
    let listed = context.ask_xero(async { Ok(store.tenant_links(kept, false).await?) });
    let links = listed.map_err(|failure| go_on_later(connection, kept, failure))?;
    let reaches = |one: &Connection| {
        let same = |id: &str| links.iter().any(|link| link.tenant_id.eq_ignore_ascii_case(id));
        one.organisation.as_ref().is_none_or(|own| same(&own.id))
    };
    if !reaches(connection) {
        store.forget_authorisation(&kept.id)?;
        return Err(other_organisation(connection, &links));
    }
    let old = token::login_of(connection)?;
    let (reached, others): (Vec<_>, Vec<_>) = store.sharing(&old.id)?.into_iter().partition(reaches);
    reached.iter().try_for_each(|one| store.check(one))?;
    let moved: Vec<_> = reached.iter().map(|one| of_login(one, kept)).collect();
    store.add_connections(&moved)?;
    for other in &others {
        let organisation = show::organisation(other);
        context.ui.say(format!(
            "{} stays with its old login: the new one does not reach {organisation}.",
            other.name
        ));
    }
    say_besides(context, connection, &besides(&links, kept, &store.connections()?));
    test_it(context, store, &connection.name)
}

/// What was consented to now and no connection of the app is for: it is linked to the app at Xero all the same.
fn besides(links: &[TenantLink], kept: &Authorisation, ours: &[Connection]) -> Vec<String> {
    let used = |link: &TenantLink| {
        ours.iter().filter(|one| one.app.id == kept.app).any(|one| {
            one.organisation.as_ref().is_some_and(|own| own.id.eq_ignore_ascii_case(&link.tenant_id))
        })
    };
    let is_new = |link: &&TenantLink| kept.consent.is_some() && link.consent == kept.consent && !used(link);
    links.iter().filter(is_new).map(organisations::name).collect()
}

fn say_besides(context: &Context, connection: &Connection, besides: &[String]) {
    let Some(first) = besides.first() else { return };
    let (name, first) = (show::quoted(&connection.name), show::quoted(first));
    context.ui.warn(format!(
        "consented to besides, and connected to the app at Xero now: {}; `xeroctl orgs {name} --add {first}` makes a \
         connection of it, and the organisation's \u{201c}Connected apps\u{201d} page ends it",
        show::few(besides, "")
    ));
}

/// The same connection with another login. That the login reaches its organisation was just seen.
fn of_login(connection: &Connection, login: &Authorisation) -> NewConnection {
    NewConnection {
        name: connection.name.clone(),
        authorisation: login.id.clone(),
        organisation: connection.organisation.clone(),
        make_default: false,
        replace: true,
        tested: true,
    }
}

fn test_it(context: &Context, store: &Store, name: &str) -> Outcome {
    let connection = store.connection(Some(name))?;
    let tested = test::test_one(context, store, &connection)?;
    context.ui.say(format!("It works: {}.", tested.seen.name));
    let connection = store.connection(Some(name))?;
    context.ui.document(json!({ "connection": show::connection_json(&connection, store.clock().now()) }))
}

fn go_on_later(connection: &Connection, kept: &Authorisation, failure: Failure) -> Failure {
    let name = show::quoted(&connection.name);
    let go_on = format!("xeroctl connect finish {} {name} --replace", two_steps::short_id(kept));
    let hint = format!("the new consent is kept for an hour: `{go_on}` goes on with it");
    failure.hint(hint)
}

fn other_organisation(connection: &Connection, links: &[TenantLink]) -> Failure {
    let found: Vec<_> = links.iter().map(organisations::name).collect();
    let found = if found.is_empty() { "no organisation".to_owned() } else { found.join(", ") };
    let wanted = show::organisation(connection);
    Failure::new(
        Kind::WrongOrganisation,
        format!("the connection is for {wanted}, and this login reaches {found}; nothing was changed here"),
    )
    .hint(if links.iter().any(|link| organisations::name(link) == wanted) {
        test::reset_hint(&connection.name, &wanted)
    } else {
        format!(
            "consent again and choose {wanted}; at Xero what was chosen now is connected to the app: \
             \u{201c}Connected apps\u{201d} there takes it away, or `xeroctl connect` makes a connection of it"
        )
    })
}
