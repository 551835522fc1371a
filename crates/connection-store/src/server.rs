//! Which server an app is registered at: Xero, or one that stands in for it.

use url::Url;
use xero_auth_oauth2::{Endpoints, is_loopback};

use crate::Error;

const XERO_API: &str = "https://api.xero.com/";

/// The server that an app belongs to. Fixed when the app is stored: a connection made against a mock never talks to
/// Xero, nor the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(Option<Url>);

impl Server {
    /// Xero itself.
    pub fn xero() -> Self {
        Self(None)
    }

    /// A server in place of Xero: `https`, or `http` on this machine only; no path, query, user or password.
    pub fn at(address: &str) -> Result<Self, Error> {
        let url = Url::parse(address).map_err(|_| Error::BadServer("is not a URL"))?;
        if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url)) {
            return Err(Error::BadServer(
                "must begin with https://, or with http:// on this machine (127.0.0.1)",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::BadServer("must not hold a user or password"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(Error::BadServer("must end with its host or port"));
        }
        Ok(Self(Some(url)))
    }

    /// Where the server's API begins.
    pub fn api(&self) -> Url {
        match &self.0 {
            Some(url) => url.clone(),
            None => Url::parse(XERO_API).expect("a constant that is a URL"),
        }
    }

    /// The address that stands in for Xero, if one does.
    pub fn address(&self) -> Option<&str> {
        self.0.as_ref().map(Url::as_str)
    }

    /// Where its identity server and the API of connecting are: Xero's own addresses, or the same paths under the
    /// address that stands in for Xero.
    pub fn endpoints(&self) -> Endpoints {
        self.0.as_ref().map_or_else(Endpoints::xero, Endpoints::at)
    }

    /// Refuses a URL of any other server.
    pub(crate) fn admit(&self, url: &Url) -> Result<(), Error> {
        let own = self.api().origin();
        if url.origin() == own {
            Ok(())
        } else {
            Err(Error::OtherServer { expected: own.ascii_serialization() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in
            ["http://127.0.0.1:8790", "http://[::1]:1/", "http://localhost", "https://xero.example:8443"]
        {
            assert!(Server::at(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:80",
            "http://api.xero.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "ftp://127.0.0.1",
            "https://user:secret@xero.example",
            "https://xero.example/path",
            "https://xero.example/?a=b",
        ] {
            assert!(matches!(Server::at(bad), Err(Error::BadServer(_))), "{bad}");
        }
    }

    #[test]
    fn endpoints_are_xeros_own_or_under_one_address() {
        let token = |server: &Server| server.endpoints().token.to_string();
        assert_eq!(token(&Server::xero()), "https://identity.xero.com/connect/token");
        let mock = Server::at("http://127.0.0.1:8790").unwrap();
        assert_eq!(token(&mock), "http://127.0.0.1:8790/connect/token");
    }

    #[test]
    fn only_the_own_origin_is_admitted() {
        let mock = Server::at("http://127.0.0.1:8790").unwrap();
        let ask = |server: &Server, url: &str| server.admit(&Url::parse(url).unwrap()).is_ok();
        assert!(ask(&mock, "http://127.0.0.1:8790/api.xro/2.0/Organisation"));
        assert!(ask(&Server::xero(), "https://api.xero.com/api.xro/2.0/Organisation"));
        for other in ["http://127.0.0.1:8791/", "https://127.0.0.1:8790/", "https://api.xero.com/"] {
            assert!(!ask(&mock, other), "{other}");
        }
        for other in ["http://api.xero.com/", "https://api.xero.com.example/", "https://api.xero.com:444/"] {
            assert!(!ask(&Server::xero(), other), "{other}");
        }
    }
}
