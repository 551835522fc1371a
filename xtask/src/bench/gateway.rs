//! The gateway beside nginx, in turns, with the same upstream, load and cores.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{
    CORES,
    home::Home,
    nginx::Nginx,
    report::Report,
    round::{Proxy, Round},
    turns::shuffled,
};
use crate::gateway::Gateway;
use crate::stop::Stop;

/// How many turns each has.
const ROUNDS: usize = 5;

const OPTIONS: [&str; 7] =
    ["gateway", "--listen", "127.0.0.1:0", "--at-once", "1000", "--no-limits", "--json"];

pub(super) fn measure() -> Result<(), Stop> {
    let home = Home::new()?;
    let nginx = Nginx::proxy(home.folder(), home.upstream(), home.token())?;
    let beside = Proxy {
        name: "nginx",
        address: format!("http://127.0.0.1:{}", nginx.port()),
        token: None,
        process: nginx.id(),
    };
    let (ours, _running) = start("gateway", home.on_core(CORES[0]), &home.folder().join("token"))?;
    Report::new(&turns(&[&beside, &ours], home.folder())?)?.publish()
}

/// A gateway of this program, which writes its token to that file, and how it is asked.
pub(super) fn start<'a>(
    name: &'a str,
    mut program: Command,
    token: &Path,
) -> Result<(Proxy<'a>, Gateway), Stop> {
    let gateway = Gateway::start(program.args(OPTIONS).arg("--token-file").arg(token))?;
    let token = fs::read_to_string(token);
    let token = token.map_err(|error| Stop::because("the gateway wrote no token", &error))?;
    let (address, token) = (gateway.address().to_owned(), Some(token.trim().to_owned()));
    Ok((Proxy { name, address, token, process: gateway.id() }, gateway))
}

/// What came of it, after one turn of each that does not count.
pub(super) fn turns<'a>(proxies: &[&Proxy<'a>], folder: &Path) -> Result<Vec<(&'a str, Round)>, Stop> {
    for proxy in proxies {
        Round::run(proxy, folder)?;
    }
    let mut rounds = Vec::new();
    for turn in 1..=ROUNDS {
        for proxy in shuffled(proxies.len(), turn).into_iter().map(|at| proxies[at]) {
            let round = Round::run(proxy, folder)?;
            println!("{turn}  {:8} {round}", proxy.name);
            rounds.push((proxy.name, round));
        }
    }
    Ok(rounds)
}
