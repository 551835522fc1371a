//! The program `xero-mock`: a fake Xero on a port of the loopback address, until Ctrl-C.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::filter::LevelFilter;
use xero_mock::Mock;

/// A fake Xero to test against. It listens on 127.0.0.1 alone and forgets everything when it ends.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 8790)]
    port: u16,
    /// Answer as Xero does since 30 September 2021: OAuth 1.0a is off
    #[arg(long)]
    after_shutdown: bool,
    /// Log requests to stderr; twice for more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr(arguments.verbose);
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("cannot listen on 127.0.0.1:{}: {error}", arguments.port);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> io::Result<()> {
    let mock =
        Mock::builder().port(arguments.port).private_apps_off(arguments.after_shutdown).start().await?;
    let mut stdout = io::stdout();
    writeln!(stdout, "xero-mock listening on {}", mock.url())?;
    stdout.flush()?;
    asked_to_stop().await
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_max_level(level).with_ansi(colours).with_writer(io::stderr).init();
}

#[cfg(unix)]
async fn asked_to_stop() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
