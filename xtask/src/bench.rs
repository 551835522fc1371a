//! `cargo xtask bench gateway`: the gateway beside nginx, in turns, with the same upstream, load and cores. `cargo xtask bench
//! many`: a store in PostgreSQL with many connections.

mod nginx;
mod report;
mod round;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use self::nginx::Nginx;
use self::report::Report;
use self::round::{Proxy, Round};
use crate::command_line::run;
use crate::e2e;
use crate::gateway::Gateway;
use crate::needs;
use crate::stop::Stop;

/// How many turns each has.
const ROUNDS: usize = 5;
/// The core of what is measured, and the one of the upstream and the load.
const CORES: [&str; 2] = ["0", "1"];
const XEROCTL: &str = "target/release/xeroctl";
/// What the upstream gives for a token, and nginx is told to send.
const TOKEN: &str = "bench-access-token";

/// Prints a table, and writes it to `docs/PERFORMANCE.md`.
pub(crate) fn gateway() -> Result<(), Stop> {
    needs::bench()?;
    run("cargo build --release --package xero-cli --locked")?;
    let folder = tempfile::tempdir().map_err(|error| Stop::because("cannot make a folder", &error))?;
    let upstream = Nginx::upstream(folder.path(), TOKEN)?;
    let nginx = Nginx::proxy(folder.path(), upstream.port(), TOKEN)?;
    let gateway = open(folder.path(), upstream.port())?;
    let token = fs::read_to_string(folder.path().join("token"));
    let token = token.map_err(|error| Stop::because("the gateway wrote no token", &error))?;
    let proxies = [
        Proxy {
            name: "nginx",
            address: format!("http://127.0.0.1:{}", nginx.port()),
            token: None,
            process: nginx.id(),
        },
        Proxy {
            name: "gateway",
            address: gateway.address().to_owned(),
            token: Some(token.trim().to_owned()),
            process: gateway.id(),
        },
    ];
    proxies.iter().try_for_each(|proxy| Round::run(proxy, folder.path()).map(drop))?; // nothing is measured cold
    let mut rounds = Vec::new();
    for turn in 1..=ROUNDS {
        for proxy in &proxies {
            let round = Round::run(proxy, folder.path())?;
            println!("{turn}  {:8} {round}", proxy.name);
            rounds.push((proxy.name, round));
        }
    }
    let report = Report::new(&rounds)?;
    println!("\n{report}");
    report.write()
}

/// `token` and `keepalive` with 10,000 connections in PostgreSQL. Prints tables.
pub(crate) fn many() -> Result<(), Stop> {
    run("cargo build --release --package connection-store --features postgres --example fill --locked")?;
    e2e::trials(&["--many".to_owned()])
}

/// A custom connection to the upstream, and a gateway for it.
fn open(folder: &Path, port: u16) -> Result<Gateway, Stop> {
    let xeroctl =
        std::path::absolute(XEROCTL).map_err(|error| Stop::because("there is no folder", &error))?;
    let secret = folder.join("secret");
    let written = fs::write(&secret, "secret").and_then(|()| private(&secret));
    written.map_err(|error| Stop::because("cannot write a file", &error))?;
    let command = || {
        let mut command = Command::new("taskset");
        command.args(["-c", CORES[0]]).arg(&xeroctl).current_dir(folder).env_clear();
        command.env("XEROCTL_XERO_URL", format!("http://127.0.0.1:{port}"));
        for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, folder);
        }
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    };
    let id = "0123456789ABCDEF0123456789ABCDEF";
    let connect =
        ["connect", "bench", "--kind", "custom", "--client-id", id, "--client-secret-file", "secret"];
    for arguments in [&["store", "init", "--key-file", "store.key"][..], &connect] {
        let status = command().args(arguments).stdout(Stdio::null()).status();
        let status = status.map_err(|error| Stop::because("cannot run xeroctl", &error))?;
        if !status.success() {
            return Err(Stop::failed(status, "xeroctl cannot connect to the upstream"));
        }
    }
    let options = [
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--token-file",
        "token",
        "--at-once",
        "1000",
        "--no-limits",
        "--json",
    ];
    Gateway::start(command().args(options))
}

#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn private(_: &Path) -> std::io::Result<()> {
    Ok(())
}
