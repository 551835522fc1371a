//! A running `xeroctl gateway`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::stop::Stop;

/// Ends when it is dropped, also by a panic.
pub(crate) struct Gateway {
    process: Child,
    address: String,
}

impl Gateway {
    /// Starts the command, which has `--json`, and returns when the gateway is open.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Stop> {
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|error| Stop::because("cannot start xeroctl", &error))?;
        let stdout = process.stdout.take().expect("it is piped");
        let mut gateway = Self { process, address: String::new() };
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(|error| Stop::because("cannot read from xeroctl", &error))?;
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = said["address"].as_str();
        gateway.address =
            address.ok_or_else(|| Stop::new("the gateway does not say where it is"))?.to_owned();
        Ok(gateway)
    }

    /// Without a slash at its end.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _gone_already = self.process.wait();
    }
}
