//! Clocks that are wrong while a command runs, and right again afterwards.

use std::ffi::OsString;

use super::replies::lose_next;
use crate::bench::{Bench, Disturbed};
use crate::error::Outcome;
use crate::subject::Line;
use crate::verdict::Allowed;

const SHIFTS: [&str; 4] = ["+1h", "-1h", "+1y", "-1y"];

pub(super) fn shifted(bench: &mut Bench<'_>) -> Outcome<()> {
    for trial in bench.trials(2 * SHIFTS.len(), 30 * SHIFTS.len()) {
        if !bench.goes_on()? {
            break;
        }
        let (shift, loses) = (SHIFTS[trial % SHIFTS.len()], trial / SHIFTS.len() % 2 == 1);
        bench.trial(trial, &Allowed::one(loses), |home, subject| {
            if loses {
                lose_next(home, subject);
            }
            Ok(Disturbed::by(&home.run(&at(shift, subject.token()))?))
        })?;
    }
    Ok(())
}

/// The line with another time than the system's.
pub(super) fn at(shift: &str, line: Line) -> Line {
    let words =
        ["env", "NO_FAKE_STAT=1", "DONT_FAKE_MONOTONIC=1", "faketime", "-f", shift].map(OsString::from);
    words.into_iter().chain(line).collect()
}
