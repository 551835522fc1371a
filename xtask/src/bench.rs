//! `cargo xtask bench WHAT`: what is ours beside what others have, in turns; ratios first.

mod gateway;
mod home;
mod layout;
mod nginx;
mod oidc_agent;
mod page;
mod pair;
mod profile;
mod reads;
mod report;
mod round;
mod signing;
mod size;
mod token;
mod turns;

use crate::command_line::run;
use crate::e2e;
use crate::needs;
use crate::stop::Stop;

/// The core of what is measured, and the one of the upstream and the load.
const CORES: [&str; 2] = ["0", "1"];
const XEROCTL: &str = "target/release/xeroctl";
/// What can be measured.
pub(crate) const WHAT: [&str; 9] =
    ["gateway", "token", "signing", "pair", "reads", "size", "profile", "many", "layout"];

/// Prints tables, and writes them to `docs/PERFORMANCE.md`; `layout` writes the linker's script from what `token` runs.
pub(crate) fn bench(what: &str) -> Result<(), Stop> {
    needs::bench()?;
    if what == "layout" {
        return layout::write();
    }
    run("cargo build --release --package xero-cli --locked")?;
    match what {
        "gateway" => gateway::measure(),
        "token" => token::measure(),
        "signing" => signing::measure(),
        "pair" => pair::measure(),
        "reads" => reads::measure(),
        "size" => size::measure(),
        "profile" => profile::measure(),
        _ => many(),
    }
}

/// `token` and `keepalive` with 10,000 connections in PostgreSQL. Prints tables.
fn many() -> Result<(), Stop> {
    run("cargo build --release --package connection-store --features postgres --example fill --locked")?;
    e2e::trials(&["--many".to_owned()])
}
