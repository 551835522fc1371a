//! What a person does, from the first page of the portal to a request that is refused: real programs, a real browser.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
mod private_app;
mod programs;
#[path = "../../../crates/xero-cli/tests/xeroctl/terminal.rs"]
#[expect(dead_code, reason = "the tests of xeroctl use all of it")]
mod terminal;
