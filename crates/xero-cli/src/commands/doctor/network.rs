//! The way to each server: name, connection, TLS, answer, and the time that it tells.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime},
};

use connection_store::{AppKind, Connection, Server};
use reqwest::{Response, StatusCode, header::DATE};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::{Silent, finding::Finding, proxy};
use crate::{
    Context,
    failure::{Failure, Kind, Outcome},
    xero_api,
};

/// A server that is there has been found and connected to by then.
const PATIENCE: Duration = Duration::from_secs(10);
/// How wrong the clock may be, in seconds.
const CLOCK_SLACK: u64 = 60;
/// How wrong it may be for OAuth 1.0a: Xero wants five minutes.
const SIGNATURE_SLACK: u64 = 300;

/// An address, and the proxy on the way to it.
#[derive(Debug)]
struct Way {
    url: Url,
    proxy: Option<Url>,
    /// An API refuses a request without a token; whatever does not is no API.
    is_api: bool,
}

/// How far a request came.
#[derive(Debug)]
enum Seen {
    NoClient(Failure),
    Unresolved(String),
    Unconnected(String),
    /// It broke during TLS, in the proxy's tunnel or after it: the errors, one the cause of the other.
    Broken(Vec<String>),
    Answered(StatusCode),
}

/// What came of one way.
struct Looked {
    findings: Vec<Finding>,
    /// By how many seconds this machine's clock is behind the server's.
    behind: Option<i64>,
    answered: bool,
}

/// Looks at all servers; gives also the API addresses of those that do not answer.
pub(super) fn check(
    context: &Context,
    servers: &[&Server],
    connections: &[&Connection],
) -> Outcome<(Vec<Finding>, Silent)> {
    let (mut findings, mut silent) = (Vec::new(), Silent::new());
    for server in servers {
        let of_server: Vec<_> = connections.iter().filter(|one| one.app.server == **server).collect();
        let only_private =
            !of_server.is_empty() && of_server.iter().all(|one| one.app.kind == AppKind::Private);
        let signs = of_server.iter().any(|one| one.app.kind == AppKind::Private);
        for way in ways(server, only_private) {
            let looked = context.block_on(async { Ok(look(&way, context.timeout()).await) })?;
            findings.extend(looked.findings);
            if way.is_api {
                findings.push(clock(looked.behind, looked.answered, signs));
                silent.extend((!looked.answered).then(|| server.api().to_string()));
            }
        }
    }
    Ok((findings, silent))
}

/// The addresses that are spoken to; a server that stands in for Xero has one.
fn ways(server: &Server, only_private: bool) -> Vec<Way> {
    let endpoints = server.endpoints();
    let way = |url: Url, is_api| Way { proxy: proxy::of(&url), url, is_api };
    let mut ways = vec![way(endpoints.connections, true)];
    if !only_private && endpoints.token.origin() != ways[0].url.origin() {
        ways.push(way(endpoints.token, false));
    }
    ways
}

async fn look(way: &Way, timeout: Duration) -> Looked {
    let (seen, behind) = match reach(way, timeout.min(PATIENCE)).await {
        Some(seen) => (seen, None),
        None => ask(way, timeout).await,
    };
    let answered = matches!(seen, Seen::Answered(_));
    Looked { findings: judge(way, seen), behind, answered }
}

/// Resolves and connects to the next host on the way. `None`: it is there.
async fn reach(way: &Way, patience: Duration) -> Option<Seen> {
    let next = way.next();
    let (host, port) = (next.host_str()?.trim_matches(['[', ']']), next.port_or_known_default()?);
    let addresses: Vec<SocketAddr> = match tokio::time::timeout(patience, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Some(Seen::Unresolved(error.to_string())),
        Err(_) => return Some(Seen::Unresolved(slow(patience))),
    };
    match tokio::time::timeout(patience, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(Seen::Unconnected(error.to_string())),
        Err(_) => Some(Seen::Unconnected(slow(patience))),
    }
}

fn slow(patience: Duration) -> String {
    format!("no answer within {} seconds", patience.as_secs())
}

/// A request without a token, which any server answers.
async fn ask(way: &Way, timeout: Duration) -> (Seen, Option<i64>) {
    let client = match xero_api::client(&way.url, timeout) {
        Ok(client) => client,
        Err(failure) => return (Seen::NoClient(failure), None),
    };
    match client.get(way.url.clone()).send().await {
        Ok(response) => (Seen::Answered(response.status()), behind(&response, SystemTime::now())),
        Err(error) => (Seen::Broken(chain(&error.without_url())), None),
    }
}

fn chain(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    texts
}

/// Whole seconds: `Date` has no others (RFC 9110 section 5.6.7).
fn behind(response: &Response, now: SystemTime) -> Option<i64> {
    let date = response.headers().get(DATE)?.to_str().ok()?;
    let date = OffsetDateTime::parse(date, &Rfc2822).ok()?;
    Some(date.unix_timestamp() - OffsetDateTime::from(now).unix_timestamp())
}

impl Way {
    /// The host that is connected to: the proxy, or the server itself.
    fn next(&self) -> &Url {
        self.proxy.as_ref().unwrap_or(&self.url)
    }

    fn host(&self) -> String {
        shown(&self.url)
    }
}

/// Host and port, where that is not the usual one. Never a user or a password.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

fn judge(way: &Way, seen: Seen) -> Vec<Finding> {
    match seen {
        Seen::NoClient(failure) => vec![Finding::of_failure("tls", failure)],
        Seen::Unresolved(why) => vec![unresolved(way, why)],
        Seen::Unconnected(why) => vec![unconnected(way, why)],
        Seen::Broken(why) => vec![broken(way, why)],
        Seen::Answered(status) => answered(way, status),
    }
}

fn unresolved(way: &Way, why: String) -> Finding {
    let host = way.next().host_str().unwrap_or_default().to_owned();
    let mend = match &way.proxy {
        Some(_) => "check the host in HTTPS_PROXY, or unset it".to_owned(),
        None => format!(
            "check the network and its name servers: getent hosts {host}; where all goes through a proxy: \
                         export HTTPS_PROXY=http://HOST:PORT"
        ),
    };
    Finding::problem("dns", Kind::Temporary, format!("{host} cannot be resolved")).because(why).mend(mend)
}

fn unconnected(way: &Way, why: String) -> Finding {
    let next = shown(way.next());
    let (check, what, mend) = match &way.proxy {
        Some(_) => (
            "proxy",
            format!("the proxy {next} cannot be reached"),
            "check HTTPS_PROXY, or unset it; a host that needs no proxy belongs into NO_PROXY",
        ),
        None => (
            "network",
            format!("{next} cannot be reached"),
            "check the network and the firewall, and that the server runs; `xeroctl doctor --offline` leaves it out",
        ),
    };
    Finding::problem(check, Kind::Temporary, what).because(why).mend(mend)
}

/// What broke, as far as the errors tell.
fn broken(way: &Way, why: Vec<String>) -> Finding {
    let Cause { check, what, mend, .. } = *cause(&why.join(": "), way.proxy.is_some());
    let finding = Finding::problem(check, Kind::Temporary, what).about(way.host()).mend(mend);
    why.into_iter().fold(finding, Finding::because)
}

/// What is wrong and what to do, and by which words of the TLS and HTTP libraries it is known.
struct Cause {
    words: &'static [&'static str],
    check: &'static str,
    what: &'static str,
    mend: &'static str,
}

/// The first that fits counts.
const CAUSES: [Cause; 6] = [
    Cause {
        words: &["unknownissuer"],
        check: "tls",
        what: "its certificate is of no authority that this machine trusts: a proxy or virus scanner may show its own",
        mend: "have the root certificate of whoever looks in installed here (or in a file that SSL_CERT_FILE names), or \
               have it leave this server alone",
    },
    Cause {
        words: &["notvalidforname"],
        check: "tls",
        what: "its certificate is for another name",
        mend: "check the name servers, /etc/hosts and the proxy: this is another server",
    },
    Cause {
        words: &["certificate expired", "peer certificate: expired", "notvalidyet", "not valid yet"],
        check: "tls",
        what: "its certificate is not valid now, by the clock of this machine",
        mend: SET_CLOCK,
    },
    Cause {
        words: &["corrupt message", "invalidcontenttype"],
        check: "tls",
        what: "what answers there does not speak TLS",
        mend: "check the address and the port, and HTTPS_PROXY: something else answers",
    },
    Cause {
        words: &["tunnel", "proxy"],
        check: "proxy",
        what: "the proxy does not let it through",
        mend: "have whoever runs the proxy let it through; where it wants a user, HTTPS_PROXY names one",
    },
    Cause {
        words: &["handshake", "protocolversion", "incompatible"],
        check: "tls",
        what: "no TLS connection comes about",
        mend: "have whoever runs the proxy or firewall allow TLS 1.2 and 1.3",
    },
];

const BROKE_OFF: Cause = Cause {
    words: &[],
    check: "network",
    what: "the connection breaks off",
    mend: "try again: xeroctl doctor",
};
const BEHIND_PROXY: Cause = Cause {
    words: &[],
    check: "proxy",
    what: "the connection breaks off behind the proxy",
    mend: "have whoever runs the proxy let it through, and try again",
};

fn cause(errors: &str, through_proxy: bool) -> &'static Cause {
    let errors = errors.to_ascii_lowercase();
    let known = CAUSES.iter().find(|cause| cause.words.iter().any(|word| errors.contains(word)));
    known.unwrap_or(if through_proxy { &BEHIND_PROXY } else { &BROKE_OFF })
}

fn answered(way: &Way, status: StatusCode) -> Vec<Finding> {
    let host = way.host();
    if status.is_server_error() {
        let what = format!("answers with status {}", status.as_u16());
        let finding = Finding::warning("network", Kind::Temporary, what).about(host);
        return vec![finding.mend("try again later, and look at status.xero.com")];
    }
    if way.is_api && (status.is_success() || status.is_redirection()) {
        let what = format!("something else answers in its place (status {})", status.as_u16());
        let finding = Finding::problem("network", Kind::Other, what).about(host);
        return vec![finding.mend(
            "check --xero-url and any proxy in between; open a page in a browser: a network may want a login",
        )];
    }
    let through = way.proxy.as_ref().map(|proxy| format!(" by way of the proxy {}", shown(proxy)));
    let mut findings = Vec::new();
    if host_is_name(way.next()) {
        findings
            .push(Finding::ok("dns", format!("{} is resolved", way.next().host_str().unwrap_or_default())));
    }
    findings
        .push(Finding::ok("network", format!("answers{}", through.unwrap_or_default())).about(host.clone()));
    findings.push(match way.url.scheme() {
        "https" => Finding::ok("tls", "its certificate is trusted here").about(host),
        _ => Finding::ok("tls", "none is needed on this machine").about(host),
    });
    findings
}

fn host_is_name(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().is_err())
}

fn clock(behind: Option<i64>, answered: bool, signs: bool) -> Finding {
    let Some(behind) = behind else {
        let why = if answered { "the server does not tell the time" } else { "no server told the time" };
        return Finding::not_checked("clock", why);
    };
    let (by, way) = (behind.unsigned_abs(), if behind > 0 { "behind" } else { "ahead of" });
    if by <= CLOCK_SLACK {
        return Finding::ok("clock", "within a minute of the server's");
    }
    let what = format!("this machine is {by} seconds {way} the server");
    let finding = match signs && by > SIGNATURE_SLACK {
        true => {
            Finding::problem("clock", Kind::Refused, what).because("signatures of private apps are refused")
        }
        false => Finding::warning("clock", Kind::Other, what).because("it is not known when tokens end"),
    };
    finding.mend(SET_CLOCK)
}

const SET_CLOCK: &str = if cfg!(windows) {
    "w32tm /resync"
} else if cfg!(target_os = "macos") {
    "sudo sntp -sS time.apple.com"
} else {
    "sudo timedatectl set-ntp true"
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::Mark;

    fn way(url: &str, proxy: Option<&str>) -> Way {
        let parse = |text: &str| Url::parse(text).unwrap();
        Way { url: parse(url), proxy: proxy.map(parse), is_api: true }
    }

    #[test]
    fn a_clock_may_be_a_minute_off() {
        for (behind, signs, mark) in [
            (0, true, Mark::Ok),
            (60, true, Mark::Ok),
            (-60, false, Mark::Ok),
            (61, false, Mark::Warning),
            (-61, true, Mark::Warning),
            (300, true, Mark::Warning),
            (301, true, Mark::Problem),
            (-7200, true, Mark::Problem),
            (7200, false, Mark::Warning),
        ] {
            assert_eq!(clock(Some(behind), true, signs).mark, mark, "{behind} {signs}");
        }
        assert!(clock(Some(-90), true, false).text().contains("90 seconds ahead of the server"));
        assert!(clock(None, true, false).text().contains("not checked: the server does not tell"));
    }

    #[test]
    fn what_broke() {
        for (errors, check, said) in [
            (
                "error sending request: client error (Connect): invalid peer certificate: UnknownIssuer",
                "tls",
                "trusts",
            ),
            ("invalid peer certificate: NotValidForName", "tls", "another name"),
            ("invalid peer certificate: certificate expired: verification time 1", "tls", "clock"),
            ("received corrupt message of type InvalidContentType", "tls", "does not speak TLS"),
            ("client error (Connect): tunnel error: unsuccessful", "proxy", "let it through"),
            ("tunnel error: proxy authorization required", "proxy", "let it through"),
            ("received fatal alert: HandshakeFailure", "tls", "no TLS connection"),
            ("connection closed before message completed", "network", "breaks off"),
        ] {
            let found = cause(errors, false);
            assert_eq!(found.check, check, "{errors}");
            assert!(found.what.contains(said), "{errors}: {}", found.what);
        }
        assert_eq!(cause("connection reset by peer", true).check, "proxy");
    }

    #[test]
    fn how_far_it_came() {
        let api = || way("https://api.example:8443/connections", None);
        let proxied = || way("https://api.example/connections", Some("http://user:pa55@proxy:3128/"));
        let text = |way: Way, seen| {
            let findings = judge(&way, seen);
            findings.iter().map(Finding::text).collect::<Vec<_>>().join("\n")
        };
        for (found, said) in [
            (
                text(api(), Seen::Unresolved("no such host".into())),
                "problem  dns           api.example cannot",
            ),
            (text(proxied(), Seen::Unresolved("no".into())), "proxy cannot be resolved"),
            (
                text(api(), Seen::Unconnected("refused".into())),
                "network       api.example:8443 cannot be reached",
            ),
            (text(proxied(), Seen::Unconnected("refused".into())), "the proxy proxy:3128 cannot be reached"),
            (text(api(), Seen::Answered(StatusCode::UNAUTHORIZED)), "trusted here"),
            (text(api(), Seen::Answered(StatusCode::OK)), "something else answers in its place (status 200)"),
            (text(api(), Seen::Answered(StatusCode::FOUND)), "something else answers"),
            (
                text(api(), Seen::Answered(StatusCode::BAD_GATEWAY)),
                "warning  network       api.example:8443: answers with status 502",
            ),
            (text(proxied(), Seen::Answered(StatusCode::UNAUTHORIZED)), "by way of the proxy proxy:3128"),
        ] {
            assert!(found.contains(said), "{found}");
            assert!(!found.contains("pa55"), "{found}");
        }
        assert!(
            !text(way("http://127.0.0.1:1/", None), Seen::Answered(StatusCode::UNAUTHORIZED)).contains("dns")
        );
    }

    #[test]
    fn xero_has_two_hosts_and_a_stand_in_has_one() {
        let hosts =
            |server: &Server, private| ways(server, private).iter().map(Way::host).collect::<Vec<_>>();
        assert_eq!(hosts(&Server::xero(), false), ["api.xero.com", "identity.xero.com"]);
        assert_eq!(hosts(&Server::xero(), true), ["api.xero.com"]);
        assert_eq!(hosts(&Server::at("http://127.0.0.1:8790").unwrap(), false), ["127.0.0.1:8790"]);
    }
}
