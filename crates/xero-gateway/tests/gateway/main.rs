//! What a gateway does for its clients, and what it does not let others do, against a mock of Xero.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod clients;
mod examples;
mod frames;
mod home;
mod hostile;
mod hostile_http2;
mod keys;
mod listening;
mod passing;
#[cfg(target_os = "linux")]
mod secure;
#[allow(dead_code, reason = "its main function is for people")]
#[path = "../../examples/serve.rs"]
mod serve;
mod streaming;
mod tokens;
mod waiting;
mod wire;
