//! Requests to Xero's API, and the headers that make them a connection's own.

use std::{fmt, sync::Arc, time::SystemTime};

use url::Url;
use xero_auth_oauth1::{ConsumerKey, Credentials, Request, Stamp};
use xero_certs::PrivateKey;
use zeroize::Zeroizing;

use crate::{Access, Error, NewPrivateConnection};

/// A request that is to be made with a connection's authority.
#[derive(Debug, Clone, Copy)]
pub struct ApiRequest<'a> {
    /// The HTTP method, in upper case.
    pub method: &'a str,
    /// The whole URL, at the connection's own server.
    pub url: &'a Url,
    /// The body, where it is form-encoded (`application/x-www-form-urlencoded`): OAuth 1.0a signs it.
    pub form: Option<&'a str>,
}

/// What makes a request the connection's own. Its `Debug` prints no value.
pub struct RequestHeaders {
    authorization: Zeroizing<String>,
    tenant_id: Option<String>,
    base_string: Option<String>,
    generation: Option<i64>,
}

impl RequestHeaders {
    /// The value of the `Authorization` header. A secret for as long as the server accepts it.
    pub fn expose_authorization(&self) -> &str {
        &self.authorization
    }

    /// The value of the `xero-tenant-id` header: the pinned organisation. OAuth 1.0a has none.
    pub fn tenant_id(&self) -> Option<&str> {
        self.tenant_id.as_deref()
    }

    /// The signature base string (OAuth 1.0a, RFC 5849 section 3.4.1), to find out why a signature is refused. Holds no
    /// secret.
    pub fn base_string(&self) -> Option<&str> {
        self.base_string.as_deref()
    }

    /// Which of the authorisation's access tokens this is (OAuth 2.0): what to give to
    /// [`Need::fresh`](crate::Need::fresh) where it is refused.
    pub fn generation(&self) -> Option<i64> {
        self.generation
    }

    /// All headers as (name in lower case, value). The first is a secret.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let tenant = self.tenant_id().map(|id| ("xero-tenant-id", id));
        std::iter::once(("authorization", self.expose_authorization())).chain(tenant)
    }

    pub(crate) fn bearer(access: &Access, tenant_id: Option<&str>) -> Self {
        Self {
            authorization: Zeroizing::new(format!("Bearer {}", access.token.expose())),
            tenant_id: tenant_id.map(str::to_owned),
            base_string: None,
            generation: Some(access.generation),
        }
    }
}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestHeaders([redacted])")
    }
}

/// Signs with a private app's key, without a store: for a test before anything is saved.
///
/// # Errors
/// [`Error::OtherServer`] for a URL that is not at the app's own server, [`Error::Sign`].
pub fn sign_private(
    new: &NewPrivateConnection,
    request: &ApiRequest<'_>,
    now: SystemTime,
) -> Result<RequestHeaders, Error> {
    new.server.admit(request.url)?;
    sign(&new.consumer_key, Arc::clone(&new.key), request, now)
}

pub(crate) fn sign(
    consumer_key: &str,
    key: Arc<PrivateKey>,
    request: &ApiRequest<'_>,
    now: SystemTime,
) -> Result<RequestHeaders, Error> {
    let consumer_key = ConsumerKey::parse(consumer_key).map_err(Error::Sign)?;
    let credentials = Credentials::private_app(consumer_key, key);
    let mut signable = Request::new(request.method, request.url);
    if let Some(form) = request.form {
        signable = signable.form(form);
    }
    let stamp = Stamp::new(now).map_err(Error::Sign)?;
    let signed = xero_auth_oauth1::sign(&signable, &credentials, &stamp).map_err(Error::Sign)?;
    Ok(RequestHeaders {
        authorization: Zeroizing::new(signed.authorization().to_owned()),
        tenant_id: None,
        base_string: Some(signed.base_string().to_owned()),
        generation: None,
    })
}
