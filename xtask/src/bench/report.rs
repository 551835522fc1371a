//! The medians of all turns, and what the gateway's are beside nginx's.

use std::fmt;
use std::fs;

use super::round::Round;
use crate::stop::Stop;

const PAGE: &str = "docs/PERFORMANCE.md";
/// Between these the page has the table.
const MARKS: [&str; 2] = ["<!-- bench gateway -->\n", "<!-- end -->\n"];

pub(super) struct Report {
    nginx: Round,
    gateway: Round,
}

impl Report {
    pub(super) fn new(rounds: &[(&str, Round)]) -> Result<Self, Stop> {
        let of = |name: &str| {
            let own: Vec<Round> =
                rounds.iter().filter(|(other, _)| *other == name).map(|(_, one)| *one).collect();
            let middle = |value: fn(&Round) -> f64| median(own.iter().map(value).collect());
            Some(Round {
                per_second: middle(|one| one.per_second)?,
                p50: middle(|one| one.p50)?,
                p99: middle(|one| one.p99)?,
                memory: middle(|one| one.memory)?,
            })
        };
        let missing = || Stop::new("nothing was measured");
        Ok(Self { nginx: of("nginx").ok_or_else(missing)?, gateway: of("gateway").ok_or_else(missing)? })
    }

    /// Puts the table in its place on the page.
    pub(super) fn write(&self) -> Result<(), Stop> {
        let cannot = |error: std::io::Error| Stop::because(&format!("cannot write {PAGE}"), &error);
        let page = fs::read_to_string(PAGE).map_err(cannot)?;
        let parts =
            page.split_once(MARKS[0]).and_then(|(before, rest)| Some((before, rest.split_once(MARKS[1])?.1)));
        let (before, after) = parts.ok_or_else(|| Stop::new(format!("{PAGE} has no place for the table")))?;
        fs::write(PAGE, format!("{before}{}\n{self}\n{}{after}", MARKS[0], MARKS[1])).map_err(cannot)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nginx, gateway } = self;
        writeln!(f, "| | nginx | gateway | gateway : nginx |\n|---|---:|---:|---:|")?;
        let mut row = |what, nginx: f64, gateway: f64, digits: usize| {
            writeln!(f, "| {what} | {nginx:.digits$} | {gateway:.digits$} | {:.2} |", gateway / nginx)
        };
        row("requests a second", nginx.per_second, gateway.per_second, 0)?;
        row("p50, ms", nginx.p50, gateway.p50, 2)?;
        row("p99, ms", nginx.p99, gateway.p99, 2)?;
        row("memory, MiB", nginx.memory / 1024.0, gateway.memory / 1024.0, 1)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
