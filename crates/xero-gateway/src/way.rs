//! How requests of a connection go to Xero: what was granted, and what is worked out of it once for many requests.

use std::{
    collections::HashMap,
    mem::discriminant,
    sync::{Arc, Mutex, PoisonError},
};

use hyper::{
    Uri,
    header::HeaderValue,
    http::uri::{InvalidUri, PathAndQuery},
};
use tokio::sync::Semaphore;

use crate::{
    authority::{Grant, Tenant, Trouble},
    metrics::{Counts, Metrics},
    upstream::{Server, Upstream},
};

/// One connection's way to Xero.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) grant: Grant,
    /// The connection's name, as it is kept.
    pub(crate) name: Arc<str>,
    /// The value of `xero-tenant-id`, where the organisation is known.
    pub(crate) tenant: Option<HeaderValue>,
    pub(crate) server: Arc<Server>,
    /// One for each request that may be with Xero.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) counts: Counts,
}

/// Makes ways, which share what they have in common.
#[derive(Debug)]
pub(crate) struct Ways {
    upstream: Upstream,
    metrics: Arc<Metrics>,
    at_once: usize,
    /// By connection.
    places: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

impl Ways {
    /// At most `at_once` requests of one connection are with Xero at once.
    pub(crate) fn new(metrics: Arc<Metrics>, at_once: usize) -> Self {
        Self { upstream: Upstream::default(), metrics, at_once, places: Mutex::default() }
    }

    pub(crate) fn of(&self, grant: Grant) -> Result<Way, Trouble> {
        let name: Arc<str> = grant.connection.as_str().into();
        let header = |one: &Tenant| {
            HeaderValue::from_str(&one.id).map_err(|_| trouble("the organisation's id is no header"))
        };
        let tenant = grant.tenant.as_ref().map(header).transpose()?;
        let server =
            self.upstream.server(&grant.api).ok_or_else(|| trouble("the server's address is none"))?;
        let (places, counts) = (self.places(&name), self.metrics.of(&name));
        Ok(Way { grant, name, tenant, server, places, counts })
    }

    fn places(&self, name: &Arc<str>) -> Arc<Semaphore> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(self.at_once));
        Arc::clone(places.entry(Arc::clone(name)).or_insert_with(new))
    }
}

impl Way {
    /// True for another look at the same connection: to the same organisation, at the same server, by the same protocol.
    pub(crate) fn leads_where(&self, other: &Self) -> bool {
        self.name == other.name
            && self.tenant == other.tenant
            && self.grant.api == other.grant.api
            && discriminant(&self.grant.means) == discriminant(&other.grant.means)
    }

    /// What a request asks the server for.
    pub(crate) fn uri(&self, path: &PathAndQuery) -> Result<Uri, InvalidUri> {
        match self.grant.api.path().trim_end_matches('/') {
            "" => Ok(path.clone().into()),
            above => format!("{above}{path}").parse(),
        }
    }
}

fn trouble(what: &str) -> Trouble {
    Trouble { status: 400, error: what.to_owned(), next: None, retry_after: None }
}
