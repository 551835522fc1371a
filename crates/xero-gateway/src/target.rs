//! What a request asks for: one of the gateway's own pages, or a path of one of Xero's APIs with a connection.

use hyper::http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

use crate::refusal::Refusal;

/// Where Xero's APIs begin. Its identity server is not among them: logins are the store's business.
const APIS: [&str; 7] = [
    "/api.xro/2.0",
    "/assets.xro/1.0",
    "/bankfeeds.xro/1.0",
    "/files.xro/1.0",
    "/finance.xro/1.0",
    "/payroll.xro",
    "/projects.xro/2.0",
];
/// Xero's list of the organisations that a login reaches.
const CONNECTIONS: &str = "/connections";
/// What a path may not hold once it was read: some servers read it a second time.
const TWICE: [&[u8]; 4] = [b"%2e", b"%2f", b"%5c", b"%00"];

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/-/health`
    Health,
    /// `/-/metrics`
    Metrics,
    /// The list of the connection's organisations.
    Connections(Place),
    /// A resource of an API.
    Api(Place),
}

/// Path and query at Xero, and the connection that the path began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) connection: Option<String>,
    pub(crate) path: PathAndQuery,
}

impl Target {
    /// Nothing is put right: what another server might read otherwise is refused.
    pub(crate) fn read(asked: &PathAndQuery) -> Result<Self, Refusal> {
        check(asked.path())?;
        match asked.path() {
            "/-/health" => return Ok(Self::Health),
            "/-/metrics" => return Ok(Self::Metrics),
            _ => {}
        }
        let (connection, path) = match asked.path().strip_prefix("/c/").and_then(|rest| rest.split_once('/'))
        {
            Some((name, _)) => (Some(decoded(name)?), &asked.path()["/c/".len() + name.len()..]),
            None => (None, asked.path()),
        };
        let rest = if connection.is_some() { with_query(path, asked.query())? } else { asked.clone() };
        let place = Place { connection, path: rest };
        if APIS.iter().any(|api| path.len() > api.len() && is_below(path, api)) {
            return Ok(Self::Api(place));
        }
        if path.eq_ignore_ascii_case(CONNECTIONS) {
            return Ok(Self::Connections(place));
        }
        if is_below(path, CONNECTIONS) {
            let error = "a connection is not ended through the gateway";
            return Err(Refusal::forbidden("path", error).next("`xeroctl disconnect NAME`"));
        }
        Err(Refusal::new(hyper::StatusCode::NOT_FOUND, "path", "the path is not of one of Xero's APIs")
            .next("begin it with /api.xro/2.0/ or another API, or with /c/NAME/ before that"))
    }
}

/// True where a path is the other one or lies below it, by whole segments and in any case, as Xero reads them.
pub(crate) fn is_below(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    let Some((start, rest)) = path.split_at_checked(above.len()) else { return false };
    start.eq_ignore_ascii_case(above) && (rest.is_empty() || rest.starts_with('/'))
}

fn check(path: &str) -> Result<(), Refusal> {
    let bad = |what: &str| Err(Refusal::bad("path", format!("the path {what}")));
    if !path.starts_with('/') {
        return bad("does not begin with /");
    }
    if path.contains("//") {
        return bad("has an empty segment");
    }
    if path.split('/').any(is_dots) {
        return bad("has a segment of dots");
    }
    // Most paths have nothing that could be read in two ways.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%' && byte != b'\\';
    if path.bytes().all(is_plain) {
        return Ok(());
    }
    let lower = path.to_ascii_lowercase();
    if path.contains('\\') || ["%2f", "%5c"].iter().any(|escaped| lower.contains(escaped)) {
        return bad("has an escaped slash or a backslash");
    }
    if !is_well_escaped(path) {
        return bad("has a percent sign that escapes nothing");
    }
    if is_escaped_twice(path) {
        return bad("is escaped twice");
    }
    let has_control = percent_decode_str(path).any(|byte| byte < 0x20 || byte == 0x7f);
    if has_control || !path.is_ascii() {
        return bad("has a control character, or one that is to be escaped");
    }
    Ok(())
}

/// `.`, `..`, and what some servers take for them: escaped, with spaces, with parameters after a semicolon.
fn is_dots(segment: &str) -> bool {
    let mut name = percent_decode_str(segment).take_while(|byte| *byte != b';');
    !segment.is_empty() && name.all(|byte| [b'.', b' '].contains(&byte))
}

/// However it is spelled: `%252e`, `%25%32%65`, `%252%65`.
fn is_escaped_twice(path: &str) -> bool {
    let read: Vec<u8> = percent_decode_str(path).map(|byte| byte.to_ascii_lowercase()).collect();
    read.windows(3).any(|three| TWICE.contains(&three))
}

fn is_well_escaped(path: &str) -> bool {
    path.split('%')
        .skip(1)
        .all(|rest| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

fn decoded(name: &str) -> Result<String, Refusal> {
    let name = percent_decode_str(name).decode_utf8();
    name.map(Into::into).map_err(|_| Refusal::bad("path", "the connection's name is not UTF-8"))
}

fn with_query(path: &str, query: Option<&str>) -> Result<PathAndQuery, Refusal> {
    let text = query.map_or(path.to_owned(), |query| format!("{path}?{query}"));
    text.parse().map_err(|_| Refusal::bad("path", "the path and query are not those of a URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(asked: &str) -> Result<Target, Refusal> {
        Target::read(&asked.parse().unwrap())
    }

    fn place(connection: Option<&str>, path: &str) -> Place {
        Place { connection: connection.map(str::to_owned), path: path.parse().unwrap() }
    }

    #[test]
    fn what_is_passed_on() {
        for (asked, connection, path) in [
            (
                "/api.xro/2.0/Invoices?page=1&where=a//b..%2f",
                None,
                "/api.xro/2.0/Invoices?page=1&where=a//b..%2f",
            ),
            ("/c/acme/api.xro/2.0/Organisation", Some("acme"), "/api.xro/2.0/Organisation"),
            ("/c/Maple%20Ltd/Files.xro/1.0/Files", Some("Maple Ltd"), "/Files.xro/1.0/Files"),
            (
                "/api.xro/2.0/Invoices/1/Attachments/a..b.pdf",
                None,
                "/api.xro/2.0/Invoices/1/Attachments/a..b.pdf",
            ),
            (
                "/api.xro/2.0/Invoices/1/Attachments/5%25.pdf",
                None,
                "/api.xro/2.0/Invoices/1/Attachments/5%25.pdf",
            ),
            ("/files.xro/1.0/100%252%25", None, "/files.xro/1.0/100%252%25"),
            ("/payroll.xro/1.0/Employees/", None, "/payroll.xro/1.0/Employees/"),
        ] {
            assert_eq!(read(asked), Ok(Target::Api(place(connection, path))), "{asked}");
        }
        assert_eq!(read("/connections?a=b"), Ok(Target::Connections(place(None, "/connections?a=b"))));
        assert_eq!(read("/c/a/connections"), Ok(Target::Connections(place(Some("a"), "/connections"))));
        assert_eq!((read("/-/health"), read("/-/metrics?x")), (Ok(Target::Health), Ok(Target::Metrics)));
    }

    #[test]
    fn what_is_refused() {
        for (asked, status) in [
            ("/", 404),
            ("/api.xro/2.0", 404),
            ("/api.xro/2.0x/Invoices", 404),
            ("/connect/token", 404),
            ("/c/acme/connect/token", 404),
            ("/c/acme", 404),
            ("/identity/connect/authorize", 404),
            ("/connections/1", 403),
            ("/_mock/journal", 404),
            ("/api.xro/2.0/../../connect/token", 400),
            ("/api.xro/2.0/..", 400),
            ("/api.xro/2.0/./Invoices", 400),
            ("/api.xro/2.0/%2e%2E/x", 400),
            ("/api.xro/2.0/.%2e/x", 400),
            ("/api.xro/2.0/..;x/y", 400),
            ("/api.xro/2.0/..%20/y", 400),
            ("/api.xro/2.0/%252e%252e/y", 400),
            ("/api.xro/2.0/Invoices/%25%32%65%25%32%65/Contacts", 400),
            ("/api.xro/2.0/%25%32%45/x", 400),
            ("/api.xro/2.0/a%25%32fb", 400),
            ("/api.xro/2.0/a%252%65b", 400),
            ("/api.xro/2.0/a%25%35cb", 400),
            ("/api.xro/2.0/a%25%30%30b", 400),
            ("/api.xro/2.0/a%2fb", 400),
            ("/api.xro/2.0/a%5Cb", 400),
            ("/api.xro/2.0//Invoices", 400),
            ("//evil.example/api.xro/2.0/x", 400),
            ("/api.xro/2.0/a%00b", 400),
            ("/api.xro/2.0/a%0d%0ab", 400),
            ("/api.xro/2.0/a%", 400),
            ("/api.xro/2.0/a%zz", 400),
            ("/c/%2e%2e/api.xro/2.0/x", 400),
            ("/c/a%2fb/api.xro/2.0/x", 400),
            ("/c/%ff/api.xro/2.0/x", 400),
        ] {
            assert_eq!(read(asked).map_err(|refusal| refusal.status.as_u16()), Err(status), "{asked}");
        }
    }

    #[test]
    fn below_is_by_whole_segments() {
        assert!(is_below("/API.xro/2.0/Invoices", "/api.xro/2.0/invoices/"));
        assert!(is_below("/a/b", "/a") && is_below("/a", "/a/") && is_below("/a", "/"));
        assert!(!is_below("/ab", "/a") && !is_below("/a", "/a/b"));
    }
}
