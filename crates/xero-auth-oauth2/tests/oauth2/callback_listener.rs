//! The browser comes back, and whoever else comes to the port changes nothing.

use std::{net::TcpListener as StdListener, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use xero_auth_oauth2::{AuthorizationCode, Error, Listener, RedirectUri, ReturnPage, State};

const MINUTE: Duration = Duration::from_secs(60);

struct Login {
    port: u16,
    outcome: JoinHandle<Result<AuthorizationCode, Error>>,
}

impl Login {
    fn start(limit: Duration) -> Self {
        let listener = Listener::bind(&free_ports()).unwrap();
        let port = listener.redirect_uri().port();
        let outcome = tokio::spawn(async move {
            let page = ReturnPage { return_to: "the <terminal> window".into() };
            listener.wait(&State::from_stored("right").unwrap(), limit, &page).await
        });
        Self { port, outcome }
    }

    async fn get(&self, target: &str) -> String {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", self.port)).await
    }

    async fn send(&self, request: &str) -> String {
        talk(&format!("127.0.0.1:{}", self.port), request).await
    }

    async fn end(self) -> Result<String, Error> {
        self.outcome.await.unwrap().map(|code| code.expose().to_owned())
    }
}

/// Ports that are free now. Another program may be quicker: hence several.
fn free_ports() -> Vec<RedirectUri> {
    let sockets: Vec<_> = (0..8).map(|_| StdListener::bind("127.0.0.1:0").unwrap()).collect();
    sockets.iter().map(|socket| local(socket.local_addr().unwrap().port())).collect()
}

fn local(port: u16) -> RedirectUri {
    RedirectUri::parse(&format!("http://localhost:{port}/callback")).unwrap()
}

/// Everything until the other side hangs up.
async fn talk(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read_all(&mut stream).await
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is an end as well: the listener does not wait for what it need not read.
    while let Ok(1..) = stream.read_buf(&mut answer).await {}
    String::from_utf8(answer).unwrap()
}

fn has_ipv6() -> bool {
    StdListener::bind("[::1]:0").is_ok()
}

#[tokio::test]
async fn a_consent() {
    let login = Login::start(MINUTE);
    let answer =
        login.get("/callback?code=the-code&scope=openid&state=right&session_state=the-session").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
    for header in [
        "content-type: text/html; charset=utf-8",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "connection: close",
        "content-security-policy: default-src 'none'; style-src 'sha256-",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert!(answer.contains("the &#60;terminal&#62; window"), "{answer}");
    for kept in ["the-code", "the-session", "right", "<script", "<img", "<link"] {
        assert!(!answer.contains(kept), "{kept}: {answer}");
    }
    assert_eq!(login.end().await.unwrap(), "the-code");
}

#[tokio::test]
async fn refusals_end_the_login_and_are_shown_escaped() {
    for (query, expected, shown) in [
        ("error=access_denied", Error::Cancelled, "the consent was cancelled at Xero"),
        (
            "error=access_denied&error_description=Requested%20wrong%20apps%20scopes",
            Error::WrongAppScopes,
            "the app may not have one of them",
        ),
        (
            "error=odd&error_description=%3Cscript%3Ea()%3C/script%3E%20%22%27",
            Error::Denied { code: "odd".into(), said: "<script>a()</script> \"'".into() },
            "&#60;script&#62;a()&#60;/script&#62; &#34;&#39;",
        ),
    ] {
        let login = Login::start(MINUTE);
        let answer = login.get(&format!("/callback?{query}&state=right")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("Not connected"), "{answer}");
        assert!(answer.contains(shown) && !answer.contains("<script"), "{answer}");
        assert_eq!(login.end().await, Err(expected));
    }
}

#[tokio::test]
async fn what_is_not_the_callback_changes_nothing() {
    let login = Login::start(MINUTE);
    for target in [
        "/callback",
        "/callback?code=evil",
        "/callback?code=evil&state=",
        "/callback?code=evil&state=wrong",
        "/callback?error=access_denied",
        "/callback?error=access_denied&state=wrong",
        "/callback?code=a&code=b&state=right",
        "/callback?state=right",
    ] {
        let answer = login.get(target).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
    }
    for target in [
        "/",
        "/favicon.ico",
        "/callback/?code=c&state=right",
        "/Callback?code=c&state=right",
        "/callback/../x",
    ] {
        let answer = login.get(target).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
    }
    assert!(!login.outcome.is_finished());
    login.get("/callback?code=good&state=right").await;
    assert_eq!(login.end().await.unwrap(), "good");
}

#[tokio::test]
async fn only_get_and_only_this_host() {
    let login = Login::start(MINUTE);
    let (port, target) = (login.port, "/callback?code=evil&state=right");
    for method in ["POST", "PUT", "OPTIONS", "DELETE", "HEAD"] {
        let answer =
            login.send(&format!("{method} {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
    }
    for host in [
        "evil.example",
        "localhost",
        "localhost:1",
        &format!("localhost.evil.example:{port}"),
        &format!("127.0.0.1:{port}"),
        &format!("[::1]:{port}"),
        "",
    ] {
        let answer = login.send(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{host}: {answer}");
    }
    let twice = format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\nHost: localhost:{port}\r\n\r\n");
    let none = format!("GET {target} HTTP/1.1\r\n\r\n");
    let whole = format!("GET http://localhost:{port}{target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    for request in [twice, none, whole] {
        let answer = login.send(&request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request}: {answer}");
    }
    assert!(!login.outcome.is_finished());
    let upper = format!("GET /callback?code=good&state=right HTTP/1.1\r\nHOST: LOCALHOST:{port}\r\n\r\n");
    assert!(login.send(&upper).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(login.end().await.unwrap(), "good");
}

#[tokio::test]
async fn noise_and_large_heads_change_nothing() {
    let login = Login::start(MINUTE);
    assert!(login.send("\u{16}\u{3}\u{1} this is TLS\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    let padding = "x".repeat(9000);
    let large =
        format!("GET /callback?code=c&state=right HTTP/1.1\r\nHost: localhost\r\nX: {padding}\r\n\r\n");
    let answer = login.send(&large).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(!login.get(&format!("/callback?code={padding}&state=right")).await.starts_with("HTTP/1.1 200"));
    assert!(!login.outcome.is_finished());
    login.get("/callback?code=good&state=right").await;
    assert_eq!(login.end().await.unwrap(), "good");
}

#[tokio::test]
async fn several_at_once_and_none_is_in_the_way_of_another() {
    let login = Login::start(MINUTE);
    let address = format!("127.0.0.1:{}", login.port);
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(b"GET /callback?code=slow&state=right HTTP/1.1\r\nHost: loc").await.unwrap();
        waiting.push(stream);
    }
    let idle = TcpStream::connect(&address).await.unwrap();
    login.get("/callback?code=good&state=right").await;
    assert_eq!(login.end().await.unwrap(), "good");
    drop((waiting, idle));
}

/// The clock is tokio's own and moves when nothing else does.
#[tokio::test(start_paused = true)]
async fn slow_senders_are_hung_up_on() {
    let login = Login::start(MINUTE);
    let mut slow = TcpStream::connect(format!("127.0.0.1:{}", login.port)).await.unwrap();
    slow.write_all(b"GET /callback?code=slow&state=right HTTP/1.1\r\nHost: loc").await.unwrap();
    let answer = read_all(&mut slow).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!login.outcome.is_finished());
    login.get("/callback?code=good&state=right").await;
    assert_eq!(login.end().await.unwrap(), "good");
}

#[tokio::test(start_paused = true)]
async fn nobody_comes_back() {
    let login = Login::start(MINUTE);
    let port = login.port;
    assert!(login.get("/favicon.ico").await.starts_with("HTTP/1.1 404 "));
    assert_eq!(login.end().await, Err(Error::ConsentTimedOut));
    Listener::bind(&[local(port)]).expect("the port is free again");
}

#[tokio::test]
async fn a_browser_that_leaves_early_has_brought_the_code() {
    let login = Login::start(MINUTE);
    let mut stream = TcpStream::connect(format!("127.0.0.1:{}", login.port)).await.unwrap();
    let request =
        format!("GET /callback?code=good&state=right HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", login.port);
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.set_zero_linger().unwrap();
    let outcome = login.end();
    let (outcome, ()) = tokio::join!(outcome, async { drop(stream) });
    assert_eq!(outcome.unwrap(), "good");
}

#[tokio::test]
async fn localhost_is_both_addresses() {
    let login = Login::start(MINUTE);
    if has_ipv6() {
        let request =
            format!("GET /callback?code=six&state=right HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", login.port);
        assert!(talk(&format!("[::1]:{}", login.port), &request).await.starts_with("HTTP/1.1 200 "));
        assert_eq!(login.end().await.unwrap(), "six");
    } else {
        login.get("/callback?code=four&state=right").await;
        assert_eq!(login.end().await.unwrap(), "four");
    }
}

#[test]
fn the_next_port_if_one_is_taken() {
    let first = StdListener::bind("127.0.0.1:0").unwrap();
    let taken = local(first.local_addr().unwrap().port());
    let mut candidates = vec![RedirectUri::parse("https://zynk.com/").unwrap(), taken.clone()];
    candidates.extend(free_ports());
    let listener = Listener::bind(&candidates).unwrap();
    assert!(candidates[2..].contains(listener.redirect_uri()));
    assert_eq!(
        Listener::bind(std::slice::from_ref(&taken)).unwrap_err(),
        Error::PortsTaken { ports: vec![taken.port()] }
    );
    let both = [taken, listener.redirect_uri().clone()];
    let ports = both.iter().map(RedirectUri::port).collect();
    assert_eq!(Listener::bind(&both).unwrap_err(), Error::PortsTaken { ports });
    assert_eq!(Listener::bind(&candidates[..1]).unwrap_err(), Error::NoLoopback);
    assert_eq!(Listener::bind(&[]).unwrap_err(), Error::NoLoopback);
}

#[test]
fn a_port_taken_on_the_other_address_is_taken() {
    // A machine without IPv6 has one address only, and is served there.
    let address = if has_ipv6() { "[::1]:0" } else { "127.0.0.1:0" };
    let other = StdListener::bind(address).unwrap();
    let taken = local(other.local_addr().unwrap().port());
    assert_eq!(
        Listener::bind(std::slice::from_ref(&taken)).unwrap_err(),
        Error::PortsTaken { ports: vec![taken.port()] }
    );
}
