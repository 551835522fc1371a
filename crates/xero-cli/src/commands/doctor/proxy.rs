//! The proxy that requests go through: what the variables say, and what they are taken for.

use std::env;

use connection_store::is_loopback;
use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use super::finding::Finding;
use crate::failure::Kind;

const CHECK: &str = "proxy";
/// Each in capitals counts before the same in small letters.
const VARIABLES: [(&str, &str); 4] = [
    ("HTTPS_PROXY", "https_proxy"),
    ("ALL_PROXY", "all_proxy"),
    ("HTTP_PROXY", "http_proxy"),
    ("NO_PROXY", "no_proxy"),
];

/// The variables that are set, by their names in capitals: the name that counts, and its value.
#[derive(Debug, Default)]
struct Settings {
    set: Vec<(&'static str, &'static str, String)>,
    /// Set in both spellings, and differently.
    twice: Vec<(&'static str, &'static str)>,
    /// As under a web server's CGI: then no proxy is used at all.
    is_cgi: bool,
}

/// The proxy by way of which a URL is fetched, as the HTTP client itself chooses it.
pub(super) fn of(url: &Url) -> Option<Url> {
    if is_loopback(url) {
        return None;
    }
    let found = Matcher::from_system().intercept(&url.as_str().parse().ok()?)?;
    Url::parse(&found.uri().to_string()).ok()
}

pub(super) fn check() -> Vec<Finding> {
    let is_cgi = env::var_os("REQUEST_METHOD").is_some();
    judge(&Settings::read(|name| env::var(name).ok(), is_cgi))
}

impl Settings {
    fn read(value: impl Fn(&str) -> Option<String>, is_cgi: bool) -> Self {
        let mut settings = Self { is_cgi, ..Self::default() };
        for (capitals, small) in VARIABLES {
            let counts = match (value(capitals), value(small)) {
                (Some(one), other) => {
                    settings.twice.extend(other.filter(|other| *other != one).map(|_| (capitals, small)));
                    Some((capitals, one))
                }
                (None, other) => other.map(|other| (small, other)),
            };
            let set = counts.filter(|(_, value)| !value.is_empty());
            settings.set.extend(set.map(|(name, value)| (capitals, name, value)));
        }
        settings
    }

    fn value(&self, capitals: &str) -> Option<(&'static str, &str)> {
        self.set.iter().find(|(own, ..)| *own == capitals).map(|(_, name, value)| (*name, value.as_str()))
    }
}

fn judge(settings: &Settings) -> Vec<Finding> {
    let of_https = ["HTTPS_PROXY", "ALL_PROXY"].into_iter().filter_map(|name| settings.value(name));
    let mut findings: Vec<_> = of_https.filter_map(|(name, value)| address(name, value)).collect();
    findings.extend(settings.twice.iter().map(|(counts, other)| {
        let what = format!("{counts} and {other} differ; {counts} counts");
        Finding::warning(CHECK, Kind::Usage, what).mend(format!("unset {other}"))
    }));
    findings.extend(settings.value("NO_PROXY").and_then(|(name, value)| exceptions(name, value)));
    findings.extend(only_http(settings));
    let is_set = !settings.set.is_empty();
    if settings.is_cgi && is_set {
        let what = "REQUEST_METHOD is set, as under a web server: no proxy is used";
        findings.push(Finding::warning(CHECK, Kind::Usage, what).mend("unset REQUEST_METHOD"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, if is_set { "the settings can be read" } else { "none is set" }));
    }
    findings
}

/// The value may hold a password: it is not shown.
fn address(name: &str, value: &str) -> Option<Finding> {
    let (kind, anywhere) = (Kind::Usage, Uri::from_static("https://api.xero.com/"));
    let Some(found) = Matcher::builder().all(value).build().intercept(&anywhere) else {
        let what =
            format!("{name} is not the address of a proxy, and is passed over: requests go out without one");
        return Some(
            Finding::problem(CHECK, kind, what)
                .mend(format!("export {name}=http://HOST:PORT, or unset {name}")),
        );
    };
    let is_socks = found.uri().scheme_str().is_some_and(|scheme| scheme.starts_with("socks"));
    is_socks.then(|| {
        let what = format!("{name} names a SOCKS proxy, which this program does not speak");
        Finding::problem(CHECK, kind, what).mend(format!("export {name}=http://HOST:PORT, or unset {name}"))
    })
}

/// Entries that match no host.
fn exceptions(name: &str, value: &str) -> Option<Finding> {
    let odd: Vec<_> = value.split(',').map(str::trim).filter(|entry| matches_nothing(entry)).collect();
    let what = format!("{name} has entries that match no host: {}", odd.join(", "));
    let finding = Finding::warning(CHECK, Kind::Usage, what).because(
        "an entry is a host, a domain with all below it, an address, or a network such as 10.0.0.0/8",
    );
    (!odd.is_empty()).then(|| {
        finding.mend(format!("export {name}= with `xero.example` for `*.xero.example`, and without ports"))
    })
}

fn matches_nothing(entry: &str) -> bool {
    let address = entry.split('/').next().unwrap_or_default();
    let is_address = address.parse::<std::net::IpAddr>().is_ok();
    entry.contains("://") || (entry.contains('*') && entry != "*") || (entry.contains(':') && !is_address)
}

fn only_http(settings: &Settings) -> Option<Finding> {
    let (name, _) = settings.value("HTTP_PROXY")?;
    let none = settings.value("HTTPS_PROXY").or(settings.value("ALL_PROXY")).is_none();
    let what = format!("{name} is for http alone; requests to Xero are https and go out without a proxy");
    none.then(|| Finding::note(CHECK, what).mend("if they need one: export HTTPS_PROXY=http://HOST:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    fn texts(set: &[(&str, &str)], is_cgi: bool) -> String {
        let value =
            |name: &str| set.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let findings = judge(&Settings::read(value, is_cgi));
        findings.iter().map(Finding::text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_the_variables_say() {
        for (set, said) in [
            (&[][..], "none is set"),
            (&[("HTTPS_PROXY", "")], "none is set"),
            (
                &[("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", "localhost,.example,10.0.0.0/8,::1,*")],
                "can be read",
            ),
            (&[("https_proxy", "proxy:3128")], "can be read"),
            (&[("HTTPS_PROXY", "ftp://proxy")], "HTTPS_PROXY is not the address of a proxy"),
            (&[("all_proxy", "http//[")], "all_proxy is not the address of a proxy"),
            (&[("ALL_PROXY", "socks5://proxy:1080")], "a SOCKS proxy"),
            (&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:1")], "next: unset https_proxy"),
            (&[("no_proxy", "*.xero.com, https://x,x:80")], "match no host: *.xero.com, https://x, x:80"),
            (&[("HTTP_PROXY", "http://a:1")], "for http alone"),
        ] {
            assert!(texts(set, false).contains(said), "{set:?}: {}", texts(set, false));
        }
        assert!(texts(&[("HTTPS_PROXY", "http://a:1")], true).contains("unset REQUEST_METHOD"));
    }

    #[test]
    fn a_password_is_never_shown() {
        for value in
            ["http://user:pa55word@[", "socks5://user:pa55word@proxy:1080", "ftp://user:pa55word@proxy"]
        {
            assert!(
                !texts(&[("HTTPS_PROXY", value), ("https_proxy", "x")], false).contains("pa55word"),
                "{value}"
            );
        }
    }

    #[test]
    fn an_http_proxy_alone_is_no_trouble() {
        let value = |name: &str| (name == "http_proxy").then(|| "http://a:1".to_owned());
        assert_eq!(judge(&Settings::read(value, false))[0].mark, Mark::Note);
    }
}
