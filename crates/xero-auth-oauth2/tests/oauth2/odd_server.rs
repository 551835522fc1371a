//! A server that answers every request with the same bytes and remembers what it was sent.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use url::Url;
use xero_auth_oauth2::{AppIdentity, ClientId, ClientSecret, Endpoints, Identity};

pub(crate) const CLIENT_ID: &str = "0123456789ABCDEF0123456789ABCDEF";

/// What a TLS client's first record begins with.
const TLS_HANDSHAKE: char = '\u{16}';

/// Ends when it is dropped.
pub(crate) struct OddServer {
    pub(crate) url: Url,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl OddServer {
    /// Closes the connection after the bytes: an answer without a length ends there.
    pub(crate) async fn sending(bytes: impl Into<Vec<u8>>) -> Self {
        let (listener, url) = listen().await;
        let (requests, bytes) = (Arc::<Mutex<Vec<String>>>::default(), bytes.into());
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                if let Some(request) = read_request(&mut stream).await {
                    seen.lock().unwrap().push(request);
                    let _ = stream.write_all(&bytes).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        Self { url, requests, task }
    }

    /// Takes requests and never answers.
    pub(crate) async fn silent() -> Self {
        let (listener, url) = listen().await;
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.push(stream);
            }
        });
        Self { url, requests: Arc::default(), task }
    }

    /// An answer with a length that is right.
    pub(crate) async fn answering(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::sending(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")).await
    }

    /// 200 and JSON.
    pub(crate) async fn json(body: &str) -> Self {
        Self::answering("200 OK", "Content-Type: application/json\r\n", body).await
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::new(Endpoints::at(&self.url), std::time::Duration::from_secs(30))
    }

    /// Heads and bodies, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for OddServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn web_app() -> AppIdentity {
    AppIdentity {
        client_id: ClientId::parse(CLIENT_ID).unwrap(),
        secret: Some(ClientSecret::new("p+q%2Fr:s/=~").unwrap()),
    }
}

pub(crate) fn desktop_app() -> AppIdentity {
    AppIdentity { secret: None, ..web_app() }
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    (listener, url)
}

/// `None` if the connection ends before the request does.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&chunk[..read]));
        if text.starts_with(TLS_HANDSHAKE) {
            return Some(text);
        }
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(text);
        }
    }
}
