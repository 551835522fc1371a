//! The one that refreshes: lease and intent before the call, one token after the other until Xero takes one.

use std::time::{Duration, SystemTime};

use tokio::{sync::watch, task::JoinError};
use xero_auth_oauth2::{AppIdentity, ClientSecret, Error as AuthError, Identity, Scopes, TokenAnswer};

use super::{
    LEASE_SLACK, Store, ballast::Ballast, commit::Spent, events::in_words, keeping::Keeper, owner::SignOfLife,
};
use crate::{
    Access, App, AppKind, Authorisation, Error, EventKind,
    backend::{Kept, Lease, OVERDUE},
    event::NewEvent,
    grant::StoredAuthorisation,
    refresh::{Reserve, Source},
};

/// How far the history is searched for what may have cost a token, in entries.
const LOOKED_BACK: usize = 10;
const CROSSED: &str = "Xero no longer accepts the refresh token; no answer came in time when it was first sent, and another \
     renewal sent it again";

/// What somebody saw who then decided to refresh.
pub(super) struct Looked {
    id: String,
    generation: i64,
    /// Who has the lease and is dead.
    dead: Option<String>,
}

/// The right to refresh, and the sign that its owner lives.
pub(super) struct Held {
    pub(super) lease: Lease,
    pub(super) sign: SignOfLife,
    _keeper: Keeper,
}

/// What a leader works with: the right to, and what it read after it had that.
pub(super) struct Turn<'a> {
    pub(super) lease: Lease,
    pub(super) sign: &'a SignOfLife,
    pub(super) stored: StoredAuthorisation,
    pub(super) app: App,
    pub(super) identity: AppIdentity,
    /// The app's second secret, for where the first is refused.
    pub(super) second: Option<AppIdentity>,
    /// The first one, where it was refused and the second is in its place.
    pub(super) refused: Option<ClientSecret>,
    /// Why a custom connection's organisation could not be compared with the one that it is pinned to.
    pub(super) unseen: Option<String>,
    pub(super) server: Identity,
}

impl Turn<'_> {
    /// After a refusal of the client: true where there is another secret to try, which is in its place now.
    fn take_second(&mut self, refusal: &AuthError) -> bool {
        match (refusal, self.second.take()) {
            (AuthError::InvalidClient, Some(second)) => {
                self.refused = std::mem::replace(&mut self.identity, second).secret;
                true
            }
            _ => false,
        }
    }
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

impl Looked {
    pub(super) fn at(stored: &StoredAuthorisation, dead: Option<String>) -> Self {
        let Authorisation { id, generation, .. } = &stored.authorisation;
        Self { id: id.clone(), generation: *generation, dead }
    }
}

impl Store {
    /// Refreshes one generation, in a task of its own that no caller can stop. None: somebody else has gone ahead; look
    /// again.
    pub(super) async fn refresh(&self, looked: Looked) -> Result<Option<Access>, Error> {
        let store = self.clone();
        self.led(async move {
            let connections = if tracing::enabled!(tracing::Level::INFO) {
                // For the log alone: what fails here keeps nobody from a token.
                store.names_of(&looked.id).unwrap_or_default().join(", ")
            } else {
                String::new()
            };
            let Some(held) = store.take_lease(&looked)? else { return Ok(None) };
            tracing::info!(connections, "renewing the login");
            let done = store.refresh_with(&held).await;
            match &done {
                Ok(Some(_)) => tracing::info!(connections, "renewed"),
                Ok(None) => tracing::info!(connections, "renewed by another"),
                Err(error) => tracing::info!(connections, %error, "not renewed"),
            }
            store.give_back(&held.lease, done)
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
        end_of(task.await).unwrap_or(Err(Error::RefreshBusy))
    }

    /// A call to Xero whose answer must be seen. A server's store has a thread that never waits for the database: this one may, and
    /// an answer that came meanwhile would be too late.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, AuthError>> + Send + 'static,
    ) -> Result<Result<T, AuthError>, Error> {
        let Some(caller) = &self.shared.caller else { return Ok(call.await) };
        end_of(caller.spawn(call).await).ok_or(Error::RefreshBusy)
    }

    /// # Errors
    /// [`Error::Copied`]: a copy spends no token.
    pub(super) fn take_lease(&self, looked: &Looked) -> Result<Option<Held>, Error> {
        self.admit_refresh()?;
        let sign = SignOfLife::show(self.db().local())?;
        let taken_at = self.now();
        let wanted = Lease {
            id: looked.id.clone(),
            generation: looked.generation,
            owner: sign.owner().to_owned(),
            taken_at,
            until: taken_at + self.lease_length(),
            ends: self.lease_ends(),
            first_sent: None,
            instead_of: looked.dead.clone(),
        };
        let keeper = self.keeper();
        let lease = self.db().take_lease(&wanted, &self.actor())?;
        Ok(lease.map(|lease| Held { lease, sign, _keeper: keeper }))
    }

    /// Gives the lease back where the work failed; what was to be kept was kept. The note of the intent goes only where
    /// it is certain that nothing was sent, now or before.
    pub(super) fn give_back<T>(&self, lease: &Lease, done: Result<T, Error>) -> Result<T, Error> {
        let done = self.release(lease, done);
        // Others see that the owner is gone, whatever became of the lease.
        self.db().let_go(&lease.owner);
        done
    }

    fn release<T>(&self, lease: &Lease, done: Result<T, Error>) -> Result<T, Error> {
        let Err(error) = &done else { return done };
        let unsent = match error {
            Error::Auth(source) | Error::Xero { source, .. } => !source.may_have_arrived(),
            Error::Tampered { .. } | Error::DiskFull | Error::NotWritable(_) => true,
            _ => false,
        };
        let (at, by, detail) = (self.now(), self.actor(), in_words(error));
        let failed = NewEvent { at, what: EventKind::Failed, by: &by, detail: &detail };
        // A mark is an event of its own.
        let event = (!matches!(error, Error::NeedsLogin { .. })).then_some(&failed);
        // The error that there is says more than one of giving back, and the lease ends with its owner.
        drop(self.db().release_lease(lease, unsent && lease.first_sent.is_none(), event));
        done
    }

    async fn refresh_with(&self, held: &Held) -> Result<Option<Access>, Error> {
        let room = Ballast::take(self.db().local())?;
        let Some(mut turn) = self.turn(held)? else { return Ok(None) };
        if self.take_up(&turn.stored)?.contains(&Kept::Committed) {
            return Ok(None);
        }
        if turn.app.kind == AppKind::Custom {
            return self.refresh_custom(&mut turn, room).await;
        }
        self.spend(turn, room).await
    }

    /// Client credentials: there is nothing to spend.
    async fn refresh_custom(&self, turn: &mut Turn<'_>, room: Ballast) -> Result<Option<Access>, Error> {
        let asked = turn.stored.open_asked(self.data_key())?.map(|scopes| scopes.without_openid());
        let asked = asked.filter(|scopes| !scopes.is_empty());
        let mut answer = self.credentials(turn, asked.clone()).await?;
        if answer.as_ref().is_err_and(|refusal| turn.take_second(refusal)) {
            answer = self.credentials(turn, asked).await?;
        }
        drop(room);
        let answer = answer.map_err(Error::Auth)?;
        if let Ok(access) = &answer.access {
            // Another call takes another while.
            if !self.look_again(turn)? {
                return Ok(None);
            }
            turn.unseen = self.reaches_pinned(turn, &access.token).await?;
        }
        self.commit(turn, None, answer).await
    }

    async fn credentials(
        &self,
        turn: &Turn<'_>,
        asked: Option<Scopes>,
    ) -> Result<Result<TokenAnswer, AuthError>, Error> {
        let (server, identity) = (turn.server.clone(), turn.identity.clone());
        self.call(async move { server.client_credentials(&identity, asked.as_ref()).await }).await
    }

    /// Reads again what there is, now that nobody else refreshes it. None: a new consent has just taken its place.
    pub(super) fn turn<'a>(&self, held: &'a Held) -> Result<Option<Turn<'a>>, Error> {
        let (lease, stored) = (held.lease.clone(), self.stored(&held.lease.id)?);
        if stored.authorisation.generation != lease.generation {
            return Ok(None);
        }
        let (app, identity, second) = self.app_with_identities(&stored.authorisation)?;
        let server = self.leaders_identity(&app.server);
        Ok(Some(Turn {
            lease,
            sign: &held.sign,
            stored,
            app,
            identity,
            second,
            refused: None,
            unseen: None,
            server,
        }))
    }

    /// Sends the stored token, and after `invalid_grant` whatever else there is that Xero may take; then the mark.
    async fn spend(&self, mut turn: Turn<'_>, room: Ballast) -> Result<Option<Access>, Error> {
        let (mut refused, mut source) = (Vec::new(), Source::Stored);
        loop {
            let Some(spent) = self.spent(&turn, source)? else { return Err(self.needs_login(&turn.stored)?) };
            let (server, identity, token) = (turn.server.clone(), turn.identity.clone(), spent.token.clone());
            match self.call(async move { server.refresh(&identity, &token).await }).await? {
                Ok(answer) => {
                    drop(room);
                    return self.commit(&turn, Some(spent), answer).await;
                }
                Err(AuthError::InvalidGrant) => refused.push(source),
                Err(refusal) if turn.take_second(&refusal) => {}
                Err(error) => return Err(Error::Auth(error)),
            }
            if !self.look_again(&mut turn)? {
                return Ok(None);
            }
            match self.reserve(&turn)?.next(&refused, self.now()) {
                Some(next) => source = next,
                None => return self.mark(&turn),
            }
        }
    }

    /// A token to be sent. None: there is none.
    fn spent(&self, turn: &Turn<'_>, source: Source) -> Result<Option<Spent>, Error> {
        let (key, stored) = (self.data_key(), &turn.stored);
        let (token, first_sent) = match source {
            Source::Stored => {
                (stored.open_refresh(key)?, turn.lease.first_sent.unwrap_or(turn.lease.taken_at))
            }
            Source::Previous => {
                stored.open_previous(key)?.map_or((None, self.now()), |(token, at)| (Some(token), at))
            }
            Source::Spare(id) => {
                let spares = self.db().spares(&turn.lease.id)?;
                let spare = spares.iter().find(|spare| spare.id == id);
                (spare.map(|spare| stored.open_spare(key, spare)).transpose()?, self.now())
            }
        };
        Ok(token.map(|token| Spent { token, first_sent, source }))
    }

    /// The second look after a refusal. False: the lease has gone to another one.
    fn look_again(&self, turn: &mut Turn<'_>) -> Result<bool, Error> {
        turn.lease.until = self.now() + self.lease_length();
        turn.lease.ends = self.lease_ends();
        self.db().extend_lease(&turn.lease)
    }

    fn reserve(&self, turn: &Turn<'_>) -> Result<Reserve, Error> {
        let spares = self.db().spares(&turn.lease.id)?.iter().map(|spare| spare.id).collect();
        let previous_spent_at = turn.stored.previous.as_ref().map(|(_, spent_at)| *spent_at);
        Ok(Reserve { previous_spent_at, spares })
    }

    fn mark(&self, turn: &Turn<'_>) -> Result<Option<Access>, Error> {
        let (at, by) = (self.now(), self.actor());
        let events = self.db().events(&turn.lease.id, LOOKED_BACK)?;
        let since_login = events.iter().take_while(|event| event.what != EventKind::Consented);
        let crossed = since_login.into_iter().any(|event| event.detail == OVERDUE);
        let reason =
            if crossed { CROSSED.to_owned() } else { reason(&turn.stored.authorisation, &turn.lease, at) };
        let event = NewEvent { at, what: EventKind::NeedsLogin, by: &by, detail: &reason };
        if !self.db().mark_needs_login(&turn.lease, &event, false)? {
            return Ok(None);
        }
        Err(self.needs_login(&self.stored(&turn.lease.id)?)?)
    }

    fn lease_ends(&self) -> Option<Duration> {
        self.clock.awake().map(|awake| awake + self.lease_length())
    }

    /// Longer than a call can take.
    pub(super) fn lease_length(&self) -> Duration {
        self.timeout + LEASE_SLACK
    }
}

/// What a task gave. None: its runtime is ending, and this caller with it.
fn end_of<T>(ended: Result<T, JoinError>) -> Option<T> {
    match ended {
        Ok(done) => Some(done),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

/// Why the refresh token may have died, for a person.
fn reason(authorisation: &Authorisation, lease: &Lease, now: SystemTime) -> String {
    let unused = authorisation.refresh_expires_at.is_some_and(|end| end <= now);
    if let Some(first) = lease.first_sent {
        let ago = match now.duration_since(first).unwrap_or_default().as_secs() / 60 {
            0 => "less than a minute ago".to_owned(),
            1 => "a minute ago".to_owned(),
            minutes => format!("{minutes} minutes ago"),
        };
        return format!(
            "Xero no longer accepts the refresh token; no answer came when it was first sent, {ago}"
        );
    }
    if unused {
        return "the refresh token was not used for 60 days".to_owned();
    }
    "Xero no longer accepts the refresh token: it was revoked, or used by another program".to_owned()
}
