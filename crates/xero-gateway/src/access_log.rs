//! One line for each request, without its query and without a secret, once its answer has gone.

use std::{sync::Arc, time::Duration};

use hyper::{Method, StatusCode};
use tokio::time::Instant;

use crate::{body::Meter, lane::UnderWay, metrics::Metrics};

/// A request, as far as it has come. Dropping it writes it down and counts it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) client: Option<Arc<str>>,
    pub(crate) connection: Option<Arc<str>>,
    method: Method,
    path: String,
    pub(crate) status: Option<StatusCode>,
    /// Why the gateway answered itself.
    pub(crate) refused: Option<&'static str>,
    pub(crate) received: Arc<Meter>,
    pub(crate) sent: Arc<Meter>,
    /// Held as long as the request is with Xero.
    pub(crate) place: Option<tokio::sync::OwnedSemaphorePermit>,
    began: Instant,
    metrics: Arc<Metrics>,
    under_way: UnderWay,
}

impl Entry {
    pub(crate) fn new(method: Method, path: &str, metrics: &Arc<Metrics>, under_way: UnderWay) -> Self {
        let (received, sent) = (Meter::new(under_way.lane()), Meter::new(under_way.lane()));
        Self {
            client: None,
            connection: None,
            method,
            path: path.to_owned(),
            status: None,
            refused: None,
            received,
            sent,
            place: None,
            began: Instant::now(),
            metrics: Arc::clone(metrics),
            under_way,
        }
    }

    pub(crate) fn took(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.under_way.lane().touch();
        self.metrics.note(self);
        let status = self.status.map_or(0, |status| status.as_u16());
        let (client, connection) = (self.client.as_deref(), self.connection.as_deref());
        let (received, sent) = (self.received.bytes(), self.sent.bytes());
        let ms = u64::try_from(self.took().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            client, connection, method = %self.method, path = self.path, status, received, sent, ms,
            refused = self.refused, "request"
        );
    }
}
