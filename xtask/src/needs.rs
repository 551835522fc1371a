//! `cargo xtask needs`: the foreign tools that tests use, found or installed.

use std::path::Path;
use std::process::Command;
use std::{env, fs, iter};

use crate::command_line::{run, succeeds};
use crate::stop::Stop;

/// Programs and the Debian packages that bring them.
const PROGRAMS: [(&str, &str); 18] = [
    ("git", "git"),
    ("curl", "curl"),
    ("openssl", "openssl"),
    ("keytool", "default-jre-headless"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("ip", "iproute2"),
    ("faketime", "faketime"),
    ("dbus-run-session", "dbus-daemon"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("secret-tool", "libsecret-tools"),
    ("ssh-keygen", "openssh-client"),
    ("systemd-analyze", "systemd"),
    ("ps", "procps"),
    ("node", "nodejs"),
    ("npm", "npm"),
];

/// What is measured beside ours, and with what.
const BENCH: [(&str, &str); 8] = [
    ("gh", "gh"),
    ("nginx", "nginx-light"),
    ("oidc-agent", "oidc-agent-cli"),
    ("sqlite3", "sqlite3"),
    ("taskset", "util-linux"),
    ("time", "time"),
    ("valgrind", "valgrind"),
    ("wrk", "wrk"),
];

/// What Debian does not put on the path: the server that a store may be in.
const DATABASE: &str = "postgresql";

/// Python modules and the Debian packages that bring them.
const MODULES: [(&str, &str); 5] = [
    ("cryptography", "python3-cryptography"),
    ("oauthlib", "python3-oauthlib"),
    ("requests_oauthlib", "python3-requests-oauthlib"),
    ("jwt", "python3-jwt"),
    ("ensurepip", "python3-venv"),
];

/// Parts of Rust that a minimal installation lacks.
const COMPONENTS: [&str; 2] = ["rustfmt", "clippy"];

/// Ends well when all tools are here. Installs with apt-get as root; else stops with the command to type.
pub(crate) fn needs() -> Result<(), Stop> {
    rust_components()?;
    let missing = missing();
    if !missing.is_empty() {
        install(&missing)?;
    }
    let python = python().ok_or_else(|| Stop::new("the Python modules are still missing"))?;
    println!("All tools are here; Python is {python}.");
    Ok(())
}

/// The same for what is measured, and what it is measured with.
pub(crate) fn bench() -> Result<(), Stop> {
    let missing: Vec<_> =
        BENCH.iter().filter(|(program, _)| !on_path(program)).map(|&(_, package)| package).collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// The first Python that has the modules: the one named by `PYTHON`, Debian's own, the one on the path.
pub(crate) fn python() -> Option<String> {
    let named = env::var("PYTHON").ok();
    let candidates = named.into_iter().chain(["/usr/bin/python3", "python3"].map(str::to_owned));
    let imports = MODULES.map(|(module, _)| format!("import {module}")).join("; ");
    let works = |python: &String| {
        Command::new(python).args(["-c", &imports]).output().is_ok_and(|output| output.status.success())
    };
    candidates.into_iter().find(works)
}

fn rust_components() -> Result<(), Stop> {
    if succeeds("cargo fmt --version") && succeeds("cargo clippy --version") {
        return Ok(());
    }
    let line = format!("rustup component add {}", COMPONENTS.join(" "));
    if on_path("rustup") {
        return run(&line);
    }
    Err(Stop::needs_person(format!("rustfmt or clippy is missing; with rustup:\n  {line}")))
}

/// The Debian packages of what is not here.
fn missing() -> Vec<&'static str> {
    let python = python().is_some();
    let programs = PROGRAMS.iter().filter(|(program, _)| !on_path(program)).map(|&(_, package)| package);
    let modules = iter::once("python3").chain(MODULES.map(|(_, package)| package));
    let database = [DATABASE].into_iter().filter(|_| !has_database());
    programs.chain(modules.filter(|_| !python)).chain(database).collect()
}

/// The programs of a PostgreSQL server, on the path or where Debian keeps those of each version.
fn has_database() -> bool {
    let mut versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    on_path("initdb") || versions.any(|version| version.path().join("bin/initdb").is_file())
}

fn install(packages: &[&str]) -> Result<(), Stop> {
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if !on_path("apt-get") {
        return Err(Stop::needs_person(in_words()));
    }
    if !is_root() {
        let message = "tests need tools that are not here. Install them:\n  sudo apt-get update && sudo";
        return Err(Stop::needs_person(format!("{message} {line}")));
    }
    run("apt-get update")?;
    run(&format!("DEBIAN_FRONTEND=noninteractive {line}"))?;
    match missing().as_slice() {
        [] => Ok(()),
        still => Err(Stop::new(format!("installed, but not found afterwards: {}", still.join(", ")))),
    }
}

fn in_words() -> String {
    let programs = PROGRAMS.map(|(program, _)| program).join(", ");
    let modules = MODULES.map(|(module, _)| module).join(", ");
    format!(
        "tests need the programs {programs} on the path, those of a PostgreSQL server, and a Python 3 with the modules {modules} (name it in PYTHON)"
    )
}

fn on_path(program: &str) -> bool {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    let is_here = |folder: &Path| folder.join(&file).is_file();
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| is_here(&folder)))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
