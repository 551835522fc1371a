//! Signing a request with OAuth 1.0a, header and all, beside OpenSSL's bare signatures and Python's oauthlib.

use std::process::Command;

use super::page::Table;
use crate::command_line::run;
use crate::needs;
use crate::stop::Stop;

/// Many and short: what else the machine does comes and goes.
const ROUNDS: usize = 21;
const SECONDS: &str = "1";
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

/// What each did in a second.
struct Turn {
    header: f64,
    signature: f64,
    openssl: f64,
    oauthlib: Option<f64>,
}

pub(super) fn measure() -> Result<(), Stop> {
    run("cargo build --release --package xero-auth-oauth1 --example signing_rate --locked")?;
    let python = needs::python().ok_or_else(|| Stop::new("there is no Python with oauthlib"))?;
    let mut table = Table::new(&["", "a second (median)", ": OpenSSL (median of the turns)"]);
    for cores in [1, 2] {
        let turns = (0..ROUNDS).map(|_| turn(cores, &python)).collect::<Result<Vec<_>, _>>()?;
        let middle = |rate: fn(&Turn) -> f64| median(turns.iter().map(rate));
        let beside = |rate: fn(&Turn) -> f64| {
            format!("{:.3}", median(turns.iter().map(|turn| rate(turn) / turn.openssl)))
        };
        let mut row = |name: &str, rate: f64, ratio: String| {
            table.row([
                format!("{name}, {cores} core{}", if cores == 1 { "" } else { "s" }),
                format!("{rate:.0}"),
                ratio,
            ]);
        };
        let header = middle(|turn| turn.header);
        row("`openssl speed rsa2048`, the signature alone", middle(|turn| turn.openssl), "1".to_owned());
        row("the signature alone by us", middle(|turn| turn.signature), beside(|turn| turn.signature));
        row("header signed by us", header, beside(|turn| turn.header));
        let oauthlib: Vec<f64> = turns.iter().filter_map(|turn| turn.oauthlib).collect();
        if !oauthlib.is_empty() {
            row(
                "header signed by oauthlib",
                median(oauthlib.into_iter()),
                beside(|turn| turn.oauthlib.unwrap_or_default()),
            );
        }
    }
    table.publish("signing")
}

fn turn(cores: usize, python: &str) -> Result<Turn, Stop> {
    let on = if cores == 1 { "0" } else { "0,1" };
    let cores_of = cores.to_string();
    let ours = |what: &str| {
        number(&said(Command::new("taskset").args(["-c", on, OURS, what, KEY, SECONDS, &cores_of]))?)
    };
    let (header, signature) = (ours("header")?, ours("signature")?);
    let mut openssl = Command::new("taskset");
    // Without that it counts the time of its core alone, and not what others take of that.
    openssl.args(["-c", on, "openssl", "speed", "-elapsed", "-mr", "-seconds", SECONDS]);
    if cores > 1 {
        openssl.args(["-multi", &cores.to_string()]);
    }
    let openssl = signatures(&said(openssl.arg("rsa2048"))?)?;
    let oauthlib = match cores {
        1 => Some(number(&said(
            Command::new("taskset").args(["-c", on, python, "-c", OAUTHLIB, KEY, SECONDS]),
        )?)?),
        // One process of Python signs on one core.
        _ => None,
    };
    let turn = Turn { header, signature, openssl, oauthlib };
    println!(
        "{cores}  header {:.0}/s  signature {:.0}/s  openssl {:.0}/s  oauthlib {:.0}/s",
        turn.header,
        turn.signature,
        turn.openssl,
        turn.oauthlib.unwrap_or_default()
    );
    Ok(turn)
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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
