//! Which connections are listed, and in which order.

use std::time::SystemTime;

use connection_store::Connection;
use wildmatch::WildMatch;

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
    texts.iter().any(|text| matches(filter, text))
}

/// With `*` or `?` the whole text must be like the pattern; otherwise part of it is enough.
pub(super) fn matches(filter: &Filter, text: &str) -> bool {
    let (pattern, text) = (&filter.pattern, text.to_lowercase());
    match pattern.contains(['*', '?']) {
        true => WildMatch::new(pattern).matches(&text),
        false => text.contains(pattern.as_str()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_a_text_is_enough_unless_there_is_a_star() {
        for (pattern, text, fits) in [
            ("flor", "Maple Florist Ltd", true),
            ("FLOR", "Maple Florist Ltd", true),
            ("maple*", "Maple Florist Ltd", true),
            ("florist*", "Maple Florist Ltd", false),
            ("*florist*", "Maple Florist Ltd", true),
            ("m?ple*", "Maple Florist Ltd", true),
            ("?", "ab", false),
            ("日本", "日本商事", true),
            ("x", "", false),
            ("*", "", true),
        ] {
            let filter: Filter = pattern.parse().unwrap();
            assert_eq!(matches(&filter, text), fits, "{pattern} {text}");
        }
    }
}
