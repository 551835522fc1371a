//! `cargo xtask sanitize`: the tests of xero-certs, which calls C by hand, under AddressSanitizer.

use crate::command_line::{command, run};
use crate::stop::Stop;

/// Builds into a folder of its own: all but the standard library is compiled anew with the sanitizer, the C library too.
pub(crate) fn sanitize() -> Result<(), Stop> {
    let host = host()?;
    if !matches!(host.as_str(), "x86_64-unknown-linux-gnu" | "aarch64-unknown-linux-gnu") {
        let message = format!("AddressSanitizer is run on Linux (x86_64, aarch64, glibc), not on {host}");
        return Err(Stop::needs_person(format!("{message}; `cargo xtask test --quick` leaves it out")));
    }
    run(&format!(
        "RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/sanitize \
         cargo test --package xero-certs --target {host} --lib --test fixture_files --test hostile_files --test limits --test secrets --locked"
    ))
}

fn host() -> Result<String, Stop> {
    let output = command("rustc -vV").output().map_err(|error| Stop::because("cannot run rustc", &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Stop::new("rustc does not say what its host is"))
}
