//! Serves one connection of a store to whoever has the token that is printed, for reading alone, until Ctrl-C.
//!
//! `cargo run -p xero-gateway --example serve -- connections.db store.key acme`

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::{env, error::Error, fs, path::Path};

use connection_store::{KeyBytes, Store, StoreKey};
use xero_gateway::{Clients, Gateway, GatewayToken, Listener, Settings, StoreAuthority};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [store, key_file, name] = arguments.as_slice() else {
        return Err("give the store, its key file and a connection".into());
    };
    let key = StoreKey::File(KeyBytes::from_key_file(&fs::read(key_file)?)?);
    let store = Store::open(Path::new(store), &key)?;
    let token = GatewayToken::generate()?;
    let listener = Listener::tcp("127.0.0.1:8786".parse()?).await?;
    println!("export XERO_BASE_URL=http://127.0.0.1:8786/ XERO_ACCESS_TOKEN={}", token.expose());
    serve(store, name, listener, &token, async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(())
}

/// Until `stop` ends; a renewal that has begun is finished then.
pub(crate) async fn serve(
    store: Store,
    name: &str,
    listener: Listener,
    token: &GatewayToken,
    stop: impl Future<Output = ()>,
) {
    let settings = Settings {
        read_only: true,
        connections: vec![name.to_owned()],
        default_connection: Some(name.to_owned()),
        ..Settings::default()
    };
    let authority = StoreAuthority::new(store.clone());
    Gateway::new(authority, Clients::one("example", token), settings).serve(vec![listener], stop).await;
    store.settled().await;
}
