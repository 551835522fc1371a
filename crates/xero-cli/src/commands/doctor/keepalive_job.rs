//! Whether something keeps the logins alive: the job that the system runs, and when logins were last renewed.

use std::time::{Duration, SystemTime};

use connection_store::{EventKind, Store};

use super::finding::Finding;
use crate::{
    commands::keepalive::{install::installed, login::Login, plan::LoginEnd},
    failure::{Kind, Outcome},
    show,
};

const CHECK: &str = "keepalive";
const DAY: u64 = 24 * 60 * 60;
/// A daily keepalive has renewed a login by then: it does so when thirty days are left of sixty.
const STALE: Duration = Duration::from_secs(32 * DAY);
/// How far the history is searched for a run of it, in entries of each login.
const LOOKED_BACK: usize = 50;

/// What is seen of it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    installed: bool,
    /// When it last renewed a login.
    ran: Option<SystemTime>,
    /// When the login was renewed that was renewed least recently; `None` where there is none to keep alive.
    oldest: Option<SystemTime>,
}

pub(super) fn check(store: &Store, logins: &[Login], now: SystemTime) -> Outcome<Finding> {
    let mut ran: Option<SystemTime> = None;
    for login in logins {
        ran = ran.max(last_run(store, login)?);
    }
    let kept =
        logins.iter().map(Login::row).filter(|row| matches!(row.login, LoginEnd::At(_)) && !row.marked);
    let oldest = kept.map(|row| row.refreshed_at).min();
    Ok(judge(Seen { installed: !installed()?.is_empty(), ran, oldest }, now))
}

fn last_run(store: &Store, login: &Login) -> Outcome<Option<SystemTime>> {
    let events = store.events(login.id(), LOOKED_BACK)?;
    let run = |event: &&connection_store::Event| {
        event.what == EventKind::Refreshed && event.by.starts_with("xeroctl keepalive")
    };
    Ok(events.iter().find(run).map(|event| event.at))
}

fn judge(seen: Seen, now: SystemTime) -> Finding {
    let Some(oldest) = seen.oldest else { return Finding::ok(CHECK, "nothing has to be kept alive") };
    let age = now.duration_since(oldest).unwrap_or_default();
    let state = if seen.installed { "installed" } else { "not installed" };
    let ran = seen.ran.map_or("it has renewed no login yet".to_owned(), |at| {
        format!("it last renewed a login on {}", show::date(at))
    });
    if age <= STALE {
        return Finding::ok(CHECK, format!("{state}; each login was renewed within the last 32 days"));
    }
    let what = format!("{state}, and a login was not renewed for {} days; {ran}", age.as_secs() / DAY);
    let mend = match seen.installed {
        true => "xeroctl keepalive; why it does not run: systemctl --user status xeroctl-keepalive.timer",
        false => "xeroctl keepalive, and for each day from now on: xeroctl keepalive --install",
    };
    Finding::warning(CHECK, Kind::EndsSoon, what).mend(mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    #[test]
    fn it_matters_once_logins_are_stale() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * DAY);
        let days = |days: u64| Some(now - Duration::from_secs(days * DAY));
        for (installed, oldest, mark, mend) in [
            (false, None, Mark::Ok, ""),
            (false, days(1), Mark::Ok, ""),
            (true, days(32), Mark::Ok, ""),
            (false, days(33), Mark::Warning, "--install"),
            (true, days(33), Mark::Warning, "systemctl --user status"),
            (false, Some(now + Duration::from_secs(DAY)), Mark::Ok, ""),
        ] {
            let finding = judge(Seen { installed, ran: None, oldest }, now);
            assert_eq!(finding.mark, mark, "{installed} {oldest:?}");
            assert!(finding.mend.unwrap_or_default().contains(mend), "{installed} {oldest:?}");
        }
    }
}
