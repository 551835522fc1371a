//! The options of `xeroctl scopes`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

use super::{Consenting, OneConnection, SecretSource};

// `xeroctl scopes`.
#[derive(Debug, Subcommand)]
pub(crate) enum Scopes {
    /// List all scopes: what each is for, which presets have it, and which end
    List,
    /// Show what a connection was granted, what it lacks for @read and @sync, and what of it ends
    Show(OneConnection),
    /// Say which scope an endpoint needs, such as Invoices, 'GET /api.xro/2.0/Reports/BalanceSheet' or payroll.xro/1.0/Employees
    Explain(ScopesExplain),
    /// Consent again with granular scopes in place of the broad ones that end in September 2027
    Upgrade(Box<ScopesUpgrade>),
}

// `xeroctl scopes explain`.
#[derive(Debug, Args)]
pub(crate) struct ScopesExplain {
    /// A resource of the Accounting API, a path or a whole URL; a method may stand before it
    #[arg(required = true, num_args = 1..=2, value_name = "ENDPOINT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) endpoint: Vec<String>,
}

// `xeroctl scopes upgrade`.
#[derive(Debug, Args)]
pub(crate) struct ScopesUpgrade {
    /// The connection
    pub(crate) name: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) secret: SecretSource,
    #[command(flatten)]
    pub(crate) consenting: Consenting,
}
