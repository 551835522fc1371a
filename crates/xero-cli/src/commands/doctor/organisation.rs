//! Whether the organisation that a connection is pinned to still answers: a real request.

use connection_store::{AppKind, Connection, Store};

use super::{Silent, finding::Finding};
use crate::{Context, commands::test, xero_api};

const CHECK: &str = "organisation";

pub(super) fn check(context: &Context, store: &Store, connection: &Connection, silent: &Silent) -> Finding {
    let finding = match obstacle(context, connection, silent) {
        Some(why) => Finding::not_checked(CHECK, why),
        None => match test::test_one(context, store, connection) {
            Ok(tested) => Finding::ok(CHECK, format!("{} answers", tested.seen.name)),
            Err(failure) => Finding::of_failure(CHECK, failure),
        },
    };
    finding.about(connection.name.clone())
}

/// Why it cannot be asked; each is told of elsewhere.
fn obstacle(context: &Context, connection: &Connection, silent: &Silent) -> Option<&'static str> {
    let app = &connection.app;
    if xero_api::check_server(&context.global, connection).is_err() {
        return Some("--xero-url or XEROCTL_XERO_URL names another server");
    }
    if silent.contains(app.server.api().as_str()) {
        return Some("its server does not answer");
    }
    if app.kind == AppKind::Private && app.server.address().is_none() {
        return Some("Xero refuses private apps");
    }
    let login = connection.authorisation.as_ref()?;
    login.needs_login.is_some().then_some("a person must log in first")
}
