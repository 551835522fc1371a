//! TLS with the system's roots, and the system's proxy. Variables name both, so that each test runs itself again with them;
//! only Linux reads its roots from a file that a variable names.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use xero_gateway::Settings;

use crate::home::{Home, maple};

/// The address of the server, for a test that runs again.
const AGAIN: &str = "XERO_GATEWAY_TEST_SERVER";
const ORGANISATION: &str = "/c/secure/api.xro/2.0/Organisation";

/// A program that writes down the heads that it was sent; it ends when it is dropped.
struct Program {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Program {
    /// A server of HTTPS, which answers everything with `ok`.
    async fn server(acceptor: TlsAcceptor) -> Self {
        Self::start(move |stream, heads| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.ok()?;
                while let Some(head) = head(&mut stream).await {
                    heads.lock().unwrap().push(head);
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.ok()?;
                }
                None
            }
        })
        .await
    }

    /// A proxy for CONNECT, reached by TLS where it has a certificate.
    async fn proxy(acceptor: Option<TlsAcceptor>) -> Self {
        Self::start(move |stream, heads| {
            let acceptor = acceptor.clone();
            async move {
                match acceptor {
                    Some(acceptor) => tunnel(acceptor.accept(stream).await.ok()?, &heads).await,
                    None => tunnel(stream, &heads).await,
                }
            }
        })
        .await
    }

    async fn start<F>(serve: impl Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let seen = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen)));
            }
        });
        Self { address, heads, task }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes one tunnel, if the user and password are there.
async fn tunnel(mut stream: impl AsyncRead + AsyncWrite + Unpin, heads: &Mutex<Vec<String>>) -> Option<()> {
    let head = head(&mut stream).await?;
    heads.lock().unwrap().push(head.clone());
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?;
    let mut onwards = TcpStream::connect(target).await.ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut stream, &mut onwards).await.ok().map(drop)
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// A certificate for this machine, in a file; and who shows it.
fn certificate(file: &Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap()))
}

/// Runs one of these tests again, with these variables and none that is meant for other programs.
async fn again(test: &str, server: &Program, variables: &[(&str, String)]) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_ascii_uppercase());
    }
    command.args(["--exact", &format!("secure::{test}"), "--nocapture"]).env("SSL_CERT_DIR", "/nowhere");
    command.env(AGAIN, format!("https://localhost:{}", server.address.port()));
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What a gateway says to three requests for the server: two statuses and the last whole answer.
async fn ask(server: &str) -> (u16, u16, String) {
    let home = Home::new().await;
    home.connect_to("secure", server, Some(maple()));
    let gateway = home.open(Settings::default()).await;
    let statuses = (gateway.get(ORGANISATION).await.status(), gateway.get(ORGANISATION).await.status());
    let last = gateway.get(ORGANISATION).await.text().await.unwrap();
    // Another server, on this machine, is reached without either.
    assert_eq!(gateway.get("/connections").await.status(), 200);
    gateway.stopped().await;
    (statuses.0.as_u16(), statuses.1.as_u16(), last)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_systems_roots_are_trusted() {
    if let Ok(server) = std::env::var(AGAIN) {
        return assert_eq!(ask(&server).await, (200, 200, "ok".to_owned()));
    }
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    let server = Program::server(certificate(&roots)).await;
    let roots = ("SSL_CERT_FILE", roots.display().to_string());
    again("the_systems_roots_are_trusted", &server, &[roots]).await;
    let heads = server.heads();
    assert_eq!(heads.len(), 3, "{heads:?}");
    assert!(
        heads.iter().all(|head| head.to_ascii_lowercase().contains("authorization: bearer access-marker"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_a_server_that_no_root_vouches_for() {
    if let Ok(server) = std::env::var(AGAIN) {
        let (first, second, last) = ask(&server).await;
        assert_eq!((first, second), (502, 502));
        assert!(last.contains("Xero cannot be reached") && !last.contains("access-marker"), "{last}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Program::server(certificate(&folder.path().join("own.pem"))).await;
    let other = folder.path().join("other.pem");
    drop(certificate(&other));
    let roots = ("SSL_CERT_FILE", other.display().to_string());
    again("nothing_is_sent_to_a_server_that_no_root_vouches_for", &server, &[roots]).await;
    assert!(server.heads().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_systems_proxy_is_a_tunnel_that_sees_no_secret() {
    const NAME: &str = "the_systems_proxy_is_a_tunnel_that_sees_no_secret";
    if let Ok(server) = std::env::var(AGAIN) {
        return assert_eq!(ask(&server).await, (200, 200, "ok".to_owned()));
    }
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    let acceptor = certificate(&roots);
    let server = Program::server(acceptor.clone()).await;
    let roots = ("SSL_CERT_FILE", roots.display().to_string());
    for (scheme, acceptor) in [("http", None), ("https", Some(acceptor))] {
        let proxy = Program::proxy(acceptor).await;
        let address = format!("{scheme}://user:password@localhost:{}", proxy.address.port());
        // That of plain HTTP is not for this machine.
        let proxies = [("HTTPS_PROXY", address.clone()), ("HTTP_PROXY", address), roots.clone()];
        again(NAME, &server, &proxies).await;
        let heads = proxy.heads();
        let begin = format!("CONNECT localhost:{} HTTP/1.1\r\n", server.address.port());
        assert!(heads.len() == 1 && heads[0].starts_with(&begin), "{scheme}: {heads:?}");
        assert!(heads[0].contains("Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA=="), "{scheme}: {heads:?}");
        assert!(!heads[0].contains("access-marker"), "{scheme}: {heads:?}");
    }
    assert_eq!(server.heads().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_the_proxy_is_not_for_is_reached_without_it() {
    const NAME: &str = "a_server_that_the_proxy_is_not_for_is_reached_without_it";
    if let Ok(server) = std::env::var(AGAIN) {
        return assert_eq!(ask(&server).await, (200, 200, "ok".to_owned()));
    }
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    let server = Program::server(certificate(&roots)).await;
    let proxy = Program::proxy(None).await;
    let variables = [
        ("HTTPS_PROXY", format!("http://{}", proxy.address)),
        ("NO_PROXY", "localhost".to_owned()),
        ("SSL_CERT_FILE", roots.display().to_string()),
    ];
    again(NAME, &server, &variables).await;
    assert_eq!((server.heads().len(), proxy.heads().len()), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_a_server_that_is_not_reached() {
    const NAME: &str = "a_proxy_that_refuses_is_a_server_that_is_not_reached";
    if let Ok(server) = std::env::var(AGAIN) {
        let (first, second, last) = ask(&server).await;
        assert_eq!((first, second), (502, 502));
        assert!(!last.contains("password") && !last.contains("access-marker"), "{last}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    let server = Program::server(certificate(&roots)).await;
    let refusing = Program::start(|mut stream, heads| async move {
        let head = head(&mut stream).await?;
        heads.lock().unwrap().push(head);
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.ok()
    })
    .await;
    let roots = ("SSL_CERT_FILE", roots.display().to_string());
    let proxy = ("HTTPS_PROXY", format!("http://user:password@{}", refusing.address));
    again(NAME, &server, &[roots.clone(), proxy]).await;
    assert_eq!((server.heads().len(), refusing.heads().len()), (0, 3));
    let socks = ("HTTPS_PROXY", format!("socks5://{}", refusing.address));
    again(NAME, &server, &[roots, socks]).await;
    assert_eq!(
        (server.heads().len(), refusing.heads().len()),
        (0, 3),
        "a way that is not known is not tried"
    );
}
