//! Where the browser comes back to.

use std::fmt;

use url::{Host, Url};

use crate::Error;

/// A redirect URI by Xero's rules: `https://…`, or `http://localhost[:port]/path` on this machine. Xero compares it as
/// text, so it is kept as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RedirectUri {
    text: String,
    url: Url,
}

impl RedirectUri {
    /// Reads a redirect URI. White space at the ends is dropped.
    ///
    /// # Errors
    /// [`Error::BadRedirectUri`] with Xero's rule.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let bad = |reason| Error::BadRedirectUri { reason };
        let url = Url::parse(text).map_err(|_| bad("is not a URL"))?;
        match refusal(text, &url) {
            Some(reason) => Err(bad(reason)),
            None => Ok(Self { text: text.to_owned(), url }),
        }
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True for one on this machine, which a [`Listener`](crate::Listener) can serve.
    pub fn is_loopback(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The port, said or usual.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().expect("http and https have a usual port")
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn refusal(text: &str, url: &Url) -> Option<&'static str> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Some("has white space or control characters in it");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("has a user name or password");
    }
    if url.port() == Some(0) {
        return Some("names port 0, which nobody can listen on");
    }
    if url.fragment().is_some() {
        return Some("has a fragment (#), which RFC 6749 forbids");
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => None,
        ("http", Some(Host::Domain("localhost"))) => None,
        ("http", Some(Host::Ipv4(address))) if address.is_loopback() => Some(USE_LOCALHOST),
        ("http", Some(Host::Ipv6(address))) if address.is_loopback() => Some(USE_LOCALHOST),
        ("http", _) => Some("must begin with https://; Xero takes http:// for localhost only"),
        _ => Some("must begin with https:// or http://localhost; Xero takes no other scheme"),
    }
}

const USE_LOCALHOST: &str =
    "must name this machine `localhost`: Xero refuses addresses such as 127.0.0.1 or [::1]";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stays_as_it_was_typed() {
        for (text, loopback, port) in [
            ("https://zynk.com/", false, 443),
            ("https://zynk.com", false, 443),
            ("https://app.example:8443/xero?from=x", false, 8443),
            ("https://127.0.0.1/callback", false, 443),
            ("http://localhost", true, 80),
            ("http://localhost:80/", true, 80),
            ("http://localhost:8742/callback", true, 8742),
        ] {
            let uri = RedirectUri::parse(&format!(" {text}\n")).unwrap();
            assert_eq!((uri.as_str(), uri.is_loopback(), uri.port()), (text, loopback, port));
            assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn says_which_rule_is_broken() {
        for (text, reason) in [
            ("", "is not a URL"),
            (
                "localhost:8742/callback",
                "must begin with https:// or http://localhost; Xero takes no other scheme",
            ),
            ("myapp://callback", "must begin with https:// or http://localhost; Xero takes no other scheme"),
            ("http://127.0.0.1:8742/callback", USE_LOCALHOST),
            ("http://[::1]:8742/callback", USE_LOCALHOST),
            ("http://zynk.com/", "must begin with https://; Xero takes http:// for localhost only"),
            (
                "http://localhost.example.com/",
                "must begin with https://; Xero takes http:// for localhost only",
            ),
            ("http://10.0.0.1/", "must begin with https://; Xero takes http:// for localhost only"),
            ("https://user@zynk.com/", "has a user name or password"),
            ("https://zynk.com/#top", "has a fragment (#), which RFC 6749 forbids"),
            ("https://zynk.com/a b", "has white space or control characters in it"),
            ("http://localhost:0/", "names port 0, which nobody can listen on"),
        ] {
            assert_eq!(RedirectUri::parse(text), Err(Error::BadRedirectUri { reason }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_https_and_localhost_is_taken(text in "(https?://)?(localhost|127\\.0\\.0\\.1|[a-z.]{1,9})?\\PC{0,30}") {
            if let Ok(uri) = RedirectUri::parse(&text) {
                prop_assert_eq!(uri.as_str(), text.trim());
                let lower = uri.as_str().to_ascii_lowercase();
                prop_assert!(lower.starts_with("https:") || lower.starts_with("http:"), "{}", uri);
                prop_assert_eq!(uri.is_loopback(), lower.starts_with("http:"));
                prop_assert!(!uri.is_loopback() || uri.url().host_str() == Some("localhost"));
            }
        }
    }
}
