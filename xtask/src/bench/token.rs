//! `xeroctl token` with a fresh token, beside programs that read a value from a file.

use std::fs;
use std::process::Command;

use super::home::Home;
use super::oidc_agent::OidcAgent;
use super::page::Table;
use super::turns::{Program, instructions, measure as in_turns, peak_memory};
use crate::stop::Stop;

const ROUNDS: usize = 100;
/// The file of the store with a passphrase.
pub(super) const WARM: &str = "warm.db";
/// Callgrind does not bear programs in Go.
const GITHUB: &str = "`gh auth token`";

pub(super) fn measure() -> Result<(), Stop> {
    let home = Home::new()?;
    log_in_to_github(&home)?;
    with_passphrase(&home)?;
    with_private_app(&home)?;
    let agent = OidcAgent::start(&home)?;
    let programs = [
        Program { name: "`sqlite3 FILE 'select …'`", command: Box::new(|| sqlite(&home)) },
        Program { name: "`oidc-token`", command: Box::new(|| agent.token(&home)) },
        Program { name: "`xeroctl token`", command: Box::new(|| ours(&home, &["token", "bench"])) },
        Program {
            name: "`xeroctl token`, passphrase, unlocked",
            command: Box::new(|| ours(&home, &["token", "bench", "--store", WARM])),
        },
        Program {
            name: "`xeroctl sign`",
            command: Box::new(|| ours(&home, &["sign", "GET", "Invoices", "-c", "old"])),
        },
        Program { name: "`xeroctl --version`", command: Box::new(|| ours(&home, &["--version"])) },
        Program { name: GITHUB, command: Box::new(|| github(&home)) },
    ];
    let taken = in_turns(&programs, ROUNDS)?;
    let mut table =
        Table::new(&["", "ms: median (quarters)", ": sqlite3", "peak memory, MiB", "million instructions"]);
    for (program, one) in programs.iter().zip(&taken) {
        let count = match program.name {
            GITHUB => "-".to_owned(),
            _ => format!("{:.2}", instructions(program)? as f64 / 1e6),
        };
        table.row([
            program.name.to_owned(),
            one.to_string(),
            format!("{:.2}", one.median() / taken[0].median()),
            format!("{:.1}", peak_memory(program)?),
            count,
        ]);
    }
    home.run(&["store", "lock", "--store", WARM])?;
    table.publish("token")
}

pub(super) fn ours(home: &Home, arguments: &[&str]) -> Command {
    let mut command = home.xeroctl();
    command.args(arguments);
    command
}

fn sqlite(home: &Home) -> Command {
    let mut command = home.at_home(Command::new("sqlite3"));
    command.arg(home.store()).arg("select access from authorisations");
    command
}

fn github(home: &Home) -> Command {
    let mut command = home.at_home(Command::new("gh"));
    command.args(["auth", "token"]).env("GH_CONFIG_DIR", home.folder().join("gh"));
    command
}

/// Another store, which is opened by a passphrase that is given once.
pub(super) fn with_passphrase(home: &Home) -> Result<(), Stop> {
    home.write("passphrase", "correct horse battery staple")?;
    let key = ["--store", WARM, "--passphrase-file", "passphrase"];
    home.run(&[&["store", "init"], &key[..]].concat())?;
    home.run(&[&["store", "unlock", "--for", "60"], &key[..]].concat())?;
    home.run(&[&Home::CONNECT[..], &["--store", WARM]].concat())
}

/// One that signs its requests.
fn with_private_app(home: &Home) -> Result<(), Stop> {
    home.run(&["cert", "new", "old", "--no-password"])?;
    let app = ["connect", "old", "--kind", "private", "--consumer-key", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123"];
    home.run(&[&app[..], &["--certificate", "old.pfx", "--no-password", "--no-test"]].concat())
}

/// As `gh auth login --insecure-storage` leaves it.
fn log_in_to_github(home: &Home) -> Result<(), Stop> {
    let folder = home.folder().join("gh");
    fs::create_dir(&folder).map_err(|error| Stop::because("cannot make a folder", &error))?;
    home.write("gh/hosts.yml", "github.com:\n    user: bench\n    oauth_token: gho_0123456789\n")
}
