//! Reads what the browser was sent back with.

use std::borrow::Cow;

use url::Url;

use crate::{AuthorizationCode, Error, RedirectUri, State, said::said_without_secrets};

/// The longest address that is read, in bytes.
const LONGEST: usize = 8 * 1024;

/// Reads the code out of a callback (RFC 6749 section 4.1.2): a whole URL as pasted, or path and query as received.
///
/// The address must be that of the redirect URI, unless it is one of the web: such a site may have sent the browser on,
/// and the state alone tells. The state is compared before any other parameter is looked at, in constant time. Unknown
/// parameters are let be.
///
/// # Errors
/// [`Error::NotACallback`] for another address or one without code and error, [`Error::StateMismatch`] for a callback
/// of another attempt, [`Error::Cancelled`], [`Error::WrongAppScopes`] and [`Error::Denied`] for refusals.
pub fn read_callback(
    target: &str,
    redirect_uri: &RedirectUri,
    state: &State,
) -> Result<AuthorizationCode, Error> {
    let url = address(unwrapped(target), redirect_uri)?;
    let parameters = Parameters(&url);
    match parameters.single("state") {
        Ok(Some(found)) if state.matches(&found) => {}
        Ok(None) if !is_at(&url, redirect_uri) => {
            return Err(bad("it does not begin with the redirect URI"));
        }
        _ => return Err(Error::StateMismatch),
    }
    if let Some(code) = parameters.single("error")? {
        let description = parameters.single("error_description")?.unwrap_or_default();
        return Err(refusal(&code, &description));
    }
    let code = parameters.single("code")?.ok_or(bad("it has neither a code nor an error"))?;
    AuthorizationCode::new(&code).map_err(|_| bad("its code is not one of Xero's"))
}

/// Without what copying leaves around an address.
fn unwrapped(target: &str) -> &str {
    target.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'))
}

/// The whole address, whichever part of it was given.
fn address(target: &str, redirect_uri: &RedirectUri) -> Result<Url, Error> {
    if target.len() > LONGEST {
        return Err(bad("it is too long"));
    }
    let own = redirect_uri.url();
    let before_query = target.split('?').next().unwrap_or_default();
    let parsed = if before_query.contains("://") {
        Url::parse(target)
    } else if before_query.is_empty() || before_query.starts_with('/') {
        own.join(target)
    } else if before_query.contains('=') {
        own.join(&format!("?{target}"))
    } else {
        // Browsers that hide the scheme may copy without it.
        Url::parse(&format!("{}://{target}", own.scheme()))
    };
    let url = parsed.map_err(|_| bad("it is not a URL"))?;
    if redirect_uri.is_loopback() && !is_at(&url, redirect_uri) {
        return Err(bad("it does not begin with the redirect URI"));
    }
    Ok(url)
}

fn is_at(url: &Url, redirect_uri: &RedirectUri) -> bool {
    let own = redirect_uri.url();
    url.origin() == own.origin() && url.path() == own.path()
}

fn refusal(code: &str, description: &str) -> Error {
    match code {
        "access_denied" if description.to_ascii_lowercase().contains("wrong apps scopes") => {
            Error::WrongAppScopes
        }
        "access_denied" => Error::Cancelled,
        _ => Error::Denied { code: said_without_secrets(code), said: said_without_secrets(description) },
    }
}

fn bad(reason: &'static str) -> Error {
    Error::NotACallback { reason }
}

struct Parameters<'a>(&'a Url);

impl<'a> Parameters<'a> {
    /// RFC 6749 section 3.1: parameters must not be sent more than once.
    fn single(&self, name: &str) -> Result<Option<Cow<'a, str>>, Error> {
        let mut values = self.0.query_pairs().filter(|(own, _)| own == name).map(|(_, value)| value);
        let first = values.next();
        if values.next().is_some() { Err(bad("it has a parameter twice")) } else { Ok(first) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOCAL: &str = "http://localhost:8742/callback";

    fn read(target: &str, redirect_uri: &str) -> Result<String, Error> {
        let state = State::from_stored("right-state").unwrap();
        let redirect_uri = RedirectUri::parse(redirect_uri).unwrap();
        read_callback(target, &redirect_uri, &state).map(|code| code.expose().to_owned())
    }

    #[test]
    fn whatever_is_pasted_of_the_address() {
        let whole = "http://localhost:8742/callback?code=a%2Fb&scope=openid%20x&state=right-state&session_state=z&iss=y";
        for pasted in [
            whole,
            &format!("  \"{whole}\"\r\n"),
            &format!("<{whole}#fragment>"),
            &whole.replace("http://", ""),
            &whole.replace("http://localhost:8742", ""),
            &whole.replace("http://localhost:8742/callback", ""),
            &whole.replace("http://localhost:8742/callback?", ""),
            &whole.replace("&scope", "&\nscope"),
        ] {
            assert_eq!(read(pasted, LOCAL).unwrap(), "a/b", "{pasted}");
        }
    }

    #[test]
    fn a_site_may_send_the_browser_on() {
        let site = "https://zynk.com/";
        assert_eq!(read("https://zynk.com/?code=c&state=right-state", site).unwrap(), "c");
        assert_eq!(read("zynk.com/?code=c&state=right-state", site).unwrap(), "c");
        assert_eq!(read("https://www.zynk.com/home?code=c&state=right-state", site).unwrap(), "c");
        assert_eq!(read("https://zynk.com/?code=c&state=wrong", site), Err(Error::StateMismatch));
        let elsewhere = read("https://go.xero.com/app/dashboard", site);
        assert_eq!(elsewhere, Err(bad("it does not begin with the redirect URI")));
    }

    #[test]
    fn the_state_comes_first() {
        for target in [
            "/callback?code=c",
            "/callback?code=c&state=",
            "/callback?code=c&state=right-stat",
            "/callback?code=c&state=right-state2",
            "/callback?code=c&state=right-state&state=right-state",
            "/callback?error=access_denied&state=wrong",
            "/callback?code=c&code=d&state=wrong",
            "/callback",
        ] {
            assert_eq!(read(target, LOCAL), Err(Error::StateMismatch), "{target}");
        }
    }

    #[test]
    fn refusals() {
        let refused = |query: &str| read(&format!("/callback?state=right-state&{query}"), LOCAL).unwrap_err();
        assert_eq!(refused("error=access_denied"), Error::Cancelled);
        assert_eq!(refused("error=access_denied&error_description="), Error::Cancelled);
        let wrong = "error=access_denied&error_description=Requested+wrong+apps+scopes";
        assert_eq!(refused(wrong), Error::WrongAppScopes);
        let odd = refused("error=server_error%1b[2J&error_description=%3Cb%3Ebad%00%3C/b%3E");
        assert_eq!(odd, Error::Denied { code: "server_error [2J".into(), said: "<b>bad </b>".into() });
        assert_eq!(refused("session_state=1"), bad("it has neither a code nor an error"));
        assert_eq!(refused("code=a&code=b"), bad("it has a parameter twice"));
        assert_eq!(refused("error=a&error=b"), bad("it has a parameter twice"));
        assert_eq!(refused("code="), bad("its code is not one of Xero's"));
        assert_eq!(refused("code=%C3%A9"), bad("its code is not one of Xero's"));
    }

    #[test]
    fn other_addresses() {
        let asked = "https://login.xero.com/identity/connect/authorize?client_id=1&state=right-state";
        for target in [
            asked,
            "http://localhost:8743/callback?code=c&state=right-state",
            "https://localhost:8742/callback?code=c&state=right-state",
            "http://localhost:8742/callback/?code=c&state=right-state",
            "http://127.0.0.1:8742/callback?code=c&state=right-state",
            "//evil.example/callback?code=c&state=right-state",
        ] {
            assert_eq!(read(target, LOCAL), Err(bad("it does not begin with the redirect URI")), "{target}");
        }
        assert_eq!(read(asked, "https://zynk.com/"), Err(bad("it has neither a code nor an error")));
        assert_eq!(read(&format!("/callback?{}", "x".repeat(9000)), LOCAL), Err(bad("it is too long")));
        assert_eq!(read("http://[::1", LOCAL), Err(bad("it is not a URL")));
    }

    #[test]
    fn a_query_of_the_redirect_uri_is_let_be() {
        let redirect_uri = "http://localhost:8742/callback?from=xero";
        assert_eq!(read("/callback?from=xero&code=c&state=right-state", redirect_uri).unwrap(), "c");
    }

    proptest! {
        #[test]
        fn no_text_is_a_callback_without_the_state(target in ".*") {
            prop_assume!(!target.contains("right-state"));
            prop_assert!(read(&target, LOCAL).is_err());
            prop_assert!(read(&target, "https://zynk.com/").is_err());
        }

        #[test]
        fn every_code_comes_through(code in "[!-~]{1,200}", noise in "[a-z]{1,8}=[ -~]{0,50}") {
            let (key, value) = noise.split_once('=').unwrap();
            prop_assume!(!["code", "state", "error"].contains(&key));
            let mut url = Url::parse(LOCAL).unwrap();
            url.query_pairs_mut().append_pair(key, value).append_pair("code", &code).append_pair("state", "right-state");
            prop_assert_eq!(read(url.as_str(), LOCAL).unwrap(), code);
        }
    }
}
