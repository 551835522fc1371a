//! The mock from outside: what it accepts, what it refuses and in which words, its portal, faults and controls.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod authorize;
mod bearer;
mod connections;
mod consent;
mod control;
mod custom;
mod discovery;
mod errors;
mod faults;
mod minting;
mod oauth2_faults;
mod portal;
mod portal_clients;
mod program;
mod refresh;
mod revocation;
mod rig;
mod signatures;
mod support;
mod tokens;
mod vectors;
mod wire;
