//! A store to measure with: one custom connection, whose token is fresh, at an upstream that stands in for Xero.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{XEROCTL, nginx::Nginx};
use crate::stop::Stop;

/// What the upstream gives for a token, as long as Xero's are.
const TOKEN_LENGTH: usize = 1200;
/// What every run sees of the environment, besides its own.
const PATH: &str = "/usr/bin:/bin";

/// Ends with the upstream when it is dropped.
pub(super) struct Home {
    folder: tempfile::TempDir,
    xeroctl: PathBuf,
    upstream: Nginx,
    token: String,
}

impl Home {
    /// Makes the connection.
    pub(super) const CONNECT: [&str; 8] = [
        "connect",
        "bench",
        "--kind",
        "custom",
        "--client-id",
        "0123456789ABCDEF0123456789ABCDEF",
        "--client-secret-file",
        "secret",
    ];

    pub(super) fn new() -> Result<Self, Stop> {
        let folder = tempfile::tempdir().map_err(|error| Stop::because("cannot make a folder", &error))?;
        let token = "bench-access-token".chars().cycle().take(TOKEN_LENGTH).collect::<String>();
        let upstream = Nginx::upstream(folder.path(), &token)?;
        let xeroctl = folder.path().join("bin/xeroctl");
        install(Path::new(XEROCTL), &xeroctl)?;
        let home = Self { folder, xeroctl, upstream, token };
        home.write("secret", "secret")?;
        home.run(&["store", "init", "--key-file", "store.key"])?;
        home.run(&Self::CONNECT)?;
        Ok(home)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn upstream(&self) -> u16 {
        self.upstream.port()
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// The store's file.
    pub(super) fn store(&self) -> PathBuf {
        self.folder().join("xeroctl/connections.db")
    }

    /// xeroctl in this home.
    pub(super) fn xeroctl(&self) -> Command {
        self.at_home(Command::new(&self.xeroctl))
    }

    pub(super) fn on_core(&self, core: &str) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(&self.xeroctl);
        self.at_home(command)
    }

    /// A program that has this home, and nothing else of the environment.
    pub(super) fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(self.folder()).env_clear().env("PATH", PATH).stdin(Stdio::null());
        command.env("XEROCTL_XERO_URL", format!("http://127.0.0.1:{}", self.upstream()));
        for name in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, self.folder());
        }
        command
    }

    /// Does something with xeroctl that is not measured.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<(), Stop> {
        let output = self.xeroctl().args(arguments).output();
        let output = output.map_err(|error| Stop::because("cannot run xeroctl", &error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Stop::failed(output.status, format!("`xeroctl {}` failed:\n{said}", arguments.join(" "))))
    }

    /// A file that nobody else can read.
    pub(super) fn write(&self, name: &str, contents: &str) -> Result<(), Stop> {
        let path = self.folder().join(name);
        let written = fs::write(&path, contents).and_then(|()| private(&path));
        written.map_err(|error| Stop::because("cannot write a file", &error))
    }
}

/// Copies a program: what the linker wrote piece by piece lies scattered in the system's memory, and starts slower.
pub(super) fn install(from: &Path, to: &Path) -> Result<(), Stop> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let copied = fs::create_dir_all(folder).and_then(|()| fs::copy(from, to));
    copied.map(drop).map_err(|error| Stop::because("cannot copy the program", &error))
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
