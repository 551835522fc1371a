//! Access tokens for callers: used, waited for or had anew, and put into requests.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use xero_certs::Certificate;

use super::{
    Store,
    leader::Looked,
    owner::{Sign, look_here},
};
use crate::{
    Access, ApiRequest, AppKind, Authorisation, Connection, Error, Handed, HandedWay, Need, RequestHeaders,
    backend::Kept,
    grant::StoredAuthorisation,
    refresh::{Owner, Situation, Step, runs},
};

/// How long a caller waits for another's refresh at least.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Short: a look costs a fraction of a millisecond, and many may wait for one who is quick.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// Before the next try to reach a server that is away.
const PAUSE_FOR_A_SERVER: Duration = Duration::from_millis(250);
const NO_REFRESH_TOKEN: &str = "no refresh token was granted (the scope offline_access gives one)";

/// Somebody who waits, and for how long still.
pub(super) struct Waiting {
    until: Instant,
    pause: Duration,
    longest: Duration,
}

impl Waiting {
    pub(super) fn new(patience: Duration) -> Self {
        Self { until: Instant::now() + patience, pause: FIRST_PAUSE, longest: LONGEST_PAUSE }
    }

    /// For a server that may be away.
    pub(super) fn for_a_server(patience: Duration) -> Self {
        Self { pause: PAUSE_FOR_A_SERVER, longest: PAUSE_FOR_A_SERVER, ..Self::new(patience) }
    }

    /// A pause before the next look, longer each time.
    ///
    /// # Errors
    /// [`Error::RefreshBusy`] when it has taken too long.
    pub(super) async fn pause(&mut self) -> Result<(), Error> {
        if Instant::now() >= self.until {
            return Err(Error::RefreshBusy);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.longest);
        Ok(())
    }

    /// A pause after something failed that others may mend.
    ///
    /// # Errors
    /// The same, where it is none of that sort or has taken too long; [`Error::RefreshBusy`] for others in the way.
    pub(super) async fn pause_after(&mut self, error: Error) -> Result<(), Error> {
        match error {
            Error::Busy => self.pause().await,
            Error::Unreachable { .. } if Instant::now() < self.until => {
                tokio::time::sleep(PAUSE_FOR_A_SERVER).await;
                Ok(())
            }
            error => Err(error),
        }
    }
}

impl Store {
    /// A good access token of the connection's authorisation, refreshed if need be. Over all tasks and processes that
    /// share the store one refreshes at a time; the others wait for what comes of it, a minute or twice as long as a
    /// refresh may take. A caller who goes away does not stop a refresh. A server that cannot be reached is waited for as long.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a private app, [`Error::NeedsLogin`], [`Error::Auth`], [`Error::NotSaved`],
    /// [`Error::RefreshBusy`], [`Error::Tampered`] where the connection was changed.
    pub async fn access(&self, connection: &Connection, need: Need) -> Result<Access, Error> {
        let mut waiting = self.waiting();
        loop {
            match self.renewed_for(connection) {
                Ok(id) => return self.access_for(id, connection.app.kind, need).await,
                Err(error) => waiting.pause_after(error).await?,
            }
        }
    }

    /// The stored access token of the connection's authorisation, where that is good enough; nobody is waited for. `None`:
    /// [`access`](Self::access) has more to do.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a private app, [`Error::Tampered`].
    pub fn stored_access(&self, connection: &Connection, need: &Need) -> Result<Option<Access>, Error> {
        match self.stored_good(connection, need) {
            // What these mean `access` finds out, or waits for.
            Err(Error::NoSuchApp(_) | Error::Busy) => Ok(None),
            done => done,
        }
    }

    fn stored_good(&self, connection: &Connection, need: &Need) -> Result<Option<Access>, Error> {
        let (app, authorisation) = (&connection.app, self.own_authorisation(connection, "access token")?);
        self.app_identity(app)?;
        let stored = self.stored(&authorisation.id)?;
        let (owner, _) = self.owner(&stored);
        match stored.situation(app.kind, owner).step(self.now(), need, stored.authorisation.generation) {
            Step::Use => stored.open_access(self.data_key()).map(Some),
            _ => Ok(None),
        }
    }

    /// As [`access`](Self::access), for an authorisation that may have no connection yet.
    pub async fn access_of(&self, authorisation: &Authorisation, need: Need) -> Result<Access, Error> {
        let (app, ..) = self.app_with_identities(authorisation)?;
        self.access_for(&authorisation.id, app.kind, need).await
    }

    /// Makes a request the connection's own, whatever its kind: a signature with a fresh nonce (OAuth 1.0a), or an access
    /// token, refreshed if need be, with the pinned organisation. A request that is sent again must be authorised again.
    ///
    /// # Errors
    /// [`Error::OtherServer`] for a URL that is not at the connection's own server: nothing is signed for others, and
    /// nobody else gets a token. Otherwise those of [`access`](Self::access).
    pub async fn authorise(
        &self,
        connection: &Connection,
        request: &ApiRequest<'_>,
    ) -> Result<RequestHeaders, Error> {
        connection.app.server.admit(request.url)?;
        if connection.app.kind == AppKind::Private {
            return self.sign(connection, request, None, None);
        }
        let access = self.access(connection, Need::default()).await?;
        let tenant_id = connection.organisation.as_ref().map(|organisation| organisation.id.as_str());
        Ok(RequestHeaders::bearer(&access, tenant_id))
    }

    /// Signs for a private app with its first key, or the one of a certificate, and with another consumer key than the stored
    /// one if that is given: to try what is to be stored, or a second key at a server that refuses the first. Where it takes
    /// that one, [`prefer_key`](Self::prefer_key) comes next. Keys change places, and their certificates go with them.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for other apps, [`Error::NoSecondSecret`] where neither key has the certificate,
    /// [`Error::OtherServer`], [`Error::Tampered`].
    pub fn sign_with(
        &self,
        connection: &Connection,
        request: &ApiRequest<'_>,
        consumer_key: Option<&str>,
        certificate: Option<&Certificate>,
    ) -> Result<RequestHeaders, Error> {
        connection.app.server.admit(request.url)?;
        if connection.app.kind != AppKind::Private {
            return Err(Error::WrongKind { kind: connection.app.kind, wanted: "consumer key" });
        }
        self.sign(connection, request, consumer_key, certificate)
    }

    /// Until when somebody has the right to refresh the authorisation, in this process or another one; `None`: nobody has.
    /// A caller who needs a new token waits for what comes of it, and where that process was stopped until this time. One that
    /// was killed has the right no more.
    ///
    /// # Errors
    /// [`Error::NoSuchAuthorisation`].
    pub fn refresh_under_way(&self, authorisation: &Authorisation) -> Result<Option<SystemTime>, Error> {
        let stored = self.stored(&authorisation.id)?;
        if self.owner(&stored).0 == Owner::Died {
            return Ok(None);
        }
        Ok(runs(stored.lease_until, self.now()))
    }

    /// The id of the authorisation by which a connection that is there and that nobody has changed has its tokens.
    fn renewed_for<'a>(&self, connection: &'a Connection) -> Result<&'a str, Error> {
        let authorisation = self.own_authorisation(connection, "access token")?;
        match self.app_identity(&connection.app) {
            Ok(_) => Ok(&authorisation.id),
            Err(Error::NoSuchApp(_)) => Err(self.no_such(&connection.name)?),
            Err(error) => Err(error),
        }
    }

    /// The authorisation of a connection that nobody has changed.
    pub(super) fn own_authorisation<'a>(
        &self,
        connection: &'a Connection,
        wanted: &'static str,
    ) -> Result<&'a Authorisation, Error> {
        self.check(connection)?;
        let app = &connection.app;
        let authorisation = connection.authorisation.as_ref();
        let authorisation = authorisation.ok_or(Error::WrongKind { kind: app.kind, wanted })?;
        if authorisation.app != app.id {
            let row = authorisation.id.clone();
            return Err(Error::Tampered { table: "authorisations", column: "app", row });
        }
        Ok(authorisation)
    }

    /// For another's refresh. One that asks twice may take two leases, and whoever waits sees the end of the second.
    pub(super) fn waiting(&self) -> Waiting {
        Waiting::new(PATIENCE.max(self.lease_length() * 2))
    }

    async fn access_for(&self, id: &str, kind: AppKind, need: Need) -> Result<Access, Error> {
        let (mut waiting, mut first) = (self.waiting(), None);
        loop {
            match self.try_access(id, kind, need, &mut first).await {
                Ok(Some(access)) => return Ok(access),
                Ok(None) => waiting.pause().await?,
                // A file that others write to, a server that gives its place to another: a reason to look again.
                Err(error) => waiting.pause_after(error).await?,
            }
        }
    }

    /// One look and one step. None: look again.
    async fn try_access(
        &self,
        id: &str,
        kind: AppKind,
        need: Need,
        first: &mut Option<i64>,
    ) -> Result<Option<Access>, Error> {
        let stored = self.stored(id)?;
        let first = *first.get_or_insert(stored.authorisation.generation);
        let (owner, dead) = self.owner(&stored);
        match stored.situation(kind, owner).step(self.now(), &need, first) {
            Step::Use => stored.open_access(self.data_key()).map(Some),
            Step::Refresh => self.refresh(Looked::at(&stored, dead)).await,
            Step::Wait => Ok(None),
            // What was rescued may be good where what is stored is not.
            Step::LogIn if self.take_up(&stored)?.iter().any(|kept| *kept != Kept::Superseded) => Ok(None),
            Step::LogIn => Err(self.needs_login(&stored)?),
            Step::Elsewhere => Err(self.handed(&stored.authorisation)?),
        }
    }

    /// What is known of whoever has the lease, and his name where he is dead.
    pub(super) fn owner(&self, stored: &StoredAuthorisation) -> (Owner, Option<String>) {
        let Some(owner) = &stored.lease_owner else { return (Owner::Unknown, None) };
        let in_time = stored.lease_ends.zip(self.clock.awake()).is_some_and(|(end, awake)| awake < end);
        // His file tells all at once, where he is on this machine. A folder that machines share may not tell them of locks.
        let at_the_server = || self.db().sign_of(owner).unwrap_or(Sign::Unknown);
        let sign = match look_here(&self.shared.local, owner) {
            None => at_the_server(),
            Some(Sign::Dead) if at_the_server() == Sign::Alive => Sign::Alive,
            Some(sign) => sign,
        };
        match sign {
            Sign::Dead => (Owner::Died, Some(owner.clone())),
            Sign::Alive if in_time => (Owner::InTime, None),
            Sign::Alive | Sign::Unknown => (Owner::Unknown, None),
        }
    }

    /// The error for an authorisation that another store renews, or may.
    pub(super) fn handed(&self, authorisation: &Authorisation) -> Result<Error, Error> {
        let Some(Handed { way, since }) = authorisation.handed else { return Ok(Error::RefreshBusy) };
        let connections = self.sharing(&authorisation.id)?.into_iter().map(|one| one.name).collect();
        Ok(match way {
            HandedWay::Exported => Error::HandedOver { connections, since },
            HandedWay::Imported => Error::NotAdopted { connections, since },
        })
    }

    /// The error for an authorisation that only a person can renew.
    pub(super) fn needs_login(&self, stored: &StoredAuthorisation) -> Result<Error, Error> {
        let Authorisation { id, needs_login, .. } = &stored.authorisation;
        if needs_login.is_none() && stored.lost_refresh() {
            return Ok(Error::Tampered { table: "authorisations", column: "refresh", row: id.clone() });
        }
        let reason = needs_login.as_ref().map_or(NO_REFRESH_TOKEN, |mark| &mark.reason);
        let connections = self.sharing(id)?.into_iter().map(|connection| connection.name).collect();
        Ok(Error::NeedsLogin { connections, reason: reason.to_owned() })
    }
}

impl StoredAuthorisation {
    pub(super) fn situation(&self, kind: AppKind, owner: Owner) -> Situation {
        let Authorisation { generation, access_expires_at, needs_login, .. } = &self.authorisation;
        Situation {
            generation: *generation,
            access_expires_at: *access_expires_at,
            lease_until: self.lease_until,
            owner,
            needs_login: needs_login.is_some(),
            refreshable: kind == AppKind::Custom || self.refresh.is_some(),
            elsewhere: self.authorisation.handed.is_some(),
        }
    }
}
