//! A key pair with its certificate and both files, beside OpenSSL's two commands.

use std::process::Command;

use super::home::Home;
use super::page::Table;
use super::turns::{Program, Taken, measure as in_turns};
use crate::stop::Stop;

const ROUNDS: usize = 50;
const OPENSSL: &str = "openssl req -x509 -newkey rsa:2048 -nodes -days 1825 -subj /CN=bench -keyout o.key -out o.cer && \
     openssl pkcs12 -export -inkey o.key -in o.cer -out o.pfx -passout file:password";

pub(super) fn measure() -> Result<(), Stop> {
    let home = Home::new()?;
    home.write("password", "a password")?;
    let ours = |password: &'static [&'static str]| {
        let mut command = home.xeroctl();
        command.args(["cert", "new", "ours", "--name", "bench", "--force", "--quiet"]).args(password);
        command
    };
    let theirs = |more: &str| {
        let mut command = home.at_home(Command::new("sh"));
        command.args(["-c", &format!("{OPENSSL} {more}")]);
        command
    };
    let programs = [
        Program { name: "OpenSSL's own 2,048 rounds", command: Box::new(|| theirs("")) },
        Program {
            name: "OpenSSL, 200,000 rounds (`-iter 200000`)",
            command: Box::new(|| theirs("-iter 200000")),
        },
        Program {
            name: "`xeroctl cert new`, 200,000 rounds",
            command: Box::new(|| ours(&["--password-file", "password"])),
        },
        Program { name: "`xeroctl cert new --no-password`", command: Box::new(|| ours(&["--no-password"])) },
    ];
    let taken = in_turns(&programs, ROUNDS)?;
    let mut table = Table::new(&[
        "",
        "ms: mean ± standard error",
        "median (quarters)",
        ": OpenSSL's own",
        ": OpenSSL, 200,000",
    ]);
    for (program, one) in programs.iter().zip(&taken) {
        let beside = |other: &Taken| format!("{:.2}", one.mean() / other.mean());
        table.row([
            program.name.to_owned(),
            format!("{:.0} ± {:.0}", one.mean(), one.error()),
            one.to_string(),
            beside(&taken[0]),
            beside(&taken[1]),
        ]);
    }
    table.publish("pair")
}
