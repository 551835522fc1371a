//! The mock from outside: what it accepts, what it refuses and in which words, its portal, faults and controls.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod control;
mod errors;
mod faults;
mod portal;
mod program;
mod signatures;
mod support;
mod vectors;
