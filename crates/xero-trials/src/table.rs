//! The table of all trials, for a terminal or as Markdown.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use crate::bench::Tally;

const HEADER: [&str; 9] = [
    "fault",
    "mode",
    "runs",
    "recovered at once",
    "later",
    "login, as it must be",
    "lost",
    "miscounted",
    "refreshes during / after",
];

/// One row for each fault and mode, and their sums.
pub(crate) fn table(tallies: &[Tally], markdown: bool) -> String {
    rendered(&HEADER, tallies.iter().map(row).chain([sums(tallies)]), markdown)
}

/// How long commands took that ran at the same time, from the first start to the last end; none: nothing was timed.
pub(crate) fn times(tallies: &[Tally], markdown: bool) -> Option<String> {
    let header = ["fault", "mode", "rounds", "fastest", "median", "slowest"];
    let timed: Vec<_> = tallies.iter().filter(|tally| !tally.times.is_empty()).collect();
    let rows = timed.iter().map(|tally| {
        let mut times = tally.times.clone();
        times.sort_unstable();
        let named = [tally.fault.to_owned(), tally.mode.word().to_owned(), times.len().to_string()];
        let shown = [times[0], times[times.len() / 2], times[times.len() - 1]].map(seconds);
        named.into_iter().chain(shown).collect::<Vec<_>>()
    });
    (!timed.is_empty()).then(|| rendered(&header, rows, markdown))
}

/// How many commands had what they asked for while a fault was there; none: they were not counted.
pub(crate) fn jobs(tallies: &[Tally], markdown: bool) -> Option<String> {
    let header = ["fault", "mode", "commands during the fault", "served"];
    let counted: Vec<_> = tallies.iter().filter(|tally| tally.jobs.0 > 0).collect();
    let rows = counted.iter().map(|tally| {
        let named = [tally.fault.to_owned(), tally.mode.word().to_owned()];
        named.into_iter().chain([tally.jobs.0, tally.jobs.1].map(|count| count.to_string())).collect()
    });
    (!counted.is_empty()).then(|| rendered(&header, rows, markdown))
}

fn rendered(header: &[&str], rows: impl Iterator<Item = Vec<String>>, markdown: bool) -> String {
    let mut table = Table::new();
    table.load_style(if markdown { presets::ASCII_MARKDOWN } else { presets::NOTHING });
    table.set_header(header.to_vec()).add_rows(rows);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn row(tally: &Tally) -> Vec<String> {
    let counts = [tally.runs(), tally.at_once, tally.later, tally.login, tally.lost, tally.miscounted];
    let named = [tally.fault.to_owned(), tally.mode.word().to_owned()];
    let requests = format!("{} / {}", tally.requests.0, tally.requests.1);
    named.into_iter().chain(counts.map(|count| count.to_string())).chain([requests]).collect()
}

fn sums(tallies: &[Tally]) -> Vec<String> {
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum::<usize>().to_string();
    let counts = [
        sum(Tally::runs),
        sum(|tally| tally.at_once),
        sum(|tally| tally.later),
        sum(|tally| tally.login),
        sum(|tally| tally.lost),
        sum(|tally| tally.miscounted),
    ];
    let named = ["all".to_owned(), String::new()];
    named.into_iter().chain(counts).chain([String::new()]).collect()
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Mode;

    fn tally() -> Tally {
        Tally {
            fault: "reply-lost",
            mode: Mode::Strict,
            at_once: 3,
            later: 2,
            login: 5,
            lost: 0,
            miscounted: 1,
            requests: (1, 2),
            times: [3, 1, 2].map(Duration::from_secs).to_vec(),
            jobs: (7, 5),
            failures: Vec::new(),
        }
    }

    #[test]
    fn as_markdown() {
        let text = table(&[tally(), tally()], true);
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect();
        assert_eq!(rows[0], HEADER);
        assert_eq!(rows[2], ["reply-lost", "strict", "11", "3", "2", "5", "0", "1", "1 / 2"]);
        assert_eq!(rows[4], ["all", "", "22", "6", "4", "10", "0", "2", ""]);
    }

    #[test]
    fn times_in_order() {
        let text = times(&[tally()], true).unwrap();
        let last: Vec<&str> =
            text.lines().last().unwrap().trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(last, ["reply-lost", "strict", "3", "1.00 s", "2.00 s", "3.00 s"]);
        assert_eq!(times(&[Tally { times: Vec::new(), ..tally() }], true), None);
    }

    #[test]
    fn commands_that_were_served() {
        let text = jobs(&[tally()], true).unwrap();
        let last: Vec<&str> =
            text.lines().last().unwrap().trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(last, ["reply-lost", "strict", "7", "5"]);
        assert_eq!(jobs(&[Tally { jobs: (0, 0), ..tally() }], true), None);
    }
}
