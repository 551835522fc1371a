//! The gateway beside nginx, in turns, with the same upstream, load and cores.

use std::fs;

use super::{
    CORES,
    home::Home,
    nginx::Nginx,
    report::Report,
    round::{Proxy, Round},
};
use crate::gateway::Gateway;
use crate::stop::Stop;

/// How many turns each has.
const ROUNDS: usize = 5;

pub(super) fn measure() -> Result<(), Stop> {
    let home = Home::new()?;
    let nginx = Nginx::proxy(home.folder(), home.upstream(), home.token())?;
    let options = [
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--token-file",
        "token",
        "--at-once",
        "1000",
        "--no-limits",
        "--json",
    ];
    let gateway = Gateway::start(home.on_core(CORES[0]).args(options))?;
    let token = fs::read_to_string(home.folder().join("token"));
    let token = token.map_err(|error| Stop::because("the gateway wrote no token", &error))?;
    let proxies = [
        Proxy {
            name: "nginx",
            address: format!("http://127.0.0.1:{}", nginx.port()),
            token: None,
            process: nginx.id(),
        },
        Proxy {
            name: "gateway",
            address: gateway.address().to_owned(),
            token: Some(token.trim().to_owned()),
            process: gateway.id(),
        },
    ];
    proxies.iter().try_for_each(|proxy| Round::run(proxy, home.folder()).map(drop))?; // nothing is measured cold
    let mut rounds = Vec::new();
    for turn in 1..=ROUNDS {
        for proxy in &proxies {
            let round = Round::run(proxy, home.folder())?;
            println!("{turn}  {:8} {round}", proxy.name);
            rounds.push((proxy.name, round));
        }
    }
    Report::new(&rounds)?.publish()
}
