//! Which connections are listed, and in which order.

use std::time::SystemTime;

use connection_store::Connection;

use super::{Entry, end_of};
use crate::{
    args::{Field, Filter, Sort},
    commands::apps::called,
};

/// True where a filter looks at what a test may change.
pub(super) fn is_of_health(filter: &Filter) -> bool {
    filter.field == Some(Field::Health)
}

/// Whether a connection has what a filter asks for; nothing is said of its health.
pub(super) fn fits(filter: &Filter, connection: &Connection) -> bool {
    let organisation = connection.organisation.as_ref().map_or("", |organisation| organisation.name.as_str());
    let (name, app) = (connection.name.as_str(), connection.app.client_id.as_str());
    let app_name = connection.app.name.as_deref().unwrap_or_default();
    let kind = connection.app.kind.as_str();
    let texts: &[&str] = match filter.field {
        Some(Field::Name) => &[name],
        Some(Field::Organisation) => &[organisation],
        Some(Field::App) => &[app, app_name],
        Some(Field::Kind) => &[kind],
        Some(Field::Health) => return true,
        None => &[name, organisation, app, app_name, kind],
    };
    texts.iter().any(|text| filter.matches(text))
}

/// Sorts; what is the same stays in the order of names.
pub(super) fn sort(entries: &mut [Entry], by: Sort, now: SystemTime) {
    let folded = |text: &str| text.to_lowercase();
    let organisation = |one: &Entry| one.connection.organisation.as_ref().map(|known| folded(&known.name));
    entries.sort_by_cached_key(|one| folded(&one.connection.name));
    match by {
        Sort::Name => {}
        Sort::Organisation => entries.sort_by_cached_key(|one| {
            let name = organisation(one);
            (name.is_none(), name)
        }),
        Sort::App => entries.sort_by_cached_key(|one| folded(&called(&one.connection.app))),
        Sort::Left => entries.sort_by_key(|one| end_of(&one.connection, now)),
        Sort::Refreshed => entries.sort_by_key(|one| {
            let at = one.connection.authorisation.as_ref().map(|login| login.refreshed_at);
            (at.is_none(), at)
        }),
        Sort::Health => entries.sort_by_key(|one| one.health),
    }
}
