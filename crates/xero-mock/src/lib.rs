#![doc = include_str!("../README.md")]

mod api;
mod app;
mod certificate;
mod client_app;
mod clock;
mod control;
mod error;
mod fault;
mod journal;
mod ledger;
mod limits;
mod mock;
pub mod oauth1;
mod oauth2;
mod organisation;
mod page;
mod portal;
mod server;
mod user;
mod wire;
mod world;

pub use app::{AppState, MAX_PRIVATE_APPS, PrivateApp};
pub use certificate::{Certificate, PublicKey};
pub use client_app::{AppType, ClientApp, MAX_REDIRECT_URIS};
pub use error::Error;
pub use fault::{Fault, FaultRule};
pub use journal::JournalEntry;
pub use ledger::SEEDED_INVOICES;
pub use limits::RateLimit;
pub use mock::{Builder, Mock};
pub use oauth2::{Consent, Decision, MintedTokens, Rotation};
pub use organisation::{
    DEMO_COMPANY, HEXAGON_TOOLS, MAPLE_FLORIST, NIHON_SHOJI, ORGANISATIONS, Organisation,
};
