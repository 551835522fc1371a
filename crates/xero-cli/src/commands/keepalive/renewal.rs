//! Renews many logins, some at a time; a failure of one does not stop the others.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use connection_store::{Error as StoreError, Need, Store};
use tokio::{task::JoinSet, time::Instant};
use xero_auth_oauth2::Retry;

use super::{
    login::Login,
    server_health::{Asking, ServerHealth},
};
use crate::{
    failure::{Failure, Kind},
    xero_api,
};

/// What came of one login.
#[derive(Debug)]
pub(crate) enum Verdict {
    Renewed,
    /// There was nothing to do.
    Good,
    Failed(Trouble),
    /// Its last connection was removed meanwhile.
    Gone,
}

/// Why a login was not renewed.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) failure: Failure,
    /// Time does not mend it: a person must do something.
    pub(crate) lasting: bool,
    /// The server could not, for now; another login would meet the same.
    of_server: bool,
}

impl Trouble {
    /// Nothing but a new login helps.
    pub(crate) fn needs_person(failure: Failure) -> Self {
        Self { failure, lasting: true, of_server: false }
    }

    fn new(error: StoreError, login: &Login) -> Self {
        let retry = match &error {
            StoreError::Auth(error) => Some(error.retry()),
            _ => None,
        };
        let of_store = matches!(
            error,
            StoreError::Copied { .. }
                | StoreError::Moved { .. }
                | StoreError::Arriving { .. }
                | StoreError::Tampered { .. }
        );
        let failure = xero_api::no_token(error, login.connection());
        let refused = failure.kind == Kind::Refused && retry == Some(Retry::Never);
        let lasting = of_store || refused || failure.kind == Kind::NeedsPerson;
        Self { failure, lasting, of_server: matches!(retry, Some(Retry::Later | Retry::After(_))) }
    }

    fn not_tried(why: &str) -> Self {
        let message = format!("not tried, because its server is in trouble: {why}");
        let failure = Failure::new(Kind::Temporary, message).hint("the next run tries it again");
        Self { failure, lasting: false, of_server: false }
    }
}

/// A login that is to be renewed.
struct Attempt {
    login: Login,
    first: bool,
}

/// One run over logins that are due.
struct Run<'a> {
    store: &'a Store,
    queue: VecDeque<Attempt>,
    running: JoinSet<(Attempt, Verdict)>,
    servers: HashMap<Option<String>, ServerHealth>,
    seen: &'a mut dyn FnMut(Login, Verdict),
}

/// Renews logins, `at_once` at a time, and shows what came of each as soon as that is known. A server that asks for a
/// pause gets it, a minute at the most; one that wants more, or fails three times in a row, is left alone for this run.
pub(crate) async fn renew(
    store: &Store,
    due: Vec<Login>,
    at_once: usize,
    seen: &mut dyn FnMut(Login, Verdict),
) {
    let queue = due.into_iter().map(|login| Attempt { login, first: true }).collect();
    let mut run = Run { store, queue, running: JoinSet::new(), servers: HashMap::new(), seen };
    loop {
        let pause_ends = run.start(at_once);
        if run.queue.is_empty() && run.running.is_empty() {
            return;
        }
        tokio::select! {
            Some(ended) = run.running.join_next() => match ended {
                Ok((attempt, verdict)) => run.note(attempt, verdict),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            () = until(pause_ends), if pause_ends.is_some() => {}
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Run<'_> {
    /// Starts what may be started. Gives the end of the first pause, where something waits for it.
    fn start(&mut self, at_once: usize) -> Option<Instant> {
        let (now, mut pause_ends) = (Instant::now(), None::<Instant>);
        for attempt in std::mem::take(&mut self.queue) {
            let health = self.servers.entry(attempt.login.server()).or_default();
            match health.asking(now) {
                Asking::No(why) => (self.seen)(attempt.login, Verdict::Failed(Trouble::not_tried(why))),
                Asking::NotBefore(at) => {
                    pause_ends = Some(pause_ends.map_or(at, |other| other.min(at)));
                    self.queue.push_back(attempt);
                }
                Asking::Now if self.running.len() < at_once => {
                    self.running.spawn(attempt_one(self.store.clone(), attempt));
                }
                Asking::Now => self.queue.push_back(attempt),
            }
        }
        pause_ends
    }

    fn note(&mut self, attempt: Attempt, verdict: Verdict) {
        let health = self.servers.entry(attempt.login.server()).or_default();
        match &verdict {
            Verdict::Failed(Trouble { failure, of_server: true, .. }) => {
                let retry_after = failure.retry_after.map(Duration::from_secs);
                if health.failed(&failure.message, retry_after, Instant::now()) && attempt.first {
                    return self.queue.push_back(Attempt { first: false, ..attempt });
                }
            }
            Verdict::Renewed => health.succeeded(),
            _ => {}
        }
        (self.seen)(attempt.login, verdict);
    }
}

async fn attempt_one(store: Store, attempt: Attempt) -> (Attempt, Verdict) {
    let Attempt { login, first } = attempt;
    let need = Need::fresh(login.authorisation().generation());
    let verdict = match store.access(login.connection(), need).await {
        Ok(_) => Verdict::Renewed,
        Err(StoreError::NoSuchConnection { .. } | StoreError::NoSuchAuthorisation(_)) => Verdict::Gone,
        Err(error) => Verdict::Failed(Trouble::new(error, &login)),
    };
    // What cannot be read again is shown as it was.
    let now = store.authorisation(login.id()).ok().flatten();
    let login = match now {
        Some(authorisation) => login.with(authorisation),
        None => login,
    };
    (Attempt { login, first }, verdict)
}
