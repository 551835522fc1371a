//! A server that is in trouble is not asked once more for each of a thousand logins.

use std::time::Duration;

use tokio::time::Instant;

/// How many failures of a server, with no success in between, are enough.
const ENOUGH: u32 = 3;
/// A server that wants to be left alone for longer than this is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What one server has answered so far.
#[derive(Debug, Default)]
pub(crate) struct ServerHealth {
    failures: u32,
    resumes_at: Option<Instant>,
    given_up: Option<String>,
}

/// What may be asked of a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asking<'a> {
    Now,
    NotBefore(Instant),
    /// Not at all in this run, and why.
    No(&'a str),
}

impl ServerHealth {
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The server could not be reached, did not answer, or said that it cannot at the moment, and for how long. True: the
    /// same may be tried again in this run, once it has had its pause.
    pub(crate) fn failed(&mut self, why: &str, retry_after: Option<Duration>, now: Instant) -> bool {
        self.failures += 1;
        let too_long = retry_after.is_some_and(|pause| pause > LONGEST_PAUSE);
        if too_long || self.failures >= ENOUGH {
            self.given_up.get_or_insert_with(|| why.to_owned());
        } else if let Some(pause) = retry_after {
            self.resumes_at = self.resumes_at.max(Some(now + pause));
        }
        self.given_up.is_none() && retry_after.is_some()
    }

    pub(crate) fn asking(&self, now: Instant) -> Asking<'_> {
        match (&self.given_up, self.resumes_at) {
            (Some(why), _) => Asking::No(why),
            (None, Some(at)) if at > now => Asking::NotBefore(at),
            _ => Asking::Now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_pause_is_kept_and_the_longest_counts() {
        let (mut server, now) = (ServerHealth::default(), Instant::now());
        assert_eq!(server.asking(now), Asking::Now);
        assert!(server.failed("429", Some(seconds(60)), now));
        assert!(server.failed("429", Some(seconds(5)), now));
        assert_eq!(server.asking(now + seconds(59)), Asking::NotBefore(now + seconds(60)));
        assert_eq!(server.asking(now + seconds(60)), Asking::Now);
    }

    #[test]
    fn a_long_pause_is_not_waited_for() {
        let (mut server, now) = (ServerHealth::default(), Instant::now());
        assert!(!server.failed("429", Some(seconds(61)), now));
        assert_eq!(server.asking(now + seconds(3600)), Asking::No("429"));
    }

    #[test]
    fn three_failures_in_a_row_are_enough() {
        let (mut server, now) = (ServerHealth::default(), Instant::now());
        for why in ["one", "two"] {
            assert!(!server.failed(why, None, now));
        }
        server.succeeded();
        for why in ["three", "four"] {
            assert!(!server.failed(why, None, now));
        }
        assert_eq!(server.asking(now), Asking::Now);
        assert!(!server.failed("five", Some(seconds(1)), now));
        assert_eq!(server.asking(now), Asking::No("five"));
        assert!(!server.failed("six", None, now));
        assert_eq!(server.asking(now), Asking::No("five"));
    }
}
