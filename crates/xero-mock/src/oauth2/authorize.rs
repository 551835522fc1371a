//! The authorise request: read from its query and checked before anybody is asked to log in (RFC 6749 section 4.1.1).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::scope::{self, ScopeRefusal};
use crate::client_app::{AppType, ClientApp, ClientApps};

/// A request that may be shown to the user.
#[derive(Clone, Debug)]
pub(crate) struct Authorization {
    pub(crate) app: ClientApp,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) state: Option<String>,
    /// The S256 code challenge.
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    /// Whether several organisations can be chosen.
    pub(crate) bulk: bool,
}

/// Where the browser ends up instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// On Xero's own page, with this text after "Error: ". The app hears nothing.
    Page(&'static str),
    /// At the app, without anybody having logged in.
    Callback(String),
}

impl Authorization {
    pub(crate) fn read(query: &str, clients: &ClientApps) -> Result<Self, Refused> {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
        };
        let app = value("client_id").and_then(|id| clients.find(&id)).ok_or(Refused::Page(UNKNOWN_CLIENT))?;
        let redirect_uri = value("redirect_uri").filter(|uri| app.redirect_uris.contains(uri));
        let asked = Self {
            app: app.clone(),
            redirect_uri: redirect_uri.ok_or(Refused::Page(INVALID_REDIRECT_URI))?,
            scopes: Vec::new(),
            state: value("state"),
            challenge: value("code_challenge"),
            nonce: value("nonce"),
            bulk: app.bulk_connections && value("acr_values").as_deref() != Some("bulk_connect:false"),
        };
        if value("response_type").as_deref() != Some("code") {
            return Err(Refused::Page(RESPONSE_TYPE));
        }
        asked.check_challenge(value("code_challenge_method").as_deref())?;
        asked.with_scopes(&value("scope").unwrap_or_default())
    }

    /// The redirect URI with these parameters, and the state last but for `session_state`.
    pub(crate) fn callback(&self, parameters: &[(&str, &str)], session_state: Option<&str>) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let session_state = session_state.map(|value| ("session_state", value));
        let all = parameters.iter().copied().chain(state).chain(session_state);
        let query: Vec<String> = all.map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let separator = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.redirect_uri, query.join("&"))
    }

    /// Where Cancel leads.
    pub(crate) fn cancelled(&self) -> String {
        self.callback(&[("error", "access_denied")], None)
    }

    /// RFC 7636 section 4.4.1. The texts are assumed; they are those of the software that Xero's looks like.
    fn check_challenge(&self, method: Option<&str>) -> Result<(), Refused> {
        match (&self.challenge, method) {
            (None, _) if self.app.app_type == AppType::Desktop => Err(Refused::Page(NO_CHALLENGE)),
            (Some(_), Some("S256")) | (None, _) => Ok(()),
            (Some(_), _) => Err(Refused::Page(CHALLENGE_METHOD)),
        }
    }

    fn with_scopes(mut self, asked: &str) -> Result<Self, Refused> {
        self.scopes = scope::check(&self.app, asked).map_err(|refusal| match refusal {
            ScopeRefusal::Unknown => Refused::Page(INVALID_SCOPE),
            ScopeRefusal::NotForClient => Refused::Page(SCOPE_NOT_FOR_CLIENT),
            ScopeRefusal::WrongApps => {
                let denied =
                    [("error", "access_denied"), ("error_description", "Requested wrong apps scopes")];
                Refused::Callback(self.callback(&denied, None))
            }
        })?;
        if self.scopes.is_empty() { Err(Refused::Page(INVALID_SCOPE)) } else { Ok(self) }
    }
}

const UNKNOWN_CLIENT: &str = "unauthorized_client : Unknown client or client not enabled";
const INVALID_REDIRECT_URI: &str = "unauthorized_client : Invalid redirect_uri";
const INVALID_SCOPE: &str = "invalid_scope : Invalid scope";
const SCOPE_NOT_FOR_CLIENT: &str = "unauthorized_client : Invalid scope for client";
const RESPONSE_TYPE: &str = "unsupported_response_type : Response type not supported";
const NO_CHALLENGE: &str = "invalid_request : code challenge required";
const CHALLENGE_METHOD: &str = "invalid_request : Transform algorithm not supported";

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
