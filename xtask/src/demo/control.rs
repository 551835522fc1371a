//! The mock's control address: what people do at Xero, and the passing of time.

use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use crate::stop::Stop;

pub(super) struct Control {
    client: Client,
    url: String,
}

impl Control {
    /// The path of its consents.
    pub(super) const CONSENT: &str = "/_mock/consent";

    /// A proxy has no way to this computer's loopback address.
    pub(super) fn new(url: &str) -> Result<Self, Stop> {
        let client = Client::builder().no_proxy().build();
        let client = client.map_err(|error| Stop::because("cannot make an HTTP client", &error))?;
        Ok(Self { client, url: url.to_owned() })
    }

    /// Ada consents to one organisation; gives the address that the browser is sent to.
    pub(super) fn consent(&self, address: &str, organisation: &str) -> Result<String, Stop> {
        let answer =
            self.order(Self::CONSENT, &json!({ "url": address, "organisations": [organisation] }))?;
        let answer = text(answer)?;
        let answer: Value =
            serde_json::from_str(&answer).map_err(|error| Stop::because("the mock's answer", &error))?;
        answer["location"].as_str().map(str::to_owned).ok_or_else(|| Stop::new("the consent leads nowhere"))
    }

    /// Moves the mock's clock on.
    pub(super) fn advance(&self, seconds: u64) -> Result<(), Stop> {
        self.order("/_mock/clock", &json!({ "advance_seconds": seconds })).map(drop)
    }

    /// What a browser does with a redirect; gives the page's heading.
    pub(super) fn follow(&self, location: &str) -> Result<String, Stop> {
        let page = text(sent(self.client.get(location).send())?)?;
        let heading = page.split_once("<h1").and_then(|(_, rest)| rest.split_once('>'));
        let heading = heading.and_then(|(_, rest)| rest.split_once("</h1>"));
        heading
            .map(|(heading, _)| heading.trim().to_owned())
            .ok_or_else(|| Stop::new("the page has no heading"))
    }

    fn order(&self, path: &str, order: &Value) -> Result<Response, Stop> {
        let request =
            self.client.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        sent(request.body(order.to_string()).send())
    }
}

fn sent(answer: reqwest::Result<Response>) -> Result<Response, Stop> {
    let answer = answer.and_then(Response::error_for_status);
    answer.map_err(|error| Stop::because("the mock does not do it", &error))
}

fn text(answer: Response) -> Result<String, Stop> {
    answer.text().map_err(|error| Stop::because("the mock's answer cannot be read", &error))
}
