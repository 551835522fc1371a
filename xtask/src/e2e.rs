//! `cargo xtask e2e`: the end-to-end tests, on programs that are built first.

use crate::command_line::run;
use crate::stop::Stop;

/// The tests are the target `e2e` of this package, which plain `cargo test` and clippy leave out (`test = false`).
pub(crate) fn e2e() -> Result<(), Stop> {
    run("cargo build --package xero-cli --package xero-mock --locked")?;
    run("cargo clippy --package xtask --test e2e --locked -- -D warnings")?;
    run("cargo test --package xtask --test e2e --locked")
}
