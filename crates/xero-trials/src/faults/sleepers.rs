//! Processes that are stopped at the worst moment and wake when others have gone on, or the night has passed.

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use xero_mock::Fault;

use super::signals::stepped;
use crate::bench::{Bench, Disturbed};
use crate::error::{Error, Outcome};
use crate::home::Home;
use crate::process::{DEADLINE, Ended, Running, run};
use crate::stepper::{Blow, Stepper};
use crate::subject::Subject;
use crate::verdict::Allowed;

/// The reply is under way for so long; those who wait for it are stopped meanwhile.
const UNDER_WAY: Duration = Duration::from_millis(300);
const NIGHT: Duration = Duration::from_secs(8 * 60 * 60);

/// One renews and is stopped; another waits for the end of its right, takes over, and then the first one wakes.
pub(super) fn leader(bench: &mut Bench<'_>) -> Outcome<()> {
    // The one that takes over sends the token again, which strict rotation takes for theft, and tries the one before.
    let allowed = Allowed::one(true).during(1..=3);
    for trial in bench.trials(1, 10) {
        if !bench.goes_on()? {
            break;
        }
        bench.trial(trial, &allowed, |home, subject| {
            let leader = under_way(home, || Running::start(&mut home.command(&subject.hasty_refresh())))?;
            leader.signal(Signal::SIGSTOP);
            home.run(&subject.token())?;
            leader.signal(Signal::SIGCONT);
            let ended = leader.end();
            Ok(Disturbed { kept: false, ..Disturbed::by(&ended) })
        })?;
    }
    Ok(())
}

/// One renews and is held with the reply in its hands; another waits for the end of its right and takes over, and then
/// the first one goes on: its pair comes too late.
pub(super) fn held(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = bench.plan.subject.hasty_refresh();
    let steps = stepped(bench.home()?, &line, &Blow::None)?;
    let after = steps.calls - steps.taken_at.unwrap_or(steps.calls);
    let allowed = Allowed::one(true).during(1..=3);
    let points = if bench.long() { 24 } else { 2 };
    for trial in bench.trials(points, points) {
        if !bench.goes_on()? {
            break;
        }
        let blow = Blow::Hold(after * trial / points);
        bench.trial(trial, &allowed, |home, subject| {
            let before = home.mock.refreshes();
            let mut other = Ok(Ended::default());
            let (taken, mut take_over) =
                (|| home.mock.refreshes() > before, || other = home.run(&subject.token()));
            let steps = Stepper::run_holding(&home.command(&line), &blow, &taken, &mut take_over)?;
            let said = format!("{}; the other: {}", steps.ended.in_words(), other?.in_words());
            Ok(Disturbed { kept: false, said, ..Disturbed::by(&steps.ended) })
        })?;
    }
    Ok(())
}

/// All are stopped while the reply is under way, and wake eight hours later.
pub(super) fn laptop(bench: &mut Bench<'_>) -> Outcome<()> {
    for trial in bench.trials(1, 25) {
        if !bench.goes_on()? {
            break;
        }
        bench.trial(trial, &Allowed::one(false).during(1..=3), night)?;
    }
    Ok(())
}

fn night(home: &Home, subject: &Subject) -> Outcome<Disturbed> {
    let library = library()?;
    let clock = home.write("clock", "+0")?;
    let asleep = |mut command: Command| {
        command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", &clock);
        command.envs([("FAKETIME_NO_CACHE", "1"), ("NO_FAKE_STAT", "1"), ("DONT_FAKE_MONOTONIC", "1")]);
        Running::start(&mut command)
    };
    let leader = under_way(home, || asleep(home.command(&subject.refresh())))?;
    let waiting = (0..3).map(|_| asleep(home.command(&subject.token()))).collect::<Outcome<Vec<_>>>()?;
    let all = || waiting.iter().chain([&leader]);
    all().for_each(|one| one.signal(Signal::SIGSTOP));
    home.write("clock", "+8h")?;
    home.mock.advance(NIGHT);
    all().for_each(|one| one.signal(Signal::SIGCONT));
    let ended = leader.end();
    waiting.into_iter().for_each(|one| drop(one.end()));
    Ok(Disturbed::by(&ended))
}

/// Starts one that renews; the server has taken the refresh token and holds the reply back.
pub(super) fn under_way(home: &Home, start: impl FnOnce() -> Outcome<Running>) -> Outcome<Running> {
    let before = home.mock.refreshes();
    home.mock.fault(Fault::DelayReply(UNDER_WAY).on("/connect/token"));
    let leader = start()?;
    if home.mock.wait_for_refreshes(before + 1, DEADLINE) {
        return Ok(leader);
    }
    Err(Error::NotWorking(format!("no refresh came: {}", leader.end().in_words())))
}

/// The library that `faketime` loads into programs.
fn library() -> Outcome<String> {
    let mut command = Command::new("faketime");
    command.args(["-f", "+0", "/bin/sh", "-c", "echo $LD_PRELOAD"]);
    let ended = run(&mut command).map_err(|_| Error::Missing { program: "faketime" })?;
    Ok(ended.stdout.trim().to_owned())
}
