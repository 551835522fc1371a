//! The one that refreshes: lease and intent before the call, a commit by generation after it.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use xero_auth_oauth2::{AppIdentity, Error as AuthError, Identity, RefreshToken, TokenAnswer};

use super::{LEASE_SLACK, Store, access::Waiting, ballast::Ballast, new_id};
use crate::{
    Access, App, AppKind, Authorisation, Error,
    grant::{Grant, StoredAuthorisation},
    refresh::{ACCESS_LIFETIME, in_grace},
    sqlite::Lease,
};

/// How long a good answer is kept in memory and tried to be saved again.
const SAVING: Duration = Duration::from_secs(10);

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
            let room = Ballast::take(store.db().path())?;
            let Some(lease) = store.take_lease(&id, generation)? else { return Ok(None) };
            let done = store.refresh_with(&lease, room).await;
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
        let (id, owner) = (id.to_owned(), new_id()?);
        self.db().take_lease(Lease { id, generation, owner, taken_at, until, first_sent: None })
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
        // The error that there is says more than one of giving back, and the lease ends by itself.
        drop(self.db().release_lease(lease, unsent && lease.first_sent.is_none()));
        done
    }

    async fn refresh_with(&self, lease: &Lease, room: Ballast) -> Result<Option<Access>, Error> {
        let Some(turn) = self.turn(lease)? else { return Ok(None) };
        if turn.app.kind == AppKind::Custom {
            return self.refresh_custom(&turn, room).await;
        }
        let Some(token) = turn.stored.open_refresh(self.data_key())? else {
            return Err(self.needs_login(&turn.stored)?);
        };
        let first_sent = lease.first_sent.unwrap_or(lease.taken_at);
        let answer = turn.server.refresh(&turn.identity, &token).await;
        drop(room);
        match answer {
            Ok(answer) => self.commit(&turn, Some((token, first_sent)), answer).await,
            Err(AuthError::InvalidGrant) => self.refused(turn).await,
            Err(error) => Err(Error::Auth(error)),
        }
    }

    /// Client credentials: there is nothing to spend.
    async fn refresh_custom(&self, turn: &Turn, room: Ballast) -> Result<Option<Access>, Error> {
        let asked = turn.stored.open_asked(self.data_key())?.map(|scopes| scopes.without_openid());
        let asked = asked.filter(|scopes| !scopes.is_empty());
        let answer = turn.server.client_credentials(&turn.identity, asked.as_ref()).await;
        drop(room);
        self.commit(turn, None, answer.map_err(Error::Auth)?).await
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
                Ok(answer) => return self.commit(&turn, Some(previous), answer).await,
                Err(AuthError::InvalidGrant) => {}
                Err(error) => return Err(Error::Auth(error)),
            }
        }
        self.mark(&turn)
    }

    fn mark(&self, turn: &Turn) -> Result<Option<Access>, Error> {
        let now = self.now();
        let reason = reason(&turn.stored.authorisation, &turn.lease, now);
        if !self.db().mark_needs_login(&turn.lease, &reason, false, now)? {
            return Ok(None);
        }
        Err(self.needs_login(&self.stored(&turn.lease.id)?)?)
    }

    /// Keeps an answer, durably, before anybody sees it. None: the authorisation has gone on in the meantime.
    async fn commit(
        &self,
        turn: &Turn,
        spent: Option<Spent>,
        answer: TokenAnswer,
    ) -> Result<Option<Access>, Error> {
        let (access, failure) = match answer.access {
            Ok(access) => (Some(access), None),
            Err(error) => (None, Some(error)),
        };
        let mut grant = self.unchanged(turn)?;
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
        if !self.save(&grant).await? {
            return Ok(None);
        }
        failure.map_or_else(|| Ok(grant.access()), |error| Err(Error::Auth(error)))
    }

    /// Writes what cannot be had again, over and over where waiting may help. False: the authorisation has gone on.
    ///
    /// # Errors
    /// [`Error::NotSaved`] where a refresh token was spent for it; the note of the intent says so to the next caller.
    async fn save(&self, grant: &Grant) -> Result<bool, Error> {
        let mut waiting = Waiting::new(SAVING);
        loop {
            match self.save_once(grant) {
                Err(error) if may_pass(&error) && waiting.pause().await.is_ok() => {}
                Err(error) if grant.previous.is_some() => {
                    return Err(Error::NotSaved { source: Box::new(error) });
                }
                outcome => return outcome,
            }
        }
    }

    fn save_once(&self, grant: &Grant) -> Result<bool, Error> {
        let sealed = grant.seal(self.data_key())?;
        self.db().commit_refresh(&sealed)
    }

    /// The next generation of what a leader read, without tokens.
    fn unchanged(&self, turn: &Turn) -> Result<Grant, Error> {
        let there = &turn.stored.authorisation;
        let custom = turn.app.kind == AppKind::Custom;
        Ok(Grant {
            id: there.id.clone(),
            app: there.app.clone(),
            generation: there.generation + 1,
            user: there.user.clone(),
            consent: there.consent.clone(),
            scopes: there.scopes.clone(),
            asked: if custom { turn.stored.open_asked(self.data_key())? } else { None },
            at: turn.lease.taken_at,
            access: None,
            refresh: None,
            previous: None,
        })
    }

    /// Longer than a call can take.
    pub(super) fn lease_length(&self) -> Duration {
        self.timeout + LEASE_SLACK
    }
}

/// True for what others may mend in seconds: they let go of the file, make room on the disk, give rights back.
fn may_pass(error: &Error) -> bool {
    matches!(error, Error::Busy | Error::DiskFull | Error::NotWritable(_))
}

/// Why the refresh token may have died, for a person.
fn reason(authorisation: &Authorisation, lease: &Lease, now: SystemTime) -> String {
    let unused = authorisation.refresh_expires_at.is_some_and(|end| end <= now);
    if let Some(first) = lease.first_sent {
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection as Db;
    use tokio::time::{Instant, sleep};
    use xero_auth_oauth2::{ClientId, Scopes, User};

    use super::*;
    use crate::{NewApp, NewAuthorisation, Server, StoreKey};

    /// A store with one consent, its next generation as a refresh gave it, and the means to lock others out.
    struct Case {
        _folder: tempfile::TempDir,
        store: Store,
        grant: Grant,
        other: Db,
    }

    impl Case {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.db");
            let key = StoreKey::File(StoreKey::generate().unwrap());
            let store = Store::create(&path, &key, "").unwrap();
            store.db().impatient();
            let id = store.add_authorisation(&consent()).unwrap().id;
            let stored = store.stored(&id).unwrap();
            let grant = next(&stored.authorisation, store.now());
            Self { _folder: folder, store, grant, other: Db::open(&path).unwrap() }
        }

        fn other(&self, sql: &str) {
            self.other.execute_batch(sql).unwrap();
        }

        fn refresh_token(&self) -> String {
            let stored = self.store.stored(&self.grant.id).unwrap();
            stored.open_refresh(self.store.data_key()).unwrap().unwrap().expose().to_owned()
        }
    }

    fn consent() -> NewAuthorisation {
        let client_id = ClientId::parse("0123456789ABCDEF0123456789ABCDEF").unwrap();
        NewAuthorisation {
            app: NewApp {
                kind: AppKind::Desktop,
                identity: AppIdentity { client_id, secret: None },
                server: Server::xero(),
                redirect_uris: Vec::new(),
            },
            refresh_token: Some(RefreshToken::new("old").unwrap()),
            access: None,
            scopes: Scopes::default(),
            asked: None,
            user: User::default(),
            consent: None,
        }
    }

    fn next(there: &Authorisation, at: SystemTime) -> Grant {
        Grant {
            id: there.id.clone(),
            app: there.app.clone(),
            generation: there.generation + 1,
            user: User::default(),
            consent: None,
            scopes: Scopes::default(),
            asked: None,
            at,
            access: None,
            refresh: Some(RefreshToken::new("new").unwrap()),
            previous: Some((RefreshToken::new("old").unwrap(), at)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_is_saved_as_soon_as_the_file_is_free() {
        let case = Case::new();
        case.other("BEGIN IMMEDIATE");
        let (saved, ()) = tokio::join!(case.store.save(&case.grant), async {
            sleep(Duration::from_secs(9)).await;
            assert_eq!(case.refresh_token(), "old");
            case.other("ROLLBACK");
        });
        assert!(saved.unwrap());
        assert_eq!(case.refresh_token(), "new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pair_that_cannot_be_saved_is_named_as_what_it_is() {
        let case = Case::new();
        case.other("BEGIN IMMEDIATE");
        let begun = Instant::now();
        let failed = case.store.save(&case.grant).await.unwrap_err();
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert!(
            matches!(&failed, Error::NotSaved { source } if matches!(**source, Error::Busy)),
            "{failed:?}"
        );
        case.other("ROLLBACK");
        assert_eq!(case.refresh_token(), "old");
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_was_spent_nothing_is_lost() {
        let mut case = Case::new();
        case.grant.previous = None;
        case.other("BEGIN IMMEDIATE");
        assert!(matches!(case.store.save(&case.grant).await, Err(Error::Busy)));
    }
}
