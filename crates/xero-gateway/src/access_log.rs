//! One line for each request, without its query and without a secret, once its answer has gone.

use std::sync::Arc;

use hyper::{Method, StatusCode, Uri};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use crate::{
    body::Meter,
    lane::{Lane, UnderWay},
    metrics::Metrics,
    way::Way,
};

/// A request, as far as it has come. Dropping it writes it down and counts it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) client: Option<Arc<str>>,
    pub(crate) way: Option<Arc<Way>>,
    method: Method,
    uri: Uri,
    pub(crate) status: Option<StatusCode>,
    /// Why the gateway answered itself.
    pub(crate) refused: Option<&'static str>,
    /// Where the request has a body.
    received: Option<Arc<Meter>>,
    sent: u64,
    /// Held as long as the request is with Xero.
    pub(crate) place: Option<OwnedSemaphorePermit>,
    began: Instant,
    metrics: Arc<Metrics>,
    under_way: UnderWay,
}

impl Entry {
    /// The request begins now.
    pub(crate) fn new(method: Method, uri: Uri, metrics: &Arc<Metrics>, lane: &Arc<Lane>) -> Self {
        let began = Instant::now();
        Self {
            client: None,
            way: None,
            method,
            uri,
            status: None,
            refused: None,
            received: None,
            sent: 0,
            place: None,
            began,
            metrics: Arc::clone(metrics),
            under_way: lane.enter(began),
        }
    }

    /// Begins to count what comes of the request's body.
    pub(crate) fn meter(&mut self) -> &Arc<Meter> {
        self.received.insert(Meter::new(self.under_way.lane()))
    }

    /// What has come of the request's body, where it has one.
    pub(crate) fn received(&self) -> Option<&Meter> {
        self.received.as_deref()
    }

    /// So many bytes of the answer's body have passed.
    pub(crate) fn count_sent(&mut self, bytes: usize) {
        self.under_way.lane().touch();
        self.sent += bytes as u64;
    }

    /// The request has moved on.
    pub(crate) fn touch(&self) {
        self.under_way.lane().touch();
    }

    /// Of the bodies, in bytes: received from the client, and sent to it.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.received().map_or(0, Meter::bytes), self.sent)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let now = Instant::now();
        self.under_way.lane().touch_at(now);
        let took = now.saturating_duration_since(self.began);
        self.metrics.note(self, took);
        let status = self.status.map_or(0, |status| status.as_u16());
        let (received, sent) = self.bytes();
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            client = self.client.as_deref(), connection = self.way.as_ref().map(|way| &*way.name),
            method = %self.method, path = self.uri.path(), status, received, sent, ms,
            refused = self.refused, "request"
        );
    }
}
