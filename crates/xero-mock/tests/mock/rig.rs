//! A mock with one OAuth 2.0 app, and what its program and its user do.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use reqwest::blocking::{Client, RequestBuilder};
use ring::digest::{SHA256, digest};
use serde_json::Value;
use xero_mock::{AppType, ClientApp, Consent, DEMO_COMPANY, Mock};

use super::support::{Answer, Answered as _, client};

pub(crate) const CALLBACK: &str = "http://localhost:8742/callback";
pub(crate) const SCOPES: &str =
    "openid profile email offline_access accounting.settings accounting.contacts.read";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const ORGANISATION: &str = "/api.xro/2.0/Organisation";

pub(crate) struct Rig {
    pub(crate) mock: Mock,
    pub(crate) app: ClientApp,
    client: Client,
}

impl Rig {
    pub(crate) fn web() -> Self {
        Self::with(|mock| mock.create_web_app("Night sync", &[CALLBACK]).unwrap())
    }

    pub(crate) fn desktop() -> Self {
        Self::with(|mock| mock.create_desktop_app("Desk tool", &[CALLBACK]).unwrap())
    }

    /// A custom connection for the demo company, authorised.
    pub(crate) fn custom(scopes: &[&str]) -> Self {
        let rig = Self::with(|mock| mock.create_custom_app("Till", DEMO_COMPANY.id, scopes).unwrap());
        rig.mock.authorise_custom_app(&rig.app.client_id).unwrap();
        rig
    }

    pub(crate) fn with(app: impl FnOnce(&Mock) -> ClientApp) -> Self {
        let mock = Mock::start_blocking().unwrap();
        let app = app(&mock);
        Self { mock, app, client: client() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.mock.url()))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).answered()
    }

    /// The address to send the user to; a desktop app's has a challenge.
    pub(crate) fn authorize_url(&self, scope: &str, more: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", &self.app.client_id),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("state", "st ate/1"),
        ];
        if self.app.app_type == AppType::Desktop {
            pairs.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
        }
        pairs.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
        pairs.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("{}/identity/connect/authorize?{query}", self.mock.url())
    }

    /// The code that a consent to these scopes gives.
    pub(crate) fn code(&self, scope: &str, consent: &Consent) -> String {
        let location = self.mock.consent(&self.authorize_url(scope, &[]), consent).unwrap();
        parameter(&location, "code").unwrap_or_else(|| panic!("{location}"))
    }

    /// A form to the token endpoint, with the app's credentials as it sends them.
    pub(crate) fn token(&self, form: &[(&str, &str)]) -> Answer {
        let mut form = form.to_vec();
        let mut request = self.request(Method::POST, "/connect/token");
        match &self.app.client_secret {
            Some(secret) => request = request.header("Authorization", basic(&self.app.client_id, secret)),
            None => form.push(("client_id", &self.app.client_id)),
        }
        request.form(&form).answered()
    }

    pub(crate) fn exchange(&self, code: &str) -> Answer {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        if self.app.app_type == AppType::Desktop {
            form.push(("code_verifier", VERIFIER));
        }
        self.token(&form)
    }

    pub(crate) fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// The tokens after a consent to these scopes.
    pub(crate) fn tokens(&self, scope: &str, consent: &Consent) -> Value {
        let answer = self.exchange(&self.code(scope, consent));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// The tokens after Ada connected the demo company.
    pub(crate) fn demo_tokens(&self) -> Value {
        self.tokens(SCOPES, &Consent::allow(&[DEMO_COMPANY.id]))
    }

    /// A refresh token that was not used yet.
    pub(crate) fn refresh_token(&self) -> String {
        text(&self.demo_tokens()["refresh_token"])
    }

    /// An API call with a token.
    pub(crate) fn call(&self, method: Method, path: &str, access_token: &str, tenant: &str) -> Answer {
        self.call_ready(method, path, access_token, tenant).answered()
    }

    pub(crate) fn call_ready(&self, method: Method, path: &str, token: &str, tenant: &str) -> RequestBuilder {
        let request = self.request(method, path).bearer_auth(token).header("Accept", "application/json");
        if tenant.is_empty() { request } else { request.header("Xero-Tenant-Id", tenant) }
    }

    pub(crate) fn connections(&self, access_token: &str) -> Value {
        self.call(Method::GET, "/connections", access_token, "").json()
    }

    pub(crate) fn organisation(&self, tokens: &Value, tenant: &str) -> Answer {
        self.call(Method::GET, ORGANISATION, tokens["access_token"].as_str().unwrap(), tenant)
    }
}

/// Id and secret form-encoded, then Basic.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

pub(crate) fn parameter(location: &str, name: &str) -> Option<String> {
    let query = location.split_once('?')?.1;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &Value) -> Value {
    let token = text(token);
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// That an answer of the token endpoint is this error and nothing else.
#[track_caller]
pub(crate) fn assert_error(answer: &Answer, error: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (400, format!("{{\"error\":\"{error}\"}}").as_str()));
    assert_eq!(answer.header("content-type"), "application/json");
}

/// That an answer is an API problem: status and `Detail`, whose `Instance` is the correlation id.
#[track_caller]
pub(crate) fn assert_api_problem(answer: &Answer, status: u16, detail: &str) {
    let title = if status == 401 { "Unauthorized" } else { "Forbidden" };
    let instance = answer.header("xero-correlation-id");
    assert_eq!(instance.len(), 36, "{answer:?}");
    let body = format!(
        "{{\"Type\":null,\"Title\":\"{title}\",\"Status\":{status},\"Detail\":\"{detail}\",\"Instance\":\"{instance}\",\"Extensions\":{{}}}}"
    );
    assert_eq!((answer.status, answer.body.as_str()), (status, body.as_str()));
}
