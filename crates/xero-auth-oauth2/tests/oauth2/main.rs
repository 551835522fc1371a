//! Logins, grants and answers against servers on this machine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod api_calls;
mod callback_listener;
mod odd_server;
mod secrets;
mod token_endpoint;
mod with_mock;
