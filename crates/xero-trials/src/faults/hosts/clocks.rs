//! Hosts whose clocks are ten minutes apart.

use std::time::Instant;

use nix::sys::signal::Signal;

use super::jobs::at_one_expiry;
use super::{on_hosts, tried};
use crate::bench::{Bench, Disturbed};
use crate::error::Outcome;
use crate::faults::clocks::at;
use crate::faults::sleepers::under_way;
use crate::home::Home;
use crate::hosts::NAMES;
use crate::process::Running;
use crate::subject::Subject;
use crate::verdict::Allowed;

const CLOCKS: [&str; 3] = ["+10m", "+0", "-10m"];
/// Two jobs on each host.
const JOBS: usize = 6;

/// Jobs of all hosts find one expired token; or one that renews is stopped, and another host takes over.
pub(in crate::faults) fn apart(bench: &mut Bench<'_>) -> Outcome<()> {
    on_hosts(bench, &[]);
    for trial in bench.trials(2, 12) {
        if !bench.goes_on()? {
            break;
        }
        let clock = |host: usize| CLOCKS[(host + trial / 2) % CLOCKS.len()];
        if trial % 2 == 0 {
            let allowed = Allowed::one(false).during(1..=1);
            tried(bench, trial, &allowed, 1, |home, subject| {
                let job = |job: usize| (job % NAMES.len(), at(clock(job % NAMES.len()), subject.token()));
                at_one_expiry(home, subject, &(0..JOBS).map(job).collect::<Vec<_>>())
            })?;
        } else {
            let allowed = Allowed::one(true).during(1..=3);
            tried(bench, trial, &allowed, 1, |home, subject| taken_over(home, subject, clock))?;
        }
    }
    Ok(())
}

/// The lease of the one that is stopped is waited for: by the server's clock, whatever those of the hosts say.
fn taken_over(home: &Home, subject: &Subject, clock: impl Fn(usize) -> &'static str) -> Outcome<Disturbed> {
    let hasty = at(clock(0), subject.hasty_refresh());
    let start = || home.hosts().on(0, || Running::start(&mut home.command_on(0, &hasty)));
    let leader = under_way(home, start)?;
    leader.signal(Signal::SIGSTOP);
    let begun = Instant::now();
    let other = home.run_on(2, &at(clock(2), subject.token()))?;
    let waited = begun.elapsed().as_secs();
    leader.signal(Signal::SIGCONT);
    let ended = leader.end();
    // A lease of six seconds is neither over at once nor after ten minutes.
    let wrong = !(2..=60).contains(&waited);
    let broken = wrong.then(|| format!("the lease ended after {waited} s: {}", other.in_words()));
    let served = usize::from(ended.well()) + usize::from(other.well());
    let disturbed = Disturbed { jobs: (2, served), ..Disturbed::by(&ended) };
    Ok(Disturbed { broken: disturbed.broken.or(broken), kept: false, ..disturbed })
}
