//! The network between a host and the database, cut at each exchange of a renewal: for a moment and for good, by resets and
//! by silence.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use xero_mock::Fault;

use super::jobs::expired_again;
use super::{on_hosts, tried, turn};
use crate::args::Mode;
use crate::bench::{Bench, Disturbed, answer_of};
use crate::error::{Error, Outcome};
use crate::home::Home;
use crate::hosts::{Cut, How};
use crate::process::{DEADLINE, Ended};
use crate::subject::Line;
use crate::verdict::{Allowed, Answer};

/// How long a silence is that is over soon.
const MOMENT: Duration = Duration::from_secs(2);
/// The reply is under way for so long while the exchanges before it are counted.
const UNDER_WAY: Duration = Duration::from_millis(300);
/// How many resets the short form has, and how often the long form cuts a host off.
const SHORT: usize = 9;
const LONG: usize = 20;

/// Each exchange is the last one of its link, and the next link is whole.
pub(in crate::faults) fn cut(bench: &mut Bench<'_>) -> Outcome<()> {
    on_hosts(bench, &[]);
    let all = 2 * trace(bench)?.queries.len();
    let trials = match (bench.plan.from, bench.long()) {
        (Some(one), _) => vec![one],
        (None, true) => (0..all).collect(),
        // Odd, so that both kinds have their turn.
        (None, false) => (0..all).step_by((all / SHORT).max(1) | 1).collect::<Vec<_>>(),
    };
    for trial in trials {
        if !bench.goes_on()? {
            break;
        }
        let cut = Cut { at: trial / 2, forwarded: trial % 2 == 1, how: How::Reset };
        tried(bench, trial, &Allowed::one(true), turn(trial / 2), |home, subject| {
            home.hosts().way(0).arm(Some(cut));
            let ended = home.run_on(0, &subject.refresh())?;
            Ok(Disturbed { jobs: (1, usize::from(ended.well())), ..Disturbed::by(&ended) })
        })?;
    }
    Ok(())
}

/// From each exchange on, the host reaches the database no more; another host goes on meanwhile.
pub(in crate::faults) fn cut_off(bench: &mut Bench<'_>) -> Outcome<()> {
    on_hosts(bench, &[]);
    let trace = trace(bench)?;
    let all = 2 * trace.queries.len();
    // Who has a pair in hand tries for a minute to save it: the long form has some, the short form one.
    let trials = match (bench.plan.from, bench.long()) {
        (Some(one), _) => vec![one],
        (None, true) => (0..all).step_by((all / LONG).max(1) | 1).collect(),
        (None, false) => vec![1, 2 * trace.taken_at],
    };
    for trial in trials {
        if !bench.goes_on()? {
            break;
        }
        let cut = Cut { at: trial / 2, forwarded: trial % 2 == 1, how: How::Gone };
        for_good(bench, trial, cut)?;
    }
    Ok(())
}

/// From chosen exchanges on nothing passes: for a moment, and for longer than the lease.
pub(in crate::faults) fn silent(bench: &mut Bench<'_>) -> Outcome<()> {
    on_hosts(bench, &[]);
    let trace = trace(bench)?;
    let (points, hard) = (trace.points(), trace.hard());
    let moments = (0..points.len()).flat_map(|at| [4 * at, 4 * at + 1]);
    let good = points.iter().enumerate().filter(|(_, point)| hard.contains(point)).map(|(at, _)| 4 * at + 2);
    let trials = match (bench.plan.from, bench.long()) {
        (Some(one), _) => vec![one],
        (None, true) => moments.chain(good).collect(),
        (None, false) => moments.step_by(5).collect::<Vec<_>>(),
    };
    for trial in trials {
        if !bench.goes_on()? {
            break;
        }
        let at = points.get(trial / 4).copied().unwrap_or_default();
        let cut = Cut { at, forwarded: trial % 2 == 1, how: How::Silent };
        if trial / 2 % 2 == 0 { for_a_moment(bench, trial, cut)? } else { for_good(bench, trial, cut)? }
    }
    Ok(())
}

/// The cable is out for a moment.
fn for_a_moment(bench: &mut Bench<'_>, trial: usize, cut: Cut) -> Outcome<()> {
    tried(bench, trial, &Allowed::one(true), turn(trial / 4), |home, subject| {
        let hosts = home.hosts();
        hosts.way(0).arm(Some(cut));
        let ended = while_running(home, &subject.refresh(), || {
            hosts.unplug(0)?;
            thread::sleep(MOMENT);
            hosts.mend()
        })?;
        Ok(Disturbed { jobs: (1, usize::from(ended.well())), ..Disturbed::by(&ended) })
    })
}

/// Until the command has ended, and another host has gone on.
fn for_good(bench: &mut Bench<'_>, trial: usize, cut: Cut) -> Outcome<()> {
    let strict = bench.mode == Mode::Strict;
    // The second is the documented one: the first was sent by a host whose answer nobody else can know. Strict rotation takes
    // it for theft, and then the token before is tried. What was rescued on the host itself is taken up without a request.
    let allowed = Allowed::one(true).during(1..=if strict { 3 } else { 2 }).after(0..=1);
    tried(bench, trial, &allowed, turn(trial / 2), |home, subject| {
        let hosts = home.hosts();
        home.tokens_last(true);
        let before = hosts.generation()?;
        hosts.way(0).arm(Some(cut));
        let mut other = (Ended::default(), false);
        let ended = while_running(home, &subject.hasty_refresh(), || {
            if cut.how == How::Silent {
                hosts.unplug(0)?;
            }
            let known = hosts.generation()? > before;
            other = (home.run_on(1, &subject.token())?, known);
            Ok(())
        })?;
        home.calm()?;
        let requests = home.requests();
        let (other, known) = other;
        let answer = answer_of(home, subject, &other);
        // Who was never struck has its token, and the other one never began.
        let unserved = (hosts.way(0).struck() && answer != Answer::Good && !strict)
            .then(|| format!("the other host got no token: {answer:?}"));
        let twice =
            (known && requests > 1).then(|| format!("{requests} requests, though the first was kept"));
        let served = usize::from(ended.well()) + usize::from(answer == Answer::Good);
        let kept = ended.well() || answer == Answer::Good;
        expired_again(home, subject)?;
        let said = format!("{}; the other: {}", ended.in_words(), other.in_words());
        let broken = Disturbed::by(&ended).broken.or(twice);
        let requests = Some(requests);
        Ok(Disturbed { said, kept, broken, unserved, requests, jobs: (2, served), ..Disturbed::default() })
    })
}

/// Runs the line on the first host; when its way is cut, something else is done at the same time.
fn while_running(home: &Home, line: &Line, struck: impl FnOnce() -> Outcome<()> + Send) -> Outcome<Ended> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let meanwhile = scope.spawn(|| {
            let way = home.hosts().way(0);
            if way.wait_until_struck(|| over.load(Ordering::SeqCst)) { struck() } else { Ok(()) }
        });
        let ended = home.run_on(0, line);
        over.store(true, Ordering::SeqCst);
        meanwhile.join().expect("what is done meanwhile does not panic")?;
        ended
    })
}

/// What an undisturbed renewal says to the database.
struct Trace {
    queries: Vec<String>,
    /// The first exchange after Xero has taken the refresh token.
    taken_at: usize,
}

fn trace(bench: &mut Bench<'_>) -> Outcome<Trace> {
    let line = bench.plan.subject.refresh();
    let home = bench.home()?;
    let way = home.hosts().way(0);
    way.arm(None);
    home.mock.fault(Fault::DelayReply(UNDER_WAY).on("/connect/token"));
    let before = home.mock.refreshes();
    let (ended, taken_at) = thread::scope(|scope| {
        let running = scope.spawn(|| home.run_on(0, &line));
        let taken = home.mock.wait_for_refreshes(before + 1, DEADLINE);
        let taken_at = if taken { way.seen().len() } else { 0 };
        (running.join().expect("a command does not panic here"), taken_at)
    });
    let ended = ended?;
    home.calm()?;
    home.requests();
    if !ended.well() || taken_at == 0 {
        return Err(Error::NotWorking(ended.in_words()));
    }
    Ok(Trace { queries: way.seen(), taken_at })
}

impl Trace {
    /// Those after which nobody else knows what came of it: the end of the intent, the first after the call, the commit.
    fn hard(&self) -> Vec<usize> {
        let commit = (self.taken_at..self.queries.len()).find(|at| self.queries[*at].contains("FOR UPDATE"));
        let commit = commit.and_then(|begun| self.end_of(begun));
        [Some(self.taken_at - 1), Some(self.taken_at), commit].into_iter().flatten().collect()
    }

    fn end_of(&self, begun: usize) -> Option<usize> {
        (begun..self.queries.len()).find(|at| self.queries[*at].starts_with("COMMIT"))
    }

    /// The first exchange; the end of the intent; the first after the call; the commit of what came; the last.
    fn points(&self) -> Vec<usize> {
        let writes = |from: usize, to: usize| {
            let begins = (from..to).filter(|at| self.queries[*at].contains("FOR UPDATE"));
            begins.filter_map(|begun| self.end_of(begun)).collect::<Vec<_>>()
        };
        let (before, after) = (writes(0, self.taken_at), writes(self.taken_at, self.queries.len()));
        let mut points = vec![0, self.taken_at - 1, self.taken_at, self.queries.len() - 1];
        points.extend(before.last());
        points.extend(after.first());
        points.sort_unstable();
        points.dedup();
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_are_those_of_the_intent_and_of_the_commit() {
        let queries = [
            "",
            "BEGIN; SELECT 1 FROM store FOR UPDATE",
            "",
            "COMMIT",
            "BEGIN",
            "COMMIT",
            "BEGIN FOR UPDATE",
        ];
        let queries = queries.into_iter().chain(["", "COMMIT", ""]).map(str::to_owned).collect();
        let trace = Trace { queries, taken_at: 6 };
        assert_eq!(trace.points(), [0, 3, 5, 6, 8, 9]);
        assert_eq!(trace.hard(), [5, 6, 8]);
    }
}
