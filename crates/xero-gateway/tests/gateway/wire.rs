//! Requests as bytes, and servers that a test moves by hand.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// What has not come by then will not.
const PATIENCE: Duration = Duration::from_secs(30);

/// One side of a connection.
pub(crate) struct Wire(TcpStream);

/// A server whose every byte is written by the test.
pub(crate) struct ByHand(TcpListener);

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Writes; the other side may have closed already.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.0.write_all(bytes.as_ref()).await);
    }

    /// Ends our half of the connection.
    pub(crate) async fn close_half(&mut self) {
        drop(self.0.shutdown().await);
    }

    /// All that comes until the other side closes, or breaks off.
    pub(crate) async fn rest(&mut self) -> String {
        String::from_utf8_lossy(&self.rest_as_bytes().await).into_owned()
    }

    /// The same, as it comes.
    pub(crate) async fn rest_as_bytes(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut all)).await;
        // A connection that is reset has ended too.
        drop(read.expect("the connection ends"));
        all
    }

    /// So many bytes, once they have come.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut some = vec![0; count];
        timeout(PATIENCE, self.0.read_exact(&mut some)).await.expect("they come").unwrap();
        some
    }

    /// What comes until this text has come.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(text) {
            let mut some = [0; 4096];
            let read = timeout(PATIENCE, self.0.read(&mut some)).await.expect("something comes").unwrap();
            assert_ne!(read, 0, "it ended before {text:?}: {:?}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&some[..read]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Reads so many bytes and drops them.
    pub(crate) async fn skip(&mut self, count: usize) {
        let mut rest = (&mut self.0).take(count as u64);
        let mut nowhere = tokio::io::sink();
        let read = tokio::io::copy(&mut rest, &mut nowhere);
        assert_eq!(timeout(PATIENCE, read).await.expect("they come").unwrap(), count as u64);
    }

    /// Writes until so many bytes are taken, or the other side has closed; how many were taken.
    pub(crate) async fn pour(&mut self, count: usize) -> usize {
        let (some, mut taken) = (vec![0; 64 * 1024], 0);
        while taken < count {
            match timeout(PATIENCE, self.0.write(&some)).await.expect("it ends") {
                Ok(written) => taken += written,
                Err(_) => break,
            }
        }
        taken
    }

    /// True where the other side closes within this time.
    pub(crate) async fn closed_within(&mut self, time: Duration) -> bool {
        let mut some = [0; 1];
        timeout(time, self.0.read(&mut some)).await.is_ok_and(|read| !matches!(read, Ok(1..)))
    }
}

impl ByHand {
    pub(crate) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    pub(crate) async fn accept(&self) -> Wire {
        Wire(timeout(PATIENCE, self.0.accept()).await.expect("a client comes").unwrap().0)
    }
}
