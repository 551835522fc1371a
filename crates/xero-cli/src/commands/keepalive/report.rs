//! What came of each login, for people, for programs, and as one exit status.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{login::Login, plan::LoginEnd, renewal::Verdict};
use crate::{
    Context,
    failure::{Failure, Kind, Outcome},
    half_way, show,
    table::{self, Column},
    ui::one_line,
};

const COLUMNS: [Column; 4] =
    [Column::text("LOGIN OF"), Column::whole("RESULT"), Column::whole("LEFT"), Column::text("NOTE")];

/// Which failure gives the exit status: the first of these that has happened. What needs somebody comes before what time
/// mends, and a login that ends soon before a failure that would pass if there were time.
const ORDER: [Kind; 11] = [
    Kind::NotSaved,
    Kind::StoreUnusable,
    Kind::NeedsPerson,
    Kind::Refused,
    Kind::WrongOrganisation,
    Kind::NoSuchConnection,
    Kind::Usage,
    Kind::Other,
    Kind::EndsSoon,
    Kind::RateLimited,
    Kind::Temporary,
];

/// One login and what came of it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) login: Login,
    pub(crate) verdict: Verdict,
    /// It ends within the days that were asked for.
    ends_soon: bool,
}

impl Line {
    pub(crate) fn new(login: Login, verdict: Verdict, warn: Option<Duration>, now: SystemTime) -> Self {
        let ends_soon = warn.is_some_and(|time| login.row().ends_within(time, now));
        Self { login, verdict, ends_soon }
    }

    fn failure(&self) -> Option<&Failure> {
        match &self.verdict {
            Verdict::Failed(trouble) => Some(&trouble.failure),
            _ => None,
        }
    }

    /// What has happened, as exit statuses have it.
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        let soon = self.ends_soon.then_some(Kind::EndsSoon);
        self.failure().map(|failure| failure.kind).into_iter().chain(soon)
    }

    fn row(&self, now: SystemTime) -> Vec<String> {
        vec![
            self.login.names().join(", "),
            word(&self.verdict).to_owned(),
            left(&self.login, now),
            self.note(),
        ]
    }

    /// Why it failed, or why it was renewed before its time.
    fn note(&self) -> String {
        match (self.failure(), self.login.half_way()) {
            (Some(failure), _) => one_line(&failure.message),
            (None, Some(since)) => format!("it was left half-way at {}", half_way::moment(since)),
            (None, None) => String::new(),
        }
    }

    fn json(&self) -> Value {
        let authorisation = self.login.authorisation();
        json!({
            "connections": self.login.names(),
            "kind": self.login.connection().app.kind.as_str(),
            "result": word(&self.verdict).replace(' ', "-"),
            "access_expires_at": authorisation.access_expires_at.map(show::timestamp),
            "login_expires_at": authorisation.refresh_expires_at.map(show::timestamp),
            "ends_soon": self.ends_soon,
            "half_way_since": self.login.half_way().map(show::timestamp),
            "error": self.failure().map(|failure| failure.document()["error"].take()),
        })
    }
}

/// Prints what came of all logins; the status is that of the worst.
pub(crate) fn report(context: &Context, lines: &[Line], now: SystemTime) -> Outcome {
    let ui = &context.ui;
    ui.document(json!({ "logins": lines.iter().map(Line::json).collect::<Vec<_>>() }))?;
    if lines.is_empty() {
        ui.say("No logins to keep alive.");
        return Ok(());
    }
    let rows = lines.iter().map(|line| line.row(now)).collect();
    ui.data(table::table(&COLUMNS, rows))?;
    for line in lines {
        if let Some(hint) = line.failure().and_then(|failure| failure.hint.as_ref()) {
            ui.say(format!("{}, next: {hint}", line.login.connection().name));
        }
    }
    ui.say(summary(lines));
    match worst(lines.iter().flat_map(Line::kinds)) {
        Some(kind) => Err(Failure::silent(kind)),
        None => Ok(()),
    }
}

/// The kind that gives the status.
pub(crate) fn worst(kinds: impl Iterator<Item = Kind>) -> Option<Kind> {
    kinds.min_by_key(|kind| ORDER.iter().position(|one| one == kind).unwrap_or(ORDER.len()))
}

fn summary(lines: &[Line]) -> String {
    let count = |wanted: &str| lines.iter().filter(|line| word(&line.verdict) == wanted).count();
    let parts = ["renewed", "still good", "failed", "needs a person"].map(|word| (count(word), word));
    let parts: Vec<_> = parts.iter().filter(|(count, _)| *count > 0).collect();
    let parts: Vec<_> = parts.into_iter().map(|(count, word)| format!("{count} {word}")).collect();
    let soon = lines.iter().filter(|line| line.ends_soon).count();
    let soon = if soon > 0 { format!("; {soon} ends soon") } else { String::new() };
    let logins = if lines.len() == 1 { "login" } else { "logins" };
    format!("{} {logins}: {}{soon}.", lines.len(), parts.join(", "))
}

/// The result in a word or two.
pub(crate) fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Renewed => "renewed",
        Verdict::Good => "still good",
        Verdict::Failed(trouble) if trouble.failure.kind == Kind::NeedsPerson => "needs a person",
        Verdict::Failed(_) => "failed",
        Verdict::Gone => "gone",
    }
}

/// How long a login lasts unless it is renewed.
pub(crate) fn left(login: &Login, now: SystemTime) -> String {
    let row = login.row();
    match (row.login, row.access_ends) {
        (LoginEnd::WithAccess, Some(end)) if end > now => format!("until {}", show::clock_time(end)),
        (LoginEnd::WithAccess, _) => "log in again".to_owned(),
        _ => show::left(&login.as_it_stands(), now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_gives_the_status() {
        for (kinds, status) in [
            (&[][..], None),
            (&[Kind::Temporary], Some(5)),
            (&[Kind::Temporary, Kind::RateLimited], Some(7)),
            (&[Kind::Temporary, Kind::EndsSoon], Some(11)),
            (&[Kind::EndsSoon, Kind::Refused], Some(6)),
            (&[Kind::Refused, Kind::NeedsPerson, Kind::Temporary], Some(4)),
            (&[Kind::NeedsPerson, Kind::StoreUnusable], Some(9)),
            (&[Kind::StoreUnusable, Kind::NotSaved], Some(10)),
            (&[Kind::Other, Kind::Temporary], Some(1)),
        ] {
            assert_eq!(worst(kinds.iter().copied()).map(Kind::status), status, "{kinds:?}");
        }
    }
}
