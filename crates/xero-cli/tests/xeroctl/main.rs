//! `xeroctl` as a person and a job meet it: the real binary against the mock, in a home of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
mod certificates;
mod connections;
mod docs;
mod full_disk;
mod import_from;
mod import_keychain;
mod import_misuse;
mod import_xero_cli;
mod keepalive;
mod keepalive_crowd;
mod keepalive_daemon;
mod keepalive_install;
mod log;
mod login_troubles;
mod login_wizard;
mod logins;
mod misuse;
mod requests;
mod sandbox;
mod secrets;
mod seeded;
mod store_commands;
mod store_copies;
mod store_files;
mod store_keychain;
mod store_keys;
mod terminal;
mod weather;
mod webhook;
mod wizard;
