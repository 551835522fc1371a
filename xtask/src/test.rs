//! `cargo xtask test`: all that must pass before a change goes in, one step after the other.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::command_line::command;
use crate::needs;
use crate::stop::Stop;

/// A step is one command line, so that it can be run alone.
struct Step {
    name: &'static str,
    line: &'static str,
    quick: bool,
}

const STEPS: [Step; 9] = [
    Step { name: "tools", line: "cargo xtask needs", quick: false },
    Step { name: "tidy", line: "cargo xtask tidy", quick: true },
    Step { name: "format", line: "cargo fmt --all --check", quick: true },
    Step {
        name: "clippy",
        line: "cargo clippy --workspace --all-targets --features connection-store/postgres --locked -- -D warnings",
        quick: true,
    },
    Step {
        name: "documentation",
        line: "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --features connection-store/postgres --locked",
        quick: true,
    },
    Step {
        name: "tests",
        line: "cargo test --workspace --features connection-store/postgres --locked",
        quick: true,
    },
    Step { name: "sanitizer", line: "cargo xtask sanitize", quick: false },
    Step { name: "interoperation", line: "cargo xtask interop", quick: false },
    Step { name: "end to end", line: "cargo xtask e2e", quick: false },
];

/// Stops at the first step that fails, with its exit status.
pub(crate) fn test(quick: bool) -> Result<(), Stop> {
    let begun = Instant::now();
    let steps: Vec<_> = STEPS.iter().filter(|step| step.quick || !quick).collect();
    for (number, step) in steps.iter().enumerate() {
        println!("\n== {}/{} {}: {}", number + 1, steps.len(), step.name, step.line);
        run(step)?;
    }
    let left_out =
        if quick { " (quick: without tools, sanitizer, other clients and end to end)" } else { "" };
    println!("\nAll {} steps passed in {} s{left_out}.", steps.len(), begun.elapsed().as_secs());
    Ok(())
}

fn run(step: &Step) -> Result<(), Stop> {
    let begun = Instant::now();
    let status = with_python(command(step.line)).stdin(Stdio::null()).status();
    let status = status.map_err(|error| Stop::because(&format!("cannot run `{}`", step.line), &error))?;
    println!("== {}: {:.1} s", step.name, begun.elapsed().as_secs_f64());
    if status.success() {
        return Ok(());
    }
    let message = format!("{} failed ({status}). To run this step alone:\n  {}", step.name, step.line);
    Err(Stop::failed(status, message))
}

/// Tests use the Python that has the modules they import.
fn with_python(mut command: Command) -> Command {
    if let Some(python) = needs::python() {
        command.env("PYTHON", python);
    }
    command
}
