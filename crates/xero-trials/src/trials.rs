//! Makes the trials of all faults that were chosen, some at a time, and prints what came of them.

use std::collections::VecDeque;
use std::error::Error as _;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use clap::Parser as _;

use crate::args::{Arguments, Mode};
use crate::bench::{Bench, Plan, Tally};
use crate::error::{Error, Outcome};
use crate::faults::{Fault, chosen};
use crate::hosts::Grounds;
use crate::many;
use crate::process::run;
use crate::stepper::{Blow, Stepper};
use crate::subject::Subject;
use crate::table;

/// A fault in a mode, and where it stands in the table.
type Job = (usize, &'static Fault, Mode);

pub(crate) fn main() -> ExitCode {
    match made(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("error: {error}{cause}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was lost and every count is right.
fn made(arguments: &Arguments) -> Outcome<bool> {
    let faults = chosen(&arguments.only)?;
    if arguments.list {
        faults.iter().for_each(|fault| println!("{:<20} {}", fault.name, fault.about));
        return Ok(true);
    }
    if arguments.many {
        return many::measured(&Subject::of(arguments)?, arguments.fill.as_deref()).map(|()| true);
    }
    let plan = plan(arguments)?;
    can_trace()?;
    has_faketime()?;
    let begun = Instant::now();
    let jobs = jobs(&faults, arguments.mode, &plan.subject);
    let (alone, together): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|(_, fault, _)| fault.alone);
    let mut tallies = work(&plan, together, arguments.at_once.into())?;
    tallies.extend(work(&plan, alone, 1)?);
    tallies.sort_by_key(|(place, _)| *place);
    let tallies: Vec<Tally> = tallies.into_iter().map(|(_, tally)| tally).collect();
    report(&tallies, arguments, &plan);
    eprintln!("{} s", begun.elapsed().as_secs());
    Ok(tallies.iter().all(|tally| tally.failures.is_empty()))
}

fn plan(arguments: &Arguments) -> Outcome<Plan> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let registered = signal_hook::flag::register(signal, Arc::clone(&interrupted));
        registered.map_err(Error::io("listen for signals"))?;
    }
    Ok(Plan {
        subject: Subject::of(arguments)?,
        runs: arguments.runs,
        from: arguments.from,
        expired: arguments.expired_lifetime,
        grounds: Grounds::default(),
        verbose: arguments.verbose,
        interrupted,
        made: AtomicUsize::new(0),
    })
}

fn jobs(faults: &[&'static Fault], mode: Option<Mode>, subject: &Subject) -> Vec<Job> {
    let ours = faults.iter().filter(|fault| subject.is_xeroctl() || !fault.own);
    let modes = [Mode::Grace, Mode::Strict].into_iter().filter(|one| mode.is_none_or(|mode| mode == *one));
    let both = ours.flat_map(|fault| modes.clone().map(move |mode| (*fault, mode)));
    both.enumerate().map(|(place, (fault, mode))| (place, fault, mode)).collect()
}

/// Makes the trials of these jobs, so many at a time.
fn work(plan: &Plan, jobs: Vec<Job>, at_once: usize) -> Outcome<Vec<(usize, Tally)>> {
    let queue = Mutex::new(VecDeque::from(jobs));
    let worker = || {
        let mut done = Vec::new();
        loop {
            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((place, fault, mode)) = job else { return Ok(done) };
            done.push((place, tried(plan, fault, mode)?));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        let done = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        Ok(done.collect::<Outcome<Vec<_>>>()?.into_iter().flatten().collect())
    })
}

fn tried(plan: &Plan, fault: &Fault, mode: Mode) -> Outcome<Tally> {
    let begun = Instant::now();
    let mut bench = Bench::new(plan, fault.name, mode);
    (fault.trials)(&mut bench)?;
    let tally = bench.tally;
    let (runs, took) = (tally.runs(), begun.elapsed().as_secs_f64());
    eprintln!("{} ({}): {runs} runs, {} lost, {took:.1} s", tally.fault, mode.word(), tally.lost);
    Ok(tally)
}

fn report(tallies: &[Tally], arguments: &Arguments, plan: &Plan) {
    println!("{}", table::table(tallies, arguments.markdown));
    if let Some(times) = table::times(tallies, arguments.markdown) {
        println!("\n{times}");
    }
    if let Some(jobs) = table::jobs(tallies, arguments.markdown) {
        println!("\n{jobs}");
    }
    if let Some(why) = plan.grounds.no_network() {
        println!(
            "\nHosts were homes on one network, and cut off by what stands between them and the server alone: no"
        );
        println!("network namespace can be made here ({why}).");
    }
    for tally in tallies {
        for failure in &tally.failures {
            let (fault, mode, trial) = (tally.fault, tally.mode.word(), failure.trial);
            println!("\n{fault} ({mode}), trial {trial}: {}", failure.why);
            println!("  its folder: {}", failure.folder.display());
            let runs = if arguments.runs == crate::args::Runs::Long { " --runs long" } else { "" };
            println!("  alone: --only {fault} --mode {mode} --from {trial}{runs}");
        }
    }
}

/// That processes may be traced, before anything is concluded from tracing them.
fn can_trace() -> Outcome<()> {
    let steps = Stepper::run(&Command::new("/bin/true"), &Blow::None, &|| false)?;
    if steps.ended.well() && steps.calls > 0 {
        return Ok(());
    }
    Err(Error::Ptrace(nix::errno::Errno::EPERM))
}

fn has_faketime() -> Outcome<()> {
    let faked = run(Command::new("faketime").args(["-f", "+1y", "true"]));
    if faked.is_ok_and(|ended| ended.well()) { Ok(()) } else { Err(Error::Missing { program: "faketime" }) }
}
