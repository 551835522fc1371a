//! `xeroctl test`: a real request, and the organisation that answers compared with the one pinned.

use std::time::SystemTime;

use connection_store::{Connection, Organisation, Store};
use serde_json::{Value, json};

use crate::{
    Context,
    args::Test,
    failure::{Failure, Kind, Outcome},
    store_access,
    xero_api::{self, Authority},
};

pub(crate) fn run(context: &Context, args: &Test) -> Outcome {
    let mut store = store_access::open(&context.ui, &context.global)?;
    let connections = match args.all {
        true => store.connections()?,
        false => vec![store.connection(args.name.as_deref())?],
    };
    let (mut documents, mut first_failure) = (Vec::new(), None);
    for connection in &connections {
        let outcome = test_one(context, &mut store, connection);
        documents.push(document(connection, &outcome));
        match outcome {
            Ok(seen) => context.ui.data(format!("ok      {}  {}", connection.name, describe(&seen)))?,
            Err(failure) if !args.all => return Err(failure),
            Err(failure) => {
                context.ui.data(format!("failed  {}  {}", connection.name, failure.message))?;
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

fn test_one(context: &Context, store: &mut Store, connection: &Connection) -> Outcome<Organisation> {
    xero_api::check_server(&context.global, connection)?;
    let authority = Authority::Stored(store, connection);
    let seen = context.block_on(xero_api::organisation(context.timeout(), &authority))?;
    if store.tested(connection, &seen, SystemTime::now())? {
        return Ok(seen);
    }
    let pinned = connection.organisation.as_ref().map_or("another one", |pinned| pinned.name.as_str());
    Err(Failure::new(
        Kind::WrongOrganisation,
        format!("the connection is for {pinned}, and {} answered", describe(&seen)),
    )
    .hint(format!("make a connection for {} with `xeroctl connect`, and remove this one", seen.name)))
}

fn describe(seen: &Organisation) -> String {
    match &seen.short_code {
        Some(code) => format!("{} ({code})", seen.name),
        None => seen.name.clone(),
    }
}

fn document(connection: &Connection, outcome: &Outcome<Organisation>) -> Value {
    match outcome {
        Ok(seen) => json!({ "name": connection.name, "ok": true, "organisation": {
            "id": seen.id, "name": seen.name, "short_code": seen.short_code,
        }}),
        Err(failure) => json!({ "name": connection.name, "ok": false, "error": {
            "kind": failure.kind.word(), "exit_code": failure.kind.status(),
            "message": failure.message, "hint": failure.hint,
        }}),
    }
}
