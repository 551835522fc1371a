//! Waits on this machine for the browser to come back.

mod conversation;
mod page;

use std::{
    future, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener as StdListener},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time,
};

use self::conversation::{Outcome, Reception, converse};
pub use self::page::ReturnPage;
use crate::{AuthorizationCode, Cause, Error, RedirectUri, State};

/// How many requests are answered at a time; more wait.
const MOST_CONVERSATIONS: usize = 32;
/// The pause after a connection could not be accepted: the system is out of files, or the browser was quicker to leave.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Listens for one callback on `127.0.0.1` and `[::1]` (RFC 8252 section 7.3; Xero's ports are fixed).
#[derive(Debug)]
pub struct Listener {
    redirect_uri: RedirectUri,
    sockets: Vec<StdListener>,
}

impl Listener {
    /// Listens at the first of the redirect URIs whose port is free; those of other machines are passed over. From then
    /// on a browser can come; [`wait`](Listener::wait) answers it.
    ///
    /// A port is free if no program has it on `127.0.0.1` or `[::1]`. A machine without `[::1]` does without.
    ///
    /// # Errors
    /// [`Error::PortsTaken`], [`Error::NoLoopback`]; [`Error::Listen`] if the system does not allow it.
    pub fn bind(candidates: &[RedirectUri]) -> Result<Self, Error> {
        let mut ports = Vec::new();
        let mut refused = None;
        for redirect_uri in candidates.iter().filter(|uri| uri.is_loopback()) {
            match sockets(redirect_uri.port()) {
                Ok(sockets) => return Ok(Self { redirect_uri: redirect_uri.clone(), sockets }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => ports.push(redirect_uri.port()),
                Err(error) => refused = Some(Error::Listen { source: Cause::of(&error) }),
            }
        }
        ports.dedup();
        Err(match refused {
            _ if !ports.is_empty() => Error::PortsTaken { ports },
            Some(error) => error,
            None => Error::NoLoopback,
        })
    }

    /// The redirect URI to ask for consent with.
    pub fn redirect_uri(&self) -> &RedirectUri {
        &self.redirect_uri
    }

    /// Serves until a request with the right state came, at most for `limit`, and shows the browser a page. All other
    /// requests are answered and change nothing. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`Error::ConsentTimedOut`]; [`Error::Cancelled`] and the other refusals of
    /// [`read_callback`](crate::read_callback); [`Error::Listen`].
    pub async fn wait(
        self,
        state: &State,
        limit: Duration,
        page: &ReturnPage,
    ) -> Result<AuthorizationCode, Error> {
        let listen = |error: io::Error| Error::Listen { source: Cause::of(&error) };
        let sockets: Result<Vec<_>, _> = self.sockets.into_iter().map(TcpListener::from_std).collect();
        let reception = Arc::new(Reception::new(self.redirect_uri, state.clone(), page.clone()));
        let served = serve(sockets.map_err(listen)?, reception);
        time::timeout(limit, served).await.unwrap_or(Err(Error::ConsentTimedOut))
    }
}

async fn serve(sockets: Vec<TcpListener>, reception: Arc<Reception>) -> Outcome {
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&sockets), if conversations.len() < MOST_CONVERSATIONS => match accepted {
                Ok(stream) => drop(conversations.spawn(converse(stream, Arc::clone(&reception)))),
                Err(_) => time::sleep(AFTER_FAILURE).await,
            },
            Some(ended) = conversations.join_next() => {
                if let Ok(Some(outcome)) = ended {
                    return outcome;
                }
            }
        }
    }
}

/// The next connection on any of the sockets.
async fn accept(sockets: &[TcpListener]) -> io::Result<TcpStream> {
    future::poll_fn(|context| {
        for socket in sockets {
            if let Poll::Ready(accepted) = socket.poll_accept(context) {
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    })
    .await
}

/// `localhost` is either address, and browsers differ in which they try first.
fn sockets(port: u16) -> io::Result<Vec<StdListener>> {
    let mut sockets = vec![socket(Ipv4Addr::LOCALHOST.into(), port)?];
    match socket(Ipv6Addr::LOCALHOST.into(), port) {
        Ok(socket) => sockets.push(socket),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
        // This machine has no IPv6.
        Err(_) => {}
    }
    Ok(sockets)
}

fn socket(address: IpAddr, port: u16) -> io::Result<StdListener> {
    let socket = StdListener::bind((address, port))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
