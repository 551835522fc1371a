//! Who signs: a consumer key, a token and the private key.

use std::{fmt, sync::Arc};

use xero_certs::PrivateKey;

use crate::ConsumerKey;

/// What requests are signed with. Cheap to clone; `Debug` shows the consumer key alone.
#[derive(Clone)]
pub struct Credentials {
    consumer_key: ConsumerKey,
    token: Option<String>,
    key: Arc<PrivateKey>,
}

impl Credentials {
    /// Of a private app, whose token is its consumer key and never expires. The consumer secret plays no part.
    pub fn private_app(consumer_key: ConsumerKey, key: impl Into<Arc<PrivateKey>>) -> Self {
        let token = Some(consumer_key.as_str().to_owned());
        Self { consumer_key, token, key: key.into() }
    }

    /// Of any other client: with a token that was granted, or without one (RFC 5849 section 3.1).
    pub fn new(consumer_key: ConsumerKey, token: Option<String>, key: impl Into<Arc<PrivateKey>>) -> Self {
        Self { consumer_key, token, key: key.into() }
    }

    /// The consumer key.
    pub fn consumer_key(&self) -> &ConsumerKey {
        &self.consumer_key
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub(crate) fn key(&self) -> &PrivateKey {
        &self.key
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("consumer_key", &self.consumer_key).finish_non_exhaustive()
    }
}
