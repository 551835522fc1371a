//! The options of `xeroctl doctor`.

use clap::Args;

// `xeroctl doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The connection; without it, all of them
    pub(crate) name: Option<String>,
    /// Look at this machine and the store alone, and ask no server
    #[arg(long)]
    pub(crate) offline: bool,
}
