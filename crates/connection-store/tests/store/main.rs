//! What a store promises: whole changes, sealed secrets, one refresh at a time, and errors that say what to do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod authorisations;
mod custom;
mod faults;
mod flows;
mod home;
mod links;
mod migration;
mod pending;
mod private;
mod refresh;
mod secrets;
mod tampering;
mod token_server;
