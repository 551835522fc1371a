//! The mock's developer portal, used as a browser does: pages are opened, their forms sent.

use std::path::Path;

use reqwest::blocking::multipart::Form;
use reqwest::blocking::{Client, RequestBuilder, Response};

use crate::stop::Stop;

pub(super) struct Portal {
    browser: Client,
    url: String,
}

/// An app that the portal shows.
pub(super) struct App {
    pub(super) consumer_key: String,
    /// The address of its page.
    address: String,
}

impl Portal {
    /// A proxy has no way to this computer's loopback address.
    pub(super) fn new(url: &str) -> Result<Self, Stop> {
        let browser = Client::builder().no_proxy().build();
        let browser = browser.map_err(|error| Stop::because("cannot make an HTTP client", &error))?;
        Ok(Self { browser, url: url.to_owned() })
    }

    /// Fills in the form for a new private app and reads the consumer key off the page that follows.
    pub(super) fn create_app(&self, name: &str, organisation: &str, certificate: &Path) -> Result<App, Stop> {
        let page = text(send(self.browser.get(format!("{}/myapps/new", self.url)))?)?;
        let action = between(&page, "method=\"post\" action=\"", "\"")?;
        let before_name = page.split(&format!(">{organisation}</option>")).next().unwrap_or_default();
        let chosen = before_name.rsplit("<option value=\"").next().unwrap_or_default();
        let form = Form::new()
            .text("app-type", "private")
            .text("name", name.to_owned())
            .text("organisation", chosen.trim_end_matches('"').to_owned())
            .text("terms", "yes")
            .file("certificate", certificate);
        let form = form.map_err(|error| Stop::because("cannot upload the certificate", &error))?;
        let answer = send(self.browser.post(format!("{}{action}", self.url)).multipart(form))?;
        let address = answer.url().to_string();
        let consumer_key = between(&text(answer)?, "id=\"consumer-key\" value=\"", "\"")?.to_owned();
        Ok(App { consumer_key, address })
    }

    /// Presses Disconnect on the app's page.
    pub(super) fn disconnect(&self, app: &App) -> Result<(), Stop> {
        let page = text(send(self.browser.get(&app.address))?)?;
        let before_button = page.split("id=\"disconnect-app\"").next().unwrap_or_default();
        let form = before_button.rsplit("<form ").next().unwrap_or_default();
        let action = between(form, "action=\"", "\"")?;
        send(self.browser.post(format!("{}{action}", self.url))).map(drop)
    }
}

/// Follows redirects, as a browser does.
fn send(request: RequestBuilder) -> Result<Response, Stop> {
    let answer = request.send().and_then(Response::error_for_status);
    answer.map_err(|error| Stop::because("the portal does not do it", &error))
}

fn text(answer: Response) -> Result<String, Stop> {
    answer.text().map_err(|error| Stop::because("the portal's page cannot be read", &error))
}

fn between<'a>(page: &'a str, before: &str, after: &str) -> Result<&'a str, Stop> {
    let found = page.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.map(|(found, _)| found).ok_or_else(|| Stop::new(format!("the portal's page has no {before}")))
}
