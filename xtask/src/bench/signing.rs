//! Signing a request with OAuth 1.0a, header and all, beside OpenSSL's bare signatures and Python's oauthlib.

use std::process::Command;

use super::{
    page::Table,
    turns::{Taken, shuffled},
};
use crate::command_line::run;
use crate::needs;
use crate::stop::Stop;

/// Many and short: turns are hundredths apart, and are to tell of thousandths.
const ROUNDS: usize = 101;
const SECONDS: &str = "1";
/// Turns of both in one process.
const BEYOND_SECONDS: &str = "20";
const OURS: &str = "target/release/examples/signing_rate";
/// A test key of 2048 bits.
const KEY: &str = "fixtures/certs/test-key.pem";
/// The same request, signed by oauthlib.
const OAUTHLIB: &str = r#"
import sys, time
from oauthlib.oauth1 import Client, SIGNATURE_RSA
url = 'https://api.xero.com/api.xro/2.0/Invoices?where=Status%3D%22AUTHORISED%22&page=2'
client = Client('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123', resource_owner_key='ABCDEFGHIJKLMNOPQRSTUVWXYZ0123',
                signature_method=SIGNATURE_RSA, rsa_key=open(sys.argv[1]).read())
signed, begun = 0, time.perf_counter()
while time.perf_counter() - begun < float(sys.argv[2]):
    client.sign(url)
    signed += 1
print(signed / (time.perf_counter() - begun))
"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Signer {
    OpenSsl,
    Signature,
    Header,
    Oauthlib,
}

/// Who signs, and on how many cores. One process of Python signs on one.
const SIGNERS: [(Signer, usize); 7] = [
    (Signer::OpenSsl, 1),
    (Signer::Signature, 1),
    (Signer::Header, 1),
    (Signer::Oauthlib, 1),
    (Signer::OpenSsl, 2),
    (Signer::Signature, 2),
    (Signer::Header, 2),
];

pub(super) fn measure() -> Result<(), Stop> {
    run("cargo build --release --package xero-auth-oauth1 --example signing_rate --locked")?;
    let python = needs::python().ok_or_else(|| Stop::new("there is no Python with oauthlib"))?;
    let mut rates = SIGNERS.map(|_| Vec::with_capacity(ROUNDS));
    for round in 0..ROUNDS {
        for at in shuffled(SIGNERS.len(), round) {
            let (signer, cores) = SIGNERS[at];
            rates[at].push(signer.rate(cores, &python)?);
        }
        println!("{:.0?}", rates.each_ref().map(|of_one| of_one[round]));
    }

    let beside = |at: usize, other: (Signer, usize)| {
        let other = SIGNERS.iter().position(|signer| *signer == other)?;
        Some(Taken::new(rates[at].iter().zip(&rates[other]).map(|(rate, other)| rate / other).collect()))
    };
    let mean = |ratios: Taken| format!("{:.3} ± {:.3}", ratios.mean(), ratios.error());
    let mut table = Table::new(&[
        "",
        "a second: median (quarters)",
        ": OpenSSL, turn by turn: median (quarters)",
        ": OpenSSL, mean ± standard error",
        ": 1 core, mean ± standard error",
    ]);
    for (at, (signer, cores)) in SIGNERS.into_iter().enumerate() {
        let (openssl, one_core) = (beside(at, (Signer::OpenSsl, cores)), beside(at, (signer, 1)));
        table.row([
            format!("{}, {cores} core{}", signer.name(), if cores == 1 { "" } else { "s" }),
            format!("{:.0}", Taken::new(rates[at].clone())),
            openssl.as_ref().map(|ratios| format!("{ratios:.3}")).unwrap_or_default(),
            openssl.map(mean).unwrap_or_default(),
            one_core.filter(|_| cores > 1).map(mean).unwrap_or_default(),
        ]);
    }
    let beyond = ours("beyond", 1, BEYOND_SECONDS)? / 1000.0;
    let what = "what a header costs beyond its signature, 1 core";
    table.row([what.to_owned(), format!("{beyond:.1} µs each"), String::new(), String::new(), String::new()]);
    table.publish("signing")
}

impl Signer {
    fn name(self) -> &'static str {
        match self {
            Self::OpenSsl => "`openssl speed rsa2048`, the signature alone",
            Self::Signature => "the signature alone by us",
            Self::Header => "header signed by us",
            Self::Oauthlib => "header signed by oauthlib",
        }
    }

    /// How many in a second.
    fn rate(self, cores: usize, python: &str) -> Result<f64, Stop> {
        match self {
            Self::OpenSsl => {
                let mut openssl = on(cores);
                // Without `-elapsed` it counts the time of its core alone, and not what others take of that.
                openssl.args(["openssl", "speed", "-elapsed", "-mr", "-seconds", SECONDS]);
                if cores > 1 {
                    openssl.args(["-multi", &cores.to_string()]);
                }
                signatures(&said(openssl.arg("rsa2048"))?)
            }
            Self::Signature => ours("signature", cores, SECONDS),
            Self::Header => ours("header", cores, SECONDS),
            Self::Oauthlib => number(&said(on(cores).args([python, "-c", OAUTHLIB, KEY, SECONDS]))?),
        }
    }
}

fn ours(what: &str, cores: usize, seconds: &str) -> Result<f64, Stop> {
    number(&said(on(cores).args([OURS, what, KEY, seconds, &cores.to_string()]))?)
}

fn on(cores: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", if cores == 1 { "0" } else { "0,1" }]);
    command
}

fn said(command: &mut Command) -> Result<String, Stop> {
    let name = command.get_args().nth(2).unwrap_or_default().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| Stop::because(&format!("cannot run {name}"), &error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Stop::failed(output.status, format!("{name} failed:\n{said}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Of `+F2:2:2048:4231.25:58308.0`: signatures and verifications a second. Of several processes the last line is the sum.
fn signatures(said: &str) -> Result<f64, Stop> {
    let line = said.lines().rev().find_map(|line| line.strip_prefix("+F2:"));
    line.and_then(|line| line.split(':').nth(2)?.parse().ok())
        .ok_or_else(|| Stop::new(format!("openssl says:\n{said}")))
}

fn number(said: &str) -> Result<f64, Stop> {
    said.trim().parse().map_err(|_| Stop::new(format!("no number: {said}")))
}

#[cfg(test)]
mod tests {
    use super::signatures;

    #[test]
    fn what_openssl_says_is_read() {
        let said = "Got: +F2:2:2048:900.0:9334.0 from 0\n+F2:2:2048:2000.0:19018.3\n";
        assert!((signatures(said).unwrap() - 2000.0).abs() < 1e-6);
        assert!(signatures("").is_err());
    }
}
