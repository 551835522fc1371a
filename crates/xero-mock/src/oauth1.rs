//! OAuth 1.0a as Xero's server read it: parameters, base string, signature, and the order of its refusals.
//!
//! Modelled on DevDefined.OAuth, whose texts Xero's answers repeat word for word. It departs from RFC 5849 in
//! places; each is named where it happens.

mod base_string;
mod parameters;
mod problem;
mod provider;

pub use base_string::{base_string, normalise_parameters};

pub(crate) use parameters::{Signed, is_form};
pub(crate) use problem::Problem;
pub(crate) use provider::{Provider, endpoint};
