//! Where a gateway listens: what the options say, or what the service manager hands over.

use std::{net::SocketAddr, path::Path};

use listenfd::ListenFd;
use xero_gateway::{ListenError, Listener};

use crate::{
    args,
    failure::{Failure, Kind, Outcome},
};

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8786);

/// All of them, open. Options count beside what was handed over; without either there is one port.
pub(super) async fn open(args: &args::Gateway) -> Outcome<Vec<Listener>> {
    let mut listeners = handed_over()?;
    if let Some(path) = &args.socket {
        listeners.push(socket(path).await?);
    }
    let address = args.listen.or(listeners.is_empty().then_some(ADDRESS));
    if let Some(address) = address {
        listeners.push(Listener::tcp(address).await.map_err(|error| unusable(&error))?);
    }
    Ok(listeners)
}

/// What systemd opened for this program (`LISTEN_FDS`).
fn handed_over() -> Outcome<Vec<Listener>> {
    let (mut given, mut listeners) = (ListenFd::from_env(), Vec::new());
    let strange = |error: std::io::Error| {
        Failure::usage("what the service manager handed over cannot be listened at")
            .because(&error)
            .hint("in the .socket unit: ListenStream= with an address of this machine or a path")
    };
    for place in 0..given.len() {
        #[cfg(unix)]
        if let Ok(Some(listener)) = given.take_unix_listener(place) {
            let socket = xero_gateway::UnixSocket::inherited(listener).map_err(|error| unusable(&error))?;
            listeners.push(socket.into());
            continue;
        }
        if let Some(listener) = given.take_tcp_listener(place).map_err(strange)? {
            listeners.push(Listener::inherited(listener).map_err(|error| unusable(&error))?);
        }
    }
    Ok(listeners)
}

#[cfg(unix)]
async fn socket(path: &Path) -> Outcome<Listener> {
    xero_gateway::UnixSocket::bind(path).await.map(Into::into).map_err(|error| unusable(&error))
}

#[cfg(not(unix))]
async fn socket(_: &Path) -> Outcome<Listener> {
    Err(Failure::usage("this system has no such sockets").hint("leave --socket out"))
}

fn unusable(error: &ListenError) -> Failure {
    let kind = if matches!(error, ListenError::NotLoopback(_)) { Kind::Usage } else { Kind::Other };
    let failure = Failure::new(kind, error.to_string());
    let failure = match std::error::Error::source(error) {
        Some(cause) => failure.because(cause),
        None => failure,
    };
    match error {
        ListenError::NotLoopback(_) => failure.hint("name 127.0.0.1 or ::1: the gateway has no TLS"),
        ListenError::InUse(_) => failure.hint("stop what uses it, or name another port with --listen"),
        ListenError::Lives(_) => failure.hint("use that one, stop it, or name another path with --socket"),
        ListenError::NotASocket(_) => failure.hint("name another path with --socket"),
        ListenError::OpenFolder(_) => failure.hint(
            "name a path in a folder of your own, such as ~/.local/share/xeroctl/gateway.sock (a missing folder is made)",
        ),
        _ => failure.hint("name another place with --listen or --socket"),
    }
}
