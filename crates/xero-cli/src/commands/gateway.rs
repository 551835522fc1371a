//! `xeroctl gateway`: a local server that makes other programs' requests a connection's own.

mod clients;
mod listeners;
mod token;

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use connection_store::{Error as StoreError, Server, Store};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};
use xero_gateway::{Gateway, Listener, Settings, StoreAuthority};

use self::clients::Who;
use crate::{
    Context,
    args::{self, GatewayStep, GatewayTokenCommand},
    failure::Outcome,
    service_manager, show,
    signals::Anew,
    ui::SCHEMA,
    xero_api,
};

/// How much longer than an answer may take nothing may move before a client is given up.
const SLACK: Duration = Duration::from_secs(60);

pub(crate) fn run(context: &Context, args: &args::Gateway) -> Outcome {
    match &args.step {
        Some(GatewayStep::Token(GatewayTokenCommand::New(args))) => token::run(context, args),
        None => serve(context, args),
    }
}

/// Runs until a signal ends it, with status 0 then: requests under way have their grace, a renewal all its time.
fn serve(context: &Context, args: &args::Gateway) -> Outcome {
    let store = context.open_store()?;
    let (settings, who) = (settings(context, args, &store)?, clients::who(context, args)?);
    let unnamed = default_now(&store, &settings)?;
    context.use_all_cores()?;
    let listeners = context.block_on(listeners::open(args))?;
    let places = Places::of(&listeners, args, unnamed);
    let anew = args.clients.as_deref().map(|path| (path, Anew::new()));
    let authority = StoreAuthority::new(store.clone()).unlimited(args.no_limits);
    let authority = match &context.global.xero_url {
        Some(address) => authority.only_at(Server::at(address)?),
        None => authority,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let running: RefCell<Option<JoinHandle<()>>> = RefCell::new(None);
    let work = async {
        // Whoever hears of it may end it: signals are waited for by now.
        tell_start(context, &places, &settings, &who)?;
        let gateway = Gateway::new(authority, who.clients, settings);
        let serving = gateway.clone().serve(listeners, async { drop(stopped.await) });
        running.replace(Some(tokio::spawn(serving)));
        service_manager::notify_ready();
        match anew {
            Some((path, anew)) => clients::keep_up(context, path, &gateway, anew).await,
            None => std::future::pending().await,
        }
    };
    let finish = async || {
        service_manager::notify_stopping();
        drop(stop);
        let serving = running.take();
        if let Some(serving) = serving {
            // A panic of it was reported already.
            drop(serving.await);
        }
        store.settled().await;
    };
    context.until_signal(work, finish)?;
    context.ui.say("Stopped.");
    event(context, "stopped", json!({}))
}

fn settings(context: &Context, args: &args::Gateway, store: &Store) -> Outcome<Settings> {
    let mut connections = Vec::new();
    for name in &args.names {
        let connection = store.connection(Some(name))?;
        xero_api::check_server(&context.global, &connection)?;
        connections.push(connection.name);
    }
    // Without names it is the default connection at the time of each request.
    let default_connection = connections.first().cloned();
    let answer = context.timeout();
    Ok(Settings {
        read_only: args.read_only,
        connections,
        default_connection,
        at_once: args.at_once.into(),
        max_body: args.max_body,
        grace: Duration::from_secs(args.grace),
        answer,
        max_wait: Duration::from_secs(args.max_wait),
        stall: answer + Duration::from_secs(args.max_wait) + SLACK,
        ..Settings::default()
    })
}

/// The connection of requests that name none, as it is now: for what is told.
fn default_now(store: &Store, settings: &Settings) -> Outcome<Option<String>> {
    if settings.default_connection.is_some() {
        return Ok(settings.default_connection.clone());
    }
    match store.connection(None) {
        Ok(connection) => Ok(Some(connection.name)),
        Err(StoreError::NoDefault { .. } | StoreError::NoSuchConnection { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Where clients come in.
struct Places {
    address: Option<String>,
    socket: Option<String>,
    /// The connection that those reach who name none, as it is now.
    unnamed: Option<String>,
}

impl Places {
    fn of(listeners: &[Listener], args: &args::Gateway, unnamed: Option<String>) -> Self {
        let address = listeners.iter().find_map(Listener::address);
        Self {
            address: address.map(|address| format!("http://{address}")),
            socket: args.socket.as_ref().map(|path| path.display().to_string()),
            unnamed,
        }
    }
}

fn tell_start(context: &Context, places: &Places, settings: &Settings, who: &Who) -> Outcome {
    let (ui, token) = (&context.ui, who.keep()?);
    let address = places.address.as_deref();
    let place = [address, places.socket.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" and ");
    let place = if place.is_empty() { "the socket that was handed over".to_owned() } else { place };
    let what = if settings.read_only { "for reading, at" } else { "at" };
    ui.say(format!("The gateway is open {what} {place}. Ctrl-C ends it."));
    let served = match &*settings.connections {
        [] => "all of the store".to_owned(),
        names => names.join(", "),
    };
    let default = places.unnamed.as_deref();
    let default = default.map(|name| format!("; {name} where none is named")).unwrap_or_default();
    ui.say(format!("Connections:  {served}{default}"));
    ui.say(format!("Clients:      {}", who.said));
    if let Some(address) = address {
        ui.say(format!(
            "Base address: {address}/api.xro/2.0, or {address}/c/NAME/api.xro/2.0 for one by name"
        ));
    }
    ui.say("Access token: the gateway's token, in place of one of Xero's");
    if let Some(token) = token {
        ui.tell(format!("Token:        {} (shown this once)", token.expose()));
    }
    let fields = json!({
        "address": places.address,
        "socket": places.socket,
        "connections": settings.connections,
        "default": places.unnamed,
        "read_only": settings.read_only,
        "clients": who.clients.names().collect::<Vec<_>>(),
        "token_file": who.token_file.as_ref().map(|path| path.display().to_string()),
    });
    event(context, "started", fields)
}

/// One document on a line, with `--json`.
fn event(context: &Context, event: &str, fields: Value) -> Outcome {
    if !context.ui.json {
        return Ok(());
    }
    let at = show::timestamp(SystemTime::now());
    let mut line = json!({ "schema": SCHEMA, "at": at, "event": event });
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields);
    }
    context.ui.raw(format!("{line}\n").as_bytes())
}
