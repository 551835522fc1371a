//! `cargo xtask ci`: the tests, and what is known of the crates that the project uses.

use crate::command_line::{run, succeeds};
use crate::stop::Stop;
use crate::test::test;

/// Looks for cargo-deny first: nobody waits for the tests to learn that it is missing.
pub(crate) fn ci() -> Result<(), Stop> {
    if !succeeds("cargo deny --version") {
        return Err(Stop::needs_person(
            "cargo-deny is not installed. Install it:\n  cargo install cargo-deny --locked",
        ));
    }
    test(false)?;
    run("cargo deny --workspace --locked check")
}
