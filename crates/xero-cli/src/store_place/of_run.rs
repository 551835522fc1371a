//! The store of this run, as hints speak of it: they are made where nothing else is known of it.

use std::{path::Path, sync::OnceLock};

use super::is_at_server as is_address_of_server;
use crate::{args::Global, show::quoted};

static OF_RUN: OnceLock<OfRun> = OnceLock::new();

#[derive(Debug, Default)]
struct OfRun {
    is_at_server: bool,
    /// What was given with `--store`, where the next command would not find it elsewhere.
    given: Option<String>,
}

/// Notes what the options say, once. `named`: a store that the command itself names.
pub(crate) fn note(global: &Global, named: Option<&Path>) {
    let text = |path: &Path| path.to_str().map(str::to_owned);
    let is_at_server =
        global.store.as_deref().and_then(text).is_some_and(|store| is_address_of_server(&store));
    let given = named.or(global.given_store.as_deref()).and_then(text);
    drop(OF_RUN.set(OfRun { is_at_server, given }));
}

/// True where it is at a server.
pub(crate) fn is_at_server() -> bool {
    OF_RUN.get().is_some_and(|own| own.is_at_server)
}

/// A command that is to be run next, with the store that this one was given.
pub(crate) fn command(command: &str) -> String {
    let given = OF_RUN.get().and_then(|own| own.given.as_deref());
    with_store(command, given)
}

fn with_store(command: &str, given: Option<&str>) -> String {
    given.map_or(command.to_owned(), |store| format!("{command} --store {}", quoted(store)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_command_names_the_store_that_this_one_was_given() {
        let next = |given| with_store("xeroctl store adopt", given);
        assert_eq!(next(None), "xeroctl store adopt");
        assert_eq!(next(Some("copy.db")), "xeroctl store adopt --store copy.db");
        let named = "xeroctl store adopt --store 'postgres://ann@db/books?sslmode=disable'";
        assert_eq!(next(Some("postgres://ann@db/books?sslmode=disable")), named);
    }
}
