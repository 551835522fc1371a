//! The address to send the user's browser to.

use std::borrow::Cow;

use oauth2::{
    AuthUrl, ClientId as Id, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    basic::BasicClient,
};
use url::Url;

use crate::{ClientId, Endpoints, Nonce, Pkce, RedirectUri, Scopes, State};

/// A request for a user's consent (RFC 6749 section 4.1.1, RFC 7636 section 4.3, always with S256).
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// Which app asks.
    pub client_id: &'a ClientId,
    /// Where the browser comes back to; must be registered for the app exactly so.
    pub redirect_uri: &'a RedirectUri,
    /// What is asked for.
    pub scopes: &'a Scopes,
    /// Comes back with the browser.
    pub state: &'a State,
    /// Its verifier goes with the exchange.
    pub pkce: &'a Pkce,
    /// Comes back in the id token; of use with the scope `openid` only.
    pub nonce: Option<&'a Nonce>,
}

impl AuthorizationRequest<'_> {
    /// The address for the browser. Whoever reads it can answer this login attempt, but has no token by it.
    pub fn url(&self, endpoints: &Endpoints) -> Url {
        let redirect_url =
            RedirectUrl::new(self.redirect_uri.as_str().to_owned()).expect("a redirect URI is a URL");
        let verifier = PkceCodeVerifier::new(self.pkce.expose().to_owned());
        let client = BasicClient::new(Id::new(self.client_id.as_str().to_owned()))
            .set_auth_uri(AuthUrl::from_url(endpoints.authorize.clone()));
        let mut request = client
            .authorize_url(|| CsrfToken::new(self.state.expose().to_owned()))
            .set_redirect_uri(Cow::Owned(redirect_url))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(self.scopes.iter().cloned().map(Scope::new));
        if let Some(nonce) = self.nonce {
            request = request.add_extra_param("nonce", nonce.expose().to_owned());
        }
        request.url().0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn query(url: &Url) -> BTreeMap<String, String> {
        url.query_pairs().into_owned().collect()
    }

    #[test]
    fn a_request_has_what_xero_asks_for() {
        let request = AuthorizationRequest {
            client_id: &ClientId::parse("0123456789abcdef0123456789abcdef").unwrap(),
            redirect_uri: &RedirectUri::parse("http://localhost:80").unwrap(),
            scopes: &Scopes::parse("openid accounting.settings.read offline_access").unwrap(),
            state: &State::from_stored("the-state").unwrap(),
            pkce: &Pkce::from_stored("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap(),
            nonce: Some(&Nonce::from_stored("the-nonce").unwrap()),
        };
        let url = request.url(&Endpoints::xero());
        assert!(url.as_str().starts_with("https://login.xero.com/identity/connect/authorize?"), "{url}");
        let expected = [
            ("client_id", "0123456789ABCDEF0123456789ABCDEF"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            ("nonce", "the-nonce"),
            ("redirect_uri", "http://localhost:80"),
            ("response_type", "code"),
            ("scope", "openid accounting.settings.read offline_access"),
            ("state", "the-state"),
        ];
        assert_eq!(query(&url), expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        let elsewhere =
            Endpoints { authorize: "https://id.example/a?tenant=1".parse().unwrap(), ..Endpoints::xero() };
        let url = AuthorizationRequest { nonce: None, ..request }.url(&elsewhere);
        assert!(url.as_str().starts_with("https://id.example/a?tenant=1&"), "{url}");
        assert!(!query(&url).contains_key("nonce"));
    }
}
