//! One file for each command.

pub(crate) mod cert_convert;
pub(crate) mod cert_new;
pub(crate) mod cert_show;
pub(crate) mod cert_verify;
pub(crate) mod connect;
pub(crate) mod default;
pub(crate) mod disconnect;
pub(crate) mod help;
pub(crate) mod list;
pub(crate) mod orgs;
pub(crate) mod reauth;
pub(crate) mod refresh;
pub(crate) mod remove;
pub(crate) mod request;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod store_init;
pub(crate) mod test;
pub(crate) mod token;
