//! `xeroctl reauth`: a new consent for a connection, for the same organisation or not at all.

use connection_store::{AppKind, Authorisation, Connection, NewConnection, Store};
use serde_json::json;
use xero_auth_oauth2::{ClientSecret, TenantLink};

use crate::{
    Context,
    args::Reauth,
    commands::{
        connect::{
            app::{self, ChosenApp},
            consent::{self, Consent, Request},
            exchange::{self, Again},
            organisations, two_steps,
        },
        test, token,
    },
    failure::{Failure, Kind, Outcome},
    secrets::{client_secret, none_in_the_open},
    show, xero_api,
};

pub(crate) fn run(context: &Context, args: &Reauth) -> Outcome {
    consent_again(context, &context.open_store()?, args)
}

/// Has a person consent again, and moves to the new login what it reaches.
pub(crate) fn consent_again(context: &Context, store: &Store, args: &Reauth) -> Outcome {
    let Context { ui, global, .. } = context;
    none_in_the_open(&args.secret)?;
    let connection = store.connection(args.name.as_deref())?;
    token::has_tokens(&connection)?;
    xero_api::check_server(global, &connection)?;
    store.check(&connection)?;
    let Some(authorisation) = connection.authorisation.clone() else {
        return Err(Failure::usage(format!("{} has no consent", connection.name)));
    };
    if connection.app.kind == AppKind::Custom {
        return Err(Failure::usage("a custom connection is authorised in the portal, not here")
            .hint("in the portal: Configuration, Save and connect; then `xeroctl test`"));
    }
    consent::must_be_possible(context, &args.consenting, consent::REAUTH)?;
    let scopes = match &args.scopes {
        Some(given) => app::scopes(context, Some(given))?,
        None => app::with_login(&authorisation.scopes),
    };
    let mut identity = store.app_identity(&connection.app)?;
    if let Some(secret) = client_secret(&args.secret)? {
        identity.secret = Some(ClientSecret::new(&secret)?);
    }
    let endpoints = connection.app.server.endpoints();
    let request = Request { endpoints, redirect_uris: &connection.app.redirect_uris, scopes: &scopes };
    if let Some(organisation) = &connection.organisation {
        ui.say(format!("Choose {} again.", organisation.name));
    }
    let consent = consent::obtain(context, &identity.client_id, &request, &args.consenting)?;
    let redirect_uris = connection.app.redirect_uris.clone();
    let app = ChosenApp { kind: connection.app.kind, identity, redirect_uris };
    renew(context, store, (&connection, &authorisation), app, &consent)
}

/// The new consent is kept first. Then all connections of the old one that it reaches become connections of the new one,
/// or, where it does not reach the one asked for, none.
fn renew(
    context: &Context,
    store: &Store,
    (connection, old): (&Connection, &Authorisation),
    app: ChosenApp,
    consent: &Consent,
) -> Outcome {
    let server = &connection.app.server;
    let kept = exchange::keep(context, store, (app, server), consent, Again::Command)?;
    let listed = context.ask_xero(async { Ok(store.tenant_links(&kept, false).await?) });
    let links = listed.map_err(|failure| go_on_later(connection, &kept, failure))?;
    let reaches = |one: &Connection| {
        let same = |id: &str| links.iter().any(|link| link.tenant_id.eq_ignore_ascii_case(id));
        one.organisation.as_ref().is_none_or(|own| same(&own.id))
    };
    if !reaches(connection) {
        store.forget_authorisation(&kept.id)?;
        return Err(other_organisation(connection, &links));
    }
    let (reached, others): (Vec<_>, Vec<_>) = store.sharing(&old.id)?.into_iter().partition(reaches);
    reached.iter().try_for_each(|one| store.check(one))?;
    let moved: Vec<_> = reached.iter().map(|one| of_login(one, &kept)).collect();
    store.add_connections(&moved)?;
    for other in &others {
        let organisation = show::organisation(other);
        context.ui.say(format!(
            "{} stays with its old login: the new one does not reach {organisation}.",
            other.name
        ));
    }
    say_besides(context, connection, &besides(&links, &kept, &store.connections()?));
    finish(context, store, &connection.name)
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

fn finish(context: &Context, store: &Store, name: &str) -> Outcome {
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
            "run it again and choose {wanted}; at Xero what was chosen now is connected to the app: \
             \u{201c}Connected apps\u{201d} there takes it away, or `xeroctl connect` makes a connection of it"
        )
    })
}
