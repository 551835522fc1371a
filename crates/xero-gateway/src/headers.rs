//! Which headers go on, in both directions.

use hyper::{
    HeaderMap,
    header::{
        ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, FORWARDED, HOST,
        HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE,
        STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT, VIA,
    },
};

use crate::{authority::Tenant, refusal::Refusal};

/// By which a client names a connection.
pub(crate) const NAMED: HeaderName = HeaderName::from_static("xeroctl-connection");
pub(crate) const TENANT: HeaderName = HeaderName::from_static("xero-tenant-id");
/// Those that belong to one connection between two programs (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// What is the gateway's to say, or nobody's business at Xero.
const NOT_SENT: [HeaderName; 11] = [
    AUTHORIZATION,
    COOKIE,
    EXPECT,
    FORWARDED,
    HOST,
    VIA,
    NAMED,
    TENANT,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
];
/// What a server says to browsers of itself.
const NOT_RETURNED: [HeaderName; 3] = [ALT_SVC, SET_COOKIE, STRICT_TRANSPORT_SECURITY];
const AGENT: HeaderValue = HeaderValue::from_static(concat!("xero-gateway/", env!("CARGO_PKG_VERSION")));

/// A request's headers without what ends here. What stands for the connection comes later.
pub(crate) fn to_xero(headers: &mut HeaderMap) {
    keep_all_but(headers, &NOT_SENT);
    headers.entry(USER_AGENT).or_insert(AGENT);
}

/// An answer's headers without what ends here.
pub(crate) fn to_client(headers: &mut HeaderMap) {
    keep_all_but(headers, &NOT_RETURNED);
}

/// A client may name the organisation, and no other one. An empty name is none: SDKs send it for custom connections.
pub(crate) fn check_tenant(headers: &HeaderMap, tenant: Option<&Tenant>) -> Result<(), Refusal> {
    let own = |named: &HeaderValue| {
        named.is_empty() || tenant.is_some_and(|one| named.as_bytes().eq_ignore_ascii_case(one.id.as_bytes()))
    };
    if headers.get_all(TENANT).iter().all(own) {
        return Ok(());
    }
    Err(Refusal::forbidden("organisation", "the connection is for another organisation than xero-tenant-id")
        .next("leave the header out, or use the connection of that organisation"))
}

/// Without these, without those of one hop, and without those that `Connection` names.
fn keep_all_but(headers: &mut HeaderMap, these: &[HeaderName]) {
    let ends_here = |name: &&HeaderName| these.contains(name) || HOP_BY_HOP.contains(name);
    let mut gone: Vec<HeaderName> = headers.keys().filter(ends_here).cloned().collect();
    for value in headers.get_all(CONNECTION) {
        let names = value.to_str().unwrap_or_default().split(',').map(str::trim);
        let others = names.filter(|name| !name.eq_ignore_ascii_case("keep-alive"));
        gone.extend(others.filter_map(|name| name.parse().ok()));
    }
    // What frames the body is not a client's to take away.
    gone.retain(|name| *name != CONTENT_LENGTH && *name != CONTENT_TYPE);
    gone.iter().for_each(|name| drop(headers.remove(name)));
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn what_ends_here_does_not_go_on() {
        let mut sent = map(&[
            ("authorization", "Bearer client"),
            ("host", "localhost"),
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("cookie", "a=b"),
            ("via", "x"),
            ("forwarded", "for=1"),
            ("xeroctl-connection", "acme"),
            ("xero-tenant-id", "1"),
            ("proxy-authorization", "Basic x"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("accept", "application/json"),
            ("if-modified-since", "x"),
            ("idempotency-key", "k"),
        ]);
        to_xero(&mut sent);
        let mut left: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "idempotency-key", "if-modified-since", "user-agent"]);
        let mut returned = map(&[
            ("connection", "X-One"),
            ("x-one", "1"),
            ("set-cookie", "a=b"),
            ("transfer-encoding", "chunked"),
            ("x-daylimit-remaining", "4999"),
            ("content-type", "application/json"),
        ]);
        to_client(&mut returned);
        assert_eq!(returned, map(&[("x-daylimit-remaining", "4999"), ("content-type", "application/json")]));
    }

    #[test]
    fn the_organisation_is_the_connections_own() {
        let own = Tenant { id: "Ab-1".to_owned(), name: String::new(), since: SystemTime::UNIX_EPOCH };
        let ok = |value: &str, tenant| check_tenant(&map(&[("xero-tenant-id", value)]), tenant).is_ok();
        assert!(ok("aB-1", Some(&own)) && ok("", Some(&own)) && ok("", None));
        assert!(!ok("Ab-2", Some(&own)) && !ok("Ab-1", None));
        assert!(check_tenant(&HeaderMap::new(), None).is_ok());
    }
}
