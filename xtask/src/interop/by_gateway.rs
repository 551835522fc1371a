//! The clients' way through a gateway: `xeroctl gateway` in front of them.

use std::path::PathBuf;

use super::household::Household;
use crate::gateway::Gateway;
use crate::programs::Programs;
use crate::stop::Stop;

/// All of it ends when it is dropped.
pub(super) struct Stage {
    gateway: Gateway,
    home: Household,
}

impl Stage {
    pub(super) fn set(programs: &Programs) -> Result<Self, Stop> {
        let home = Household::set(programs)?;
        let mut command = home.command();
        command.args(["gateway", "--listen", "127.0.0.1:0", "--token-file", "token", "--json"]);
        Ok(Self { gateway: Gateway::start(&mut command)?, home })
    }

    pub(super) fn address(&self) -> &str {
        self.gateway.address()
    }

    pub(super) fn token_file(&self) -> PathBuf {
        self.home.path("token")
    }
}
