//! Tokens read from a store by many processes while it is written to, beside rows read with SQLite alone; and a store of
//! 100,000 connections beside one of ten.

use std::process::{Child, Command, Stdio};

use super::home::Home;
use super::page::Table;
use super::turns::{Program, instructions, measure as in_turns};
use crate::command_line::run;
use crate::stop::Stop;

const ROUNDS: usize = 3;
const SECONDS: &str = "3";
const PROCESSES: [usize; 2] = [1, 16];
/// How many logins and connections the stores have.
const CROWDS: [(&str, &str); 2] = [("10", "10"), ("2000", "100000")];
const READ: &str = "target/release/examples/read_rate";
const CROWD: &str = "target/release/examples/crowd";
/// Until it is ended.
const REFRESHING: &str = "while \"$0\" refresh bench --quiet; do :; done";

/// What the processes of one turn read.
#[derive(Clone, Copy)]
struct Turn {
    per_second: f64,
    /// The worst of the processes' 99 of 100, in microseconds.
    p99: f64,
}

pub(super) fn measure() -> Result<(), Stop> {
    run("cargo build --release --package connection-store --example crowd --example read_rate --locked")?;
    let home = Home::new()?;
    at_once(&home)?;
    many(&home)
}

/// Many readers, and one who refreshes as fast as he can.
fn at_once(home: &Home) -> Result<(), Stop> {
    let mut table = Table::new(&["", "reads a second", "p99, µs", ": rows with SQLite"]);
    for processes in PROCESSES {
        let _refreshing = Refreshing::start(home)?;
        let mut turns: [Vec<Turn>; 2] = Default::default();
        for _ in 0..ROUNDS {
            turns[0].push(read(home, "-", processes)?);
            turns[1].push(read(home, "store.key", processes)?);
        }
        let [rows, tokens] = turns.map(|turns| Turn {
            per_second: median(turns.iter().map(|turn| turn.per_second)),
            p99: median(turns.iter().map(|turn| turn.p99)),
        });
        let by = if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") };
        for (name, turn) in [("rows with SQLite", rows), ("tokens", tokens)] {
            let ratio = format!("{:.2}", turn.per_second / rows.per_second);
            table.row([
                format!("{name}, {by}"),
                format!("{:.0}", turn.per_second),
                format!("{:.0}", turn.p99),
                ratio,
            ]);
        }
    }
    table.publish("reads")
}

/// One token from a store of few connections, and one from a store of many.
fn many(home: &Home) -> Result<(), Stop> {
    for (logins, connections) in CROWDS {
        let crowd =
            std::path::absolute(CROWD).map_err(|error| Stop::because("there is no folder", &error))?;
        let mut command = home.at_home(Command::new(crowd));
        let server = format!("http://127.0.0.1:{}", home.upstream());
        command.args([&file(connections), &key(connections), &server, logins, connections]);
        let status = command.status().map_err(|error| Stop::because("cannot make a store", &error))?;
        if !status.success() {
            return Err(Stop::failed(status, "no store was made"));
        }
    }
    let programs = CROWDS.map(|(_, connections)| Program {
        name: connections,
        command: Box::new(move || {
            let mut command = home.xeroctl();
            command.args(["--store", &file(connections), "--key-file", &key(connections), "token", "c7"]);
            command
        }),
    });
    let taken = in_turns(&programs, 100)?;
    let mut table = Table::new(&[
        "connections",
        "`xeroctl token`, ms: median (quarters)",
        ": ten",
        "million instructions",
    ]);
    for (program, one) in programs.iter().zip(&taken) {
        let count = format!("{:.2}", instructions(program)? as f64 / 1e6);
        let ratio = format!("{:.2}", one.median() / taken[0].median());
        table.row([program.name.to_owned(), one.to_string(), ratio, count]);
    }
    table.publish("crowd")
}

fn file(connections: &str) -> String {
    format!("crowd-{connections}.db")
}

fn key(connections: &str) -> String {
    format!("crowd-{connections}.key")
}

fn read(home: &Home, key: &str, processes: usize) -> Result<Turn, Stop> {
    let cannot = |error: std::io::Error| Stop::because("cannot read the store", &error);
    let program = std::path::absolute(READ).map_err(cannot)?;
    let start = |_| {
        let mut command = home.at_home(Command::new(&program));
        command.arg(home.store()).args([key, "bench", SECONDS]).stdout(Stdio::piped()).spawn().map_err(cannot)
    };
    let readers = (0..processes).map(start).collect::<Result<Vec<Child>, _>>()?;
    let mut turn = Turn { per_second: 0.0, p99: 0.0 };
    for reader in readers {
        let output = reader.wait_with_output().map_err(cannot)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = said.split_whitespace().filter_map(|one| one.parse().ok()).collect();
        let [count, p99] = numbers[..] else { return Err(Stop::new(format!("read_rate says: {said}"))) };
        turn.per_second += count / SECONDS.parse::<f64>().expect("a number");
        turn.p99 = turn.p99.max(p99);
    }
    Ok(turn)
}

/// A process that refreshes again and again. Ends when it is dropped.
struct Refreshing(Child);

impl Refreshing {
    fn start(home: &Home) -> Result<Self, Stop> {
        let mut command = home.at_home(Command::new("sh"));
        let xeroctl = home.xeroctl().get_program().to_owned();
        let child =
            command.args(["-c", REFRESHING]).arg(xeroctl).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.map(Self).map_err(|error| Stop::because("cannot run xeroctl", &error))
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
