//! The parts of an HTTP request that a signature covers.

use std::fmt;

use url::Url;

/// A request to be signed: method, URL and, if the body is a form, that.
///
/// Bodies of any other type (XML, JSON, a PDF) are not covered by the signature and not given here. `Debug` shows
/// the method and the host alone.
#[derive(Clone)]
pub struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    pub(crate) form: Option<&'a str>,
    pub(crate) protocol: Vec<(&'a str, &'a str)>,
}

impl<'a> Request<'a> {
    /// A request without a form body. The URL is the one that the server sees: behind a proxy that rewrites, Xero's
    /// own address. Its fragment is never sent and not looked at.
    pub fn new(method: &'a str, url: &'a Url) -> Self {
        Self { method, url, form: None, protocol: Vec::new() }
    }

    /// A body of type `application/x-www-form-urlencoded`, as it goes over the wire.
    ///
    /// RFC 5849 section 3.4.1.3.1 signs it whatever the method, Xero with `POST` only; [`sign`](crate::sign) leaves
    /// the form of other methods out.
    #[must_use]
    pub fn form(self, body: &'a str) -> Self {
        Self { form: Some(body), ..self }
    }

    /// One more parameter that travels with the signature and is covered by it: `oauth_verifier`, or Xero's
    /// `tenantType` of the migration call. Both texts are plain, not encoded.
    #[must_use]
    pub fn protocol_parameter(mut self, name: &'a str, value: &'a str) -> Self {
        self.protocol.push((name, value));
        self
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}
