//! `xeroctl list`: all connections, or those that are asked for.

mod check;
mod choice;

use std::{collections::BTreeSet, time::SystemTime};

use connection_store::{Connection, Store};
use serde_json::{Value, json};

use self::check::Checked;
use crate::{
    Context,
    args::List,
    commands::connect::two_steps,
    failure::{Failure, Outcome},
    half_way,
    health::{self, Health},
    show,
    table::{self, Column},
};

const COLUMNS: [Column; 7] = [
    Column::text("NAME"),
    Column::whole("KIND").worth(3),
    Column::text("ORGANISATION"),
    Column::text("APP").worth(1),
    Column::whole("LEFT"),
    Column::whole("REFRESHED").worth(2),
    Column::whole("HEALTH"),
];

/// How much is shown of the id of an app without a name: enough to tell a person's apps apart.
const APP: usize = 8;

/// A connection, as it is listed.
pub(crate) struct Entry {
    pub(crate) connection: Connection,
    pub(crate) health: Health,
    /// What came of the test, where there was one.
    checked: Option<Checked>,
}

pub(crate) fn run(context: &Context, args: &List) -> Outcome {
    let ui = &context.ui;
    if context.is_at_the_beginning()? {
        ui.say(format!("There is no store at {} yet.", context.store_place()?.path().display()));
        ui.document(json!({ "connections": [] }))?;
        ui.say("No connections. `xeroctl connect` makes one.");
        return Ok(());
    }
    let store = context.open_store()?;
    tell_unfinished(context, &store)?;
    let all = half_way::connections(&store)?;
    let any = !all.is_empty();
    let entries = entries(context, &store, args, all)?;
    let now = SystemTime::now();
    ui.document(json!({ "connections": entries.iter().map(|one| one.json(now)).collect::<Vec<_>>() }))?;
    if entries.is_empty() {
        ui.say(if any {
            "No connection is like that."
        } else {
            "No connections. `xeroctl connect` makes one."
        });
        return Ok(());
    }
    ui.data(table::table(&COLUMNS, entries.iter().map(|one| one.row(now)).collect()))?;
    tell_more(context, &entries);
    match entries.iter().find_map(Entry::failure) {
        Some(failure) => Err(Failure::silent(failure.kind)),
        None => Ok(()),
    }
}

/// What is listed, in its order.
fn entries(context: &Context, store: &Store, args: &List, mut all: Vec<Connection>) -> Outcome<Vec<Entry>> {
    let (by_health, by_rest): (Vec<_>, Vec<_>) =
        args.filter.iter().partition(|filter| choice::is_of_health(filter));
    all.retain(|one| by_rest.iter().all(|filter| choice::fits(filter, one)));
    let checked = if args.check { check::check(context, store, &all)? } else { Vec::new() };
    if args.check {
        all = after_check(store, all)?;
    }
    let mut checked = checked.into_iter();
    let now = SystemTime::now();
    let mut entries: Vec<_> = all.into_iter().map(|one| Entry::new(one, checked.next(), now)).collect();
    entries.retain(|one| by_health.iter().all(|filter| filter.is_health(&one.health.word())));
    choice::sort(&mut entries, args.sort, now);
    if args.reverse {
        entries.reverse();
    }
    Ok(entries)
}

/// The same connections as they are now: a test renews and pins.
fn after_check(store: &Store, before: Vec<Connection>) -> Outcome<Vec<Connection>> {
    let now = half_way::connections(store)?;
    let newer = |one: Connection| now.iter().find(|newer| newer.name == one.name).cloned().unwrap_or(one);
    Ok(before.into_iter().map(newer).collect())
}

fn tell_unfinished(context: &Context, store: &Store) -> Outcome {
    for login in &store.unused_authorisations()? {
        let of = show::user(&login.user).map(|who| format!(" of {who}")).unwrap_or_default();
        let id = two_steps::short_id(login);
        context.ui.say(format!(
            "A login{of} has no connection yet: `xeroctl connect finish {id}` goes on with it."
        ));
    }
    Ok(())
}

/// What does not fit into a row.
fn tell_more(context: &Context, entries: &[Entry]) {
    if entries.iter().any(|one| one.health == Health::Retired) {
        context.ui.say(format!("Private apps at Xero: {}.", show::RETIRED_SHORT));
    }
    tell_half_way(context, entries);
    for entry in entries {
        let Some(failure) = entry.failure() else { continue };
        context.ui.say(format!("{}: {}", entry.connection.name, failure.message));
        failure.hint.iter().for_each(|hint| context.ui.say(format!("  next: {hint}")));
    }
}

/// Of each login once.
fn tell_half_way(context: &Context, entries: &[Entry]) {
    let (now, mut told) = (SystemTime::now(), BTreeSet::new());
    for Entry { connection, health, .. } in entries {
        let (name, login) = (&connection.name, connection.authorisation.as_ref());
        let (what, next) = match (health, half_way::since(connection), half_way::or_reauth(connection)) {
            (Health::HalfWay, Some(since), _) => (half_way::what(since, now), half_way::next(name)),
            (Health::LogInAgain, _, Some(next)) => ("a renewal of it has no answer".to_owned(), next),
            _ => continue,
        };
        if told.insert(login.map(|login| &login.id)) {
            context.ui.say(format!("{name}: {what}\n  next: {next}"));
        }
    }
}

impl Entry {
    fn new(connection: Connection, checked: Option<Checked>, now: SystemTime) -> Self {
        let health = match &checked {
            Some(Checked(Err(failure))) => Health::of_failure(failure.kind),
            _ => Health::of(&connection, now),
        };
        Self { connection, health, checked }
    }

    fn failure(&self) -> Option<&Failure> {
        self.checked.as_ref()?.0.as_ref().err()
    }

    fn row(&self, now: SystemTime) -> Vec<String> {
        let Self { connection, health, .. } = self;
        vec![
            format!("{}{}", connection.name, if connection.is_default { " (default)" } else { "" }),
            connection.app.kind.as_str().to_owned(),
            show::organisation(connection),
            connection
                .app
                .name
                .clone()
                .unwrap_or_else(|| connection.app.client_id.chars().take(APP).collect()),
            show::left(connection, now),
            connection.authorisation.as_ref().map_or("-".to_owned(), |login| show::date(login.refreshed_at)),
            health.words().to_owned(),
        ]
    }

    fn json(&self, now: SystemTime) -> Value {
        let mut document = show::connection_json(&self.connection, now);
        document["health"] = self.health.word().into();
        if let Some(checked) = &self.checked {
            document["check"] = checked.json();
        }
        document
    }
}

/// For sorting: what has no end comes last.
pub(crate) fn end_of(connection: &Connection, now: SystemTime) -> i64 {
    health::days_left(connection, now).unwrap_or(i64::MAX)
}
