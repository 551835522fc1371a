#![doc = include_str!("../README.md")]

mod access_log;
mod authority;
mod body;
mod client;
mod connections;
mod counting;
mod door;
mod exchange;
mod gateway;
mod grants;
mod headers;
mod lane;
mod line;
mod listener;
mod metrics;
mod refusal;
mod replay;
mod route;
mod serving;
mod settings;
mod store_authority;
mod target;
mod upstream;
mod way;

pub use authority::{Answer, Authority, Counted, Grant, Key, Means, Signable, Tenant, Trouble};
pub use client::{Client, ClientError, Clients, GatewayToken};
pub use gateway::Gateway;
#[cfg(unix)]
pub use listener::UnixSocket;
pub use listener::{ListenError, Listener};
pub use refusal::MARK;
pub use settings::Settings;
pub use store_authority::StoreAuthority;
