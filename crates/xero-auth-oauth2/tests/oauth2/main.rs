//! Logins, grants and answers against servers on this machine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod api_calls;
mod callback_listener;
mod examples;
#[allow(dead_code, reason = "its main function is for people")]
#[path = "../../examples/log_in.rs"]
mod log_in;
mod odd_server;
mod secrets;
mod token_endpoint;
mod with_mock;
