//! What is told of a run while it goes on: on standard error with `-v`, and in a file with `--log-file`.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    sync::Mutex,
};

use tracing_subscriber::{EnvFilter, Layer, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::{
    args::Global,
    failure::{Failure, Kind, Outcome},
};

/// The crates whose events are told. Those of HTTP libraries hold headers, and are told nowhere.
const OURS: [&str; 5] = ["xeroctl", "connection_store", "xero_auth_oauth2", "xero_certs", "xero_gateway"];
/// Beginning and end of a run: for the file, since a terminal shows them anyway.
const RUN: &str = "xeroctl::run";

/// Begins to tell, as much as the options say.
pub(crate) fn start(global: &Global, command: &str) -> Outcome {
    let file = global.log_file.as_deref().map(open).transpose()?;
    let verbose = global.verbose;
    let screen = (verbose > 0).then(|| {
        let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(false).without_time();
        layer.with_filter(EnvFilter::new(format!("{},{RUN}=off", filter(level(verbose)))))
    });
    let file = file.map(|file| {
        let layer = fmt::layer().with_writer(Mutex::new(file)).with_ansi(false);
        layer.with_filter(EnvFilter::new(filter(level(verbose.max(1)))))
    });
    registry().with(screen).with(file).init();
    let (version, process) = (env!("CARGO_PKG_VERSION"), std::process::id());
    tracing::info!(target: RUN, command, version, process, "begins");
    Ok(())
}

/// Tells how a run ended.
pub(crate) fn end(outcome: &Outcome) {
    match outcome {
        Ok(()) => tracing::info!(target: RUN, status = 0, "ends"),
        // It was told as data.
        Err(Failure { silent: true, kind, .. }) => {
            tracing::info!(target: RUN, status = kind.status(), kind = kind.word(), "ends");
        }
        Err(failure) => {
            let Failure { kind, message, causes, .. } = failure;
            tracing::error!(target: RUN, status = kind.status(), kind = kind.word(), ?message, ?causes, "ends");
        }
    }
}

fn level(verbose: u8) -> &'static str {
    match verbose {
        0 | 1 => "info",
        2 => "debug",
        _ => "trace",
    }
}

fn filter(level: &str) -> String {
    OURS.iter().fold("off".to_owned(), |filter, one| format!("{filter},{one}={level}"))
}

/// Opens a file to write at its end. A new one is for its user alone.
fn open(path: &Path) -> Outcome<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| {
        let failure = Failure::new(Kind::Other, format!("the log file {} cannot be written", path.display()));
        failure.because(&error).hint("name another with --log-file, in a directory that is there")
    })
}
