//! The machine, the user and the process: what a store remembers of who acts.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use connection_store::Host;
use etcetera::BaseStrategy;

use crate::store_access::base;

/// This machine, by the name it is given or by its id, and this run. `command` is the command's name without what was
/// given to it.
pub(crate) fn this(command: &str, named: Option<&str>) -> Host {
    let user = whoami::username().unwrap_or_else(|_| "unknown".to_owned());
    Host {
        machine: named.map(str::to_owned).or_else(machine_id),
        label: named.map_or_else(hostname, str::to_owned),
        actor: format!("xeroctl {command}, process {}, user {user}", std::process::id()),
    }
}

/// The operating system's id of this machine. A container may have none.
fn machine_id() -> Option<String> {
    machine_uid::get().ok().filter(|id| !id.is_empty())
}

fn hostname() -> String {
    whoami::hostname().unwrap_or_else(|_| "unnamed".to_owned())
}

/// Where a token goes that the store cannot take, after its own directory: what lasts longest first.
pub(crate) fn rescue_folders() -> Vec<PathBuf> {
    let base = base().ok();
    let state = base.as_ref().and_then(BaseStrategy::state_dir).map(|state| state.join("xeroctl"));
    // It is made while there is room: when it is needed there may be none.
    if let Some(state) = state.as_ref().filter(|state| !state.is_dir()) {
        drop(make_private(state));
    }
    let runtime = base.as_ref().and_then(BaseStrategy::runtime_dir);
    state.into_iter().chain(runtime).chain([env::temp_dir()]).collect()
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
