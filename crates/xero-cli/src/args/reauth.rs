//! The command line of `xeroctl reauth`.

use clap::{Args, Subcommand};

use super::{AddressSource, Consenting, Order as _, SecretSource};

// `xeroctl reauth`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, own_options_first(true))]
pub(crate) struct Reauth {
    #[command(subcommand)]
    pub(crate) step: Option<ReauthStep>,
    #[command(flatten)]
    pub(crate) asking: ReauthBegin,
    #[command(flatten)]
    pub(crate) consenting: Consenting,
}

// The two steps of a new login without a terminal.
#[derive(Debug, Subcommand)]
pub(crate) enum ReauthStep {
    /// Begin a new login that a person finishes elsewhere: prints the address to open and the next step
    Begin(ReauthBegin),
    /// Finish a login that `reauth begin` began
    Finish(ReauthFinish),
}

// What a new login is asked for.
#[derive(Debug, Args)]
pub(crate) struct ReauthBegin {
    /// The connection; without it, the default one
    pub(crate) name: Option<String>,
    /// Scopes to ask for; without it, those granted before
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scopes: Option<String>,
    #[command(flatten)]
    pub(crate) secret: SecretSource,
}

// `xeroctl reauth finish`.
#[derive(Debug, Args)]
pub(crate) struct ReauthFinish {
    /// The login that `reauth begin` printed
    pub(crate) login: String,
    #[command(flatten)]
    pub(crate) address: AddressSource,
}
