//! Who is let in at all: this machine's programs, by the right name, and no page of a browser.

use hyper::{
    HeaderMap, Method, StatusCode, Uri,
    header::{CONTENT_LENGTH, HOST, HeaderName, ORIGIN, TRANSFER_ENCODING},
    http::request::Parts,
};

use crate::refusal::Refusal;

const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// By which some servers take one method or path for another.
const OVERRIDES: [HeaderName; 5] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// How a client came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// A port of the loopback address.
    Tcp(u16),
    /// A Unix socket, for which any host may be named.
    Unix,
}

impl Door {
    /// Refuses what a page, a rebound name or a proxy's request could be, and what no API has.
    pub(crate) fn check(self, parts: &Parts) -> Result<(), Refusal> {
        self.check_form(&parts.method, &parts.uri)?;
        self.check_host(&parts.uri, &parts.headers)?;
        check_page(&parts.headers)?;
        check_headers(&parts.headers)?;
        match parts.method {
            Method::GET
            | Method::HEAD
            | Method::OPTIONS
            | Method::POST
            | Method::PUT
            | Method::PATCH
            | Method::DELETE => Ok(()),
            _ => {
                Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Xero's APIs have no such method"))
            }
        }
    }

    fn check_form(self, method: &Method, uri: &Uri) -> Result<(), Refusal> {
        if method == Method::CONNECT || uri.path_and_query().is_none() {
            return Err(Refusal::bad("form", "the gateway is no proxy")
                .next("use its address in place of https://api.xero.com"));
        }
        if uri.path() == "*" {
            return Err(Refusal::bad("form", "a request must name a path"));
        }
        match uri.authority() {
            Some(authority) if authority.as_str().contains('@') => {
                Err(Refusal::bad("form", "an address must not hold a user or password"))
            }
            Some(authority) if !self.is_own(authority.as_str()) => {
                Err(Refusal::bad("form", "the gateway is no proxy: the address is another server's")
                    .next("use its address in place of https://api.xero.com"))
            }
            _ => Ok(()),
        }
    }

    /// HTTP/1 has one `Host`; HTTP/2 may have it in the address alone.
    fn check_host(self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(HOST).iter();
        let (first, second) = (hosts.next(), hosts.next());
        if second.is_some() || (first.is_none() && uri.authority().is_none()) {
            return Err(Refusal::bad("host", "a request must have one Host"));
        }
        let named = first.is_none_or(|host| host.to_str().is_ok_and(|host| self.is_own(host)));
        if named {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "host", "the Host is not this gateway's")
            .next("use the address that the gateway printed when it began"))
    }

    fn is_own(self, host: &str) -> bool {
        let Self::Tcp(own) = self else { return true };
        let port = |rest: &str| match rest.strip_prefix(':') {
            // As it is written, and in no other way.
            Some(port) => !port.starts_with(['0', '+']) && port.parse() == Ok(own),
            None => rest.is_empty() && own == 80,
        };
        NAMES.iter().any(|name| match host.split_at_checked(name.len()) {
            Some((start, rest)) => start.eq_ignore_ascii_case(name) && port(rest),
            None => false,
        })
    }
}

/// Programs send neither of these; browsers do.
fn check_page(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) {
        return Err(Refusal::forbidden("origin", "pages of a browser are not served (Origin)"));
    }
    if headers.get_all(SEC_FETCH_SITE).iter().any(|site| site != "none") {
        return Err(Refusal::forbidden("origin", "pages of a browser are not served (Sec-Fetch-Site)"));
    }
    Ok(())
}

fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Err(Refusal::bad("framing", "a body has one length"));
    }
    if headers.keys().any(|name| OVERRIDES.contains(name)) {
        return Err(Refusal::bad(
            "method",
            "a request must have its method and its path where they stand, and not in a header",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    const OWN: Door = Door::Tcp(8786);

    fn status(door: Door, method: &str, uri: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        door.check(&parts).err().map(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn hosts() {
        let of = |host: &str| status(OWN, "GET", "/a", &[("host", host)]);
        for own in ["127.0.0.1:8786", "localhost:8786", "LOCALHOST:8786", "[::1]:8786"] {
            assert_eq!(of(own), None, "{own}");
        }
        for other in [
            "evil.example:8786",
            "127.0.0.1",
            "localhost:80",
            "127.0.0.1:87860",
            "127.0.0.1.evil.example:8786",
            "localhost.evil.example:8786",
            "evil.example",
            "",
            "127.0.0.1:08786",
            "127.0.0.2:8786",
            "user@127.0.0.1:8786",
            "api.xero.com",
        ] {
            assert_eq!(of(other), Some(421), "{other}");
        }
        assert_eq!(status(Door::Tcp(80), "GET", "/a", &[("host", "localhost")]), None);
        assert_eq!(status(Door::Unix, "GET", "/a", &[("host", "gateway")]), None);
        assert_eq!(status(Door::Unix, "GET", "/a", &[]), Some(400));
        assert_eq!(status(OWN, "GET", "/a", &[]), Some(400));
        assert_eq!(
            status(OWN, "GET", "/a", &[("host", "localhost:8786"), ("host", "localhost:8786")]),
            Some(400)
        );
    }

    #[test]
    fn forms() {
        let host = [("host", "localhost:8786")];
        assert_eq!(status(OWN, "GET", "http://127.0.0.1:8786/a", &[]), None);
        assert_eq!(status(OWN, "GET", "http://127.0.0.1:8786/a", &host), None);
        for (method, uri, expected) in [
            ("GET", "http://evil.example/a", 400),
            ("GET", "https://api.xero.com/api.xro/2.0/Organisation", 400),
            ("GET", "http://user:password@127.0.0.1:8786/a", 400),
            ("CONNECT", "127.0.0.1:8786", 400),
            ("CONNECT", "api.xero.com:443", 400),
            ("OPTIONS", "*", 400),
            ("TRACE", "/a", 405),
            ("PROPFIND", "/a", 405),
        ] {
            assert_eq!(status(OWN, method, uri, &host), Some(expected), "{method} {uri}");
        }
    }

    #[test]
    fn pages_and_tricks() {
        for (name, value, expected) in [
            ("origin", "https://evil.example", Some(403)),
            ("origin", "null", Some(403)),
            ("origin", "http://127.0.0.1:8786", Some(403)),
            ("sec-fetch-site", "cross-site", Some(403)),
            ("sec-fetch-site", "same-origin", Some(403)),
            ("sec-fetch-site", "none", None),
            ("sec-fetch-mode", "cors", None),
            ("x-http-method-override", "DELETE", Some(400)),
            ("x-original-url", "/api.xro/2.0/Invoices", Some(400)),
            ("X-Rewrite-URL", "/api.xro/2.0/Invoices", Some(400)),
        ] {
            assert_eq!(
                status(OWN, "GET", "/a", &[("host", "localhost:8786"), (name, value)]),
                expected,
                "{name}: {value}"
            );
        }
    }
}
