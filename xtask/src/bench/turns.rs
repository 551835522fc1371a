//! Programs that take turns, so that what else the machine does strikes all alike.

use std::fmt;
use std::fs;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::stop::Stop;

/// How often each runs for the memory that it takes.
const WEIGHED: usize = 5;

/// A program, as it is started: with no variables but its own.
pub(super) struct Program<'a> {
    pub(super) name: &'a str,
    pub(super) command: Box<dyn Fn() -> Command + 'a>,
}

/// What was measured of each run.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    /// From the least to the most.
    runs: Vec<f64>,
}

impl Taken {
    pub(super) fn new(mut runs: Vec<f64>) -> Self {
        runs.sort_by(f64::total_cmp);
        Self { runs }
    }

    pub(super) fn median(&self) -> f64 {
        self.part(0.5)
    }

    pub(super) fn mean(&self) -> f64 {
        self.runs.iter().sum::<f64>() / self.runs.len() as f64
    }

    /// By how much the mean of other runs may well differ.
    pub(super) fn error(&self) -> f64 {
        let (mean, count) = (self.mean(), self.runs.len() as f64);
        let squares: f64 = self.runs.iter().map(|run| (run - mean).powi(2)).sum();
        (squares / (count - 1.0) / count).sqrt()
    }

    /// What this part of the runs did not exceed.
    pub(super) fn part(&self, part: f64) -> f64 {
        let last = self.runs.len().saturating_sub(1);
        self.runs.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let [median, least, most] = [0.5, 0.25, 0.75].map(|part| format!("{:.digits$}", self.part(part)));
        write!(f, "{median} ({least}–{most})")
    }
}

/// Runs each program so many times, in turns, after one run of each that does not count.
pub(super) fn measure(programs: &[Program<'_>], rounds: usize) -> Result<Vec<Taken>, Stop> {
    let mut runs = vec![Vec::with_capacity(rounds); programs.len()];
    for program in programs {
        run(program)?;
    }
    for round in 0..rounds {
        for at in shuffled(programs.len(), round) {
            runs[at].push(run(&programs[at])?);
        }
    }
    Ok(runs.into_iter().map(Taken::new).collect())
}

/// Nobody always comes after the same one, whose files and pages may be its own.
pub(super) fn shuffled(count: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    order.sort_by_cached_key(|at| BuildHasherDefault::<DefaultHasher>::default().hash_one((round, at)));
    order
}

/// What a program has in memory at most, in MiB: the median of some runs.
pub(super) fn peak_memory(program: &Program<'_>) -> Result<f64, Stop> {
    let file = tempfile::NamedTempFile::new();
    let file = file.map_err(|error| Stop::because("cannot make a file", &error))?;
    let mut sizes = Vec::new();
    for _ in 0..WEIGHED {
        let mut time = Command::new("time");
        time.args(["-f", "%M", "-o"]).arg(file.path());
        wait(program.name, followed_by(&mut time, &(program.command)()))?;
        let said = fs::read_to_string(file.path());
        let said = said.map_err(|error| Stop::because("time wrote nothing", &error))?;
        let kibibytes: f64 = said.trim().parse().map_err(|_| Stop::new(format!("time says: {said}")))?;
        sizes.push(kibibytes / 1024.0);
    }
    Ok(Taken::new(sizes).median())
}

/// Instructions outside of the kernel, by callgrind.
pub(super) fn instructions(program: &Program<'_>) -> Result<u64, Stop> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = followed_by(&mut valgrind, &(program.command)()).stdin(Stdio::null()).output();
    let output = output.map_err(|error| Stop::because("cannot run valgrind", &error))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let number = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    number.ok_or_else(|| Stop::new(format!("callgrind says nothing of {}:\n{said}", program.name)))
}

/// A profile of one run, by callgrind, with the names as the linker has them.
pub(super) fn functions(program: &Command) -> Result<String, Stop> {
    let file = tempfile::NamedTempFile::new();
    let file = file.map_err(|error| Stop::because("cannot make a file", &error))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--demangle=no"]);
    valgrind.arg(format!("--callgrind-out-file={}", file.path().display()));
    wait("valgrind", followed_by(&mut valgrind, program))?;
    fs::read_to_string(file.path()).map_err(|error| Stop::because("callgrind wrote nothing", &error))
}

/// A program that runs another one, where and with what that runs.
fn followed_by<'a>(outer: &'a mut Command, inner: &Command) -> &'a mut Command {
    let variables = inner.get_envs().filter_map(|(name, value)| Some((name, value?)));
    outer.arg(inner.get_program()).args(inner.get_args()).env_clear().envs(variables);
    match inner.get_current_dir() {
        Some(folder) => outer.current_dir(folder),
        None => outer,
    }
}

/// One run, in milliseconds.
fn run(program: &Program<'_>) -> Result<f64, Stop> {
    let mut command = (program.command)();
    let begun = Instant::now();
    wait(program.name, &mut command)?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

fn wait(name: &str, command: &mut Command) -> Result<(), Stop> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.map_err(|error| Stop::because(&format!("cannot run {name}"), &error))?;
    if status.success() { Ok(()) } else { Err(Stop::failed(status, format!("{name} failed"))) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Taken, shuffled};

    #[test]
    fn each_comes_once_and_after_any_other() {
        let rounds: Vec<_> = (0..100).map(|round| shuffled(4, round)).collect();
        assert!(rounds.iter().all(|order| order.iter().collect::<BTreeSet<_>>().len() == 4));
        let neighbours: BTreeSet<_> =
            rounds.iter().flat_map(|order| order.windows(2)).map(|pair| (pair[0], pair[1])).collect();
        assert_eq!(neighbours.len(), 12);
    }

    #[test]
    fn the_middle_and_the_quarters() {
        let taken = Taken::new(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((taken.median(), taken.mean()), (3.0, 3.0));
        assert_eq!(taken.to_string(), "3.00 (2.00–4.00)");
        assert_eq!(format!("{taken:.0}"), "3 (2–4)");
    }
}
