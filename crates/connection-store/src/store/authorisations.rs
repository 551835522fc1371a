//! Apps and authorisations: kept, renewed, forgotten.

use std::time::SystemTime;

use xero_auth_oauth2::{AppIdentity, ClientId, ClientSecret, RedirectUri};

use super::{Store, new_id, sealed_anew};
use crate::{
    App, AppKind, Authorisation, Connection, Error, NewApp, NewAuthorisation,
    grant::{Grant, StoredAuthorisation},
    place,
    refresh::ACCESS_LIFETIME,
    sqlite::{AppRow, StoredApp},
};

/// An app as it is to be written.
struct SealedApp {
    app: App,
    secret: Vec<u8>,
    generation: i64,
}

impl SealedApp {
    fn row(&self) -> AppRow<'_> {
        AppRow { app: &self.app, secret: &self.secret, generation: self.generation }
    }
}

impl Store {
    /// All authorisations, in the order in which they were stored.
    pub fn authorisations(&self) -> Result<Vec<Authorisation>, Error> {
        self.db().authorisations()
    }

    /// One app by its id; `None` where there is none (any more).
    ///
    /// # Errors
    /// [`Error::Tampered`] where an old one was put back.
    pub fn app(&self, id: &str) -> Result<Option<App>, Error> {
        Ok(self.db().app(id)?.map(|stored| stored.app))
    }

    /// All apps, in the order in which they were stored.
    pub fn apps(&self) -> Result<Vec<App>, Error> {
        self.db().apps()
    }

    /// The app's client id and secret, for a new consent to it.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a private app, [`Error::NoSuchApp`] where it is not stored (any more),
    /// [`Error::Tampered`] where it was changed.
    pub fn app_identity(&self, app: &App) -> Result<AppIdentity, Error> {
        let stored = self.db().app(&app.id)?;
        let stored = stored.ok_or_else(|| Error::NoSuchApp(app.id.clone()))?;
        self.open_identity(app, &stored)
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
            if added(self.db().add_authorisation(&app.row(), &sealed, &self.actor()))? {
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
            if added(self.db().renew_authorisation(&app.row(), &sealed, &self.actor()))? {
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

    /// One authorisation by its id; `None` where there is none.
    pub fn authorisation(&self, id: &str) -> Result<Option<Authorisation>, Error> {
        Ok(self.db().authorisation(id)?.map(|stored| stored.authorisation))
    }

    /// The connections that use an authorisation, ordered by name.
    pub fn sharing(&self, authorisation: &str) -> Result<Vec<Connection>, Error> {
        self.db().sharing(authorisation)
    }

    pub(super) fn stored(&self, id: &str) -> Result<StoredAuthorisation, Error> {
        let found = self.db().authorisation(id)?;
        found.ok_or_else(|| Error::NoSuchAuthorisation(id.to_owned()))
    }

    /// The app of an authorisation and what it proves itself with.
    pub(super) fn app_with_identity(
        &self,
        authorisation: &Authorisation,
    ) -> Result<(App, AppIdentity), Error> {
        let found = self.db().app(&authorisation.app)?;
        let stored = found.ok_or_else(|| Error::NoSuchAuthorisation(authorisation.id.clone()))?;
        let identity = self.open_identity(&stored.app, &stored)?;
        Ok((stored.app, identity))
    }

    /// Opens the secret for the app as the caller has it, so that nothing of that can have been changed.
    fn open_identity(&self, app: &App, stored: &StoredApp) -> Result<AppIdentity, Error> {
        if app.kind == AppKind::Private {
            return Err(Error::WrongKind { kind: app.kind, wanted: "client secret" });
        }
        let place = place::app_secret(app, stored.generation);
        let clear = self.data_key().open(&place, &stored.secret)?;
        let secret = std::str::from_utf8(&clear).map_err(|_| place.tampered())?;
        let secret = (!secret.is_empty()).then(|| ClientSecret::new(secret)).transpose();
        Ok(AppIdentity {
            client_id: ClientId::parse(&app.client_id).map_err(|_| place.tampered())?,
            secret: secret.map_err(|_| place.tampered())?,
        })
    }

    /// The stored app of the same kind, client id and server with what is new, or a new one.
    fn sealed_app(&self, new: &NewApp) -> Result<SealedApp, Error> {
        if new.kind == AppKind::Private {
            return Err(Error::WrongKind { kind: new.kind, wanted: "OAuth 2.0 consent" });
        }
        let client_id = new.identity.client_id.as_str();
        let stored = self.db().app_like(new.kind, client_id, new.server.address())?;
        let (mut app, generation) = match stored {
            Some(stored) => {
                // What was changed must not be sealed anew.
                self.open_identity(&stored.app, &stored)?;
                (stored.app, stored.generation + 1)
            }
            None => (new_app(new, self.now())?, 1),
        };
        unite(&mut app.redirect_uris, &new.redirect_uris);
        let secret = new.identity.secret.as_ref().map_or("", ClientSecret::expose);
        let secret = self.data_key().seal(&place::app_secret(&app, generation), secret.as_bytes())?;
        Ok(SealedApp { app, secret, generation })
    }
}

/// False also where the data key was replaced in this moment: it is all sealed again.
fn added(outcome: Result<bool, Error>) -> Result<bool, Error> {
    if matches!(outcome, Err(Error::Rekeyed)) { Ok(false) } else { outcome }
}

fn new_app(new: &NewApp, now: SystemTime) -> Result<App, Error> {
    Ok(App {
        id: new_id()?,
        kind: new.kind,
        client_id: new.identity.client_id.as_str().to_owned(),
        server: new.server.clone(),
        certificate: None,
        redirect_uris: Vec::new(),
        created_at: now,
    })
}

fn unite(known: &mut Vec<RedirectUri>, new: &[RedirectUri]) {
    for uri in new {
        if !known.contains(uri) {
            known.push(uri.clone());
        }
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
