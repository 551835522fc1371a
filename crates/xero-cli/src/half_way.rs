//! Renewals that were left half-way: a refresh token was sent to Xero, no answer to that was kept, and nobody is at it.

use std::time::SystemTime;

use connection_store::{AppKind, Authorisation, Connection, Error, GRACE, Store};

use crate::{
    show::{clock_time, date, quoted},
    store_place::of_run,
};

/// All connections, with a time in `sent_at` only where nobody is getting an answer at the moment.
pub(crate) fn connections(store: &Store) -> Result<Vec<Connection>, Error> {
    store.connections()?.into_iter().map(|one| looked_at(store, one)).collect()
}

/// The same of one connection.
pub(crate) fn looked_at(store: &Store, mut connection: Connection) -> Result<Connection, Error> {
    if let Some(login) = connection.authorisation.as_mut().filter(|login| login.sent_at.is_some())
        && store.refresh_under_way(login)?.is_some()
    {
        login.sent_at = None;
    }
    Ok(connection)
}

/// Since when a renewal has no answer, where the next one may still make it good: of a connection that was
/// [looked at](looked_at).
pub(crate) fn since(connection: &Connection) -> Option<SystemTime> {
    since_of(connection.app.kind, connection.authorisation.as_ref()?)
}

/// The same of a login of an app of this kind.
pub(crate) fn since_of(kind: AppKind, login: &Authorisation) -> Option<SystemTime> {
    // A custom app spends nothing; without a refresh token, where a person is needed or another store renews, the next renewal
    // would not be one.
    let spends = kind != AppKind::Custom && login.refresh_expires_at.is_some();
    login.sent_at.filter(|_| spends && login.needs_login.is_none() && login.handed.is_none())
}

/// What is the matter.
pub(crate) fn what(since: SystemTime, now: SystemTime) -> String {
    let end = since + GRACE;
    let takes = if now < end { "takes" } else { "took" };
    let until = clock_time(end);
    format!("a renewal was left half-way at {}; Xero {takes} its token again until {until}", moment(since))
}

/// When it was left.
pub(crate) fn moment(since: SystemTime) -> String {
    format!("{} {}", date(since), clock_time(since))
}

/// The command that mends it.
pub(crate) fn next(name: &str) -> String {
    let refresh = of_run::command(&format!("xeroctl refresh {}", quoted(name)));
    if !of_run::is_at_server() {
        return refresh;
    }
    format!(
        "{refresh}; on the machine that began it a rescue file may wait: there the same command takes it up"
    )
}

/// The commands for a login that needs a person since Xero refused a token whose answer was not kept: what came then may lie on
/// another machine. Nothing where that cannot be.
pub(crate) fn or_reauth(connection: &Connection) -> Option<String> {
    connection.authorisation.as_ref()?.sent_at.filter(|_| of_run::is_at_server())?;
    let name = quoted(&connection.name);
    let [refresh, reauth] =
        ["refresh", "reauth"].map(|word| of_run::command(&format!("xeroctl {word} {name}")));
    Some(format!(
        "first, on the machine that began the renewal without an answer: {refresh} (a rescue file may wait there); where that \
         does not help: {reauth}"
    ))
}
