//! What else is asked of Xero with a stored authorisation: its tenant links, and its revocation.

use xero_auth_oauth2::{ApiProblem, Error as AuthError, TenantLink};

use super::{Store, access::Waiting};
use crate::{Access, AppKind, Authorisation, Connection, Error, Need, refresh::Step, sqlite::Lease};

const REVOKED: &str = "the consent was revoked by disconnecting";

impl Store {
    /// What Xero's API calls connections: the organisations that an authorisation reaches, all of them or those of this
    /// very consent. An access token that Xero calls expired is refreshed once.
    ///
    /// # Errors
    /// Those of [`access`](Self::access), and [`Error::Xero`].
    pub async fn tenant_links(
        &self,
        authorisation: &Authorisation,
        only_this_consent: bool,
    ) -> Result<Vec<TenantLink>, Error> {
        let stored = self.stored(&authorisation.id)?;
        let consent = stored.consent.filter(|_| only_this_consent);
        let (app, _) = self.app_with_identity(&stored.authorisation)?;
        let server = self.identity(&app.server);
        let access = self.access_of(authorisation, Need::default()).await?;
        let listed = match server.tenant_links(&access.token, consent.as_deref()).await {
            Err(error) if is_expired(&error) => {
                let access = self.another(authorisation, &access).await?;
                server.tenant_links(&access.token, consent.as_deref()).await
            }
            listed => listed,
        };
        listed.map_err(|source| Error::Xero { asked: "list the organisations", source })
    }

    /// Takes the connection's organisation away from its app, at Xero, for all who use the app. False: it was not there
    /// any more. The authorisation stays good for others.
    ///
    /// # Errors
    /// Those of [`access`](Self::access), and [`Error::Xero`].
    pub async fn remove_tenant_link(&self, connection: &Connection) -> Result<bool, Error> {
        self.check_pin(connection)?;
        let (Some(authorisation), Some(organisation)) = (&connection.authorisation, &connection.organisation)
        else {
            return Err(Error::WrongKind { kind: connection.app.kind, wanted: "link to an organisation" });
        };
        let links = self.tenant_links(authorisation, false).await?;
        let same = |link: &&TenantLink| link.tenant_id.eq_ignore_ascii_case(&organisation.id);
        let Some(link) = links.iter().find(same) else { return Ok(false) };
        let access = self.access(connection, Need::default()).await?;
        let server = self.identity(&connection.app.server);
        let removed = server.delete_tenant_link(&access.token, &link.id).await;
        removed.map_err(|source| Error::Xero { asked: "remove the organisation", source })
    }

    /// Revokes an authorisation at Xero: all its tokens die, and the app loses the user's organisations. It stays in the
    /// store, marked. Waits for a refresh that is under way.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a custom connection, which has no refresh token, [`Error::NeedsLogin`] where there is
    /// nothing left to revoke, [`Error::RefreshBusy`], [`Error::Xero`].
    pub async fn revoke(&self, authorisation: &Authorisation) -> Result<(), Error> {
        let (app, _) = self.app_with_identity(authorisation)?;
        if app.kind == AppKind::Custom {
            return Err(Error::WrongKind { kind: app.kind, wanted: "refresh token" });
        }
        let mut waiting = Waiting::new();
        loop {
            let stored = self.stored(&authorisation.id)?;
            let generation = stored.authorisation.generation;
            match stored.situation(app.kind).step(self.now(), &Need::fresh(generation), generation) {
                Step::LogIn => return Err(self.needs_login(&stored)?),
                Step::Refresh if self.revoke_generation(&authorisation.id, generation).await? => {
                    return Ok(());
                }
                _ => waiting.pause().await?,
            }
        }
    }

    /// False: somebody else has gone ahead; look again.
    async fn revoke_generation(&self, id: &str, generation: i64) -> Result<bool, Error> {
        let (store, id) = (self.clone(), id.to_owned());
        self.led(async move {
            let Some(lease) = store.take_lease(&id, generation)? else { return Ok(false) };
            let done = store.revoke_with(&lease).await;
            if !store.give_back(&lease, done)? {
                return Ok(false);
            }
            let now = store.now();
            // Unmarked only where a new consent took its place in this moment.
            store.db().mark_needs_login(&lease, REVOKED, true, now)?;
            Ok(true)
        })
        .await
    }

    async fn revoke_with(&self, lease: &Lease) -> Result<bool, Error> {
        let Some(turn) = self.turn(lease)? else { return Ok(false) };
        let Some(token) = turn.stored.open_refresh(self.data_key())? else {
            return Err(self.needs_login(&turn.stored)?);
        };
        let revoked = turn.server.revoke(&turn.identity, &token).await;
        revoked.map(|()| true).map_err(|source| Error::Xero { asked: "revoke the consent", source })
    }

    /// Another access token than one that was refused.
    async fn another(&self, authorisation: &Authorisation, refused: &Access) -> Result<Access, Error> {
        self.access_of(authorisation, Need::fresh(refused.generation)).await
    }
}

fn is_expired(error: &AuthError) -> bool {
    matches!(error, AuthError::Api(ApiProblem::TokenExpired))
}
