//! What a gateway lets through, and how much of it.

use std::time::Duration;

/// The rules of a gateway. The default lets every method through, to every connection.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Lets nothing but GET, HEAD and OPTIONS through.
    pub read_only: bool,
    /// The connections that may be used, by name; empty: all.
    pub connections: Vec<String>,
    /// The connection of requests that name none; `None`: the authority's own default.
    pub default_connection: Option<String>,
    /// How many requests of one connection are with Xero at once; more wait.
    pub at_once: usize,
    /// How many clients may be connected to each listener; more wait to be accepted.
    pub max_connections: usize,
    /// How long a request waits for its turn in all: by `at_once`, and by Xero's limits, which all who use the store keep together.
    pub max_wait: Duration,
    /// A client's connection on which no request begins for so long is closed, whatever part of one has come.
    pub idle: Duration,
    /// A client's connection is closed where nothing of its requests has moved for so long. Longer than `answer`.
    pub stall: Duration,
    /// How long Xero may take to begin its answer once nothing more of the request goes there.
    pub answer: Duration,
    /// The largest body of a request, in bytes; `None`: no limit, since bodies pass through in pieces.
    pub max_body: Option<u64>,
    /// How long requests may take to end once the gateway was told to stop.
    pub grace: Duration,
    /// How long what was found out of a connection is used before it is looked at again.
    pub trust: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_only: false,
            connections: Vec::new(),
            default_connection: None,
            at_once: 5,
            max_wait: Duration::from_secs(60),
            max_connections: 256,
            idle: Duration::from_secs(30),
            stall: Duration::from_secs(180),
            answer: Duration::from_secs(120),
            max_body: None,
            grace: Duration::from_secs(30),
            trust: Duration::from_secs(2),
        }
    }
}
