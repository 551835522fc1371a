//! Many processes that find one expired token at the same time.

use std::time::{Duration, Instant};

use xero_mock::Fault;

use crate::bench::{Bench, Disturbed, answer_of};
use crate::error::Outcome;
use crate::home::Home;
use crate::process::{Ended, Running};
use crate::subject::{Line, Subject};
use crate::verdict::{Allowed, Answer};

/// How long the server takes for a refresh.
const PROVIDER: Duration = Duration::from_millis(200);

pub(super) fn two(bench: &mut Bench<'_>) -> Outcome<()> {
    crowd(bench, 2)
}

pub(super) fn eight(bench: &mut Bench<'_>) -> Outcome<()> {
    crowd(bench, 8)
}

pub(super) fn thirty_two(bench: &mut Bench<'_>) -> Outcome<()> {
    crowd(bench, 32)
}

pub(super) fn sixty_four(bench: &mut Bench<'_>) -> Outcome<()> {
    crowd(bench, 64)
}

fn crowd(bench: &mut Bench<'_>, size: u32) -> Outcome<()> {
    for trial in bench.trials(2, 25) {
        if !bench.goes_on()? {
            break;
        }
        bench.trial(trial, &allowed(bench), |home, subject| {
            home.mock.fault(Fault::DelayReply(PROVIDER).times(size).on("/connect/token"));
            let lines = vec![subject.token(); size as usize];
            at_one_expiry(home, subject, &lines)
        })?;
        leave(bench);
    }
    Ok(())
}

/// One request for all of them, and one after it.
pub(super) fn allowed(bench: &Bench<'_>) -> Allowed {
    let after = if bench.plan.subject.is_xeroctl() { 1..=1 } else { 0..=1 };
    Allowed::one(false).during(1..=1).after(after)
}

/// A command that cannot be told to renew what still lasts begins again with a login.
pub(super) fn leave(bench: &mut Bench<'_>) {
    if !bench.plan.subject.is_xeroctl() {
        bench.move_out();
    }
}

/// All lines at once; the new token lasts, so that none of them needs another one. In the end it has expired again.
pub(super) fn at_one_expiry(home: &Home, subject: &Subject, lines: &[Line]) -> Outcome<Disturbed> {
    home.tokens_last(true);
    let begun = Instant::now();
    let running = lines.iter().map(|line| Running::start(&mut home.command(line)));
    let running = running.collect::<Outcome<Vec<_>>>()?;
    let ended: Vec<Ended> = running.into_iter().map(Running::end).collect();
    let took = begun.elapsed();
    let requests = home.requests();
    home.tokens_last(false);
    home.mock.clear_faults();
    home.run(&subject.refresh())?;
    home.requests();
    let answers = ended.iter().map(|ended| answer_of(home, subject, ended));
    let failed: Vec<Answer> = answers.filter(|answer| *answer != Answer::Good).collect();
    let unserved =
        failed.first().map(|first| format!("{} of {} got no token: {first:?}", failed.len(), lines.len()));
    Ok(Disturbed { kept: true, unserved, requests: Some(requests), took: Some(took), ..Disturbed::default() })
}
