//! A database's log that loses what was written last, as when the power fails.

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use super::signals::stepped;
use crate::bench::{Bench, Disturbed};
use crate::error::{Error, Outcome};
use crate::home::Home;
use crate::stepper::{Blow, Stepper};
use crate::verdict::Allowed;

/// How much is torn off of what was written after the rotation, in eighths; all of it last.
const EIGHTHS: u64 = 8;

/// The command is killed at each call after the rotation, and then part of the log's end is lost.
pub(super) fn torn(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = bench.plan.subject.refresh();
    let steps = stepped(bench.home()?, &line, &Blow::None)?;
    let taken_at = steps.taken_at.unwrap_or(steps.calls);
    let (after, step) = (steps.calls - taken_at, if bench.long() { 1 } else { 24 });
    let trials = bench.plan.from.map_or_else(|| (0..after).step_by(step).collect(), |one| vec![one]);
    for trial in trials {
        if !bench.goes_on()? {
            break;
        }
        let blow = Blow::Signal(Signal::SIGKILL, taken_at + trial);
        bench.trial(trial, &Allowed::one(true), |home, subject| {
            let (before, length) = (home.mock.refreshes(), Cell::new(0));
            let taken = || {
                let taken = home.mock.refreshes() > before;
                length.set(if taken { log_length(home) } else { 0 });
                taken
            };
            let steps = Stepper::run(&home.command(&subject.refresh()), &blow, &taken)?;
            // What the kernel was told to make last does not tear, and before the rotation all of it was.
            if steps.taken_at.is_some() && !steps.kept {
                tear(home, length.get(), trial as u64 % EIGHTHS + 1)?;
            }
            Ok(Disturbed { kept: steps.kept, ..Disturbed::by(&steps.ended) })
        })?;
    }
    Ok(())
}

/// What was there at the rotation was made to last before; only the rest can be torn.
fn tear(home: &Home, kept: u64, eighths: u64) -> Outcome<()> {
    let Some(log) = log(home.path()) else { return Ok(()) };
    let length = fs::metadata(&log).map_err(Error::io("look at the log"))?.len();
    let left = length - length.saturating_sub(kept) * eighths / EIGHTHS;
    let file = OpenOptions::new().write(true).open(&log);
    file.and_then(|file| file.set_len(left)).map_err(Error::io("tear the log"))
}

fn log_length(home: &Home) -> u64 {
    log(home.path()).and_then(|log| fs::metadata(log).ok()).map_or(0, |log| log.len())
}

fn log(home: &Path) -> Option<PathBuf> {
    let log = home.join("data/xeroctl/connections.db-wal");
    log.is_file().then_some(log)
}
