//! A hostile client that speaks HTTP/2: refused or bounded, told no secret, and the gateway still serves.

use std::time::Duration;

use xero_gateway::Settings;

use crate::{
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PUSH_PROMISE, RST_STREAM,
        SETTINGS, WHOLE, WINDOW_UPDATE, client, field, frame, is_refused, next, rest,
    },
    home::{Home, Open, maple},
    wire::ByHand,
};

/// Shorter than anybody's patience, and longer than any request of these tests.
const IDLE: Duration = Duration::from_millis(200);
const ORGANISATION: &str = "/api.xro/2.0/Organisation";
const MANY: u32 = 20_000;
/// Why a stream is reset that is one too many (RFC 9113, section 7).
const REFUSED_STREAM: u32 = 7;

type Case = (&'static str, Vec<u8>);

/// A request's head, as the gateway takes it.
fn fields(gateway: &Open, method: &str, path: &str) -> Vec<Vec<u8>> {
    vec![
        field(":method", method),
        field(":scheme", "http"),
        field(":authority", gateway.address.to_string()),
        field(":path", path),
        field("authorization", format!("Bearer {}", gateway.token.expose())),
    ]
}

/// The same, with more.
fn with(gateway: &Open, more: &[(&str, &str)]) -> Vec<u8> {
    let more = more.iter().map(|(name, value)| field(name, value));
    fields(gateway, "GET", ORGANISATION).into_iter().chain(more).flatten().collect()
}

/// The same, with another field in the place of one; `None`: without it.
fn instead(gateway: &Open, at: usize, other: Option<(&str, &str)>) -> Vec<u8> {
    let mut all = fields(gateway, "GET", ORGANISATION);
    all[at] = other.map(|(name, value)| field(name, value)).unwrap_or_default();
    all.concat()
}

fn request(block: &[u8]) -> Vec<u8> {
    frame(HEADERS, WHOLE, 1, block)
}

async fn impatient(home: &Home) -> Open {
    home.open(Settings { idle: IDLE, stall: IDLE, ..Settings::default() }).await
}

/// Tries each case over a connection of its own: nothing of it reaches Xero, and whoever asks in good order is served.
async fn try_all(home: &Home, gateway: &Open, cases: Vec<Case>) {
    for (name, bytes) in cases {
        home.mock.clear_journal();
        let mut wire = client(gateway.address, &[]).await;
        wire.write(&bytes).await;
        let frames = rest(&mut wire).await;
        assert!(is_refused(&frames), "{name}: {frames:?}");
        assert!(home.seen().is_empty(), "{name}: {:?}", home.seen());
        is_well(gateway, &frames, name).await;
    }
}

/// No secret was told, and the gateway serves.
async fn is_well(gateway: &Open, frames: &[Frame], after: &str) {
    let token = gateway.token.expose().as_bytes();
    let told = |frame: &Frame| frame.payload.windows(token.len()).any(|part| part == token);
    assert!(!frames.iter().any(told), "{after}: {frames:?}");
    assert_eq!(gateway.get("/connections").await.status(), 200, "after {after}");
}

/// What the tests below refuse is refused for what is wrong with it: this has nothing wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_by_hand_is_served() {
    let home = Home::new().await;
    let gateway = impatient(&home).await;
    let mut wire = client(gateway.address, &[]).await;
    wire.write(request(&with(&gateway, &[("host", &gateway.address.to_string()), ("te", "trailers")]))).await;
    let frames = rest(&mut wire).await;
    assert!(frames.iter().any(Frame::is_success) && !is_refused(&frames), "{frames:?}");
    assert_eq!(home.seen(), [format!("GET {ORGANISATION}")]);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_paths_lead_nowhere_else() {
    let home = Home::new().await;
    let gateway = impatient(&home).await;
    let own = gateway.address.to_string();
    let port = gateway.address.port();
    let authority = |other: &str| request(&instead(&gateway, 2, Some((":authority", other))));
    let path = |other: &str| request(&instead(&gateway, 3, Some((":path", other))));
    let user = format!("user:password@{own}");
    let rebound = format!("evil.example:{port}");
    let cases = vec![
        ("another authority", authority(&rebound)),
        ("Xero's authority", authority("api.xero.com")),
        ("a user in the authority", authority(&user)),
        ("an empty authority", authority("")),
        ("an authority that is none", authority("a b")),
        ("another host than the authority", request(&with(&gateway, &[("host", &rebound)]))),
        ("two hosts", request(&with(&gateway, &[("host", &own), ("host", &own)]))),
        ("no authority and no host", request(&instead(&gateway, 2, None))),
        (
            "another host without an authority",
            request(&[instead(&gateway, 2, None), field("host", &rebound)].concat()),
        ),
        ("dots", path("/api.xro/2.0/../../connect/token")),
        ("escaped dots", path("/api.xro/2.0/%2e%2e/connect/token")),
        ("escaped slash", path("/api.xro/2.0/..%2fconnect%2ftoken")),
        ("backslash", path("/api.xro/2.0\\..\\connect")),
        ("an address for a path", path("http://evil.example/api.xro/2.0/Organisation")),
        ("another host by two slashes", path("//evil.example/api.xro/2.0/Organisation")),
        ("an asterisk", path("*")),
        ("an empty path", path("")),
        ("a relative path", path("api.xro/2.0/Organisation")),
        ("a space in the path", path("/api.xro/2.0/a HTTP/1.1")),
        ("a line end in the path", path("/api.xro/2.0/a\r\nX-Y: b")),
        ("the identity server", path("/connect/token")),
        ("a page of a browser", request(&with(&gateway, &[("origin", "https://evil.example")]))),
        ("no token", request(&instead(&gateway, 4, None))),
        ("another token", request(&instead(&gateway, 4, Some(("authorization", "Bearer xgw_A"))))),
    ];
    try_all(&home, &gateway, cases).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_malformed_are_refused() {
    let home = Home::new().await;
    let gateway = impatient(&home).await;
    let more = |name: &str, value: &str| request(&with(&gateway, &[(name, value)]));
    let method = |name: &str| request(&instead(&gateway, 0, Some((":method", name))));
    let late =
        [fields(&gateway, "GET", ORGANISATION).concat(), field(":path", "/api.xro/2.0/Users")].concat();
    let protocol =
        |name: &str| [fields(&gateway, "CONNECT", ORGANISATION).concat(), field(":protocol", name)].concat();
    let to_connect = [field(":method", "CONNECT"), field(":authority", "api.xero.com:443")].concat();
    let cases = vec![
        ("a connection header", more("connection", "close")),
        ("an encoding of one hop", more("transfer-encoding", "chunked")),
        ("an upgrade", more("upgrade", "h2c")),
        ("keep-alive", more("keep-alive", "5")),
        ("a proxy's connection", more("proxy-connection", "close")),
        ("capitals in a name", more("X-Y", "a")),
        ("a line end in a value", more("x-y", "a\r\nauthorization: b")),
        ("a NUL in a value", more("x-y", "a\0b")),
        ("a colon in a name", more("x:y", "a")),
        ("an empty name", more("", "a")),
        ("a path after other fields", request(&late)),
        ("an unknown pseudo-field", more(":other", "a")),
        ("an answer's pseudo-field", more(":status", "200")),
        ("no method", request(&instead(&gateway, 0, None))),
        ("no scheme", request(&instead(&gateway, 1, None))),
        ("no path", request(&instead(&gateway, 3, None))),
        ("two methods", more(":method", "GET")),
        ("a method that is none", method("G T")),
        ("TRACE", method("TRACE")),
        ("CONNECT", request(&to_connect)),
        ("CONNECT with a path", method("CONNECT")),
        ("an extended CONNECT", request(&protocol("websocket"))),
        ("a length with no body", more("content-length", "5")),
        ("two lengths", request(&with(&gateway, &[("content-length", "0"), ("content-length", "5")]))),
        ("a block that is no HPACK", request(&[0xff; 32])),
        ("an index beyond the table", request(&[&with(&gateway, &[])[..], &[0xfe]].concat())),
        (
            "a table beyond its limit",
            request(&[&[0x3f, 0xff, 0xff, 0x7f][..], &with(&gateway, &[])].concat()),
        ),
    ];
    try_all(&home, &gateway, cases).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_out_of_order_end_the_connection() {
    let home = Home::new().await;
    let gateway = impatient(&home).await;
    let block = with(&gateway, &[]);
    let unended = frame(HEADERS, END_STREAM, 1, &block);
    let settings = |id: u8, value: u32| [&[0, id][..], &value.to_be_bytes()].concat();
    let cases = vec![
        ("a stream of the server's", frame(HEADERS, WHOLE, 2, &block)),
        ("a head on no stream", frame(HEADERS, WHOLE, 0, &block)),
        ("data without a head", frame(DATA, END_STREAM, 1, b"a")),
        ("a reset of nothing", frame(RST_STREAM, 0, 1, &[0; 4])),
        ("a promise of a client", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("the end of a head alone", frame(CONTINUATION, END_HEADERS, 1, &block)),
        ("a head that another frame breaks off", [unended.clone(), frame(PING, 0, 0, &[0; 8])].concat()),
        ("a head that goes on elsewhere", [unended, frame(CONTINUATION, END_HEADERS, 3, &[])].concat()),
        ("a frame that is too long", frame(HEADERS, WHOLE, 1, &vec![0; 20_000])),
        ("padding longer than its frame", frame(HEADERS, WHOLE | 8, 1, &[200, 0, 0])),
        ("a ping of a wrong length", frame(PING, 0, 0, &[0; 7])),
        ("settings of a wrong length", frame(SETTINGS, 0, 0, &[0; 5])),
        ("a frame size that is none", frame(SETTINGS, 0, 0, &settings(5, 1))),
        ("a window beyond all", frame(SETTINGS, 0, 0, &settings(4, u32::MAX))),
        ("a window that grows by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a window that grows too much", frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes())),
    ];
    try_all(&home, &gateway, cases).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_heads_are_bounded() {
    let home = Home::new().await;
    let gateway = impatient(&home).await;
    let block = with(&gateway, &[]);
    let long = field("x-y", "a".repeat(16_000));
    let begin = frame(HEADERS, END_STREAM, 1, &block);
    let go_on = |count: usize, part: &[u8]| frame(CONTINUATION, 0, 1, part).repeat(count);
    let end = frame(CONTINUATION, END_HEADERS, 1, &[]);
    // A field of some length, kept by the receiver, and then named again by a byte.
    let kept = [&[0x40, 3][..], b"x-y", &[0x7f, 0x81, 0x1e], &[b'a'; 4000]].concat();
    let bomb = [&block[..], &kept, &[0xbe].repeat(10_000)].concat();
    let cases = vec![
        ("a long list of headers", [begin.clone(), go_on(10, &long), end].concat()),
        ("a head without an end", [begin.clone(), go_on(2000, &long)].concat()),
        ("a head of frames without anything", [begin, go_on(100_000, &[])].concat()),
        ("a short head that grows", request(&bomb)),
    ];
    try_all(&home, &gateway, cases).await;
    gateway.stopped().await;
}

/// Streams that are reset as soon as they were opened, as in CVE-2023-44487.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_and_resets_without_end_is_sent_away() {
    let home = Home::new().await;
    let gateway = impatient(&home).await;
    home.mock.clear_journal();
    let (block, mut flood) = (with(&gateway, &[]), Vec::new());
    for stream in (1..2 * MANY).step_by(2) {
        flood.extend(frame(HEADERS, WHOLE, stream, &block));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut wire = client(gateway.address, &[]).await;
    wire.write(flood).await;
    let frames = rest(&mut wire).await;
    let seen = home.seen().len();
    assert!(seen < 200, "{seen} of {MANY} reached Xero");
    assert!(is_refused(&frames), "{frames:?}");
    is_well(&gateway, &frames, "the flood").await;
    gateway.stopped().await;
}

/// Each wants an answer. Whoever takes none of them is not read on, and at last given up.
#[tokio::test(flavor = "multi_thread")]
async fn floods_of_small_frames_pile_nothing_up() {
    let home = Home::new().await;
    let gateway = impatient(&home).await;
    for (name, one) in [
        ("pings", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("settings that change", frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("windows that grow", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ("priorities", frame(2, 0, 1, &[0, 0, 0, 3, 1])),
        ("frames that nobody knows", frame(0xf0, 0, 0, &[0; 8])),
    ] {
        let mut wire = client(gateway.address, &[]).await;
        wire.write(one.repeat(20 * MANY as usize)).await;
        let frames = rest(&mut wire).await;
        is_well(&gateway, &frames, name).await;
    }
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_no_room_for_an_answer_frees_its_place() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.connect_to("by-hand", &server.url(), Some(maple()));
    let gateway = home.open(Settings { at_once: 1, idle: IDLE, stall: IDLE, ..Settings::default() }).await;
    // SETTINGS_INITIAL_WINDOW_SIZE of nothing.
    let mut wire = client(gateway.address, &[0, 4, 0, 0, 0, 0]).await;
    let block = fields(&gateway, "GET", "/c/by-hand/files.xro/1.0/Files").concat();
    wire.write(request(&block)).await;
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody").await;
    let frames = rest(&mut wire).await;
    assert!(frames.iter().any(Frame::is_success), "{frames:?}");
    assert!(!frames.iter().any(|frame| frame.kind == DATA), "{frames:?}");
    let after = tokio::spawn(gateway.request("GET", "/c/by-hand/files.xro/1.0/Files").send());
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(after.await.unwrap().unwrap().status(), 204);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_counted() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.connect_to("by-hand", &server.url(), Some(maple()));
    let gateway = home.open(Settings { at_once: 1, ..Settings::default() }).await;
    let block = fields(&gateway, "GET", "/c/by-hand/files.xro/1.0/Files").concat();
    let mut wire = client(gateway.address, &[]).await;
    // Until its settings have come a client may not know how many there may be.
    while next(&mut wire).await.kind != SETTINGS {}
    let streams: Vec<u8> =
        (1..=2 * 101).step_by(2).flat_map(|stream| frame(HEADERS, WHOLE, stream, &block)).collect();
    wire.write(streams).await;
    let refused = loop {
        let frame = next(&mut wire).await;
        if matches!(frame.kind, RST_STREAM | GOAWAY) {
            break frame;
        }
    };
    assert_eq!((refused.stream, refused.code()), (201, Some(REFUSED_STREAM)), "{refused:?}");
    // The others wait for their turn, one at a time.
    let mut xero = server.accept().await;
    for _ in 0..3 {
        xero.until("\r\n\r\n").await;
        xero.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    }
    drop(wire);
    drop(xero);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_half_stays_closed() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.connect_to("by-hand", &server.url(), Some(maple()));
    let gateway = impatient(&home).await;
    let block = fields(&gateway, "GET", "/c/by-hand/files.xro/1.0/Files").concat();
    for (name, more) in [
        ("data after the end", frame(DATA, 0, 1, b"more")),
        ("a second head after the end", request(&block)),
        ("an older stream", [frame(HEADERS, WHOLE, 5, &block), frame(HEADERS, WHOLE, 3, &block)].concat()),
    ] {
        let mut wire = client(gateway.address, &[]).await;
        wire.write([request(&block), more].concat()).await;
        let frames = rest(&mut wire).await;
        assert!(is_refused(&frames), "{name}: {frames:?}");
        is_well(&gateway, &frames, name).await;
    }
    gateway.stopped().await;
}
