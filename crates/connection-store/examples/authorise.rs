//! Opens a store, or makes one where there is none, and prints what makes a request a connection's own.
//!
//! `cargo run -p connection-store --example authorise -- connections.db store.key acme api.xro/2.0/Organisation | \
//! curl -H @- https://api.xero.com/api.xro/2.0/Organisation`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::{env, error::Error, fs, path::Path};

use connection_store::{ApiRequest, KeyBytes, Lock, NewKey, Store, StoreKey};
use xero_certs::{Access, Existing, NewFile, write_files};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [store, key_file, name, path] = arguments.as_slice() else {
        return Err("give the store, its key file, a connection and the path of a request".into());
    };
    let store = open(Path::new(store), Path::new(key_file))?;
    eprintln!("{} connections are here", store.connections()?.len());
    print!("{}", headers(&store, name, path).await?);
    store.settled().await;
    Ok(())
}

/// The store at this path. A new one has a new key, and none is made beside a key that is there.
pub(crate) fn open(path: &Path, key_file: &Path) -> Result<Store, Box<dyn Error>> {
    if path.exists() {
        let key = KeyBytes::from_key_file(&fs::read(key_file)?)?;
        return Ok(Store::open(path, &StoreKey::File(key))?);
    }
    let key = StoreKey::generate()?;
    // The key first: without it nobody would ever open the store.
    let line = key.to_key_file();
    let file = NewFile { path: key_file, contents: line.as_bytes(), access: Access::Private };
    write_files(&[file], Existing::Keep)?;
    let lock = Lock::KeyFile(key_file.display().to_string());
    Ok(Store::create(path, &NewKey { key: StoreKey::File(key), lock })?)
}

/// One line for each header. They are secrets for as long as the server takes them.
pub(crate) async fn headers(store: &Store, name: &str, path: &str) -> Result<String, Box<dyn Error>> {
    let connection = store.connection(Some(name))?;
    let url = connection.app.server.api().join(path)?;
    let headers = store.authorise(&connection, &ApiRequest { method: "GET", url: &url, form: None }).await?;
    Ok(headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect())
}
