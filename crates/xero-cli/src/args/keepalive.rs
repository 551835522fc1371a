//! The options of `xeroctl keepalive` and `xeroctl log`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

// `xeroctl keepalive`.
#[derive(Debug, Args)]
pub(crate) struct Keepalive {
    /// The connections; without any, all of them
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) renewing: Renewing,
    #[command(flatten)]
    pub(crate) telling: Telling,
    /// Stay, and renew each login when it is due
    #[arg(long, conflicts_with = "warn_days")]
    pub(crate) daemon: bool,
    #[command(flatten)]
    pub(crate) installing: Installing,
}

// What is renewed.
#[derive(Debug, Args)]
pub(crate) struct Renewing {
    /// Renew logins that end within so many days; each lasts 60 from its last renewal
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=59))]
    pub(crate) login_days: u64,
    /// Renew access tokens that end within so many seconds, or have ended
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=1500))]
    pub(crate) min_ttl: u64,
    /// Leave access tokens alone: only logins that near their end are renewed
    #[arg(long)]
    pub(crate) logins_only: bool,
    /// How many are renewed at once
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) at_once: u8,
    /// End with status 11 where a login ends within so many days and nothing worse has happened
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=59))]
    pub(crate) warn_days: Option<u64>,
}

// Who is told of a login that needs a person.
#[derive(Debug, Args)]
pub(crate) struct Telling {
    /// A command that the shell runs where a login needs a person: XEROCTL_CONNECTION, XEROCTL_CONNECTIONS,
    /// XEROCTL_REASON and XEROCTL_SINCE say which and why, and the same comes as JSON on standard input
    #[arg(long, value_name = "COMMAND", value_parser = not_blank)]
    pub(crate) hook: Option<String>,
    /// A file whose first line is a URL to which the same JSON is posted; the URL is never shown
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_file: Option<PathBuf>,
}

/// An empty command would tell nobody, and say that all is well.
fn not_blank(command: &str) -> Result<String, &'static str> {
    if command.trim().is_empty() { Err("a command is empty") } else { Ok(command.to_owned()) }
}

// Where the system is to run it.
#[derive(Debug, Args)]
pub(crate) struct Installing {
    /// Have the system run this each day, or with --daemon from each login on; without a name, this platform's own way
    #[arg(long, value_name = "MANAGER", num_args = 0..=1, default_missing_value = "native")]
    pub(crate) install: Option<Manager>,
    /// Take away what --install made
    #[arg(long, value_name = "MANAGER", num_args = 0..=1, default_missing_value = "native", conflicts_with = "install")]
    pub(crate) uninstall: Option<Manager>,
    /// Show the files and commands of --install or --uninstall, and do nothing
    #[arg(long)]
    pub(crate) print: bool,
}

/// What starts programs for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Manager {
    /// Linux: a user unit
    Systemd,
    /// macOS: a launch agent
    Launchd,
    /// Windows: a scheduled task
    TaskScheduler,
    /// This platform's own
    #[value(hide = true)]
    Native,
}

// `xeroctl log`.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// The connection; without it, the default one [env: XEROCTL_CONNECTION]
    pub(crate) name: Option<String>,
    /// How many entries to show, the latest of all; 200 are kept for each login
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) number: u16,
}
