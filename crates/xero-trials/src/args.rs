//! The options of the program.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Tries in every way to make a command that hands out tokens lose one, and counts
#[derive(Debug, Parser)]
#[command(version, after_help = ENVIRONMENT)]
pub(crate) struct Arguments {
    /// The xeroctl to try; without it, the one beside this program
    #[arg(long, value_name = "FILE", conflicts_with = "token_command")]
    pub(crate) xeroctl: Option<PathBuf>,
    /// How many trials: short touches every fault, long strikes at every point
    #[arg(long, value_enum, default_value_t = Runs::Short)]
    pub(crate) runs: Runs,
    /// This fault alone; may be repeated
    #[arg(long, value_name = "FAULT")]
    pub(crate) only: Vec<String>,
    /// This way of rotating refresh tokens alone
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,
    /// Begin at this trial of a fault, and with --only make no more than this one
    #[arg(long, value_name = "N", requires = "only")]
    pub(crate) from: Option<usize>,
    /// How many trials at a time, some of which only wait; those of many processes are made alone
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) at_once: u8,
    /// Name the faults and end
    #[arg(long)]
    pub(crate) list: bool,
    /// Say what came of each trial
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// The table as Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Measure a store in PostgreSQL with 10,000 connections instead, and end
    #[arg(long, conflicts_with_all = ["only", "list", "token_command"])]
    pub(crate) many: bool,
    /// What fills it: the example `fill` of connection-store; without it, the one that cargo built beside this program
    #[arg(long, value_name = "FILE", requires = "many")]
    pub(crate) fill: Option<PathBuf>,
    /// Another command to try, run by the shell: prints an access token on its last line
    #[arg(long, value_name = "COMMAND", requires = "setup_command")]
    pub(crate) token_command: Option<String>,
    /// What prepares a home for it
    #[arg(long, value_name = "COMMAND")]
    pub(crate) setup_command: Option<String>,
    /// What renews the tokens, where that is another command
    #[arg(long, value_name = "COMMAND")]
    pub(crate) refresh_command: Option<String>,
    /// What is run after a fault, where that is another command
    #[arg(long, value_name = "COMMAND")]
    pub(crate) recover_command: Option<String>,
    /// How long an access token lives that the command is to take for expired at once
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) expired_lifetime: Duration,
}

/// How many trials there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runs {
    Short,
    Long,
}

/// What becomes of a used refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// It works for 30 minutes more, as Xero has it
    Grace,
    /// Its second use ends the login
    Strict,
}

const ENVIRONMENT: &str = "\
Commands run in a home of their own, with these variables besides HOME and PATH:
  TRIAL_URL            the address of the server that stands in for Xero, without a slash at the end
  TRIAL_TOKEN_URL      its token endpoint
  TRIAL_CLIENT_ID      the client id of a web app
  TRIAL_CLIENT_SECRET  its secret
  TRIAL_REDIRECT_URI   its redirect URI
  TRIAL_TENANT_ID      the organisation that was consented to
  TRIAL_ACCESS_TOKEN   for the setup alone: an access token that ends at once
  TRIAL_REFRESH_TOKEN  for the setup alone: a refresh token that was not used";

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}

impl Mode {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Grace => "grace",
            Self::Strict => "strict",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_options_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
