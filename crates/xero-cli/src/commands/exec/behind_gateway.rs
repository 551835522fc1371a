//! A program with a gateway of its own: it holds no secret of Xero's, and what it holds ends with it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitStatus,
    time::Duration,
};

use connection_store::{AppKind, Connection, Need, Store};
use tokio::{sync::oneshot, task::spawn_blocking};
use xero_gateway::{Clients, Gateway, GatewayToken, Listener, Settings, StoreAuthority};

use super::{Started, TOKEN, known};
use crate::{
    Context,
    args::Exec,
    failure::{Failure, Kind, Outcome},
    xero_api,
};

/// What the program is called in the log.
const CLIENT: &str = "exec";
/// Any port of this machine alone that is free.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Programs know it by either name.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// How much longer than an answer may take nothing may move before the program's connection is given up.
const SLACK: Duration = Duration::from_secs(60);

/// Opens a gateway for this connection alone, runs the program beside it, and closes it when the program has ended. A
/// renewal that has begun is finished first.
pub(super) fn run(
    context: &Context,
    args: &Exec,
    store: &Store,
    connection: &Connection,
) -> Outcome<ExitStatus> {
    let token = GatewayToken::generate().map_err(|error| Failure::new(Kind::Other, error.to_string()))?;
    context.use_all_cores()?;
    context.ask_xero(check(store, connection))?;
    let authority = StoreAuthority::new(store.clone()).only_at(connection.app.server.clone());
    let gateway = Gateway::new(authority, Clients::one(CLIENT, &token), settings(context, args, connection));
    context.block_on(async {
        let listener = Listener::tcp(ANY_PORT).await.map_err(|error| not_open(&error))?;
        let address = listener.address().ok_or_else(|| Failure::new(Kind::Other, "the port is gone"))?;
        let mut variables = known(connection, format!("http://{address}/"));
        variables.push((TOKEN, token.expose().to_owned()));
        variables.extend(NO_PROXY.map(|name| (name, past_proxies(name))));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(gateway.serve(vec![listener], async { drop(stopped.await) }));
        let ended = program(args, variables).await;
        drop(stop);
        // A panic of it was reported already.
        drop(serving.await);
        store.settled().await;
        ended
    })
}

/// What a proxy is not asked for, with this machine: the token is for nobody else.
fn past_proxies(name: &str) -> String {
    let told = std::env::var(name).unwrap_or_default();
    if told.is_empty() { ANY_PORT.ip().to_string() } else { format!("{told},{}", ANY_PORT.ip()) }
}

/// What the connection is used with is there, before a program is started that needs it.
async fn check(store: &Store, connection: &Connection) -> Outcome {
    if connection.app.kind == AppKind::Private {
        return Ok(store.check(connection)?);
    }
    let access = store.access(connection, Need::default()).await;
    access.map(drop).map_err(|error| xero_api::no_token(error, connection))
}

fn settings(context: &Context, args: &Exec, connection: &Connection) -> Settings {
    let (answer, rest) = (context.timeout(), Settings::default());
    Settings {
        read_only: args.read_only,
        connections: vec![connection.name.clone()],
        default_connection: Some(connection.name.clone()),
        answer,
        stall: answer + rest.max_wait + SLACK,
        ..rest
    }
}

async fn program(args: &Exec, variables: super::Variables) -> Outcome<ExitStatus> {
    let started = Started::new(args, variables)?;
    let ended = spawn_blocking(move || started.ended()).await;
    ended.map_err(|error| Failure::new(Kind::Other, "the program cannot be waited for").because(&error))
}

fn not_open(error: &xero_gateway::ListenError) -> Failure {
    let failure = Failure::new(Kind::Other, error.to_string());
    match std::error::Error::source(error) {
        Some(cause) => failure.because(cause),
        None => failure,
    }
}
