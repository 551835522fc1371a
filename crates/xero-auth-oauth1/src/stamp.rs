//! What makes a signature good for one use only: a time and a nonce.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;

use crate::Error;

/// The time and nonce of one request (RFC 5849 section 3.3). Never used twice: a retry takes a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When the request is signed; sent in whole seconds. Xero allowed 1,800 seconds either way and advised 300.
    pub timestamp: SystemTime,
    /// A text that was not sent before. Xero has no rule for its form.
    pub nonce: String,
}

impl Stamp {
    /// The time given, and a nonce of 128 random bits as 32 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Random`] if the system gives no random numbers.
    pub fn new(now: SystemTime) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).map_err(|_| Error::Random)?;
        Ok(Self { timestamp: now, nonce: format!("{:032x}", u128::from_be_bytes(bytes)) })
    }

    /// Seconds since 1970, as `oauth_timestamp` has them.
    pub(crate) fn seconds(&self) -> Result<u64, Error> {
        let since = self.timestamp.duration_since(UNIX_EPOCH).map_err(|_| Error::BeforeEpoch)?;
        Ok(since.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::*;

    #[test]
    fn nonces_differ_and_have_32_digits() {
        let nonces: HashSet<_> = (0..1000).map(|_| Stamp::new(UNIX_EPOCH).unwrap().nonce).collect();
        assert_eq!(nonces.len(), 1000);
        assert!(nonces.iter().all(|n| n.len() == 32 && n.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn fractions_of_a_second_are_dropped_and_times_before_1970_refused() {
        let at = |timestamp| Stamp { timestamp, nonce: String::new() }.seconds();
        assert_eq!(at(UNIX_EPOCH + Duration::from_millis(1_400_000_000_999)).unwrap(), 1_400_000_000);
        assert!(matches!(at(UNIX_EPOCH - Duration::from_secs(1)), Err(Error::BeforeEpoch)));
    }
}
