//! Counts for Prometheus: requests, refusals, bytes, times, renewals, clients connected.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::access_log::Entry;

/// The content type of what [`Metrics::text`] writes.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    refused: Family<Refused, Counter>,
    received: Family<Of, Counter>,
    sent: Family<Of, Counter>,
    seconds: Family<Of, Histogram>,
    renewals: Family<Of, Counter>,
    pub(crate) clients: Gauge,
    waiting: Gauge,
}

/// A request that waits, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Waits(Gauge);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What is counted of one connection, at hand.
#[derive(Debug)]
pub(crate) struct Counts {
    received: Counter,
    sent: Counter,
    seconds: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    client: Name,
    connection: Name,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

/// Of one connection.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    connection: Name,
}

type Name = Arc<str>;

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        // From a millisecond to some two minutes.
        let seconds = Family::<Of, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.001, 2.0, 18))
        });
        let mut metrics = Self {
            registry: Registry::with_prefix("xero_gateway"),
            requests: Family::default(),
            refused: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            seconds,
            renewals: Family::default(),
            clients: Gauge::default(),
            waiting: Gauge::default(),
        };
        metrics.register();
        Arc::new(metrics)
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests that were passed on, by answer", self.requests.clone());
        registry.register("refused", "Requests that the gateway answered itself", self.refused.clone());
        let bytes = |what| format!("Bytes of {what}");
        registry.register_with_unit(
            "received",
            bytes("bodies from clients"),
            Unit::Bytes,
            self.received.clone(),
        );
        registry.register_with_unit("sent", bytes("bodies to clients"), Unit::Bytes, self.sent.clone());
        registry.register_with_unit(
            "request",
            "Time until an answer has gone",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register("renewals", "Tokens had anew because Xero refused one", self.renewals.clone());
        registry.register("clients", "Clients connected", self.clients.clone());
        registry.register("waiting", "Requests that wait for their turn", self.waiting.clone());
    }

    /// The counts of a connection.
    pub(crate) fn of(&self, connection: &Name) -> Counts {
        let of = Of { connection: Arc::clone(connection) };
        Counts {
            received: self.received.get_or_create_owned(&of),
            sent: self.sent.get_or_create_owned(&of),
            seconds: self.seconds.get_or_create_owned(&of),
        }
    }

    /// A request waits for its turn.
    pub(crate) fn waits(&self) -> Waits {
        self.waiting.inc();
        Waits(self.waiting.clone())
    }

    /// A connection's token was had anew.
    pub(crate) fn renewed(&self, connection: &Name) {
        self.renewals.get_or_create(&Of { connection: Arc::clone(connection) }).inc();
    }

    /// Counts a request that has ended, and how long it took.
    pub(crate) fn note(&self, entry: &Entry, took: Duration) {
        if let Some(reason) = entry.refused {
            self.refused.get_or_create(&Refused { reason }).inc();
            return;
        }
        let (Some(client), Some(way)) = (&entry.client, &entry.way) else { return };
        // A client that went away got no status.
        let status = entry.status.map_or(499, |status| status.as_u16());
        let (received, sent) = entry.bytes();
        way.counts.received.inc_by(received);
        way.counts.sent.inc_by(sent);
        way.counts.seconds.observe(took.as_secs_f64());
        let answered = Answered { client: Arc::clone(client), connection: Arc::clone(&way.name), status };
        self.requests.get_or_create(&answered).inc();
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}
