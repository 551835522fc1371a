//! A custom connection (OAuth 2.0 client credentials): one organisation, and nobody logs in.

use super::{REFUSED, Stage};
use crate::stop::Stop;

const ORGANISATION: &str = "Maple Florist Ltd";
const USER: &str = "ada@example.com";
const SCOPES: [&str; 2] = ["accounting.settings.read", "accounting.invoices.read"];

pub(super) fn show(stage: &Stage) -> Result<(), Stop> {
    let shell = &stage.shell;
    shell.heading("Custom connection (OAuth 2.0): one organisation, and no browser from then on");
    let (app, link) = stage.portal.create_custom_connection("Nightly custom", &SCOPES, USER)?;
    println!("My Apps > New app > Custom connection, scopes {}, {USER}", SCOPES.join(" "));
    println!("Client id: {}", app.client_id);
    println!("Client secret: shown once; the demo puts it into the file custom.txt");
    shell.write("custom.txt", &app.client_secret)?;
    let connect = ["connect", "nightly", "--kind", "custom", "--client-id", &app.client_id];
    let connect = [&connect[..], &["--client-secret-file", "custom.txt"]].concat();
    shell.run(&connect, REFUSED)?;
    shell.heading("Its user opens the link that Xero mails, and authorises it for one organisation, once");
    println!(
        "{link}\nLog in as {USER}, {ORGANISATION}, Allow access: the demo sends the forms of these pages."
    );
    stage.portal.authorise(&link, USER, ORGANISATION)?;
    shell.run(&connect, 0)?;
    shell.run(&["request", "-c", "nightly", "GET", "Invoices?page=1&pageSize=1"], 0)
}
