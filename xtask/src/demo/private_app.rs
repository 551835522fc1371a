//! A private app (OAuth 1.0a): a key pair, a consumer key, signed requests.

use super::portal::App;
use super::{NEEDS_PERSON, OTHER, Stage};
use crate::stop::Stop;

const PASSWORD: &str = "correct horse battery staple";
const NAME: &str = "Acme nightly sync";

pub(super) fn show(stage: &Stage) -> Result<(), Stop> {
    let shell = &stage.shell;
    shell.write("password.txt", PASSWORD)?;
    shell.write("wrong.txt", "letmein")?;
    shell.heading("Private app (OAuth 1.0a). Make a key pair: acme.cer to upload, acme.pfx to keep");
    shell.run(&["cert", "new", "acme", "--name", NAME, "--password-file", "password.txt"], 0)?;
    let app = create_app(stage)?;
    shell.heading("Connect: consumer key, certificate file and password, then a real request");
    let connect = ["connect", "acme", "--kind", "private", "--consumer-key", &app.consumer_key];
    shell.run(
        &[&connect[..], &["--certificate", "acme.pfx", "--password-file", "password.txt"]].concat(),
        0,
    )?;
    use_connection(stage)?;
    fail(stage, &app)?;
    shell.heading("Remove the connection and its key");
    shell.run(&["remove", "acme", "--yes"], 0)
}

fn create_app(stage: &Stage) -> Result<App, Stop> {
    stage.shell.heading("Create the private app in the developer portal, through its form");
    let app = stage.portal.create_private_app(NAME, "Demo Company (NZ)", &stage.shell.path("acme.cer"))?;
    println!("My Apps > New app > Private app, Demo Company (NZ), acme.cer > Create App");
    println!("Consumer key: {}", app.consumer_key);
    Ok(app)
}

fn use_connection(stage: &Stage) -> Result<(), Stop> {
    let shell = &stage.shell;
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

fn fail(stage: &Stage, app: &App) -> Result<(), Stop> {
    let shell = &stage.shell;
    shell.heading("What a wrong password says");
    shell.run(&["cert", "show", "acme.pfx", "--password-file", "wrong.txt"], OTHER)?;
    shell.heading("What a revoked app says, after Disconnect in the portal");
    stage.portal.disconnect(app)?;
    shell.run(&["test", "acme"], NEEDS_PERSON)
}
