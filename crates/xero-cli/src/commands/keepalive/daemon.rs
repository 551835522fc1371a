//! `xeroctl keepalive --daemon`: stays, and renews each login when it is due.

use std::{
    cell::RefCell,
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use connection_store::Store;
use serde_json::{Value, json};

use super::{
    Notice, chosen,
    login::Login,
    needs_person,
    notice::Messengers,
    notice_of,
    plan::{LONGEST_NAP, nap},
    renewal::{self, Trouble, Verdict},
    watch::{Turn, Watch},
};
use crate::{
    Context,
    args::Keepalive,
    failure::{Failure, Kind, Outcome},
    half_way,
    service_manager::{notify_ready, notify_stopping},
    show,
    ui::{SCHEMA, Ui, one_line},
};

/// A file as the system knows it, whatever its name.
type FileId = (u64, u64);

struct Daemon<'a> {
    context: &'a Context,
    args: &'a Keepalive,
    messengers: &'a Messengers,
    /// The store's file, where it is in one.
    path: Option<PathBuf>,
    watch: Watch,
    /// The failure of the last round, so that one that lasts is told once.
    trouble: Option<String>,
    /// The file that the store was opened from.
    opened: Option<FileId>,
    /// The store could not be read: it is to be opened anew.
    is_stale: bool,
    started: bool,
}

/// What a round turns to.
#[derive(Default)]
struct Agenda {
    due: Vec<Login>,
    needy: Vec<Login>,
    later: Vec<SystemTime>,
    logins: usize,
}

/// Runs until a signal ends it, with status 0 then: renewals that have begun are finished first.
pub(super) fn run(context: &Context, args: &Keepalive, messengers: &Messengers) -> Outcome {
    let path = context.store_place()?.file().map(Path::to_owned);
    let store = RefCell::new(context.open_store()?);
    let (opened, watch) = (path.as_deref().and_then(file_id), Watch::new(args.renewing.rules()));
    let (trouble, is_stale, started) = (None, false, false);
    let mut daemon = Daemon { context, args, messengers, path, watch, trouble, opened, is_stale, started };
    let finish = async || {
        notify_stopping();
        let store = store.borrow().clone();
        store.settled().await;
    };
    context.until_signal(daemon.run(&store), finish)?;
    tell(&context.ui, SystemTime::now(), "stopped", "Stopped.", json!({}))
}

impl Daemon<'_> {
    async fn run(&mut self, store: &RefCell<Store>) -> Outcome {
        loop {
            let nap = match self.round(store).await {
                Ok(nap) => {
                    self.trouble = None;
                    nap
                }
                // Nobody reads what we print any more.
                Err(failure) if failure.silent => return Err(failure),
                Err(failure) => self.in_trouble(&failure)?,
            };
            tokio::time::sleep(nap).await;
        }
    }

    /// Looks at all logins, turns to those that have their turn, and gives how long to sleep.
    async fn round(&mut self, cell: &RefCell<Store>) -> Outcome<Duration> {
        self.open_anew(cell)?;
        let store = cell.borrow().clone();
        let mut agenda = self.agenda(&store)?;
        if !self.started {
            self.started = true;
            self.tell_start(&agenda)?;
        }
        let came = self.renew(&store, std::mem::take(&mut agenda.due)).await?;
        self.tell_needy(&store, agenda.needy, came).await?;
        let now = store.clock().now();
        Ok(nap(self.agenda(&store)?.moments(now), now))
    }

    /// A store that was put back from a backup is another file: what is open still would be the old one.
    fn open_anew(&mut self, cell: &RefCell<Store>) -> Outcome {
        let now = self.path.as_deref().and_then(file_id);
        if self.is_stale || now != self.opened {
            cell.replace(self.context.open_store_quietly()?);
            (self.opened, self.is_stale) = (now, false);
        }
        Ok(())
    }

    fn agenda(&mut self, store: &Store) -> Outcome<Agenda> {
        let logins = chosen(self.context, store, &self.args.names)?;
        self.watch.keep(&logins.iter().map(Login::id).collect::<HashSet<_>>());
        let now = store.clock().now();
        let mut agenda = Agenda { logins: logins.len(), ..Agenda::default() };
        for login in logins {
            match self.watch.turn(login.id(), &login.row(), now) {
                Turn::Now => agenda.due.push(login),
                Turn::NeedsPerson => agenda.needy.push(login),
                Turn::At(at) => agenda.later.push(at),
                Turn::Never => {}
            }
        }
        Ok(agenda)
    }

    async fn renew(&mut self, store: &Store, due: Vec<Login>) -> Outcome<Vec<(Login, Trouble)>> {
        let (mut lasting, mut told) = (Vec::new(), Ok(()));
        let (watch, ui) = (&mut self.watch, &self.context.ui);
        let mut seen = |login: Login, verdict: Verdict| {
            let now = store.clock().now();
            let said = match &verdict {
                Verdict::Renewed => {
                    watch.renewed(login.id(), now);
                    tell_renewed(ui, &login, now)
                }
                Verdict::Failed(trouble) => {
                    let retry_after = trouble.failure.retry_after.map(Duration::from_secs);
                    watch.failed(login.id(), retry_after, now);
                    if trouble.lasting { Ok(()) } else { tell_failed(ui, &login, &trouble.failure, now) }
                }
                Verdict::Good | Verdict::Gone => Ok(()),
            };
            if told.is_ok() {
                told = said;
            }
            if let Verdict::Failed(trouble) = verdict
                && trouble.lasting
            {
                lasting.push((login, trouble));
            }
        };
        renewal::renew(store, due, self.args.renewing.at_once.into(), &mut seen).await;
        told.map(|()| lasting)
    }

    /// Tells of what needs a person: what was marked before, and what came of this round.
    async fn tell_needy(&mut self, store: &Store, needy: Vec<Login>, came: Vec<(Login, Trouble)>) -> Outcome {
        let (now, ui) = (store.clock().now(), &self.context.ui);
        let marked = needy.into_iter().map(|login| {
            let trouble = needs_person(&login);
            (login, trouble)
        });
        let mut notices: Vec<Notice> = Vec::new();
        for (login, trouble) in marked.chain(came) {
            let mark = login.authorisation().needs_login.as_ref().map(|mark| mark.since);
            if self.watch.tell(login.id(), mark, now) {
                tell_needs_person(ui, &login, &trouble.failure, now)?;
                notices.extend(notice_of(&login, &Verdict::Failed(trouble), now));
            }
        }
        for why in self.messengers.tell(notices).await {
            tell(ui, now, "not-told", &format!("warning: {why}"), json!({ "message": why }))?;
        }
        Ok(())
    }

    fn tell_start(&self, agenda: &Agenda) -> Outcome {
        let now = SystemTime::now();
        notify_ready();
        let next = agenda.moments(now).min();
        let when =
            next.map_or("nothing is due".to_owned(), |next| format!("the next is due at {}", moment(next)));
        let logins = if agenda.logins == 1 { "login" } else { "logins" };
        let text = format!("Watching {} {logins}; {when}.", agenda.logins);
        let fields = json!({ "logins": agenda.logins, "next_at": next.map(show::timestamp) });
        tell(&self.context.ui, now, "started", &text, fields)
    }

    /// The store could not be read: another look in a minute, with the store opened anew.
    fn in_trouble(&mut self, failure: &Failure) -> Outcome<Duration> {
        self.is_stale = true;
        if self.trouble.replace(failure.message.clone()).as_ref() != Some(&failure.message) {
            let text = format!("error: {}; tried again each minute", failure.message);
            tell(&self.context.ui, SystemTime::now(), "store-trouble", &text, failure.document())?;
        }
        Ok(LONGEST_NAP)
    }
}

impl Agenda {
    /// When something is due.
    fn moments(&self, now: SystemTime) -> impl Iterator<Item = SystemTime> {
        let due = (!self.due.is_empty()).then_some(now);
        self.later.iter().copied().chain(due)
    }
}

fn tell_renewed(ui: &Ui, login: &Login, now: SystemTime) -> Outcome {
    let authorisation = login.authorisation();
    let access = authorisation.access_expires_at.map(show::timestamp);
    let end = authorisation.refresh_expires_at;
    let until = end.map(|end| format!("; the login ends {} unless it is used", show::date(end)));
    let left = login.half_way().map(|since| format!("; it was left half-way at {}", half_way::moment(since)));
    let [until, left] = [until, left].map(Option::unwrap_or_default);
    let text = format!("{}: renewed{until}{left}", login.names().join(", "));
    let ends = end.map(show::timestamp);
    let fields =
        json!({ "connections": login.names(), "access_expires_at": access, "login_expires_at": ends });
    tell(ui, now, "renewed", &text, fields)
}

fn tell_failed(ui: &Ui, login: &Login, failure: &Failure, now: SystemTime) -> Outcome {
    let text = format!("{}: not renewed: {}", login.names().join(", "), one_line(&failure.message));
    tell(ui, now, "failed", &text, with_connections(login, failure))
}

fn tell_needs_person(ui: &Ui, login: &Login, failure: &Failure, now: SystemTime) -> Outcome {
    let next = failure.hint.as_ref().map(|hint| format!("; next: {hint}")).unwrap_or_default();
    let text = format!("{}: {}{next}", login.names().join(", "), one_line(&failure.message));
    let event = if failure.kind == Kind::NeedsPerson { "needs-person" } else { "failed" };
    tell(ui, now, event, &text, with_connections(login, failure))
}

fn with_connections(login: &Login, failure: &Failure) -> Value {
    let mut fields = failure.document();
    fields["connections"] = login.names().into();
    fields
}

/// One event: a line on standard error for people, one on standard output with `--json`.
fn tell(ui: &Ui, at: SystemTime, event: &str, text: &str, fields: Value) -> Outcome {
    let at = show::timestamp(at);
    ui.say(format!("{at}  {text}"));
    if !ui.json {
        return Ok(());
    }
    let mut line = json!({ "schema": SCHEMA, "at": at, "event": event });
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields);
    }
    ui.raw(format!("{line}\n").as_bytes())
}

fn moment(at: SystemTime) -> String {
    format!("{} {}", show::date(at), show::clock_time(at))
}

#[cfg(unix)]
fn file_id(path: &std::path::Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Where files have no numbers, when they were made tells them apart.
#[cfg(not(unix))]
fn file_id(path: &std::path::Path) -> Option<FileId> {
    let made = fs::metadata(path).ok()?.created().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((made.as_secs(), made.subsec_nanos().into()))
}
