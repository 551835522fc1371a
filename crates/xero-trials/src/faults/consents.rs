//! Two connections that share one consent, and so one chain of refresh tokens.

use super::crowds::{allowed, at_one_expiry};
use crate::bench::{Bench, Disturbed};
use crate::error::Outcome;

pub(super) fn two(bench: &mut Bench<'_>) -> Outcome<()> {
    for trial in bench.trials(2, 100) {
        if !bench.goes_on()? {
            break;
        }
        bench.trial(trial, &allowed(bench), |home, subject| {
            let disturbed = at_one_expiry(home, subject, &[subject.token(), subject.token_of_second()])?;
            Ok(Disturbed { took: None, ..disturbed })
        })?;
    }
    Ok(())
}
