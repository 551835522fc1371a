//! Asks Xero's identity server for tokens, and the API for what a consent reaches.

use std::time::Duration;

use oauth2::HttpRequest;
use reqwest::{
    RequestBuilder,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
};
use url::Url;

use crate::{
    AccessToken, ApiProblem, AppIdentity, AuthorizationCode, Endpoints, Error, Organisation, Pkce,
    RedirectUri, RefreshToken, Scopes, TenantLink, TokenAnswer, grant, organisation, tenant_link,
    token_answer::{self, refusal},
    transport::{self, Answer, Transport},
};

/// Xero's identity server and the few API calls of connecting. Cheap to clone.
///
/// Its HTTP client is made at the first call. Redirects are not followed, nothing is sent twice, TLS is 1.2 or later,
/// answers are taken up to 1 MiB, and the system's proxy is used unless the server is on this machine.
#[derive(Debug, Clone)]
pub struct Identity {
    endpoints: Endpoints,
    transport: Transport,
}

impl Identity {
    /// `timeout` is for a whole call; a connection must be there within 10 seconds of it.
    pub fn new(endpoints: Endpoints, timeout: Duration) -> Self {
        Self { endpoints, transport: Transport::new(timeout) }
    }

    /// Where the calls go.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Exchanges a code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5). A code is good for one exchange.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`] for a code that is used, expired or of another login, [`Error::InvalidClient`], and
    /// those of the network.
    pub async fn exchange(
        &self,
        app: &AppIdentity,
        code: &AuthorizationCode,
        redirect_uri: &RedirectUri,
        pkce: &Pkce,
    ) -> Result<TokenAnswer, Error> {
        self.tokens(grant::exchange(app, code, redirect_uri, pkce)).await
    }

    /// Spends a refresh token (RFC 6749 section 6). Xero rotates it: keep the new one before anything else is done.
    /// For 30 minutes after its first use the old one may be spent again, should the answer be lost.
    ///
    /// # Errors
    /// [`Error::InvalidGrant`] for a token that is spent, expired or revoked; after any error whose
    /// [`may_have_arrived`](Error::may_have_arrived) is true the token may have been spent.
    pub async fn refresh(&self, app: &AppIdentity, token: &RefreshToken) -> Result<TokenAnswer, Error> {
        self.tokens(grant::refresh(app, token)).await
    }

    /// A token of a custom connection (RFC 6749 section 4.4). Without scopes Xero grants those ticked for the app.
    ///
    /// # Errors
    /// [`Error::UnauthorizedClient`] before its user has authorised it, [`Error::InvalidScope`] for scopes that are not
    /// ticked.
    pub async fn client_credentials(
        &self,
        app: &AppIdentity,
        scopes: Option<&Scopes>,
    ) -> Result<TokenAnswer, Error> {
        self.tokens(grant::client_credentials(app, scopes)).await
    }

    /// Revokes a refresh token (RFC 7009). Xero also removes all tenant links that its user made to the app. A token
    /// that is not known any more counts as revoked.
    pub async fn revoke(&self, app: &AppIdentity, token: &RefreshToken) -> Result<(), Error> {
        let answer = self.post(&self.endpoints.revocation, grant::revocation(app, token)).await?;
        if answer.is_success() { Ok(()) } else { Err(refusal(&answer)) }
    }

    /// The tenants that the token's user has connected to the app (`GET /connections`); with a consent's
    /// `authEventId` only those of that consent.
    pub async fn tenant_links(
        &self,
        token: &AccessToken,
        consent: Option<&str>,
    ) -> Result<Vec<TenantLink>, Error> {
        let mut url = self.endpoints.connections.clone();
        if let Some(consent) = consent {
            url.query_pairs_mut().append_pair("authEventId", consent);
        }
        let answer = self.call(self.transport.client(&url)?.get(url.clone()), &url, token).await?;
        tenant_link::read(&success(answer)?)
    }

    /// Disconnects a tenant by its link's id (`DELETE /connections/{id}`). False: there was no such link. An id that is
    /// not made of letters, digits and hyphens is no link's, and is not sent.
    pub async fn delete_tenant_link(&self, token: &AccessToken, id: &str) -> Result<bool, Error> {
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Ok(false);
        }
        let mut url = self.endpoints.connections.clone();
        url.set_path(&format!("{}/{id}", url.path().trim_end_matches('/')));
        let answer = self.call(self.transport.client(&url)?.delete(url.clone()), &url, token).await?;
        match success(answer) {
            Ok(_) => Ok(true),
            Err(Error::Api(ApiProblem::NotFound)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The organisation (`GET /Organisation`), by its tenant id; a custom connection needs none.
    /// Wants the scope `accounting.settings` or `accounting.settings.read`.
    ///
    /// # Errors
    /// [`Error::Api`] with [`ApiProblem::NotConnected`] for a tenant that is not connected, with
    /// [`ApiProblem::MissingScope`] without the scope.
    pub async fn organisation(
        &self,
        token: &AccessToken,
        tenant_id: Option<&str>,
    ) -> Result<Organisation, Error> {
        let url = &self.endpoints.organisation;
        let mut request = self.transport.client(url)?.get(url.clone());
        if let Some(id) = tenant_id {
            let id = HeaderValue::from_str(id).map_err(|_| ApiProblem::NotConnected)?;
            request = request.header("xero-tenant-id", id);
        }
        organisation::read(&success(self.call(request, url, token).await?)?)
    }

    async fn tokens(&self, grant: HttpRequest) -> Result<TokenAnswer, Error> {
        token_answer::read(self.post(&self.endpoints.token, grant).await?)
    }

    async fn post(&self, url: &Url, grant: HttpRequest) -> Result<Answer, Error> {
        let (parts, body) = grant.into_parts();
        let mut headers = parts.headers;
        if let Some(basic) = headers.get_mut(AUTHORIZATION) {
            basic.set_sensitive(true);
        }
        transport::send(self.transport.client(url)?.post(url.clone()).headers(headers).body(body), url).await
    }

    async fn call(&self, request: RequestBuilder, url: &Url, token: &AccessToken) -> Result<Answer, Error> {
        transport::send(request.bearer_auth(token.expose()).header(ACCEPT, "application/json"), url).await
    }
}

/// An API's answer, if it is a success and whole.
fn success(answer: Answer) -> Result<Answer, Error> {
    if let Some(problem) = answer.as_api_answer(ApiProblem::read) {
        return Err(Error::Api(problem));
    }
    if answer.is_success() { answer.whole() } else { Err(Error::NotXero { status: answer.status }) }
}
