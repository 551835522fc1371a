#![doc = include_str!("../README.md")]

mod api;
mod app;
mod certificate;
mod clock;
mod control;
mod error;
mod fault;
mod journal;
mod ledger;
mod limits;
mod mock;
pub mod oauth1;
mod organisation;
mod portal;
mod server;
mod world;

pub use app::{AppState, MAX_PRIVATE_APPS, PrivateApp};
pub use certificate::{Certificate, PublicKey};
pub use error::Error;
pub use fault::{Fault, FaultRule};
pub use journal::JournalEntry;
pub use ledger::SEEDED_INVOICES;
pub use limits::RateLimit;
pub use mock::{Builder, Mock};
pub use organisation::{
    DEMO_COMPANY, HEXAGON_TOOLS, MAPLE_FLORIST, NIHON_SHOJI, ORGANISATIONS, Organisation,
};
