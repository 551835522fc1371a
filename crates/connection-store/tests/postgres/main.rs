//! What a store promises, in PostgreSQL: the same tests as in a file, and those of the server alone. They start a server of
//! their own, and end it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cluster;
mod crossing;
mod cuts;
mod database;
mod failover;
mod machines;
mod proxy;

#[path = "../store/apps.rs"]
mod apps;
#[path = "../store/authorisations.rs"]
mod authorisations;
#[path = "../store/custom.rs"]
mod custom;
#[path = "../store/flows.rs"]
mod flows;
#[path = "../store/handing.rs"]
mod handing;
#[path = "../store/history.rs"]
mod history;
#[path = "../store/home.rs"]
mod home;
#[path = "../store/late.rs"]
mod late;
#[path = "../store/links.rs"]
mod links;
#[path = "../store/moving.rs"]
mod moving;
#[path = "../store/pending.rs"]
mod pending;
#[path = "../store/refresh.rs"]
mod refresh;
#[path = "../store/tampering.rs"]
mod tampering;
#[expect(dead_code, reason = "the tests of files use more of it")]
#[path = "../store/token_server.rs"]
mod token_server;
