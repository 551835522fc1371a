//! `xeroctl test`: a real request, and the organisation that answers compared with the one pinned.

use std::collections::BTreeSet;

use connection_store::{AppKind, Connection, Organisation, Store};
use serde_json::{Value, json};
use xero_auth_oauth2::TenantLink;

use crate::{
    Context,
    args::Test,
    commands::connect::organisations,
    failure::{Failure, Kind, Outcome},
    show,
    xero_api::{self, Authority},
};

pub(crate) fn run(context: &Context, args: &Test) -> Outcome {
    let store = context.open_store()?;
    let connections = match args.all {
        true => store.connections()?,
        false => vec![store.connection(args.name.as_deref())?],
    };
    let (mut documents, mut first_failure) = (Vec::new(), None);
    let mut limited = BTreeSet::new();
    for connection in &connections {
        let outcome = match limited.contains(&place(connection)) {
            true => Err(not_asked()),
            false => test_one(context, &store, connection),
        };
        if outcome.as_ref().is_err_and(|failure| failure.kind == Kind::RateLimited) {
            limited.insert(place(connection));
        }
        documents.push(document(connection, &outcome));
        match outcome {
            Ok(Tested { seen, by_list }) => {
                let note =
                    if by_list { ", by the list of connections: the scopes do not cover more" } else { "" };
                context.ui.prose(format!("ok      {}  {}{note}", connection.name, describe(&seen)))?;
            }
            Err(failure) if !args.all => return Err(failure),
            Err(failure) => {
                context.ui.prose(format!("failed  {}  {}", connection.name, failure.message))?;
                failure.hint.iter().for_each(|hint| context.ui.say(format!("  next: {hint}")));
                first_failure = first_failure.or(Some(failure));
            }
        }
    }
    context.ui.document(json!({ "results": documents }))?;
    match first_failure {
        Some(failure) => Err(Failure::silent(failure.kind)),
        None => Ok(()),
    }
}

/// What Xero counts requests by: the app, and the organisation.
fn place(connection: &Connection) -> (&str, Option<&str>) {
    let organisation = connection.organisation.as_ref().map(|organisation| organisation.id.as_str());
    (&connection.app.id, organisation)
}

fn not_asked() -> Failure {
    Failure::new(
        Kind::RateLimited,
        "not asked: Xero's limit for this organisation and app was reached just before",
    )
    .hint("test it again when the time is over that was named there")
}

/// What a test showed.
pub(crate) struct Tested {
    pub(crate) seen: Organisation,
    /// The organisation could not be read for want of a scope; Xero's list of connections has it.
    pub(crate) by_list: bool,
}

/// Makes a real request with a connection and compares the organisation with the one pinned.
pub(crate) fn test_one(context: &Context, store: &Store, connection: &Connection) -> Outcome<Tested> {
    context.ask_xero(tried(context, store, connection))
}

/// The same, beside others.
pub(crate) async fn tried(context: &Context, store: &Store, connection: &Connection) -> Outcome<Tested> {
    xero_api::check_server(&context.global, connection)?;
    let authority = Authority::Stored(store, connection);
    let tested = match xero_api::organisation(context.timeout(), &authority).await {
        Ok(seen) => Tested { seen, by_list: false },
        Err(failure) if connection.app.kind != AppKind::Private => {
            second_look(store, connection, failure).await?
        }
        Err(failure) => return Err(failure),
    };
    if store.tested(connection, &tested.seen)? {
        return Ok(tested);
    }
    let pinned = connection.organisation.as_ref().map_or("another one", |pinned| pinned.name.as_str());
    Err(Failure::new(
        Kind::WrongOrganisation,
        format!("the connection is for {pinned}, and {} answered", describe(&tested.seen)),
    )
    .hint(format!("make a connection for {} with `xeroctl connect`, and remove this one", tested.seen.name)))
}

/// Asks Xero for the list of connected organisations: without the scope for the organisation itself it is the test, and
/// where the organisation is gone it may say why.
async fn second_look(store: &Store, connection: &Connection, failure: Failure) -> Outcome<Tested> {
    let (Some(pinned), Some(authorisation)) = (&connection.organisation, &connection.authorisation) else {
        return Err(failure);
    };
    if !matches!(failure.kind, Kind::NeedsPerson | Kind::WrongOrganisation)
        || authorisation.needs_login.is_some()
    {
        return Err(failure);
    }
    let Ok(links) = store.tenant_links_of(connection).await else {
        return Err(failure);
    };
    let same_name = |link: &&TenantLink| organisations::name(link) == pinned.name;
    match (links.iter().find(|link| link.tenant_id == pinned.id), links.iter().find(same_name)) {
        (Some(_), _) if failure.kind == Kind::NeedsPerson => {
            Ok(Tested { seen: pinned.clone(), by_list: true })
        }
        (None, Some(_)) => Err(failure.hint(reset_hint(&connection.name, &pinned.name))),
        _ => Err(failure),
    }
}

/// What to do where an organisation has come back under another id.
pub(crate) fn reset_hint(connection: &str, organisation: &str) -> String {
    let (name, organisation) = (show::quoted(connection), show::quoted(organisation));
    format!(
        "an organisation of that name is connected under another id: a demo company gets a new one when it is reset; \
         connect it with `xeroctl orgs {name} --add {organisation}`, and remove this connection"
    )
}

fn describe(seen: &Organisation) -> String {
    match &seen.short_code {
        Some(code) => format!("{} ({code})", seen.name),
        None => seen.name.clone(),
    }
}

fn document(connection: &Connection, outcome: &Outcome<Tested>) -> Value {
    match outcome {
        Ok(Tested { seen, .. }) => json!({ "name": connection.name, "ok": true, "organisation": {
            "id": seen.id, "name": seen.name, "short_code": seen.short_code,
        }}),
        Err(failure) => json!({ "name": connection.name, "ok": false, "error": {
            "kind": failure.kind.word(), "exit_code": failure.kind.status(),
            "message": failure.message, "hint": failure.hint,
        }}),
    }
}
