//! What a store promises: whole changes, sealed secrets, one refresh at a time, and errors that say what to do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod apps;
mod authorisations;
#[allow(dead_code, reason = "its main function is for people")]
#[path = "../../examples/authorise.rs"]
mod authorise;
mod copies;
mod counters;
mod custom;
mod database;
mod examples;
mod faults;
mod files;
mod flows;
mod handing;
mod history;
mod home;
mod keys;
mod late;
mod leases;
mod ledger;
mod limits;
mod links;
mod migration;
mod moving;
mod pending;
mod private;
mod promise;
mod refresh;
mod rescue;
mod secrets;
mod tampering;
mod token_server;
