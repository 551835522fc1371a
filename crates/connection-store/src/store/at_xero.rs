//! What else is asked of Xero with a stored authorisation: its tenant links, and its revocation.

use xero_auth_oauth2::{AccessToken, AppIdentity, Error as AuthError, Retry, TenantLink};

use super::{
    Store,
    leader::{Held, Looked},
};
use crate::{AppKind, Authorisation, Connection, Error, EventKind, Need, event::NewEvent, refresh::Step};

const LINK: &str = "link to an organisation";
const REVOKED: &str = "the consent was revoked by disconnecting";

impl Store {
    /// What Xero's API calls connections: the organisations that an authorisation reaches, all of them or those of this
    /// very consent. For an authorisation that has no connection yet; with one, [`tenant_links_of`](Self::tenant_links_of)
    /// also sees that nobody has changed it. A token that Xero refuses is refreshed once.
    ///
    /// # Errors
    /// Those of [`access`](Self::access), and [`Error::Xero`].
    pub async fn tenant_links(
        &self,
        authorisation: &Authorisation,
        only_this_consent: bool,
    ) -> Result<Vec<TenantLink>, Error> {
        let stored = self.stored(&authorisation.id)?.authorisation;
        let consent = stored.consent.as_deref().filter(|_| only_this_consent);
        let (app, ..) = self.app_with_identities(&stored)?;
        let server = &self.identity(&app.server);
        let list = |token: AccessToken| async move { server.tenant_links(&token, consent).await };
        self.call_with_token(&stored, "list the organisations", list).await
    }

    /// All organisations that a connection's authorisation reaches.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a private app, [`Error::Tampered`] where the connection was changed, and those of
    /// [`tenant_links`](Self::tenant_links).
    pub async fn tenant_links_of(&self, connection: &Connection) -> Result<Vec<TenantLink>, Error> {
        self.tenant_links(self.own_authorisation(connection, LINK)?, false).await
    }

    /// Takes the connection's organisation away from its app, at Xero, for all who use the app. False: it was not there
    /// any more. The authorisation stays good for others.
    ///
    /// # Errors
    /// Those of [`access`](Self::access), and [`Error::Xero`].
    pub async fn remove_tenant_link(&self, connection: &Connection) -> Result<bool, Error> {
        let authorisation = self.own_authorisation(connection, LINK)?;
        // The store that renews the login needs the link.
        if authorisation.handed.is_some() {
            return Err(self.handed(authorisation)?);
        }
        // So does the store that a copy was made of.
        self.admit_refresh()?;
        let Some(organisation) = &connection.organisation else {
            return Err(Error::WrongKind { kind: connection.app.kind, wanted: LINK });
        };
        let links = self.tenant_links(authorisation, false).await?;
        let same = |link: &&TenantLink| link.tenant_id.eq_ignore_ascii_case(&organisation.id);
        let Some(link) = links.iter().find(same) else { return Ok(false) };
        let server = &self.identity(&connection.app.server);
        let remove = |token: AccessToken| async move { server.delete_tenant_link(&token, &link.id).await };
        self.call_with_token(authorisation, "remove the organisation", remove).await
    }

    /// Revokes an authorisation at Xero: all its tokens die, and the app loses the user's organisations. It stays in the
    /// store, marked. Waits for a refresh that is under way.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a custom connection, which has no refresh token, [`Error::NeedsLogin`] where there is
    /// nothing left to revoke, [`Error::HandedOver`], [`Error::NotAdopted`], [`Error::RefreshBusy`], [`Error::Xero`].
    pub async fn revoke(&self, authorisation: &Authorisation) -> Result<(), Error> {
        let (app, ..) = self.app_with_identities(authorisation)?;
        if app.kind == AppKind::Custom {
            return Err(Error::WrongKind { kind: app.kind, wanted: "refresh token" });
        }
        let mut waiting = self.waiting();
        loop {
            match self.try_revoke(&authorisation.id, app.kind).await {
                Ok(true) => return Ok(()),
                Ok(false) => waiting.pause().await?,
                Err(error) => waiting.pause_after(error).await?,
            }
        }
    }

    /// False: look again.
    async fn try_revoke(&self, id: &str, kind: AppKind) -> Result<bool, Error> {
        let stored = self.stored(id)?;
        let (generation, (owner, dead)) = (stored.authorisation.generation, self.owner(&stored));
        let situation = stored.situation(kind, owner);
        match situation.step(self.now(), &Need::fresh(generation), generation) {
            Step::LogIn => Err(self.needs_login(&stored)?),
            Step::Elsewhere => Err(self.handed(&stored.authorisation)?),
            Step::Refresh => self.revoke_generation(Looked::at(&stored, dead)).await,
            Step::Wait | Step::Use => Ok(false),
        }
    }

    /// False: somebody else has gone ahead; look again.
    async fn revoke_generation(&self, looked: Looked) -> Result<bool, Error> {
        let store = self.clone();
        self.led(async move {
            let Some(held) = store.take_lease(&looked)? else { return Ok(false) };
            let done = store.revoke_with(&held).await;
            // While he still has the lease: nobody must send a token in between that was revoked.
            let done = done.and_then(|revoked| {
                if revoked {
                    store.mark_revoked(&held)?;
                }
                Ok(revoked)
            });
            store.give_back(&held.lease, done)
        })
        .await
    }

    /// Unmarked only where a new consent took its place in this moment.
    fn mark_revoked(&self, held: &Held) -> Result<(), Error> {
        let (at, by) = (self.now(), self.actor());
        let event = NewEvent { at, what: EventKind::NeedsLogin, by: &by, detail: REVOKED };
        self.db().mark_needs_login(&held.lease, &event, true).map(drop)
    }

    async fn revoke_with(&self, held: &Held) -> Result<bool, Error> {
        let Some(turn) = self.turn(held)? else { return Ok(false) };
        let Some(token) = turn.stored.open_refresh(self.data_key())? else {
            return Err(self.needs_login(&turn.stored)?);
        };
        let revoke = |identity: &AppIdentity| {
            let (server, identity, token) = (turn.server.clone(), identity.clone(), token.clone());
            self.call(async move { server.revoke(&identity, &token).await })
        };
        let mut revoked = revoke(&turn.identity).await?;
        if let (Err(AuthError::InvalidClient), Some(second)) = (&revoked, &turn.second) {
            revoked = revoke(second).await?;
        }
        revoked.map(|()| true).map_err(|source| Error::Xero { asked: "revoke the consent", source })
    }

    /// Asks Xero with a good access token, and once more with another one where Xero does not accept that.
    async fn call_with_token<T, F: Future<Output = Result<T, AuthError>>>(
        &self,
        authorisation: &Authorisation,
        asked: &'static str,
        call: impl Fn(AccessToken) -> F,
    ) -> Result<T, Error> {
        let access = self.access_of(authorisation, Need::default()).await?;
        let answer = match call(access.token).await {
            Err(error) if error.retry() == Retry::WithFreshToken => {
                let another = self.access_of(authorisation, Need::fresh(access.generation)).await?;
                call(another.token).await
            }
            answer => answer,
        };
        answer.map_err(|source| Error::Xero { asked, source })
    }
}
