//! The program's size and cold start, and how long it takes to build.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::XEROCTL;
use super::home::Home;
use super::page::Table;
use super::turns::{Program, instructions, measure as in_turns, peak_memory};
use crate::command_line::{command, run};
use crate::stop::Stop;

const ROUNDS: usize = 50;
/// What a person or a shell starts most.
const STARTS: [(&str, &[&str]); 3] = [
    ("`--version`", &["--version"]),
    ("`--help`", &["--help"]),
    ("completion of a connection's name", &["__complete", "bash", "--breaks", " ", "--", "xeroctl token "]),
];
/// Built from nothing, in folders of their own.
const BUILDS: [(&str, &str); 2] = [("debug", ""), ("release", "--release")];

pub(super) fn measure() -> Result<(), Stop> {
    starts()?;
    builds()
}

fn starts() -> Result<(), Stop> {
    let home = Home::new()?;
    let start = &home;
    let programs = STARTS.map(|(name, arguments)| Program {
        name,
        command: Box::new(move || {
            let mut command = start.xeroctl();
            command.args(arguments);
            command
        }),
    });
    let taken = in_turns(&programs, ROUNDS)?;
    let mut table =
        Table::new(&["cold start", "ms: median (quarters)", "peak memory, MiB", "million instructions"]);
    for (program, one) in programs.iter().zip(&taken) {
        let count = format!("{:.2}", instructions(program)? as f64 / 1e6);
        table.row([program.name.to_owned(), one.to_string(), format!("{:.1}", peak_memory(program)?), count]);
    }
    table.publish("starts")
}

fn builds() -> Result<(), Stop> {
    let mut table = Table::new(&["", "figure"]);
    let tree = command("cargo tree --package xero-cli --edges normal,build --prefix none --locked").output();
    let tree = tree.map_err(|error| Stop::because("cannot run cargo tree", &error))?;
    let crates: std::collections::BTreeSet<_> = String::from_utf8_lossy(&tree.stdout)
        .lines()
        .filter_map(|line| Some(line.split(" (").next()?.to_owned()))
        .collect();
    table.row(["crates that the program is built of".to_owned(), crates.len().to_string()]);
    let size = size_of(Path::new(XEROCTL))?;
    table.row(["the program, MiB".to_owned(), format!("{size:.1}")]);
    for (name, option) in BUILDS {
        let folder =
            tempfile::tempdir_in("target").map_err(|error| Stop::because("cannot make a folder", &error))?;
        let begun = Instant::now();
        run(&format!(
            "CARGO_TARGET_DIR={} cargo build --package xero-cli --locked {option}",
            folder.path().display()
        ))?;
        table.row([format!("clean {name} build, s"), format!("{:.0}", begun.elapsed().as_secs_f64())]);
    }
    table.publish("builds")
}

/// In MiB.
pub(super) fn size_of(file: &Path) -> Result<f64, Stop> {
    let file = fs::metadata(file).map_err(|error| Stop::because("the program is not there", &error))?;
    Ok(file.len() as f64 / 1024.0 / 1024.0)
}
