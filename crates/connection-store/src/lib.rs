#![doc = include_str!("../README.md")]

mod connection;
mod error;
mod record;
mod seal;
mod server;
mod sqlite;
mod store;
mod store_key;

pub use connection::{App, AppKind, Connection, NewPrivateConnection, Organisation, check_name};
pub use error::{DatabaseError, Error};
pub use server::{Server, is_loopback};
pub use store::{ApiRequest, Authorisation, Store, sign_private};
pub use store_key::{KeyBytes, Lock, Passphrase, StoreKey};
