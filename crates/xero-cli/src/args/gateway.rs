//! The command line of `xeroctl gateway`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

// `xeroctl gateway`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Gateway {
    #[command(subcommand)]
    pub(crate) step: Option<GatewayStep>,
    /// The connections that may be used, the first of them where a request names none; without any, all of them, and the
    /// default one
    pub(crate) names: Vec<String>,
    /// Where to listen: an address of this machine alone; port 0 takes any free one [default: 127.0.0.1:8786]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// A Unix socket to listen at, in a folder that nobody else may enter; without --listen in place of a port
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Let nothing through that could change anything: GET, HEAD and OPTIONS alone
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Who may use it, and for what: a file that `xeroctl gateway token new` makes, of mode 0600
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    pub(crate) clients: Option<PathBuf>,
    /// Without --clients: write the token of this run there, with mode 0600, instead of showing it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How many requests of one connection are with Xero at once; more wait. Xero takes 5
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) at_once: u16,
    /// How long a request waits for its turn in all: by --at-once, and by Xero's limits, which all processes that use the store
    /// keep together
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) max_wait: u64,
    /// Count nothing, and wait for nobody: for a server that has no limits
    #[arg(long, conflicts_with = "max_wait")]
    pub(crate) no_limits: bool,
    /// The largest body of a request, in bytes; without it, any
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_body: Option<u64>,
    /// How long requests may take to end after Ctrl-C or SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub(crate) grace: u64,
}

// What is done for a gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum GatewayStep {
    /// Make tokens for clients of a gateway
    #[command(subcommand)]
    Token(GatewayTokenCommand),
}

// `xeroctl gateway token`.
#[derive(Debug, Subcommand)]
pub(crate) enum GatewayTokenCommand {
    /// Enter a client into a file of clients, and print its token: this once
    #[command(visible_alias = "add")]
    New(GatewayTokenNew),
}

// `xeroctl gateway token new`.
#[derive(Debug, Args)]
pub(crate) struct GatewayTokenNew {
    /// What the client is called, in the log and the metrics
    pub(crate) client: String,
    /// The file of clients; made where there is none
    #[arg(long, value_name = "FILE")]
    pub(crate) clients: PathBuf,
    /// Write the token there, with mode 0600, instead of showing it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// A connection that it may use; may be repeated. Without it, all that the gateway serves
    #[arg(long, value_name = "NAME")]
    pub(crate) connection: Vec<String>,
    /// A method that it may use; may be repeated. Without it, all
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Vec<String>,
    /// A path below which it may go, such as /api.xro/2.0/Invoices; may be repeated. Without it, all
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Vec<String>,
}
