//! Where the trials of one fault in one mode are made, one after the other, and counted.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::args::{Mode, Runs};
use crate::error::{Error, Outcome};
use crate::home::{Ground, Home};
use crate::hosts::Grounds;
use crate::process::Ended;
use crate::subject::{Line, Subject};
use crate::verdict::{Allowed, Answer, Seen, Verdict};

/// What all benches share.
pub(crate) struct Plan {
    pub(crate) subject: Subject,
    pub(crate) runs: Runs,
    pub(crate) from: Option<usize>,
    pub(crate) expired: Duration,
    pub(crate) grounds: Grounds,
    /// Each trial is told on standard error.
    pub(crate) verbose: bool,
    /// Set by Ctrl-C.
    pub(crate) interrupted: Arc<AtomicBool>,
    /// Trials made so far, of all faults.
    pub(crate) made: AtomicUsize,
}

/// What was seen of a fault in one mode.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) fault: &'static str,
    pub(crate) mode: Mode,
    pub(crate) at_once: usize,
    pub(crate) later: usize,
    pub(crate) login: usize,
    pub(crate) lost: usize,
    pub(crate) miscounted: usize,
    /// The most requests with a refresh token while the fault was there, and after it.
    pub(crate) requests: (u64, u64),
    /// How long the commands took, where that is what is tried.
    pub(crate) times: Vec<Duration>,
    /// How many commands were run while the fault was there, and how many had what they asked for.
    pub(crate) jobs: (usize, usize),
    pub(crate) failures: Vec<Failure>,
}

/// A trial that showed a loss or a wrong count.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) trial: usize,
    pub(crate) why: String,
    pub(crate) folder: PathBuf,
}

/// What a fault did to the command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disturbed {
    /// How it ended.
    pub(crate) said: String,
    /// It made the new pair last, as its system calls show.
    pub(crate) kept: bool,
    /// Something else that was to hold and does not.
    pub(crate) broken: Option<String>,
    /// A command that ran at the same time and got no token.
    pub(crate) unserved: Option<String>,
    /// The requests of the fault, where more were made to prepare what follows.
    pub(crate) requests: Option<u64>,
    /// How long what ran at the same time took.
    pub(crate) took: Option<Duration>,
    /// How many commands were run, and how many had what they asked for.
    pub(crate) jobs: (usize, usize),
}

/// Trials of one fault in one mode.
pub(crate) struct Bench<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) mode: Mode,
    pub(crate) tally: Tally,
    /// Where homes are made.
    pub(crate) ground: Ground,
    home: Option<Home>,
}

/// No fault is looked at longer than this once so many of its trials have failed.
const ENOUGH: usize = 10;
/// How often a command may be run after a fault before nothing is hoped for any more.
const PATIENCE: usize = 3;

impl<'a> Bench<'a> {
    pub(crate) fn new(plan: &'a Plan, fault: &'static str, mode: Mode) -> Self {
        let tally = Tally {
            fault,
            mode,
            at_once: 0,
            later: 0,
            login: 0,
            lost: 0,
            miscounted: 0,
            requests: (0, 0),
            times: Vec::new(),
            jobs: (0, 0),
            failures: Vec::new(),
        };
        Self { plan, mode, tally, ground: Ground::Folder, home: None }
    }

    /// A home with a live login: the one of the last trial, or a new one after a loss.
    pub(crate) fn home(&mut self) -> Outcome<&Home> {
        if self.home.is_none() {
            let home = Home::set_up(self.plan, self.mode, &self.ground)?;
            match ask(&home, &self.plan.subject)? {
                Answer::Good => self.home = Some(home),
                Answer::Login { .. } => return Err(Error::NotWorking("it asks for a login".to_owned())),
                Answer::Failed(why) => return Err(Error::NotWorking(why)),
            }
        }
        Ok(self.home.as_ref().expect("it was just set up"))
    }

    pub(crate) fn long(&self) -> bool {
        self.plan.runs == Runs::Long
    }

    /// The numbers of the trials: so many in the short form or in the long one, or the one that was asked for.
    pub(crate) fn trials(&self, short: usize, long: usize) -> Vec<usize> {
        match self.plan.from {
            Some(one) => vec![one],
            None => (0..if self.long() { long } else { short }).collect(),
        }
    }

    /// The next trial begins with a home of its own.
    pub(crate) fn move_out(&mut self) {
        self.home = None;
    }

    /// Whether there is a point in going on.
    pub(crate) fn goes_on(&self) -> Outcome<bool> {
        if self.plan.interrupted.load(Ordering::SeqCst) {
            return Err(Error::Interrupted);
        }
        Ok(self.tally.failures.len() < ENOUGH)
    }

    /// One trial: the fault does its work, is taken away, and the command is run again.
    pub(crate) fn trial(
        &mut self,
        trial: usize,
        allowed: &Allowed,
        disturb: impl FnOnce(&Home, &Subject) -> Outcome<Disturbed>,
    ) -> Outcome<()> {
        let subject = self.plan.subject.clone();
        let home = self.home()?;
        let (before, _) = (home.mock.refreshes(), home.requests());
        let disturbed = disturb(home, &subject)?;
        // What a command that was killed had sent may come later than its end.
        home.calm()?;
        let (taken, during) = (home.mock.refreshes() > before, home.requests());
        let answers = answers(home, &subject)?;
        let after = home.requests();
        let Disturbed { said, kept, broken, unserved, requests, took, jobs } = disturbed;
        let during = requests.unwrap_or(during);
        let seen = Seen { taken, kept, during, after, answers, broken, unserved };
        let verdict = seen.verdict(self.mode, allowed);
        self.tally.times.extend(took);
        self.tally.jobs = (self.tally.jobs.0 + jobs.0, self.tally.jobs.1 + jobs.1);
        if self.plan.verbose {
            let (fault, mode) = (self.tally.fault, self.mode.word());
            eprintln!("{fault} ({mode}), trial {trial}: {said}\n  {seen:?}\n  {verdict:?}");
        }
        self.count(trial, &seen, verdict);
        Ok(())
    }

    fn count(&mut self, trial: usize, seen: &Seen, verdict: Verdict) {
        let made = self.plan.made.fetch_add(1, Ordering::SeqCst) + 1;
        if made.is_multiple_of(500) {
            eprintln!("{made} trials");
        }
        let tally = &mut self.tally;
        tally.requests = (tally.requests.0.max(seen.during), tally.requests.1.max(seen.after));
        match verdict {
            Verdict::AtOnce => tally.at_once += 1,
            Verdict::Later => tally.later += 1,
            Verdict::Login => {
                tally.login += 1;
                self.home = None;
            }
            Verdict::Lost(why) => {
                tally.lost += 1;
                self.fail(trial, why);
            }
            Verdict::Miscounted(why) => {
                tally.miscounted += 1;
                self.fail(trial, why);
            }
        }
    }

    /// Notes what went wrong, keeps its folder, and goes on in a new one.
    fn fail(&mut self, trial: usize, why: String) {
        let folder = self.home.take().map(Home::keep).unwrap_or_default();
        let Tally { fault, mode, .. } = self.tally;
        eprintln!("{fault} ({}), trial {trial}: {why}; see {}", mode.word(), folder.display());
        self.tally.failures.push(Failure { trial, why, folder });
    }
}

/// What a Rust program ends with that has panicked.
const PANICKED: i32 = 101;

impl Tally {
    pub(crate) fn runs(&self) -> usize {
        self.at_once + self.later + self.login + self.lost + self.miscounted
    }
}

impl Disturbed {
    /// By a fault that a command outlives: what it said it has, it has.
    pub(crate) fn by(ended: &Ended) -> Self {
        let panicked = ended.status == Some(PANICKED);
        let broken =
            (ended.hung || panicked).then(|| format!("the command hung or panicked: {}", ended.in_words()));
        Self { said: ended.in_words(), kept: ended.well(), broken, ..Self::default() }
    }
}

impl Allowed {
    /// One request at most while the fault is there, and one after it.
    pub(crate) fn one(reply_lost: bool) -> Self {
        Self { reply_lost, during: 0..=1, after: 1..=1 }
    }

    pub(crate) fn during(self, during: RangeInclusive<u64>) -> Self {
        Self { during, ..self }
    }

    pub(crate) fn after(self, after: RangeInclusive<u64>) -> Self {
        Self { after, ..self }
    }
}

/// Runs the command after the fault until it prints a good token, or asks for a login, or fails to the end.
fn answers(home: &Home, subject: &Subject) -> Outcome<Vec<Answer>> {
    let mut answers = Vec::new();
    while answers.len() < PATIENCE {
        let answer = ask(home, subject)?;
        let goes_on = matches!(answer, Answer::Failed(_));
        answers.push(answer);
        if !goes_on {
            return Ok(answers);
        }
    }
    if subject.login_status().is_none() {
        // Another command has no status of its own for it: what fails to the end needs a person.
        answers.push(Answer::Login { explained: true, said: String::new() });
    }
    Ok(answers)
}

fn ask(home: &Home, subject: &Subject) -> Outcome<Answer> {
    answer_to(home, subject, &subject.recover())
}

/// What a command that prints a token did.
pub(crate) fn answer_to(home: &Home, subject: &Subject, line: &Line) -> Outcome<Answer> {
    let ended = home.run(line)?;
    Ok(answer_of(home, subject, &ended))
}

pub(crate) fn answer_of(home: &Home, subject: &Subject, ended: &Ended) -> Answer {
    let token = ended.stdout.lines().last().unwrap_or_default().trim();
    if ended.well() && home.mock.is_access_token_good(token) {
        return Answer::Good;
    }
    if ended.status.is_some() && ended.status == subject.login_status() {
        return Answer::Login { explained: explains(&ended.stderr), said: ended.in_words() };
    }
    let what = if ended.well() { "nobody accepts what it printed" } else { "it failed" };
    Answer::Failed(format!("{what}: {}", ended.in_words()))
}

/// Whether a message says that the answer to a refresh never came.
fn explains(message: &str) -> bool {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    message.contains("refresh token") && message.contains("no answer")
}
