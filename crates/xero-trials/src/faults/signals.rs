//! Signals before each system call of a command, over all its threads.

use nix::sys::signal::Signal;

use crate::bench::{Bench, Disturbed};
use crate::error::{Error, Outcome};
use crate::home::Home;
use crate::stepper::{Blow, Stepper, Steps};
use crate::subject::{Line, Subject};
use crate::verdict::Allowed;

pub(super) fn kill_refresh(bench: &mut Bench<'_>) -> Outcome<()> {
    series(bench, Subject::refresh, Signal::SIGKILL)
}

pub(super) fn kill_token(bench: &mut Bench<'_>) -> Outcome<()> {
    series(bench, Subject::token, Signal::SIGKILL)
}

pub(super) fn terminate(bench: &mut Bench<'_>) -> Outcome<()> {
    series(bench, Subject::refresh, Signal::SIGTERM)
}

pub(super) fn interrupt(bench: &mut Bench<'_>) -> Outcome<()> {
    series(bench, Subject::refresh, Signal::SIGINT)
}

/// From the first call on, until the command has come through unharmed.
fn series(bench: &mut Bench<'_>, line: fn(&Subject) -> Line, signal: Signal) -> Outcome<()> {
    // A signal that can be caught lets a renewal finish; nothing else may come of it.
    let allowed = Allowed::one(signal == Signal::SIGKILL);
    let mut points = Points::of(bench, line)?;
    while let Some(at) = points.next() {
        if !bench.goes_on()? {
            return Ok(());
        }
        let blow = Blow::Signal(signal, at);
        let mut struck = true;
        bench.trial(at, &allowed, |home, subject| {
            let steps = stepped(home, &line(subject), &blow)?;
            struck = steps.struck;
            let kept = steps.ended.well() || (subject.is_xeroctl() && steps.kept);
            let lame = !steps.struck && !steps.ended.well();
            let broken = lame.then(|| format!("undisturbed, and yet: {}", steps.ended.in_words()));
            Ok(Disturbed { kept, broken, ..Disturbed::by(&steps.ended) })
        })?;
        if !struck {
            return Ok(());
        }
    }
    Ok(())
}

/// One run in steps; it knows when the server took the refresh token.
pub(super) fn stepped(home: &Home, line: &Line, blow: &Blow) -> Outcome<Steps> {
    let before = home.mock.refreshes();
    Stepper::run(&home.command(line), blow, &|| home.mock.refreshes() > before)
}

/// The numbers of the system calls to strike at.
pub(super) enum Points {
    /// Each, until there are no more.
    Each(usize),
    Some(std::vec::IntoIter<usize>),
}

impl Points {
    /// Each one in the long form. In the short form some over the whole run, more of them after the rotation, and one
    /// past the end.
    fn of(bench: &mut Bench<'_>, line: fn(&Subject) -> Line) -> Outcome<Self> {
        if let Some(one) = bench.plan.from {
            return Ok(Self::Some(vec![one].into_iter()));
        }
        if bench.long() {
            return Ok(Self::Each(0));
        }
        let line = line(&bench.plan.subject);
        let steps = stepped(bench.home()?, &line, &Blow::None)?;
        if !steps.ended.well() {
            return Err(Error::NotWorking(steps.ended.in_words()));
        }
        Ok(Self::Some(some(steps.calls, steps.taken_at.unwrap_or(steps.calls)).into_iter()))
    }

    fn next(&mut self) -> Option<usize> {
        match self {
            Self::Each(next) => {
                *next += 1;
                Some(*next - 1)
            }
            Self::Some(points) => points.next(),
        }
    }
}

/// How many points the short form has before the rotation, and after it.
const BEFORE: usize = 8;
const AFTER: usize = 16;

fn some(calls: usize, taken_at: usize) -> Vec<usize> {
    let spread =
        |from: usize, to: usize, count: usize| (0..count).map(move |i| from + (to - from) * i / count);
    let mut points: Vec<usize> = spread(0, taken_at, BEFORE).chain(spread(taken_at, calls, AFTER)).collect();
    // How many calls there are differs a little from run to run; twice as many there never are.
    points.push(calls * 2);
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use super::some;

    #[test]
    fn the_short_form_looks_closer_after_the_rotation() {
        let points = some(1000, 800);
        assert_eq!(points.len(), 25);
        assert_eq!((points[0], points[8], points[24]), (0, 800, 2000));
        assert!(points.is_sorted());
        assert_eq!(some(10, 10).last(), Some(&20));
    }
}
