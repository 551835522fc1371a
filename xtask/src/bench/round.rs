//! One turn of one proxy under load, by wrk, and what came of it.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::CORES;
use crate::stop::Stop;

const SECONDS: &str = "5s";
const CONNECTIONS: &str = "32";
const PATH: &str = "/api.xro/2.0/Organisation";

/// What is measured.
pub(super) struct Proxy<'a> {
    pub(super) name: &'a str,
    pub(super) address: String,
    /// What a client must send.
    pub(super) token: Option<String>,
    pub(super) process: u32,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Round {
    pub(super) per_second: f64,
    /// In milliseconds, of half of the requests and of 99 in 100.
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// In KiB.
    pub(super) memory: f64,
}

impl Round {
    pub(super) fn run(proxy: &Proxy<'_>, folder: &Path) -> Result<Self, Stop> {
        // The token stands in a file: arguments can be seen by everybody.
        let script = folder.join("wrk.lua");
        let header =
            proxy.token.as_ref().map(|token| format!("wrk.headers['Authorization'] = 'Bearer {token}'\n"));
        let cannot = |error: std::io::Error| Stop::because("cannot run wrk", &error);
        fs::write(&script, header.unwrap_or_default()).map_err(cannot)?;
        let mut wrk = Command::new("taskset");
        wrk.args(["-c", CORES[1], "wrk", "-t1", "-c", CONNECTIONS, "-d", SECONDS, "--latency", "-s"]);
        let output = wrk.arg(&script).arg(format!("{}{PATH}", proxy.address)).output().map_err(cannot)?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || said.contains("Non-2xx") || said.contains("Socket errors") {
            return Err(Stop::new(format!("{} did not answer every request:\n{said}", proxy.name)));
        }
        Self::read(&said, memory(proxy.process)?)
            .ok_or_else(|| Stop::new(format!("wrk says nothing:\n{said}")))
    }

    fn read(said: &str, memory: f64) -> Option<Self> {
        let after = |word: &str| said.lines().find_map(|line| line.trim().strip_prefix(word)).map(str::trim);
        Some(Self {
            per_second: after("Requests/sec:")?.parse().ok()?,
            p50: milliseconds(after("50%")?)?,
            p99: milliseconds(after("99%")?)?,
            memory,
        })
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_second, p50, p99, memory } = self;
        write!(f, "{per_second:>9.0}/s  p50 {p50:>6.2} ms  p99 {p99:>6.2} ms  {:>5.1} MiB", memory / 1024.0)
    }
}

fn milliseconds(text: &str) -> Option<f64> {
    let end = text.find(char::is_alphabetic)?;
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1000.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// What a process has in memory, in KiB.
fn memory(process: u32) -> Result<f64, Stop> {
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.map_err(|error| Stop::because("a process is gone", &error))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    number.ok_or_else(|| Stop::new("the system does not say how much memory a process has"))
}

#[cfg(test)]
mod tests {
    use super::Round;

    #[test]
    fn what_wrk_says_is_read() {
        let said = "  Latency Distribution\n     50%  812.00us\n     75%    1.01ms\n     99%    1.5s\n\
                    Requests/sec:  12345.67\nTransfer/sec:      1.23MB\n";
        let read = Round::read(said, 1.0).unwrap();
        assert!((read.per_second - 12345.67).abs() < 1e-9 && (read.p50 - 0.812).abs() < 1e-9);
        assert!((read.p99 - 1500.0).abs() < 1e-9);
        assert_eq!(Round::read("nothing", 1.0), None);
    }
}
