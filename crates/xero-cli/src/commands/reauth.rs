//! `xeroctl reauth`: a new consent for a connection, for the same organisation or not at all.

use connection_store::{AppKind, Authorisation, Connection, Store};
use serde_json::json;
use xero_auth_oauth2::{ClientSecret, Identity, Scopes};

use crate::{
    Context,
    args::Reauth,
    commands::{
        connect::{
            self,
            app::{self, ChosenApp},
            consent::{self, Consent, Request},
            organisations,
        },
        test, token,
    },
    failure::{Failure, Kind, Outcome},
    secrets::client_secret,
    show, store_access, xero_api,
};

pub(crate) fn run(context: &Context, args: &Reauth) -> Outcome {
    let Context { ui, global, .. } = context;
    let store = store_access::open(ui, global)?;
    let connection = store.connection(args.name.as_deref())?;
    token::has_tokens(&connection)?;
    xero_api::check_server(global, &connection)?;
    let Some(authorisation) = connection.authorisation.clone() else {
        return Err(Failure::usage(format!("{} has no consent", connection.name)));
    };
    if connection.app.kind == AppKind::Custom {
        return Err(Failure::usage("a custom connection is authorised in the portal, not here")
            .hint("in the portal: Configuration, Save and connect; then `xeroctl test`"));
    }
    consent::must_be_possible(context, &args.consenting)?;
    let scopes = match &args.scopes {
        Some(given) => app::scopes(context, Some(given))?,
        None => {
            Scopes::parse_lenient(&format!("openid profile email offline_access {}", authorisation.scopes))?
        }
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
    renew(context, &store, (&connection, &authorisation), app, &consent)
}

fn renew(
    context: &Context,
    store: &Store,
    (connection, authorisation): (&Connection, &Authorisation),
    mut app: ChosenApp,
    consent: &Consent,
) -> Outcome {
    let server = &connection.app.server;
    let identity = Identity::new(server.endpoints(), context.timeout());
    let answer = connect::exchange(context, &identity, &mut app.identity, consent)?;
    let new = connect::new_authorisation(context, app, server, &consent.attempt, answer)?;
    let Some((token, _)) = &new.access else {
        return Err(Failure::new(Kind::Other, "Xero gave no access token"));
    };
    let links = context.block_on(async { Ok(identity.tenant_links(token, None).await?) })?;
    let reaches = |one: &Connection| {
        one.organisation.as_ref().is_none_or(|own| links.iter().any(|link| link.tenant_id == own.id))
    };
    if !reaches(connection) {
        return Err(other_organisation(connection, &links));
    }
    store.renew_authorisation(&authorisation.id, &new)?;
    let ui = &context.ui;
    ui.say(format!("Logged in as {}.", show::user(&new.user)));
    for other in store.sharing(&authorisation.id)?.iter().filter(|other| !reaches(other)) {
        ui.warn(format!(
            "this login does not reach {}, which {} is for",
            show::organisation(other),
            other.name
        ));
    }
    let connection = store.connection(Some(&connection.name))?;
    let tested = test::test_one(context, store, &connection)?;
    ui.say(format!("It works: {}.", tested.seen.name));
    let connection = store.connection(Some(&connection.name))?;
    ui.document(json!({ "connection": show::connection_json(&connection, store.clock().now()) }))
}

fn other_organisation(connection: &Connection, links: &[xero_auth_oauth2::TenantLink]) -> Failure {
    let found: Vec<_> = links.iter().map(organisations::name).collect();
    let found = if found.is_empty() { "no organisation".to_owned() } else { found.join(", ") };
    let wanted = show::organisation(connection);
    Failure::new(
        Kind::WrongOrganisation,
        format!("the connection is for {wanted}, and this login reaches {found}; nothing was changed"),
    )
    .hint(if links.iter().any(|link| organisations::name(link) == wanted) {
        test::reset_hint(&connection.name, &wanted)
    } else {
        format!("run it again and choose {wanted}; for another organisation use `xeroctl connect`")
    })
}
