//! `xeroctl list --check`: all connections are tested, some at a time.

use std::collections::BTreeMap;

use connection_store::{Connection, Store};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use crate::{
    Context,
    commands::test::{Tested, tried},
    failure::Outcome,
};

/// How many tests of one server run at once.
const AT_ONCE: usize = 4;

/// What came of a test.
pub(super) struct Checked(pub(super) Outcome<Tested>);

impl Checked {
    pub(super) fn json(&self) -> Value {
        match &self.0 {
            Ok(_) => json!({ "ok": true }),
            Err(failure) => json!({ "ok": false, "error": failure.document()["error"].take() }),
        }
    }
}

/// Tests connections; what came of each, in their order.
pub(super) fn check(context: &Context, store: &Store, connections: &[Connection]) -> Outcome<Vec<Checked>> {
    let mut servers: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (at, connection) in connections.iter().enumerate() {
        servers.entry(connection.app.server.address()).or_default().push(at);
    }
    let progress = context.ui.progress("Testing");
    let mut found = context.block_on(async {
        let one = |at: usize| async move { (at, tried(context, store, &connections[at]).await) };
        let streams = servers.into_values().map(|all| stream::iter(all).map(one).buffer_unordered(AT_ONCE));
        let mut all = stream::select_all(streams.map(Box::pin));
        let mut found = Vec::new();
        progress.show(0, connections.len());
        while let Some(tested) = all.next().await {
            found.push(tested);
            progress.show(found.len(), connections.len());
        }
        Ok(found)
    })?;
    drop(progress);
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, outcome)| Checked(outcome)).collect())
}
