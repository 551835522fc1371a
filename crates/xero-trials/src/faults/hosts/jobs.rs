//! Jobs on all hosts that find one expired token, at once or again and again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use xero_mock::Fault;

use super::{on_hosts, tried, turn};
use crate::bench::{Bench, Disturbed, answer_of};
use crate::error::Outcome;
use crate::home::Home;
use crate::hosts::NAMES;
use crate::process::Ended;
use crate::subject::{Line, Subject};
use crate::verdict::{Allowed, Answer};

/// How long the server that stands in for Xero takes for a refresh.
pub(super) const PROVIDER: Duration = Duration::from_millis(200);
/// How many jobs each host has at once.
const JOBS: usize = 2;
const CROWD: usize = 24;

/// What a job may end with while the server is away: nothing is lost, it is to be run again.
const LATER: [i32; 3] = [5, 9, 10];

pub(in crate::faults) fn crowd(bench: &mut Bench<'_>) -> Outcome<()> {
    on_hosts(bench, &[]);
    for trial in bench.trials(1, 10) {
        if !bench.goes_on()? {
            break;
        }
        let allowed = Allowed::one(false).during(1..=1);
        tried(bench, trial, &allowed, turn(trial), |home, subject| {
            let lines = (0..CROWD).map(|job| (job % NAMES.len(), subject.token()));
            at_one_expiry(home, subject, &lines.collect::<Vec<_>>())
        })?;
    }
    Ok(())
}

/// All lines at once on their hosts; the new token lasts, so that none needs another one. In the end it has expired again.
pub(super) fn at_one_expiry(home: &Home, subject: &Subject, lines: &[(usize, Line)]) -> Outcome<Disturbed> {
    let count = lines.len();
    slow(home);
    home.tokens_last(true);
    let begun = Instant::now();
    let ended = thread::scope(|scope| {
        let running = lines.iter().map(|(host, line)| scope.spawn(move || home.run_on(*host, line)));
        let running: Vec<_> = running.collect();
        running
            .into_iter()
            .map(|one| one.join().expect("a command does not panic here"))
            .collect::<Outcome<Vec<_>>>()
    })?;
    let took = Some(begun.elapsed());
    let answers: Vec<Answer> = ended.iter().map(|ended| answer_of(home, subject, ended)).collect();
    let served = answers.iter().filter(|answer| **answer == Answer::Good).count();
    let first = answers.iter().find(|answer| **answer != Answer::Good);
    let unserved = first.map(|first| format!("{} of {count} got no token: {first:?}", count - served));
    let requests = Some(home.requests());
    expired_again(home, subject)?;
    Ok(Disturbed { kept: true, unserved, requests, took, jobs: (count, served), ..Disturbed::default() })
}

/// Jobs again and again on all hosts, until what is done meanwhile is done and each has run once more.
pub(super) fn under_load(
    home: &Home,
    subject: &Subject,
    meanwhile: impl FnOnce() -> Outcome<()>,
) -> Outcome<Disturbed> {
    slow(home);
    home.tokens_last(true);
    let (over, all) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let job = |host: usize| {
        let mut last = false;
        while !last {
            last = over.load(Ordering::SeqCst);
            let ended = home.run_on(host, &subject.token())?;
            all.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        }
        Outcome::Ok(())
    };
    thread::scope(|scope| {
        let jobs: Vec<_> =
            (0..JOBS * NAMES.len()).map(|number| scope.spawn(move || job(number % NAMES.len()))).collect();
        let done = meanwhile();
        over.store(true, Ordering::SeqCst);
        let ended = jobs.into_iter().map(|job| job.join().expect("a job does not panic here"));
        ended.collect::<Outcome<Vec<_>>>().and(done)
    })?;
    let ended = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let requests = Some(home.requests());
    let disturbed = judged(home, subject, &ended);
    expired_again(home, subject)?;
    Ok(Disturbed { requests, ..disturbed })
}

/// Each job has a token that is good, or says that it is to be run again.
fn judged(home: &Home, subject: &Subject, ended: &[Ended]) -> Disturbed {
    let good = |one: &&Ended| answer_of(home, subject, one) == Answer::Good;
    let served = ended.iter().filter(good).count();
    let odd =
        ended.iter().filter(|one| !good(one) && !one.status.is_some_and(|status| LATER.contains(&status)));
    let odd: Vec<&Ended> = odd.collect();
    let hung = odd.iter().find(|one| one.hung || one.well());
    let broken = hung.map(|one| format!("a job hung, or printed what nobody accepts: {}", one.in_words()));
    let unserved =
        odd.first().map(|one| format!("{} of {} jobs: {}", odd.len(), ended.len(), one.in_words()));
    Disturbed { kept: served > 0, broken, unserved, jobs: (ended.len(), served), ..Disturbed::default() }
}

/// Renewals take a while from now on, until the trial is over.
fn slow(home: &Home) {
    home.mock.fault(Fault::DelayReply(PROVIDER).times(u32::MAX).on("/connect/token"));
}

/// The access token that there is has ended, as it had before.
pub(super) fn expired_again(home: &Home, subject: &Subject) -> Outcome<()> {
    home.calm()?;
    home.tokens_last(false);
    home.run(&subject.refresh())?;
    home.requests();
    Ok(())
}
