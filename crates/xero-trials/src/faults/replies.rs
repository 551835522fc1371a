//! What can become of a request and of its reply between the command and the server.

use std::time::Duration;

use xero_mock::{Fault, RateLimit};

use crate::bench::{Bench, Disturbed};
use crate::error::Outcome;
use crate::home::Home;
use crate::subject::{Line, Subject};
use crate::verdict::Allowed;

const TOKEN: &str = "/connect/token";
/// Later than the command waits.
const LATE: Duration = Duration::from_millis(1500);

pub(super) fn lost(bench: &mut Bench<'_>) -> Outcome<()> {
    for trial in bench.trials(3, 100) {
        met(bench, trial, &Allowed::one(true), |_| Fault::LoseReply)?;
    }
    Ok(())
}

pub(super) fn late(bench: &mut Bench<'_>) -> Outcome<()> {
    for trial in bench.trials(1, 25) {
        if !bench.goes_on()? {
            break;
        }
        bench.trial(trial, &Allowed::one(true), |home, subject| {
            home.mock.fault(Fault::DelayReply(LATE).on(TOKEN));
            Ok(Disturbed::by(&home.run(&subject.hasty_refresh())?))
        })?;
    }
    Ok(())
}

pub(super) fn trouble(bench: &mut Bench<'_>) -> Outcome<()> {
    let kinds = troubles().len();
    for trial in bench.trials(kinds, 10 * kinds) {
        met(bench, trial, &Allowed::one(false), |trial| troubles().swap_remove(trial % kinds))?;
    }
    Ok(())
}

fn troubles() -> Vec<Fault> {
    let status = |code: u16, body: &str| Fault::Status(code, body.to_owned(), "application/json".to_owned());
    let wait = Some(Duration::from_secs(1));
    vec![
        status(500, ""),
        status(500, "{\"error\":\"server_error\"}"),
        Fault::Html(502),
        Fault::Maintenance,
        Fault::RateLimited { problem: RateLimit::Minute, retry_after: wait },
        Fault::TooManyRequests { problem: RateLimit::Minute, retry_after: wait },
        Fault::TooManyRequests { problem: RateLimit::Concurrent, retry_after: None },
    ]
}

/// The reply is cut after each byte, until the command has all of it.
pub(super) fn cut(bench: &mut Bench<'_>) -> Outcome<()> {
    let (step, first) = (if bench.long() { 1 } else { 160 }, bench.plan.from);
    let mut bytes = first.unwrap_or(0);
    loop {
        let whole = met(bench, bytes, &Allowed::one(true), Fault::CutAfterWireBytes)?;
        if whole || first.is_some() {
            return Ok(());
        }
        bytes += step;
    }
}

/// The server hangs up after each byte of the request but the last.
pub(super) fn hang_up(bench: &mut Bench<'_>) -> Outcome<()> {
    let length = request_length(bench)?;
    let step = if bench.long() { 1 } else { 120 };
    let points = bench.plan.from.map_or_else(|| (0..length).step_by(step).collect(), |one| vec![one]);
    for bytes in points {
        if met(bench, bytes, &Allowed::one(false), Fault::HangUpAfterBytes)? && !bench.goes_on()? {
            break;
        }
    }
    Ok(())
}

/// How long a refresh request is on the wire, as the server saw one.
fn request_length(bench: &mut Bench<'_>) -> Outcome<usize> {
    let line = bench.plan.subject.refresh();
    let home = bench.home()?;
    home.run(&line)?;
    let journal = home.mock.journal();
    let request = journal.iter().rfind(|entry| entry.form_value("grant_type") == Some("refresh_token"));
    let length = request.map_or(0, |entry| {
        let headers = entry.headers.iter().map(|(name, value)| name.len() + value.len() + 4);
        let body = entry.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let first = entry.method.len() + entry.path.len() + " HTTP/1.1\r\n".len() + 1;
        first + headers.sum::<usize>() + 2 + body
    });
    Ok(length)
}

/// One trial: the next request to the token endpoint meets the fault. Whether the command had what it wanted.
fn met(
    bench: &mut Bench<'_>,
    trial: usize,
    allowed: &Allowed,
    fault: impl Fn(usize) -> Fault,
) -> Outcome<bool> {
    let mut whole = !bench.goes_on()?;
    if whole {
        return Ok(true);
    }
    bench.trial(trial, allowed, |home, subject| {
        let rule = match fault(trial) {
            // It meets connections, whatever they would ask for.
            hang_up @ Fault::HangUpAfterBytes(_) => hang_up.into(),
            fault => fault.on(TOKEN),
        };
        home.mock.fault(rule);
        let disturbed = renewed(home, &subject.refresh())?;
        whole = disturbed.kept;
        Ok(disturbed)
    })?;
    Ok(whole)
}

fn renewed(home: &Home, line: &Line) -> Outcome<Disturbed> {
    Ok(Disturbed::by(&home.run(line)?))
}

/// Used by faults that add a lost reply to something else.
pub(super) fn lose_next(home: &Home, _: &Subject) {
    home.mock.fault(Fault::LoseReply.on(TOKEN));
}
