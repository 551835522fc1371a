//! The one that refreshes: lease and intent before the call, a commit by generation after it.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use xero_auth_oauth2::{AppIdentity, Error as AuthError, Identity, RefreshToken, TokenAnswer};

use super::{LEASE_SLACK, Store, new_id};
use crate::{
    Access, App, AppKind, Authorisation, Error,
    grant::{Grant, StoredAuthorisation},
    record::seconds,
    refresh::{ACCESS_LIFETIME, in_grace},
    sqlite::Lease,
};

/// A refresh token that is being spent, and when it was first.
type Spent = (RefreshToken, SystemTime);

/// What a leader works with: the right to, and what it read after it had that.
pub(super) struct Turn {
    lease: Lease,
    pub(super) stored: StoredAuthorisation,
    app: App,
    pub(super) identity: AppIdentity,
    pub(super) server: Identity,
}

/// Counts one call as under way.
struct Leading(watch::Sender<usize>);

impl Leading {
    fn new(leaders: &watch::Sender<usize>) -> Self {
        leaders.send_modify(|count| *count += 1);
        Self(leaders.clone())
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Store {
    /// Refreshes one generation, in a task of its own that no caller can stop. None: somebody else has gone ahead; look
    /// again.
    pub(super) async fn refresh(&self, id: &str, generation: i64) -> Result<Option<Access>, Error> {
        let (store, id) = (self.clone(), id.to_owned());
        self.led(async move {
            let Some(lease) = store.take_lease(&id, generation)? else { return Ok(None) };
            let done = store.refresh_with(&lease).await;
            store.give_back(&lease, done)
        })
        .await
    }

    /// Runs to its end what must not be broken off.
    pub(super) async fn led<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let leading = Leading::new(&self.shared.leaders);
        let task = tokio::spawn(async move {
            let _leading = leading;
            work.await
        });
        match task.await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is ending, and this caller with it.
            Err(_) => Err(Error::RefreshBusy),
        }
    }

    pub(super) fn take_lease(&self, id: &str, generation: i64) -> Result<Option<Lease>, Error> {
        let taken_at = self.now();
        let until = taken_at + self.lease_length();
        let lease = Lease { id: id.to_owned(), generation, owner: new_id()?, taken_at, until };
        Ok(self.db().take_lease(&lease)?.then_some(lease))
    }

    /// Gives the lease back where the work failed; what was to be kept was kept. The note of the intent goes only where
    /// it is certain that nothing was sent, now or before.
    pub(super) fn give_back<T>(&self, lease: &Lease, done: Result<T, Error>) -> Result<T, Error> {
        let Err(error) = &done else { return done };
        let unsent = match error {
            Error::Auth(source) | Error::Xero { source, .. } => !source.may_have_arrived(),
            Error::Tampered { .. } => true,
            _ => false,
        };
        let first = self.stored(&lease.id).is_ok_and(|stored| earlier(&stored, lease).is_none());
        // The error that there is says more than one of giving back, and the lease ends by itself.
        drop(self.db().release_lease(lease, unsent && first));
        done
    }

    async fn refresh_with(&self, lease: &Lease) -> Result<Option<Access>, Error> {
        let Some(turn) = self.turn(lease)? else { return Ok(None) };
        if turn.app.kind == AppKind::Custom {
            let scopes = turn.stored.authorisation.scopes.without_openid();
            let scopes = (!scopes.is_empty()).then_some(&scopes);
            let answer = turn.server.client_credentials(&turn.identity, scopes).await.map_err(Error::Auth)?;
            return self.commit(&turn, None, answer);
        }
        let Some(token) = turn.stored.open_refresh(self.data_key())? else {
            return Err(self.needs_login(&turn.stored)?);
        };
        let first_sent = turn.stored.intent_at.unwrap_or(lease.taken_at);
        match turn.server.refresh(&turn.identity, &token).await {
            Ok(answer) => self.commit(&turn, Some((token, first_sent)), answer),
            Err(AuthError::InvalidGrant) => self.refused(turn).await,
            Err(error) => Err(Error::Auth(error)),
        }
    }

    /// Reads again what there is, now that nobody else refreshes it. None: a new consent has just taken its place.
    pub(super) fn turn(&self, lease: &Lease) -> Result<Option<Turn>, Error> {
        let stored = self.stored(&lease.id)?;
        if stored.authorisation.generation != lease.generation {
            return Ok(None);
        }
        let (app, identity) = self.app_with_identity(&stored.authorisation)?;
        let server = self.identity(&app.server);
        Ok(Some(Turn { lease: lease.clone(), stored, app, identity, server }))
    }

    /// After `invalid_grant`: a second look, then the token before this one while Xero may still take it, then the mark.
    async fn refused(&self, mut turn: Turn) -> Result<Option<Access>, Error> {
        let previous = turn.stored.open_previous(self.data_key())?;
        let previous = previous.filter(|(_, spent_at)| in_grace(*spent_at, self.now()));
        turn.lease.until = self.now() + self.lease_length();
        if !self.db().extend_lease(&turn.lease)? {
            return Ok(None);
        }
        if let Some(previous) = previous {
            match turn.server.refresh(&turn.identity, &previous.0).await {
                Ok(answer) => return self.commit(&turn, Some(previous), answer),
                Err(AuthError::InvalidGrant) => {}
                Err(error) => return Err(Error::Auth(error)),
            }
        }
        self.mark(&turn)
    }

    fn mark(&self, turn: &Turn) -> Result<Option<Access>, Error> {
        let now = self.now();
        let reason = reason(&turn.stored, &turn.lease, now);
        if !self.db().mark_needs_login(&turn.lease, &reason, false, now)? {
            return Ok(None);
        }
        Err(self.needs_login(&self.stored(&turn.lease.id)?)?)
    }

    /// Keeps an answer, durably, before anybody sees it. None: the authorisation has gone on in the meantime.
    fn commit(
        &self,
        turn: &Turn,
        spent: Option<Spent>,
        answer: TokenAnswer,
    ) -> Result<Option<Access>, Error> {
        let (access, failure) = match answer.access {
            Ok(access) => (Some(access), None),
            Err(error) => (None, Some(error)),
        };
        let there = &turn.stored.authorisation;
        let mut grant = unchanged(there, &turn.stored, turn.lease.taken_at);
        match (answer.refresh_token, failure.clone()) {
            (None, Some(nothing_new)) => return Err(Error::Auth(nothing_new)),
            (Some(token), _) => (grant.refresh, grant.previous) = (Some(token), spent),
            // Not rotated: what was spent goes on.
            (None, None) => grant.refresh = spent.map(|(token, _)| token),
        }
        if let Some(access) = access {
            let lasts = access.expires_in.min(ACCESS_LIFETIME);
            grant.access = Some((access.token, turn.lease.taken_at + lasts));
            grant.scopes = access.scopes.unwrap_or(grant.scopes);
        }
        let sealed = grant.seal(self.data_key())?;
        if !self.db().commit_refresh(&sealed)? {
            return Ok(None);
        }
        failure.map_or_else(|| Ok(grant.access()), |error| Err(Error::Auth(error)))
    }

    /// Longer than a call can take.
    fn lease_length(&self) -> Duration {
        self.timeout + LEASE_SLACK
    }
}

/// The next generation, without tokens.
fn unchanged(there: &Authorisation, stored: &StoredAuthorisation, at: SystemTime) -> Grant {
    Grant {
        id: there.id.clone(),
        app: there.app.clone(),
        generation: there.generation + 1,
        user: there.user.clone(),
        consent: stored.consent.clone(),
        scopes: there.scopes.clone(),
        at,
        access: None,
        refresh: None,
        previous: None,
    }
}

/// Why the refresh token may have died, for a person.
fn reason(stored: &StoredAuthorisation, lease: &Lease, now: SystemTime) -> String {
    let unused = stored.authorisation.refresh_expires_at.is_some_and(|end| end <= now);
    if let Some(first) = earlier(stored, lease) {
        let minutes = now.duration_since(first).unwrap_or_default().as_secs().div_ceil(60);
        return format!(
            "Xero no longer accepts the refresh token; no answer came when it was first sent, {minutes} minutes ago"
        );
    }
    if unused {
        return "the refresh token was not used for 60 days".to_owned();
    }
    "Xero no longer accepts the refresh token: it was revoked, or used by another program".to_owned()
}

/// When the refresh token was first sent, if that was before this lease: no answer to it was kept.
fn earlier(stored: &StoredAuthorisation, lease: &Lease) -> Option<SystemTime> {
    stored.intent_at.filter(|first| seconds(*first) < seconds(lease.taken_at))
}
