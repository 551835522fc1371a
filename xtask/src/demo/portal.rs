//! The mock's developer portal, used as a browser does: pages are opened, their forms sent.

use std::path::Path;

use reqwest::blocking::multipart::Form;
use reqwest::blocking::{Client, RequestBuilder};

use crate::stop::Stop;

pub(super) struct Portal {
    browser: Client,
    url: String,
}

/// A private app that the portal shows.
pub(super) struct App {
    pub(super) consumer_key: String,
    /// The address of its page.
    address: String,
}

/// What an OAuth 2.0 app with a secret proves itself with.
pub(super) struct Credentials {
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

/// What a browser shows.
struct Page {
    address: String,
    text: String,
}

impl Portal {
    /// A proxy has no way to this computer's loopback address.
    pub(super) fn new(url: &str) -> Result<Self, Stop> {
        let browser = Client::builder().no_proxy().cookie_store(true).build();
        let browser = browser.map_err(|error| Stop::because("cannot make an HTTP client", &error))?;
        Ok(Self { browser, url: url.to_owned() })
    }

    /// Fills in the form for a new private app and reads the consumer key off the page that follows.
    pub(super) fn create_private_app(
        &self,
        name: &str,
        organisation: &str,
        certificate: &Path,
    ) -> Result<App, Stop> {
        let page = self.open("/myapps/new")?;
        let before_name = page.text.split(&format!(">{organisation}</option>")).next().unwrap_or_default();
        let chosen = before_name.rsplit("<option value=\"").next().unwrap_or_default();
        let form = Form::new()
            .text("app-type", "private")
            .text("name", name.to_owned())
            .text("organisation", chosen.trim_end_matches('"').to_owned())
            .text("terms", "yes")
            .file("certificate", certificate);
        let form = form.map_err(|error| Stop::because("cannot upload the certificate", &error))?;
        let target = self.target(&page, "create-app")?;
        let app = sent(self.browser.post(target).multipart(form))?;
        Ok(App { consumer_key: app.value("consumer-key")?, address: app.address })
    }

    /// Presses Disconnect on the app's page.
    pub(super) fn disconnect(&self, app: &App) -> Result<(), Stop> {
        let page = sent(self.browser.get(&app.address))?;
        self.press(&page, "disconnect-app", &[]).map(drop)
    }

    /// Adds a web app and generates its secret.
    pub(super) fn create_web_app(&self, name: &str, redirect_uri: &str) -> Result<Credentials, Stop> {
        let page = self.create("web", name, &[("redirect-uri", redirect_uri)])?;
        Ok(self.generate_secret(&page)?.0)
    }

    /// Adds a desktop app; gives its client id.
    pub(super) fn create_desktop_app(&self, name: &str, redirect_uri: &str) -> Result<String, Stop> {
        self.create("mobile-desktop", name, &[("redirect-uri", redirect_uri)])?.value("client-id")
    }

    /// Adds a custom connection with these scopes, to be authorised by this user. Gives the link that the e-mail holds.
    pub(super) fn create_custom_connection(
        &self,
        name: &str,
        scopes: &[&str],
        email: &str,
    ) -> Result<(Credentials, String), Stop> {
        let page = self.create("custom", name, &[])?;
        let (credentials, page) = self.generate_secret(&page)?;
        let scopes = scopes.iter().map(|&scope| ("scope", scope));
        let fields: Vec<_> = scopes.chain([("authorising-user", email)]).collect();
        let page = self.press(&page, "save-and-connect", &fields)?;
        Ok((credentials, format!("{}{}", self.url, between(&page.text, "id=\"invitation\" href=\"", "\"")?)))
    }

    /// What the user of a custom connection does with the link: log in, choose the organisation, allow access.
    pub(super) fn authorise(&self, link: &str, email: &str, organisation: &str) -> Result<(), Stop> {
        let login = sent(self.browser.get(link))?;
        let page = self.press(&login, "log-in", &[("email", email), ("password", "any")])?;
        let before_name = page.text.split(&format!("<b>{organisation}</b>")).next().unwrap_or_default();
        let chosen = before_name.rsplit("value=\"").next().unwrap_or_default();
        let chosen = chosen.split('"').next().unwrap_or_default();
        self.press(&page, "allow-access", &[("organisation", chosen), ("decision", "allow")]).map(drop)
    }

    fn create(&self, kind: &str, name: &str, more: &[(&str, &str)]) -> Result<Page, Stop> {
        let page = self.open("/myapps/new")?;
        let form =
            [("app-type", kind), ("name", name), ("company-url", "https://example.com/"), ("terms", "yes")];
        self.press(&page, "create-app", &[&form[..], more].concat())
    }

    /// The answering page shows the secret, this once.
    fn generate_secret(&self, page: &Page) -> Result<(Credentials, Page), Stop> {
        let page = self.press(page, "generate-secret", &[])?;
        let (client_id, client_secret) = (page.value("client-id")?, page.value("client-secret")?);
        Ok((Credentials { client_id, client_secret }, page))
    }

    fn open(&self, path: &str) -> Result<Page, Stop> {
        sent(self.browser.get(format!("{}{path}", self.url)))
    }

    /// Presses the button with this id: its form is sent with these fields.
    fn press(&self, page: &Page, button: &str, fields: &[(&str, &str)]) -> Result<Page, Stop> {
        sent(self.browser.post(self.target(page, button)?).form(fields))
    }

    /// Where the form of the button with this id is sent.
    fn target(&self, page: &Page, button: &str) -> Result<String, Stop> {
        let before_button = page.text.split_once(&format!("id=\"{button}\""));
        let (before_button, _) = before_button.ok_or_else(|| page.has_no(button))?;
        let form = before_button.rsplit("<form ").next().unwrap_or_default();
        Ok(format!("{}{}", self.url, between(form, "action=\"", "\"")?))
    }
}

impl Page {
    /// What stands in the field with this id.
    fn value(&self, id: &str) -> Result<String, Stop> {
        between(&self.text, &format!("id=\"{id}\" value=\""), "\"").map(str::to_owned)
    }

    fn has_no(&self, what: &str) -> Stop {
        Stop::new(format!("the page {} has no {what}", self.address))
    }
}

/// Follows redirects, as a browser does.
fn sent(request: RequestBuilder) -> Result<Page, Stop> {
    let answer = request.send().and_then(reqwest::blocking::Response::error_for_status);
    let answer = answer.map_err(|error| Stop::because("the portal does not do it", &error))?;
    let address = answer.url().to_string();
    let text = answer.text().map_err(|error| Stop::because("the portal's page cannot be read", &error))?;
    Ok(Page { address, text })
}

fn between<'a>(page: &'a str, before: &str, after: &str) -> Result<&'a str, Stop> {
    let found = page.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.map(|(found, _)| found).ok_or_else(|| Stop::new(format!("the portal's page has no {before}")))
}
