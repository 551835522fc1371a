//! A hostile page and a hostile local user: refused or bounded, told no secret, and the gateway still serves.

use std::time::Duration;

use xero_gateway::Settings;

use crate::{
    home::{Home, Open},
    wire::Wire,
};

/// Shorter than anybody's patience, and longer than any request of these tests.
const IDLE: Duration = Duration::from_millis(200);
const ORGANISATION: &str = "/api.xro/2.0/Organisation";

/// A request, and the statuses of which the answer has one; 0 stands for a connection that is closed without one.
struct Case {
    name: &'static str,
    request: String,
    statuses: &'static [u16],
    /// How many requests the mock may have had of it.
    passes: usize,
}

fn refused(name: &'static str, request: String, status: &'static [u16]) -> Case {
    Case { name, request, statuses: status, passes: 0 }
}

fn status(answer: &str) -> u16 {
    answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Tries each case over a connection of its own, and then asks in good order.
async fn try_all(home: &Home, gateway: &Open, cases: Vec<Case>) {
    let secrets = secrets(home, gateway).await;
    for Case { name, request, statuses, passes } in cases {
        home.mock.clear_journal();
        let mut wire = Wire::to(gateway.address).await;
        wire.write(&request).await;
        let answer = wire.rest().await;
        assert!(statuses.contains(&status(&answer)), "{name}: {answer}");
        assert!(home.seen().len() <= passes, "{name}: {:?}", home.seen());
        for secret in &secrets {
            assert!(!answer.contains(secret.as_str()), "{name}: {answer}");
        }
        let marked = answer.to_ascii_lowercase().contains("xeroctl-gateway: error");
        assert!(
            marked || passes > 0 || status(&answer) == 0 || answer.ends_with("\r\n\r\n"),
            "{name}: {answer}"
        );
        if let Some((_, said)) = answer.split_once("{\"error\":") {
            assert!(said.contains("\"next\":\""), "what to do about {name}: {answer}");
        }
        assert!(!answer.to_ascii_lowercase().contains("access-control"), "{name}: {answer}");
        assert_eq!(gateway.get("/connections").await.status(), 200, "after {name}");
    }
}

/// All that must never be told: the gateway's token, the access token of the connection.
async fn secrets(home: &Home, gateway: &Open) -> Vec<String> {
    home.mock.clear_journal();
    assert_eq!(gateway.get("/connections").await.status(), 200);
    let sent = home.mock.journal()[0].header("authorization").unwrap().to_owned();
    let access = sent.strip_prefix("Bearer ").unwrap().to_owned();
    assert_ne!(access, gateway.token.expose());
    vec![access, gateway.token.expose().to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_gets_nothing() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    let (address, token) = (gateway.address, gateway.token.expose());
    let port = address.port();
    let with = |more: &str| format!("{}{more}\r\n", gateway.head("GET", ORGANISATION));
    let host = |host: &str| {
        format!("GET {ORGANISATION} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    try_all(&home, &gateway, vec![
        refused("a rebound name", host(&format!("evil.example:{port}")), &[421]),
        refused("a rebound name that begins like ours", host(&format!("localhost.evil.example:{port}")), &[421]),
        refused("the right name without a port", host("127.0.0.1"), &[421]),
        refused("another port", host("127.0.0.1:1"), &[421]),
        refused("a user in the host", host(&format!("x@{address}")), &[421]),
        refused("two hosts", with(&format!("Host: {address}\r\n")), &[400]),
        refused("no host", format!("GET {ORGANISATION} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n"), &[400]),
        refused("HTTP/1.0 without a host", format!("GET {ORGANISATION} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n"), &[400]),
        refused("a cross-origin fetch", with("Connection: close\r\nOrigin: https://evil.example\r\n"), &[403]),
        refused("a sandboxed page", with("Connection: close\r\nOrigin: null\r\n"), &[403]),
        refused("a page of our own address", with(&format!("Connection: close\r\nOrigin: http://{address}\r\n")), &[403]),
        refused("a picture of a page", with("Connection: close\r\nSec-Fetch-Site: cross-site\r\n"), &[403]),
        refused("a question before a fetch", format!(
            "OPTIONS {ORGANISATION} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nOrigin: https://evil.example\r\n\
             Access-Control-Request-Method: POST\r\n\r\n"), &[403]),
    ]).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_is_nothing() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    let (address, token) = (gateway.address, gateway.token.expose());
    let asks = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{more}\r\n");
    let bearer = |value: &str| asks(ORGANISATION, &format!("Authorization: {value}\r\n"));
    try_all(
        &home,
        &gateway,
        vec![
            refused("no token", asks(ORGANISATION, ""), &[401]),
            refused("an empty token", bearer("Bearer "), &[401]),
            refused(
                "another token",
                bearer("Bearer xgw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                &[401],
            ),
            refused("a part of the token", bearer(&format!("Bearer {}", &token[..token.len() - 1])), &[401]),
            refused("more than the token", bearer(&format!("Bearer {token}x")), &[401]),
            refused("another scheme", bearer(&format!("Basic {token}")), &[401]),
            refused(
                "two tokens",
                asks(ORGANISATION, &format!("Authorization: Bearer {token}\r\nAuthorization: Bearer x\r\n")),
                &[401],
            ),
            refused(
                "the token in the query",
                asks(&format!("{ORGANISATION}?access_token={token}"), ""),
                &[401],
            ),
            refused("a connection by guess", asks("/c/acme/api.xro/2.0/Organisation", ""), &[401]),
            refused("a connection that is none", asks("/c/nobody/api.xro/2.0/Organisation", ""), &[401]),
            refused("the metrics", asks("/-/metrics", ""), &[401]),
            refused("the organisations", asks("/connections", ""), &[401]),
        ],
    )
    .await;
    assert_eq!(crate::home::client().get(gateway.url("/-/health")).send().await.unwrap().status(), 200);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_lead_nowhere_else() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    let close = "Connection: close\r\n\r\n";
    let asks = |method: &str, path: &str| format!("{}{close}", gateway.head(method, path));
    let cases: Vec<Case> = [
        ("dots", "/api.xro/2.0/../../connect/token"),
        ("escaped dots", "/api.xro/2.0/%2e%2e/%2E./connect/token"),
        ("dots escaped twice", "/api.xro/2.0/%252e%252e/connect/token"),
        ("dots escaped twice, digit by digit", "/api.xro/2.0/%25%32%65%25%32%65/connect/token"),
        ("a slash escaped twice, digit by digit", "/api.xro/2.0/..%25%32f..%252%66connect"),
        ("half of the digits escaped", "/api.xro/2.0/%252%65%25%32e/connect/token"),
        ("one dot", "/api.xro/2.0/./Organisation"),
        ("dots with a parameter", "/api.xro/2.0/..;a=b/connect/token"),
        ("escaped slash", "/api.xro/2.0/..%2fconnect%2ftoken"),
        ("backslash", "/api.xro/2.0\\..\\connect\\token"),
        ("escaped backslash", "/api.xro/2.0/%5c..%5cconnect"),
        ("empty segment", "/api.xro//2.0/Organisation"),
        ("another host by two slashes", "//evil.example/api.xro/2.0/Organisation"),
        ("escaped NUL", "/api.xro/2.0/a%00"),
        ("escaped line end", "/api.xro/2.0/a%0d%0aX:%20y"),
        ("a lone percent sign", "/api.xro/2.0/a%"),
        ("dots for a connection", "/c/%2e%2e/api.xro/2.0/Organisation"),
        ("another host", "http://evil.example/api.xro/2.0/Organisation"),
        ("Xero itself as by a proxy", "https://api.xero.com/api.xro/2.0/Organisation"),
        ("a relative path", "api.xro/2.0/Organisation"),
        ("a tab", "/api.xro/2.0/a\tb"),
        ("eight bits", "/api.xro/2.0/\u{e9}"),
    ]
    .into_iter()
    .map(|(name, path)| Case { name, request: asks("GET", path), statuses: &[400, 404], passes: 0 })
    .collect();
    try_all(&home, &gateway, cases).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_names_lead_nowhere_else() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    let address = gateway.address;
    let close = "Connection: close\r\n\r\n";
    let asks = |method: &str, path: &str| format!("{}{close}", gateway.head(method, path));
    let cases = vec![
        // It never reaches a server in an address, and is not sent on.
        Case {
            name: "a fragment",
            request: asks("GET", "/api.xro/2.0/a#b"),
            statuses: &[400, 404],
            passes: 1,
        },
        refused("the identity server", asks("POST", "/connect/token"), &[404]),
        refused("the identity server with a connection", asks("POST", "/c/acme/connect/token"), &[404]),
        refused("the mock's controls", asks("GET", "/_mock/journal"), &[404]),
        refused("ending a connection", asks("DELETE", "/connections/1"), &[403]),
        refused("writing to the list", asks("POST", "/connections"), &[403]),
        refused("CONNECT", format!("CONNECT api.xero.com:443 HTTP/1.1\r\nHost: {address}\r\n\r\n"), &[400]),
        refused(
            "CONNECT to ourselves",
            format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
            &[400],
        ),
        refused(
            "a user in the address",
            asks("GET", &format!("http://user:password@{address}/api.xro/2.0/a")),
            &[400],
        ),
        refused("asterisk", asks("OPTIONS", "*"), &[400]),
        refused("TRACE", asks("TRACE", ORGANISATION), &[405]),
        refused("a method of nobody's", asks("BREW", ORGANISATION), &[405]),
        refused(
            "another method by a header",
            format!("{}X-HTTP-Method-Override: DELETE\r\n{close}", gateway.head("GET", ORGANISATION)),
            &[400],
        ),
        refused(
            "another organisation",
            format!(
                "{}Xero-Tenant-Id: 00000000-0000-4000-8000-000000000000\r\n{close}",
                gateway.head("GET", ORGANISATION)
            ),
            &[403],
        ),
        refused(
            "two connections",
            format!(
                "{}Xeroctl-Connection: other\r\n{close}",
                gateway.head("GET", "/c/acme/api.xro/2.0/Organisation")
            ),
            &[400],
        ),
        refused("a connection that is none", asks("GET", "/c/nobody/api.xro/2.0/Organisation"), &[404]),
    ];
    try_all(&home, &gateway, cases).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_second_request_is_smuggled_in() {
    let home = Home::new().await;
    let settings = Settings { idle: IDLE, stall: IDLE, ..Settings::default() };
    let gateway = home.open(settings).await;
    let head = gateway.head("POST", "/api.xro/2.0/Contacts");
    // What would be a second request if the first were read otherwise than it is sent on. It has no token.
    let inner = format!("POST /api.xro/2.0/Invoices HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.address);
    let framed = |framing: &str, body: &str| format!("{head}{framing}\r\n{body}");
    let length = inner.len();
    let case = |name, request, statuses| Case { name, request, statuses, passes: 1 };
    let chunked = format!("0\r\n\r\n{inner}");
    let cases = vec![
        case(
            "length and chunks",
            framed(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunked),
            &[0, 400],
        ),
        case(
            "chunks and length",
            framed(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), &chunked),
            &[0, 400],
        ),
        case(
            "two lengths",
            framed(&format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), &inner),
            &[0, 400],
        ),
        case("two lengths in one", framed(&format!("Content-Length: 0, {length}\r\n"), &inner), &[0, 400]),
        case("a length with a sign", framed(&format!("Content-Length: +{length}\r\n"), &inner), &[0, 400]),
        case("a negative length", framed("Content-Length: -1\r\n", &inner), &[0, 400]),
        case("a length beyond all", framed("Content-Length: 99999999999999999999999\r\n", &inner), &[0, 400]),
        case(
            "chunks that are not last",
            framed("Transfer-Encoding: chunked, identity\r\n", &chunked),
            &[0, 400],
        ),
        case("an encoding of nobody's", framed("Transfer-Encoding: xchunked\r\n", &chunked), &[0, 400]),
        case("a space before the colon", framed("Transfer-Encoding : chunked\r\n", &chunked), &[0, 400]),
        case("a folded header", framed("Transfer-Encoding:\r\n chunked\r\n", &chunked), &[0, 400]),
        case(
            "a chunk of a wrong size",
            framed("Transfer-Encoding: chunked\r\n", &format!("z\r\n{inner}")),
            &[0, 400, 502],
        ),
        case(
            "a chunk too long for a number",
            framed("Transfer-Encoding: chunked\r\n", &format!("fffffffffffffffff\r\n{inner}")),
            &[0, 400, 502],
        ),
        case(
            "a chunk that does not end",
            framed("Transfer-Encoding: chunked\r\n", &format!("5\r\nhelloX\r\n0\r\n\r\n{inner}")),
            &[0, 400, 502],
        ),
        case("a NUL in a header", framed("X-Y: a\0b\r\n", ""), &[0, 400]),
        case("a lone carriage return", framed("X-Y: a\rTransfer-Encoding: chunked\r\n", &chunked), &[0, 400]),
        case("HTTP/0.9", "GET /api.xro/2.0/Organisation\r\n".to_owned(), &[0, 400]),
        case("HTTP/3.0", format!("GET {ORGANISATION} HTTP/3.0\r\n\r\n"), &[0, 400]),
        case("no HTTP at all", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}".to_owned(), &[0, 400]),
    ];
    try_all(&home, &gateway, cases).await;
    gateway.stopped().await;
}

/// Line ends without a carriage return are read as line ends (RFC 9112 section 2.2), and sent on with one.
#[tokio::test(flavor = "multi_thread")]
async fn bare_line_feeds_do_not_split_what_is_sent_on() {
    let home = Home::new().await;
    let gateway = home.open(Settings { idle: IDLE, ..Settings::default() }).await;
    let head = gateway.head("GET", "/connections");
    home.mock.clear_journal();
    let mut wire = Wire::to(gateway.address).await;
    wire.write(format!("{head}X-Y: a\nX-Z: b\n\n")).await;
    let answer = wire.rest().await;
    let journal = home.mock.journal();
    assert!(journal.len() <= 1 && [200, 400].contains(&status(&answer)), "{answer}");
    assert!(journal.iter().all(|entry| entry.header("x-y") == Some("a") && entry.header("x-z") == Some("b")));
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_bounded() {
    let home = Home::new().await;
    let gateway = home.open(Settings { idle: IDLE, ..Settings::default() }).await;
    let head = gateway.head("GET", ORGANISATION);
    let thousand: String = (0..1000).map(|number| format!("X-{number}: a\r\n")).collect();
    try_all(
        &home,
        &gateway,
        vec![
            refused("a giant header", format!("{head}X-Y: {}\r\n\r\n", "a".repeat(1024 * 1024)), &[0, 431]),
            refused("a header without an end", format!("{head}X-Y: {}", "a".repeat(1024 * 1024)), &[0, 431]),
            refused("a thousand headers", format!("{head}{thousand}\r\n"), &[0, 431]),
            refused(
                "a giant path",
                format!("{}\r\n", gateway.head("GET", &format!("/api.xro/2.0/{}", "a".repeat(1024 * 1024)))),
                &[0, 400, 414, 431],
            ),
        ],
    )
    .await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_half_closed_clients_are_given_up() {
    let home = Home::new().await;
    let settings = Settings { idle: IDLE, stall: IDLE, max_connections: 4, ..Settings::default() };
    let gateway = home.open(settings).await;
    let (head, post) = (gateway.head("GET", ORGANISATION), gateway.head("POST", "/api.xro/2.0/Contacts"));
    let whole = format!("{head}\r\n");
    home.mock.clear_journal();
    // More at once than there is room for: each is closed, and the next has its turn.
    let mut lazy = Vec::new();
    for (name, beginning) in [
        ("nothing", ""),
        ("one byte", "G"),
        ("the beginning of HTTP/2", "PRI * HTTP/2.0\r\n"),
        ("a line", "GET / HTTP/1.1\r\n"),
        ("a head without its end", &*head),
        ("a body that never comes", &format!("{post}Content-Length: 10\r\n\r\n")),
        ("a body that stops", &format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")),
        ("a whole preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ] {
        let mut wire = Wire::to(gateway.address).await;
        wire.write(beginning).await;
        lazy.push((name, wire));
    }
    for (name, wire) in &mut lazy {
        let said = wire.rest().await;
        assert!(!said.contains("200 OK"), "{name}: {said}");
    }
    // Somebody who sends a piece now and then is given up all the same.
    let mut dripping = Wire::to(gateway.address).await;
    while !drip(&mut dripping).await {}
    // A client that closed its half after a whole request may have its answer, or not; it is not waited for.
    let mut half = Wire::to(gateway.address).await;
    half.write(&whole).await;
    half.close_half().await;
    let answer = half.rest().await;
    assert!(answer.is_empty() || status(&answer) == 200, "{answer}");
    let mut early = Wire::to(gateway.address).await;
    early.write(format!("{post}Content-Length: 1000\r\n\r\nabc")).await;
    drop(early);
    assert_eq!(gateway.get("/connections").await.status(), 200);
    gateway.stopped().await;
}

/// Sends a byte of a head; true once the other side has closed.
async fn drip(wire: &mut Wire) -> bool {
    wire.write("G").await;
    wire.closed_within(IDLE / 10).await
}
