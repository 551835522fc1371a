//! Counts the API calls in progress, of which an app may have five for each organisation.

use std::collections::HashMap;

use axum::http::request::Parts;

use super::bearer::in_progress_key;
use crate::limits::CONCURRENT;
use crate::world::Shared;

type Key = (String, String);

/// How many calls are in progress, by app and organisation.
#[derive(Debug, Default)]
pub(crate) struct InProgress(HashMap<Key, usize>);

/// One call in progress, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    shared: Shared,
    key: Key,
}

/// Marks a request that came while as many others were in progress as may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowded;

impl InFlight {
    /// Counts the request if it has a token of the mock's, and marks it if it is one too many.
    pub(crate) fn enter(shared: &Shared, parts: &mut Parts) -> Option<Self> {
        let key = in_progress_key(&parts.headers)?;
        let mut world = shared.lock();
        let count = world.in_progress.0.entry(key.clone()).or_default();
        *count += 1;
        if *count > CONCURRENT {
            parts.extensions.insert(Crowded);
        }
        Some(Self { shared: shared.clone(), key })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut world = self.shared.lock();
        // A reset in between has forgotten the count.
        if let Some(count) = world.in_progress.0.get_mut(&self.key) {
            *count = count.saturating_sub(1);
        }
    }
}
