//! `xeroctl` as a person and a job meet it: the real binary against the mock, in a home of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod apps;
mod browser;
mod certificates;
mod completions;
mod config_file;
mod connections;
mod docs;
mod doctor;
mod full_disk;
mod gateway;
mod import_from;
mod import_keychain;
mod import_misuse;
mod import_xero_cli;
mod json_documents;
mod keepalive;
mod keepalive_crowd;
mod keepalive_daemon;
mod keepalive_install;
mod listing;
mod log;
mod log_file;
mod login_troubles;
mod login_wizard;
mod logins;
mod man_pages;
mod misuse;
mod moving;
mod overview;
mod requests;
mod sandbox;
mod scopes;
mod secrets;
mod seeded;
mod store_commands;
mod store_copies;
mod store_files;
mod store_keychain;
mod store_keys;
mod terminal;
mod troubles;
mod weather;
mod webhook;
mod wizard;
