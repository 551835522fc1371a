//! What a person does, from the first page of the portal to a request that is refused: real programs, a real browser.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
mod consent;
mod custom_connection;
mod guide;
mod limits;
mod package;
mod pasted_address;
mod planted_secrets;
mod private_app;
mod programs;
mod refused_consent;
#[path = "../../../crates/xero-cli/tests/xeroctl/terminal.rs"]
#[expect(dead_code, reason = "the tests of xeroctl use all of it")]
mod terminal;
mod web_app;
