//! The server itself: restarted, killed, full, and replaced by its standby; under jobs of all hosts.

use std::thread;
use std::time::{Duration, Instant};

use xero_mock::Fault;

use super::jobs::{PROVIDER, under_load};
use super::{on_hosts, tried, turn};
use crate::bench::{Bench, Disturbed};
use crate::error::Outcome;
use crate::home::Home;
use crate::hosts::{How, Stop};
use crate::process::DEADLINE;
use crate::subject::Subject;
use crate::verdict::Allowed;

/// How much later after the request for new tokens each trial strikes.
const STEP: Duration = Duration::from_millis(25);
/// In so many steps from the request to a while after the answer.
const STEPS: usize = 15;
/// So many sessions a full server has; three of them are the administrator's.
const SESSIONS: &str = "10";
/// For how long others have them all.
const FULL: Duration = Duration::from_secs(2);

pub(in crate::faults) fn restarted(bench: &mut Bench<'_>) -> Outcome<()> {
    struck(bench, |home| {
        let server = home.hosts().server();
        server.stop(Stop::Fast)?;
        server.go()
    })
}

pub(in crate::faults) fn crashed(bench: &mut Bench<'_>) -> Outcome<()> {
    struck(bench, |home| {
        let server = home.hosts().server();
        server.stop(Stop::Kill)?;
        server.go()
    })
}

/// The server is killed, and its standby takes its place: the hosts keep their address.
pub(in crate::faults) fn failed_over(bench: &mut Bench<'_>) -> Outcome<()> {
    on_hosts(bench, &[]);
    for trial in bench.trials(1, 6) {
        if !bench.goes_on()? {
            break;
        }
        tried(bench, trial, &Allowed::one(true).during(1..=1), turn(trial), |home, subject| {
            let standby = home.hosts().standby()?;
            under_load(home, subject, || {
                wait(home, trial);
                home.hosts().server().stop(Stop::Kill)?;
                standby.promote()?;
                home.hosts().turn_to(standby);
                Ok(())
            })
        })?;
    }
    Ok(())
}

fn struck(bench: &mut Bench<'_>, strike: impl Fn(&Home) -> Outcome<()>) -> Outcome<()> {
    on_hosts(bench, &[]);
    for trial in bench.trials(2, 10) {
        if !bench.goes_on()? {
            break;
        }
        tried(bench, trial, &Allowed::one(true).during(1..=1), turn(trial), |home, subject| {
            under_load(home, subject, || {
                wait(home, trial);
                strike(home)
            })
        })?;
    }
    Ok(())
}

/// Until the request for new tokens has come, and a while that differs from trial to trial.
fn wait(home: &Home, trial: usize) {
    let before = home.mock.refreshes();
    home.mock.wait_for_refreshes(before + 1, DEADLINE);
    let (begun, steps) = (Instant::now(), u32::try_from(trial * 7 % STEPS).unwrap_or_default());
    while begun.elapsed() < STEP * steps {
        thread::yield_now();
    }
}

/// Others have all sessions: before the renewal and throughout; for a moment; when the link was cut while Xero was asked,
/// for a moment and until the command has ended.
pub(in crate::faults) fn full(bench: &mut Bench<'_>) -> Outcome<()> {
    on_hosts(bench, &[("max_connections", SESSIONS.to_owned())]);
    for trial in bench.trials(3, 12) {
        if !bench.goes_on()? {
            break;
        }
        let kind = trial % 4;
        let allowed = Allowed::one(kind == 3).during(if kind == 0 { 0..=0 } else { 0..=1 }).after(0..=1);
        tried(bench, trial, &allowed, turn(trial / 4), |home, subject| one_full(home, subject, kind))?;
    }
    Ok(())
}

fn one_full(home: &Home, subject: &Subject, kind: usize) -> Outcome<Disturbed> {
    let (hosts, line) = (home.hosts(), subject.refresh());
    let before = home.mock.refreshes();
    home.mock.fault(Fault::DelayReply(PROVIDER).on("/connect/token"));
    let mut taken = if kind < 2 { hosts.server().sessions()? } else { Vec::new() };
    let ended = thread::scope(|scope| {
        let running = scope.spawn(|| home.run_on(0, &line));
        if kind >= 2 {
            home.mock.wait_for_refreshes(before + 1, DEADLINE);
            hosts.way(0).strike(How::Gone);
            taken = hosts.server().sessions()?;
            hosts.way(0).mend();
        }
        if kind == 1 || kind == 2 {
            thread::sleep(FULL);
            taken.clear();
        }
        running.join().expect("a command does not panic here")
    })?;
    drop(taken);
    hosts.server().is_free()?;
    Ok(Disturbed { jobs: (1, usize::from(ended.well())), ..Disturbed::by(&ended) })
}
