//! The project's chores, run as `cargo xtask CHORE`. They start things and check text; what programs do is asserted in tests.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "to say what is being done is their purpose")]

mod bench;
mod ci;
mod command_line;
mod deb;
mod demo;
mod e2e;
mod gateway;
mod interop;
mod metadata;
mod mock;
mod needs;
mod programs;
mod sanitize;
mod stop;
mod test;
mod tidy;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::stop::Stop;

/// The project's own chores
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Show the whole main job on a mock Xero: apps of every kind, consents, connections, requests, failures
    Demo,
    /// Run all that must pass before a change goes in; on Debian, as root, install what it needs
    Test {
        /// Leave out the tools' installation, the sanitizer, other people's clients and the end-to-end tests
        #[arg(long)]
        quick: bool,
    },
    /// Run the end-to-end tests: real processes, a real browser, and the trials
    E2e {
        /// The trials strike at every system call and every byte
        #[arg(long)]
        long: bool,
    },
    /// Try in every way to make xeroctl, or another command, lose a token
    #[command(disable_help_flag = true)]
    Trials {
        /// The options of xero-trials; `--help` says which
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
        options: Vec<String>,
    },
    /// Draw the pictures of the user guide: the portal of the mock in Chromium
    Pictures,
    /// Build a Debian package: the program, its manual, its completions and a timer
    Deb,
    /// Let xero-node and xero-python do their whole job against the mock; the first time, install them
    Interop,
    /// Measure what is ours beside what others have, and write the tables of docs/PERFORMANCE.md
    Bench {
        /// What is measured
        #[arg(value_parser = bench::WHAT)]
        what: String,
    },
    /// Run the tests of xero-certs under AddressSanitizer
    Sanitize,
    /// Run `test`, then check licences, bans, sources and advisories with cargo-deny
    Ci,
    /// Check layering, forgotten files, private keys, texts and links
    Tidy,
    /// Find the tools that tests need; on Debian, as root, install them
    Needs,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("error: {}", stop.message);
            ExitCode::from(stop.status)
        }
    }
}

fn run(chore: &Chore) -> Result<(), Stop> {
    enter_workspace()?;
    match chore {
        Chore::Demo => demo::demo(),
        Chore::Test { quick } => test::test(*quick),
        Chore::E2e { long } => e2e::e2e(*long),
        Chore::Trials { options } => e2e::trials(options),
        Chore::Pictures => e2e::pictures(),
        Chore::Deb => deb::deb(),
        Chore::Interop => interop::interop(),
        Chore::Bench { what } => bench::bench(what),
        Chore::Sanitize => sanitize::sanitize(),
        Chore::Ci => ci::ci(),
        Chore::Tidy => tidy::tidy(),
        Chore::Needs => needs::needs(),
    }
}

/// Every chore works from the top of the workspace, wherever it was called.
fn enter_workspace() -> Result<(), Stop> {
    let own = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| Stop::new("run it as `cargo xtask`"))?;
    let root = Path::new(&own).parent().ok_or_else(|| Stop::new("the workspace is gone"))?;
    env::set_current_dir(root).map_err(|error| Stop::because("cannot enter the workspace", &error))
}
