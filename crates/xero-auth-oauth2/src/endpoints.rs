//! Where Xero's servers are.

use url::Url;

/// The addresses that are spoken to. Another server is given whole with [`Endpoints::at`], or address by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where the user's browser is sent; never fetched from here.
    pub authorize: Url,
    /// Grants tokens.
    pub token: Url,
    /// Takes refresh tokens back.
    pub revocation: Url,
    /// The list of tenant links.
    pub connections: Url,
    /// The organisation that a token reaches.
    pub organisation: Url,
}

impl Endpoints {
    /// Xero's own.
    pub fn xero() -> Self {
        let url = |text: &str| Url::parse(text).expect("a constant that is a URL");
        Self {
            authorize: url("https://login.xero.com/identity/connect/authorize"),
            token: url("https://identity.xero.com/connect/token"),
            revocation: url("https://identity.xero.com/connect/revocation"),
            connections: url("https://api.xero.com/connections"),
            organisation: url("https://api.xero.com/api.xro/2.0/Organisation"),
        }
    }

    /// A server that stands in for Xero, with Xero's paths under one address.
    pub fn at(base: &Url) -> Self {
        let url = |path: &str| {
            let mut url = base.clone();
            url.set_query(None);
            url.set_fragment(None);
            url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
            url
        };
        Self {
            authorize: url("/identity/connect/authorize"),
            token: url("/connect/token"),
            revocation: url("/connect/revocation"),
            connections: url("/connections"),
            organisation: url("/api.xro/2.0/Organisation"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_has_the_paths_of_xero() {
        for (base, prefix) in [
            ("http://127.0.0.1:8790", "http://127.0.0.1:8790"),
            ("https://x.example/under/?a=b#c", "https://x.example/under"),
        ] {
            let at = Endpoints::at(&base.parse().unwrap());
            assert_eq!(at.authorize.as_str(), format!("{prefix}/identity/connect/authorize"));
            assert_eq!(at.token.as_str(), format!("{prefix}/connect/token"));
            assert_eq!(at.revocation.as_str(), format!("{prefix}/connect/revocation"));
            assert_eq!(at.connections.as_str(), format!("{prefix}/connections"));
            assert_eq!(at.organisation.as_str(), format!("{prefix}/api.xro/2.0/Organisation"));
        }
        let xero = Endpoints::xero();
        for url in [&xero.authorize, &xero.token, &xero.revocation, &xero.connections, &xero.organisation] {
            assert!(
                url.scheme() == "https" && url.host_str().is_some_and(|host| host.ends_with(".xero.com"))
            );
        }
    }
}
