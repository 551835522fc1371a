//! What a store promises, in PostgreSQL: the same tests as in a file, and those of the server alone. They start a server of
//! their own, and end it. Of a file alone are `copies`, `counters`, `files` and `migration` (backups, restoring, older formats), and
//! `examples`, which show the public interface once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cluster;
mod counting;
mod crossing;
mod cuts;
mod database;
mod failover;
mod machines;
mod proxy;
mod waiting;

#[path = "../store/apps.rs"]
mod apps;
#[path = "../store/authorisations.rs"]
mod authorisations;
#[path = "../store/custom.rs"]
mod custom;
#[path = "../store/faults.rs"]
mod faults;
#[path = "../store/flows.rs"]
mod flows;
#[path = "../store/handing.rs"]
mod handing;
#[path = "../store/history.rs"]
mod history;
#[path = "../store/home.rs"]
mod home;
#[path = "../store/keys.rs"]
mod keys;
#[path = "../store/late.rs"]
mod late;
#[path = "../store/leases.rs"]
mod leases;
#[path = "../store/ledger.rs"]
mod ledger;
#[path = "../store/limits.rs"]
mod limits;
#[path = "../store/links.rs"]
mod links;
#[path = "../store/moving.rs"]
mod moving;
#[path = "../store/pending.rs"]
mod pending;
#[path = "../store/private.rs"]
mod private;
#[path = "../store/promise.rs"]
mod promise;
#[path = "../store/refresh.rs"]
mod refresh;
#[path = "../store/rescue.rs"]
mod rescue;
#[path = "../store/secrets.rs"]
mod secrets;
#[path = "../store/tampering.rs"]
mod tampering;
#[path = "../store/token_server.rs"]
mod token_server;
