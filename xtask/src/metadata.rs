//! What cargo knows of the workspace: its packages, their targets and what they depend on.

use std::path::PathBuf;

use serde::Deserialize;

use crate::command_line::command;
use crate::stop::Stop;

#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_root: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev`, `build` or, for what is linked, nothing.
    pub(crate) kind: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Target {
    pub(crate) src_path: PathBuf,
}

impl Metadata {
    /// Asks cargo; no network.
    pub(crate) fn read() -> Result<Self, Stop> {
        let output = command("cargo metadata --format-version 1 --no-deps").output();
        let output = output.map_err(|error| Stop::because("cannot run cargo metadata", &error))?;
        if !output.status.success() {
            return Err(Stop::new(String::from_utf8_lossy(&output.stderr)));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| Stop::because("cargo metadata is not as expected", &error))
    }

    /// A path of cargo's as one of the workspace, with slashes.
    pub(crate) fn relative(&self, path: &std::path::Path) -> String {
        let path = path.strip_prefix(&self.workspace_root).unwrap_or(path);
        path.to_string_lossy().replace('\\', "/")
    }
}
