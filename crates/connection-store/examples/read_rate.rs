//! How many tokens a second one process reads from a store, or rows of the same tables from its file with SQLite alone.
//!
//! `cargo run --release -p connection-store --example read_rate -- connections.db store.key acme 3`, and `-` for the key file
//! of the rows. It prints how many, and how long 99 of 100 took at most, in microseconds.

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::{
    env,
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use connection_store::{KeyBytes, Need, Store, StoreKey};
use rusqlite::{Connection, OpenFlags};

/// What a read of a token reads, besides the ledger.
const ROWS: &str = "SELECT c.pin, p.secret, a.access FROM connections c JOIN apps p ON p.id = c.app \
     JOIN authorisations a ON a.id = c.authorisation WHERE c.name = ?1";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [store, key_file, name, seconds] = arguments.as_slice() else {
        return Err("give the store, its key file or -, a connection and for how many seconds".into());
    };
    let (store, lasts) = (Path::new(store), Duration::from_secs(seconds.parse()?));
    let mut taken = match key_file.as_str() {
        "-" => rows(store, name, lasts)?,
        file => tokens(store, Path::new(file), name, lasts)?,
    };
    taken.sort_unstable();
    let p99 = taken.get(taken.len() * 99 / 100).ok_or("nothing was read")?;
    println!("{} {}", taken.len(), p99.as_micros());
    Ok(())
}

/// The connection by its name and its token, as a program that uses the library has them.
fn tokens(store: &Path, key: &Path, name: &str, lasts: Duration) -> Result<Vec<Duration>, Box<dyn Error>> {
    let store = Store::open(store, &StoreKey::File(KeyBytes::from_key_file(&fs::read(key)?)?))?;
    repeat(lasts, || {
        let connection = store.connection(Some(name))?;
        store.stored_access(&connection, &Need::default())?.ok_or("the token has ended")?;
        Ok(())
    })
}

fn rows(store: &Path, name: &str, lasts: Duration) -> Result<Vec<Duration>, Box<dyn Error>> {
    let file = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut read = file.prepare(ROWS)?;
    repeat(lasts, || {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let _row: (Vec<u8>, Vec<u8>, Vec<u8>) = read.query_row([name], row)?;
        Ok(())
    })
}

fn repeat(
    lasts: Duration,
    mut read: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (mut taken, begun) = (Vec::new(), Instant::now());
    while begun.elapsed() < lasts {
        let one = Instant::now();
        read()?;
        taken.push(one.elapsed());
    }
    Ok(taken)
}
