//! The medians of all turns, and what the gateway's are beside nginx's.

use super::{page::Table, round::Round};
use crate::stop::Stop;

pub(super) struct Report {
    nginx: Round,
    gateway: Round,
}

impl Report {
    pub(super) fn new(rounds: &[(&str, Round)]) -> Result<Self, Stop> {
        let of = |name: &str| {
            let middle = |value| middle(name, rounds, value);
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

    /// Prints the table, and puts it in its place on the page.
    pub(super) fn publish(&self) -> Result<(), Stop> {
        let Self { nginx, gateway } = self;
        let mut table = Table::new(&["", "nginx", "gateway", "gateway : nginx"]);
        let mut row = |what: &str, nginx: f64, gateway: f64, digits: usize| {
            let ratio = format!("{:.2}", gateway / nginx);
            table.row([what.to_owned(), format!("{nginx:.digits$}"), format!("{gateway:.digits$}"), ratio]);
        };
        row("requests a second", nginx.per_second, gateway.per_second, 0);
        row("p50, ms", nginx.p50, gateway.p50, 2);
        row("p99, ms", nginx.p99, gateway.p99, 2);
        row("memory, MiB", nginx.memory / 1024.0, gateway.memory / 1024.0, 1);
        table.publish("gateway")
    }
}

/// The median of what one of them answered.
pub(super) fn per_second(name: &str, rounds: &[(&str, Round)]) -> f64 {
    middle(name, rounds, |one| one.per_second).unwrap_or(f64::NAN)
}

fn middle(name: &str, rounds: &[(&str, Round)], value: fn(&Round) -> f64) -> Option<f64> {
    let mut values: Vec<_> =
        rounds.iter().filter(|(other, _)| *other == name).map(|(_, one)| value(one)).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
