//! A running `xero-mock`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::stop::Stop;

/// Ends when it is dropped, also by a panic.
pub(crate) struct Mock {
    process: Child,
    /// Kept open: the mock may write more than its first line.
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Mock {
    /// Returns when the mock listens, on a port of its own choice.
    pub(crate) fn start(program: &Path) -> Result<Self, Stop> {
        let process =
            Command::new(program).args(["--port", "0"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|error| Stop::because("cannot start xero-mock", &error))?;
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut mock = Self { process, stdout, url: String::new() };
        let mut line = String::new();
        mock.stdout
            .read_line(&mut line)
            .map_err(|error| Stop::because("cannot read from xero-mock", &error))?;
        let url = line.trim_end().strip_prefix("xero-mock listening on ");
        mock.url = url.ok_or_else(|| Stop::new("xero-mock does not say where it listens"))?.to_owned();
        Ok(mock)
    }

    /// Without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _gone_already = self.process.wait();
    }
}
