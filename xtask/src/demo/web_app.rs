//! A web app (OAuth 2.0): client id and secret, a consent in a browser, tokens that are renewed.

use super::Stage;
use crate::stop::Stop;

/// A page of somebody else, as the manual has it: only the address that the browser ends at matters.
const REDIRECT_URI: &str = "https://zynk.com/";

/// An access token is good for 30 minutes.
const LATER: u64 = 31 * 60;

pub(super) fn show(stage: &Stage) -> Result<(), Stop> {
    let shell = &stage.shell;
    shell.heading("Web app (OAuth 2.0). Create it in the developer portal and generate its secret");
    let app = stage.portal.create_web_app("Nightly web", REDIRECT_URI)?;
    println!("My Apps > New app > Web app, redirect URI {REDIRECT_URI} > Create app > Generate a secret");
    println!("Client id: {}", app.client_id);
    println!("Client secret: shown once; the demo puts it into the file secret.txt");
    shell.write("secret.txt", &app.client_secret)?;
    connect(stage, &app.client_id)?;
    renew(stage)?;
    shell.heading("End one connection at Xero too; the other one stays");
    shell.run(&["disconnect", "demo-company", "--yes"], 0)?;
    shell.run(&["test", "maple"], 0)
}

/// Two organisations, two consents, one app.
fn connect(stage: &Stage, client_id: &str) -> Result<(), Stop> {
    let app = ["--kind", "web", "--client-id", client_id];
    let shell = &stage.shell;
    shell.heading("Begin the login: an address to open in any browser, on any machine");
    let secret = ["--client-secret-file", "secret.txt", "--redirect-uri", REDIRECT_URI];
    log_in(stage, &[&app[..], &secret].concat(), "Maple Florist Ltd", "maple")?;
    shell.heading("A second organisation: the app is stored, so its client id is enough");
    log_in(stage, &app, "Demo Company (NZ)", "demo-company")?;
    shell.run(&["list"], 0)
}

fn log_in(stage: &Stage, app: &[&str], organisation: &str, name: &str) -> Result<(), Stop> {
    let shell = &stage.shell;
    let begun = shell.read(&[&["connect", "begin"], app].concat())?;
    let login = word_after(&begun, "xeroctl connect finish ")?;
    let location = stage.consent(word_after(&begun, "\n\n  ")?, organisation)?;
    println!("The browser ends at {}… Its whole address goes into the file address.txt.", cut(&location));
    shell.write("address.txt", &location)?;
    shell.run(&["connect", "finish", login, name, "--address-file", "address.txt"], 0)
}

fn renew(stage: &Stage) -> Result<(), Stop> {
    let shell = &stage.shell;
    shell.heading("31 minutes later the access token has ended; the next request renews it by itself");
    stage.control.advance(LATER)?;
    println!("(The demo moves the mock's clock on; xeroctl learns of it by the answer 401.)");
    shell.run(&["-v", "request", "-c", "maple", "GET", "Organisation"], 0)?;
    shell.heading("The organisations that the login reaches, and a renewal by hand");
    shell.run(&["orgs", "maple"], 0)?;
    shell.run(&["refresh", "maple"], 0)
}

fn word_after<'a>(text: &'a str, before: &str) -> Result<&'a str, Stop> {
    let word = text.split_once(before).and_then(|(_, rest)| rest.split_whitespace().next());
    word.ok_or_else(|| Stop::new(format!("xeroctl did not say what comes after {before:?}")))
}

/// Without the code, as nobody should show it.
fn cut(location: &str) -> &str {
    location.split_once("code=").map_or(location, |(before, _)| before)
}
