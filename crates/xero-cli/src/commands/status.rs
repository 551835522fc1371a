//! `xeroctl status`: one screen: what needs a person, what ends soon, what Xero's limits leave today.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use connection_store::{AppKind, Connection, Error as StoreError, HandedWay, Limits, Machine, Store};
use serde_json::{Value, json};

use super::{apps, export};
use crate::{
    Context,
    args::Status,
    failure::{Failure, Kind, Outcome},
    half_way,
    health::{self, Health},
    show,
    table::{self, Column},
    ui::one_line,
};

const COLUMNS: [Column; 5] = [
    Column::text("ORGANISATION"),
    Column::text("APP"),
    Column::whole("LEFT TODAY"),
    Column::whole("THIS MINUTE").worth(1),
    Column::whole("SEEN").worth(2),
];
const MACHINES: [Column; 3] =
    [Column::text("MACHINE"), Column::whole("LAST RENEWAL"), Column::whole("SEEN").worth(1)];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How far what belongs to a title is set in.
const INDENT: usize = 2;

/// A certificate takes a person and the portal.
const CERTIFICATE_DAYS: u32 = 60;

/// Something that somebody must do, and how.
struct Task {
    name: String,
    what: String,
    next: String,
    /// What mends one connection of a login mends the others.
    login: Option<String>,
}

/// What the screen shows.
#[derive(Default)]
struct Overview {
    needs_person: Vec<Task>,
    ends_soon: Vec<Task>,
    /// What somebody began to renew, and nobody ended.
    half_way: Vec<Task>,
    /// What another store renews.
    elsewhere: Vec<String>,
    limits: Vec<(Connection, Limits)>,
    /// All machines that the history knows.
    machines: Vec<Machine>,
    /// Several machines may use the store, or did.
    is_shared: bool,
    connections: usize,
}

pub(crate) fn run(context: &Context, args: &Status) -> Outcome {
    let ui = &context.ui;
    if context.is_at_the_beginning()? {
        ui.say("There is no store yet. `xeroctl connect` makes one with the first connection.");
        return ui.document(Overview::default().document());
    }
    let store = context.open_store()?;
    let overview = Overview::of(context, &store, args)?;
    ui.document(overview.document())?;
    ui.prose(overview.screen(SystemTime::now()))?;
    let Overview { needs_person, half_way, ends_soon, .. } = &overview;
    match (needs_person.is_empty(), half_way.is_empty() && ends_soon.is_empty()) {
        (false, _) => Err(Failure::silent(Kind::NeedsPerson)),
        (_, false) => Err(Failure::silent(Kind::EndsSoon)),
        _ => Ok(()),
    }
}

/// What Xero last said of its limits.
struct LastSeen<'a> {
    context: &'a Context,
    store: &'a Store,
    is_there: bool,
}

impl LastSeen<'_> {
    /// Nothing, too, where the table of it was taken out of the database: that is said once, and all else is shown.
    fn of(&mut self, one: &Connection) -> Outcome<Option<Limits>> {
        if !self.is_there {
            return Ok(None);
        }
        match self.store.limits(one) {
            Err(StoreError::NotFound(_)) => {
                self.is_there = false;
                self.context
                    .ui
                    .warn("Xero's limits are not shown: a table of the store is missing in the database");
                Ok(None)
            }
            limits => Ok(limits?),
        }
    }
}

impl Overview {
    fn of(context: &Context, store: &Store, args: &Status) -> Outcome<Self> {
        let (connections, now) = (half_way::connections(store)?, SystemTime::now());
        let (machines, place) = (store.machines()?, context.store_place()?);
        let is_shared = machines.len() > 1 || place.file().is_none() && !machines.is_empty();
        let mut overview = Self { connections: connections.len(), machines, is_shared, ..Self::default() };
        let (mut seen, mut limits) = (BTreeSet::new(), LastSeen { context, store, is_there: true });
        for one in connections {
            overview.add(&one, args, now);
            let organisation = one.organisation.as_ref().map(|organisation| organisation.id.clone());
            if let Some(limits) = limits.of(&one)?
                && seen.insert((one.app.id.clone(), organisation))
            {
                overview.limits.push((one, limits));
            }
        }
        Ok(overview)
    }

    fn add(&mut self, one: &Connection, args: &Status, now: SystemTime) {
        let (name, quoted) = (one.name.clone(), show::quoted(&one.name));
        let login = one.authorisation.as_ref().map(|login| login.id.clone());
        let task = |what: String, next: String| Task { name: name.clone(), what, next, login: login.clone() };
        match Health::of(one, now) {
            Health::HandedOver => self.elsewhere.push(name),
            Health::NotAdopted => {
                let what = export::handed(one).unwrap_or_default();
                self.needs_person.push(task(what, format!("xeroctl adopt {quoted}")));
            }
            Health::Retired => self.needs_person.push(task(
                format!("OAuth 1.0a was {}", show::RETIRED_SHORT),
                "xeroctl connect --kind web".to_owned(),
            )),
            Health::LogInAgain => {
                let next = half_way::or_reauth(one).unwrap_or_else(|| format!("xeroctl reauth {quoted}"));
                self.needs_person.push(task(why(one), next));
            }
            Health::HalfWay => {
                let what = half_way::since(one).map(|since| half_way::what(since, now)).unwrap_or_default();
                self.half_way.push(task(what, half_way::next(&name)));
            }
            Health::Ended => {
                self.needs_person.push(task(
                    "the certificate has ended".to_owned(),
                    format!("xeroctl cert renew {quoted}"),
                ));
            }
            _ if ends_within(one, args.warn_days, now) => {
                let (what, next) = end(one, &quoted);
                self.ends_soon.push(task(format!("{what}: {}", show::left(one, now)), next));
            }
            _ => {}
        }
    }

    fn screen(&self, now: SystemTime) -> String {
        let mut parts = vec![
            tasks("Needs a person", &self.needs_person),
            tasks("Left half-way", &self.half_way),
            tasks("Ends soon", &self.ends_soon),
        ];
        if !self.elsewhere.is_empty() {
            parts.push(format!("Renewed by another store\n  {}", self.elsewhere.join(", ")));
        }
        if !self.limits.is_empty() {
            let rows = self.limits.iter().map(|(one, limits)| limits_row(one, limits, now)).collect();
            let table = table::indented(&COLUMNS, rows, INDENT);
            parts.push(format!("Xero's limits, as last seen\n{table}"));
        }
        if self.is_shared {
            let rows = self.machines.iter().map(machine_row).collect();
            let table = table::indented(&MACHINES, rows, INDENT);
            parts.push(format!("Machines that use the store\n{table}"));
        }
        let troubled = self.needs_person.len() + self.half_way.len() + self.ends_soon.len();
        let well = self.connections - troubled.min(self.connections);
        parts.push(format!("{well} of {} connections need nothing.", self.connections));
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    fn document(&self) -> Value {
        let tasks = |tasks: &[Task]| -> Vec<Value> {
            let document = |task: &Task| json!({ "name": task.name, "what": task.what, "next": task.next });
            tasks.iter().map(document).collect()
        };
        let limits = self.limits.iter().map(|(one, limits)| {
            json!({
                "organisation": one.organisation.as_ref().map(|organisation| &organisation.name),
                "app": apps::called(&one.app),
                "day_left": limits.day_left,
                "minute_left": limits.minute_left,
                "app_minute_left": limits.app_minute_left,
                "seen_at": show::timestamp(limits.seen_at),
            })
        });
        json!({
            "connections": self.connections,
            "needs_person": tasks(&self.needs_person),
            "half_way": tasks(&self.half_way),
            "ends_soon": tasks(&self.ends_soon),
            "renewed_elsewhere": self.elsewhere,
            "limits": limits.collect::<Vec<_>>(),
            "machines": self.machines.iter().map(machine_document).collect::<Vec<_>>(),
        })
    }
}

fn machine_row(machine: &Machine) -> Vec<String> {
    let moment = |at: SystemTime| format!("{} {}", show::date(at), show::clock_time(at));
    vec![
        one_line(&machine.name),
        machine.refreshed_at.map_or("-".to_owned(), moment),
        moment(machine.seen_at),
    ]
}

fn machine_document(machine: &Machine) -> Value {
    json!({
        "name": machine.name,
        "refreshed_at": machine.refreshed_at.map(show::timestamp),
        "seen_at": show::timestamp(machine.seen_at),
    })
}

fn tasks(title: &str, tasks: &[Task]) -> String {
    if tasks.is_empty() {
        return String::new();
    }
    let mut groups: Vec<Vec<&Task>> = Vec::new();
    for task in tasks {
        let same = |group: &&mut Vec<&Task>| task.login.is_some() && group[0].login == task.login;
        match groups.iter_mut().find(same) {
            Some(group) => group.push(task),
            None => groups.push(vec![task]),
        }
    }
    let rows = groups.iter().map(|group| {
        let names: Vec<_> = group.iter().map(|task| one_line(&task.name)).collect();
        format!("  {}: {}\n    next: {}", names.join(", "), one_line(&group[0].what), group[0].next)
    });
    format!("{title}\n{}", rows.collect::<Vec<_>>().join("\n"))
}

fn why(one: &Connection) -> String {
    let mark = one.authorisation.as_ref().and_then(|login| login.needs_login.as_ref());
    mark.map_or("the login has ended".to_owned(), |mark| mark.reason.clone())
}

fn ends_within(one: &Connection, days: u32, now: SystemTime) -> bool {
    let elsewhere = one.authorisation.as_ref().and_then(|login| login.handed);
    let days = if one.app.kind == AppKind::Private { days.max(CERTIFICATE_DAYS) } else { days };
    let certain = elsewhere.is_none_or(|handed| handed.way != HandedWay::Exported);
    certain && health::days_left(one, now).is_some_and(|left| left <= i64::from(days))
}

fn end(one: &Connection, quoted: &str) -> (&'static str, String) {
    match one.app.kind {
        AppKind::Private => ("the certificate", format!("xeroctl cert renew {quoted}")),
        _ => ("the login, unless it is renewed before", format!("xeroctl refresh {quoted}")),
    }
}

fn limits_row(one: &Connection, limits: &Limits, now: SystemTime) -> Vec<String> {
    let count = |left: Option<u32>| left.map_or("-".to_owned(), |left| left.to_string());
    // A day is a day, whenever Xero begins it.
    let old = now.duration_since(limits.seen_at).is_ok_and(|age| age > DAY);
    vec![
        show::organisation(one),
        apps::called(&one.app),
        if old { "-".to_owned() } else { count(limits.day_left) },
        if old { "-".to_owned() } else { count(limits.minute_left) },
        show::date(limits.seen_at),
    ]
}
