//! Authorisations: kept, renewed, forgotten.

use std::time::SystemTime;

use xero_auth_oauth2::{ClientId, RefreshToken};

use super::{Store, apps::written, new_id, sealed_anew};
use crate::{
    App, Authorisation, Connection, Error, NewAuthorisation, Server,
    grant::{Grant, StoredAuthorisation},
    refresh::ACCESS_LIFETIME,
};

impl Store {
    /// All authorisations, in the order in which they were stored.
    pub fn authorisations(&self) -> Result<Vec<Authorisation>, Error> {
        self.db().authorisations()
    }

    /// Keeps a consent before anything else is done with it: durable when this returns. An app of the same kind, client id
    /// and server that is stored already is used again: its secret gives way to the new one, which the exchange has just
    /// proved, and its redirect URIs are joined by the new ones. Other consents that no connection came to use within an
    /// hour, with their apps, and expired pending logins are taken away.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a private app.
    pub fn add_authorisation(&self, new: &NewAuthorisation) -> Result<Authorisation, Error> {
        loop {
            let app = self.sealed_app(&new.app)?;
            let grant = grant(new, new_id()?, &app.app.id, 1, self.now());
            let sealed = grant.seal(self.data_key())?;
            // False: somebody stored or changed the same app in this moment.
            if written(self.db().add_authorisation(&app.row(), &sealed, &self.actor()))? {
                self.own_if_nobody_does()?;
                return Ok(self.stored(&grant.id)?.authorisation);
            }
        }
    }

    /// Puts a new consent in the place of an old one, for all connections that use it; a mark is taken away. Durable when
    /// this returns.
    ///
    /// # Errors
    /// [`Error::AppMismatch`] where the consent was given to another app; nothing is changed then.
    pub fn renew_authorisation(&self, id: &str, new: &NewAuthorisation) -> Result<Authorisation, Error> {
        loop {
            let (there, app) = (self.stored(id)?.authorisation, self.sealed_app(&new.app)?);
            if app.app.id != there.app {
                return Err(Error::AppMismatch);
            }
            let grant = grant(new, there.id, &there.app, there.generation + 1, self.now());
            let sealed = grant.seal(self.data_key())?;
            // False: it was refreshed in this moment, or its app changed.
            if written(self.db().renew_authorisation(&app.row(), &sealed, &self.actor()))? {
                return Ok(self.stored(id)?.authorisation);
            }
        }
    }

    /// Takes a consent away that no connection uses, and its app if nothing else uses that. True: it was there and is
    /// gone.
    pub fn forget_authorisation(&self, id: &str) -> Result<bool, Error> {
        sealed_anew(|| self.db().forget_authorisation(id))
    }

    /// Consents to web and desktop apps that no connection uses, the newest first: logins that were not finished. They
    /// are kept for an hour, and then taken away when something is next stored.
    pub fn unused_authorisations(&self) -> Result<Vec<Authorisation>, Error> {
        self.db().unused_authorisations()
    }

    /// The authorisation to the app of that client id and server that has this refresh token: as the one in use, as the
    /// one before, or as a spare.
    pub fn holder_of(
        &self,
        token: &RefreshToken,
        client_id: &ClientId,
        server: &Server,
    ) -> Result<Option<Authorisation>, Error> {
        let of_app = |app: &App| app.client_id == client_id.as_str() && app.server == *server;
        let apps: Vec<_> = self.apps()?.into_iter().filter(of_app).collect();
        for one in self.authorisations()? {
            if apps.iter().any(|app| app.id == one.app) && self.has_token(&self.stored(&one.id)?, token)? {
                return Ok(Some(one));
            }
        }
        Ok(None)
    }

    /// A token that does not open is none that it has.
    fn has_token(&self, stored: &StoredAuthorisation, token: &RefreshToken) -> Result<bool, Error> {
        let key = self.data_key();
        let current = stored.open_refresh(key).ok().flatten();
        let previous = stored.open_previous(key).ok().flatten().map(|(token, _)| token);
        let spares = self.db().spares(&stored.authorisation.id)?;
        let spares = spares.iter().filter_map(|spare| stored.open_spare(key, spare).ok());
        Ok(current.into_iter().chain(previous).chain(spares).any(|own| own.expose() == token.expose()))
    }

    /// One authorisation by its id; `None` where there is none.
    pub fn authorisation(&self, id: &str) -> Result<Option<Authorisation>, Error> {
        Ok(self.db().authorisation(id)?.map(|stored| stored.authorisation))
    }

    /// The connections that use an authorisation, ordered by name.
    pub fn sharing(&self, authorisation: &str) -> Result<Vec<Connection>, Error> {
        self.db().sharing(authorisation)
    }

    /// The names of the connections that use an authorisation.
    pub(super) fn names_of(&self, authorisation: &str) -> Result<Vec<String>, Error> {
        Ok(self.sharing(authorisation)?.into_iter().map(|one| one.name).collect())
    }

    pub(super) fn stored(&self, id: &str) -> Result<StoredAuthorisation, Error> {
        let found = self.db().authorisation(id)?;
        found.ok_or_else(|| Error::NoSuchAuthorisation(id.to_owned()))
    }
}

fn grant(new: &NewAuthorisation, id: String, app: &str, generation: i64, now: SystemTime) -> Grant {
    let access = new.access.as_ref();
    Grant {
        id,
        app: app.to_owned(),
        generation,
        user: new.user.clone(),
        consent: new.consent.clone(),
        scopes: new.scopes.clone(),
        asked: new.asked.clone(),
        at: now,
        access: access.map(|(token, lasts)| (token.clone(), now + (*lasts).min(ACCESS_LIFETIME))),
        refresh: new.refresh_token.clone(),
        previous: None,
    }
}
