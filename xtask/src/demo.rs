//! `cargo xtask demo`: the whole main job, with the real programs, on a mock Xero and in a folder that is gone afterwards.

mod mock;
mod portal;
mod shell;

use std::collections::HashMap;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use self::mock::Mock;
use self::portal::{App, Portal};
use self::shell::Shell;
use crate::command_line::command;
use crate::stop::Stop;

const PASSWORD: &str = "correct horse battery staple";

/// What `xeroctl` ends with where the demo shows a failure (`xeroctl help exit-codes`).
const OTHER: i32 = 1;
const NEEDS_PERSON: i32 = 4;

/// Asks nothing; stops when a command does not end as it should.
pub(crate) fn demo() -> Result<(), Stop> {
    let programs = build()?;
    let program = |name: &str| programs.get(name).ok_or_else(|| Stop::new(format!("cargo built no {name}")));
    let mock = Mock::start(program("xero-mock")?)?;
    let shell = Shell::new(program("xeroctl")?, mock.url())?;
    let portal = Portal::new(mock.url())?;
    shell.write("password.txt", PASSWORD)?;
    shell.write("wrong.txt", "letmein")?;
    make_store_and_key_pair(&shell)?;
    let app = create_app(&shell, &portal)?;
    connect(&shell, &app.consumer_key)?;
    use_connection(&shell)?;
    fail(&shell, &portal, &app)?;
    shell.heading("Remove the connection and its key");
    shell.run(&["remove", "acme", "--yes"], 0)?;
    println!("\nThat was the whole job. The mock, the store and all files of it are removed now.");
    Ok(())
}

fn make_store_and_key_pair(shell: &Shell) -> Result<(), Stop> {
    shell.heading("Make a store for connections, locked with a key file that is kept elsewhere");
    shell.run(&["store", "init", "--key-file", "elsewhere/store.key"], 0)?;
    shell.heading("Make a key pair: acme.cer to upload, acme.pfx to keep");
    shell.run(&["cert", "new", "acme", "--name", "Acme nightly sync", "--password-file", "password.txt"], 0)
}

fn create_app(shell: &Shell, portal: &Portal) -> Result<App, Stop> {
    shell.heading("Create the private app in the developer portal, through its form");
    let app = portal.create_app("Acme nightly sync", "Demo Company (NZ)", &shell.path("acme.cer"))?;
    println!("My Apps > Add new App > Private app, Demo Company (NZ), acme.cer > Create App");
    println!("Consumer key: {}", app.consumer_key);
    Ok(app)
}

fn connect(shell: &Shell, key: &str) -> Result<(), Stop> {
    shell.heading("Connect: consumer key, certificate file and password, then a real request");
    let app = ["connect", "acme", "--kind", "private", "--consumer-key", key];
    shell.run(&[&app[..], &["--certificate", "acme.pfx", "--password-file", "password.txt"]].concat(), 0)
}

fn use_connection(shell: &Shell) -> Result<(), Stop> {
    shell.heading("Look at the connection and test it");
    shell.run(&["list"], 0)?;
    shell.run(&["show", "acme"], 0)?;
    shell.run(&["test", "acme"], 0)?;
    shell.heading("Every request is signed");
    shell.run(&["request", "-c", "acme", "GET", "Organisation"], 0)?;
    shell.run(&["request", "GET", "Invoices?page=1&pageSize=2"], 0)?;
    shell.heading("Or only sign, for another program to send");
    shell.run(&["sign", "GET", "Organisation"], 0)
}

fn fail(shell: &Shell, portal: &Portal, app: &App) -> Result<(), Stop> {
    shell.heading("What a wrong password says");
    shell.run(&["cert", "show", "acme.pfx", "--password-file", "wrong.txt"], OTHER)?;
    shell.heading("What a revoked app says, after Disconnect in the portal");
    portal.disconnect(app)?;
    shell.run(&["test", "acme"], NEEDS_PERSON)
}

/// The programs, by name.
fn build() -> Result<HashMap<String, PathBuf>, Stop> {
    println!("Building xeroctl and xero-mock; the first time takes some minutes.");
    let line = "cargo build --package xero-cli --package xero-mock --locked --message-format json-render-diagnostics";
    let cannot = |error: std::io::Error| Stop::because("cannot run cargo", &error);
    let mut cargo = command(line).stdout(Stdio::piped()).spawn().map_err(cannot)?;
    let messages =
        serde_json::Deserializer::from_reader(BufReader::new(cargo.stdout.take().expect("it is piped")));
    let built = messages.into_iter::<Value>().map_while(Result::ok).filter_map(|message| {
        let executable = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), executable.into()))
    });
    let built = built.collect();
    if !cargo.wait().map_err(cannot)?.success() {
        return Err(Stop::new("the programs do not build"));
    }
    Ok(built)
}
