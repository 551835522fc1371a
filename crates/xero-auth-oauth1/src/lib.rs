#![doc = include_str!("../README.md")]

mod answer;
mod base_string;
mod consumer_key;
mod credentials;
mod error;
mod percent;
mod problem;
mod request;
mod signed;
mod stamp;
mod xero_rules;

pub use answer::Answer;
pub use base_string::{base_string, base_string_uri, normalized_parameters};
pub use consumer_key::ConsumerKey;
pub use credentials::Credentials;
pub use error::{Error, Place};
pub use problem::{ClockOffset, Problem, RateLimit, Retry};
pub use request::Request;
pub use signed::{Signed, authorization_header, sign, sign_rfc5849};
pub use stamp::Stamp;
