//! SIGKILL before the system calls of a renewal on one host; another one goes on.

use nix::sys::signal::Signal;

use super::{on_hosts, tried, turn};
use crate::bench::{Bench, Disturbed};
use crate::error::{Error, Outcome};
use crate::faults::signals::stepped;
use crate::home::Home;
use crate::stepper::{Blow, Steps};
use crate::subject::Subject;
use crate::verdict::Allowed;

/// How many points the short form has before the rotation, and after it.
const SHORT: [usize; 2] = [3, 6];
/// How far apart they are before the rotation in the long form; after it, none is left out.
const STEP: usize = 8;

pub(in crate::faults) fn killed(bench: &mut Bench<'_>) -> Outcome<()> {
    on_hosts(bench, &[]);
    for at in points(bench)? {
        if !bench.goes_on()? {
            break;
        }
        // What he had rescued before he was killed is taken up on his own host without a request.
        let least = u64::from(turn(at) != 0);
        tried(bench, at, &Allowed::one(true).after(least..=1), turn(at), |home, subject| {
            let steps = on_first(home, subject, &Blow::Signal(Signal::SIGKILL, at))?;
            let lame = !steps.struck && !steps.ended.well();
            let broken = lame.then(|| format!("undisturbed, and yet: {}", steps.ended.in_words()));
            Ok(Disturbed { broken, ..Disturbed::by(&steps.ended) })
        })?;
    }
    Ok(())
}

fn on_first(home: &Home, subject: &Subject, blow: &Blow) -> Outcome<Steps> {
    home.hosts().on(0, || stepped(home, &subject.refresh(), blow))
}

fn points(bench: &mut Bench<'_>) -> Outcome<Vec<usize>> {
    if let Some(one) = bench.plan.from {
        return Ok(vec![one]);
    }
    let (long, subject) = (bench.long(), bench.plan.subject.clone());
    let steps = on_first(bench.home()?, &subject, &Blow::None)?;
    if !steps.ended.well() {
        return Err(Error::NotWorking(steps.ended.in_words()));
    }
    let (taken_at, calls) = (steps.taken_at.unwrap_or(steps.calls), steps.calls);
    let spread =
        |from: usize, to: usize, count: usize| (0..count).map(move |i| from + (to - from) * i / count);
    let points = match long {
        true => (0..taken_at).step_by(STEP).chain(taken_at..calls).collect(),
        false => spread(0, taken_at, SHORT[0]).chain(spread(taken_at, calls, SHORT[1])).collect(),
    };
    Ok(points)
}
