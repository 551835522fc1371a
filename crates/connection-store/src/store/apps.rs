//! Apps: listed, named, edited; and their secrets, two of them while the portal changes over.

use std::time::SystemTime;

use xero_auth_oauth2::{AppIdentity, ClientId, ClientSecret, Error as AuthError, RedirectUri, RefreshToken};
use xero_certs::Certificate;
use zeroize::Zeroizing;

use super::{Store, new_id};
use crate::{
    App, AppChanges, AppKind, Authorisation, Error, NewApp, NewSecret, Rank, SecondSecret,
    backend::{AppRow, StoredApp},
    connection::check_name,
    place,
    seal::SealingKey,
};

/// An app with its secrets in clear.
pub(super) struct OpenApp {
    pub(super) app: App,
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// There where `app.second` is.
    pub(super) second: Option<Zeroizing<Vec<u8>>>,
}

/// An app as it is to be written.
pub(super) struct SealedApp {
    pub(super) app: App,
    secret: Vec<u8>,
    second: Option<Vec<u8>>,
    generation: i64,
}

impl OpenApp {
    pub(super) fn seal(self, key: &SealingKey, generation: i64) -> Result<SealedApp, Error> {
        let Self { app, secret, second } = self;
        let second = second.map(|second| key.seal(&place::second_secret(&app, generation), &second));
        Ok(SealedApp {
            secret: key.seal(&place::app_secret(&app, generation), &secret)?,
            second: second.transpose()?,
            app,
            generation,
        })
    }

    fn add(&mut self, new: &NewSecret, rank: Rank, now: SystemTime) -> Result<(), Error> {
        let (mut secret, mut certificate) = parts(&self.app, new)?;
        if rank != Rank::Second {
            std::mem::swap(&mut secret, &mut self.secret);
            std::mem::swap(&mut certificate, &mut self.app.certificate);
        }
        if rank == Rank::Alone {
            self.forget_second();
        } else {
            self.app.second = Some(SecondSecret { certificate, since: now });
            self.second = Some(secret);
        }
        Ok(())
    }

    fn swap(&mut self) -> Result<(), Error> {
        let (Some(second), Some(beside)) = (&mut self.second, &mut self.app.second) else {
            return Err(Error::NoSecondSecret);
        };
        std::mem::swap(&mut self.secret, second);
        std::mem::swap(&mut self.app.certificate, &mut beside.certificate);
        Ok(())
    }

    fn forget_second(&mut self) {
        self.app.second = None;
        self.second = None;
    }

    /// Takes over the secret that a consent was just given with, and its redirect URIs.
    fn proved(&mut self, new: &NewApp) {
        unite(&mut self.app.redirect_uris, &new.redirect_uris);
        let proved = new.identity.secret.as_ref().map_or("", ClientSecret::expose).as_bytes();
        if self.second.as_ref().is_some_and(|second| second.as_slice() == proved) {
            // There are two: they change places.
            drop(self.swap());
        }
        self.secret = Zeroizing::new(proved.to_vec());
    }
}

impl SealedApp {
    pub(super) fn row(&self) -> AppRow<'_> {
        AppRow {
            app: &self.app,
            secret: &self.secret,
            second: self.second.as_deref(),
            generation: self.generation,
        }
    }
}

impl Store {
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

    /// Keeps an app before anybody has consented to it, so that what was typed is not lost. One of the same kind, client id
    /// and server that is stored already stays as it is. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a private app.
    pub fn keep_app(&self, new: &NewApp) -> Result<App, Error> {
        loop {
            if let Some(there) = self.app_like(new)? {
                return Ok(there);
            }
            let app = self.sealed_app(new)?;
            // False: somebody stored it in this moment.
            if written(self.db().add_app(&app.row(), self.now()))? {
                return Ok(app.app);
            }
        }
    }

    /// The app of the same kind, client id and server; `None` where none is stored.
    pub fn app_like(&self, new: &NewApp) -> Result<Option<App>, Error> {
        let stored = self.db().app_like(new.kind, new.identity.client_id.as_str(), new.server.address())?;
        Ok(stored.map(|stored| stored.app))
    }

    /// Changes what is known of an app; all of it or nothing. Durable when this returns. Xero is not told.
    ///
    /// # Errors
    /// [`Error::NoSuchApp`], [`Error::BadName`], [`Error::AppNameTaken`], [`Error::WrongKind`] for what apps of its kind do
    /// not have, [`Error::Tampered`].
    pub fn edit_app(&self, id: &str, changes: &AppChanges) -> Result<App, Error> {
        let name = changes.name.as_deref().map(|name| Some(name).filter(|name| !name.is_empty()));
        if let Some(Some(name)) = name {
            check_name(name)?;
        }
        self.rewrite(id, |open| changed(&mut open.app, changes))?;
        if let Some(name) = name
            && !self.db().name_app(id, name)?
        {
            return Err(Error::NoSuchApp(id.to_owned()));
        }
        self.app(id)?.ok_or_else(|| Error::NoSuchApp(id.to_owned()))
    }

    /// Gives an app another secret. Durable when this returns. Xero is not told; see
    /// [`try_client_secret`](Self::try_client_secret).
    ///
    /// # Errors
    /// [`Error::NoSuchApp`], [`Error::WrongKind`], [`Error::Key`] where the certificate is not the key's, [`Error::Tampered`].
    pub fn add_secret(&self, id: &str, new: &NewSecret, rank: Rank) -> Result<App, Error> {
        self.rewrite(id, |open| open.add(new, rank, self.now()))
    }

    /// Makes the second client secret the first, and the first the second. Where the first is another one than `refused` by
    /// now, somebody else has seen the same: nothing changes.
    ///
    /// # Errors
    /// [`Error::NoSecondSecret`], [`Error::NoSuchApp`], [`Error::Tampered`].
    pub fn swap_secrets(&self, id: &str, refused: &ClientSecret) -> Result<App, Error> {
        let refused = refused.expose().as_bytes();
        self.rewrite(id, |open| if open.secret.as_slice() == refused { open.swap() } else { Ok(()) })
    }

    /// Makes the key of a certificate the first of a private app, and the other one the second. Nothing changes where it is the
    /// first already.
    ///
    /// # Errors
    /// [`Error::NoSecondSecret`] where neither of the app's keys has the certificate, [`Error::NoSuchApp`],
    /// [`Error::Tampered`].
    pub fn prefer_key(&self, id: &str, certificate: &Certificate) -> Result<App, Error> {
        match self.app(id)? {
            Some(app) if rank(&app, certificate) == Some(Rank::First) => Ok(app),
            _ => self.rewrite(id, |open| match rank(&open.app, certificate) {
                Some(Rank::First) => Ok(()),
                Some(_) => open.swap(),
                None => Err(Error::NoSecondSecret),
            }),
        }
    }

    /// Forgets the second secret. False: there was none.
    ///
    /// # Errors
    /// [`Error::NoSuchApp`], [`Error::Tampered`].
    pub fn forget_second_secret(&self, id: &str) -> Result<bool, Error> {
        let mut there = false;
        self.rewrite(id, |open| {
            there = open.second.is_some();
            open.forget_second();
            Ok(())
        })?;
        Ok(there)
    }

    /// Asks Xero whether a client secret is the app's: a custom connection's by getting a token with it, a web app's by
    /// spending a refresh token that nobody has (RFC 6749 section 5.2: the client is judged before the token). No login is
    /// touched.
    ///
    /// # Errors
    /// [`Error::Auth`] where it is refused or Xero cannot be asked, [`Error::WrongKind`] for apps without a client secret.
    pub async fn try_client_secret(&self, app: &App, secret: &ClientSecret) -> Result<(), Error> {
        let client_id = self.app_identity(app)?.client_id;
        let identity = AppIdentity { client_id, secret: Some(secret.clone()) };
        let server = self.identity(&app.server);
        let answer = match app.kind {
            AppKind::Custom => server.client_credentials(&identity, None).await.map(drop),
            AppKind::Web => {
                let nobodys = RefreshToken::new(&new_id()?).map_err(Error::Auth)?;
                match server.refresh(&identity, &nobodys).await {
                    Err(AuthError::InvalidGrant) => Ok(()),
                    answer => answer.map(drop),
                }
            }
            _ => return Err(Error::WrongKind { kind: app.kind, wanted: "client secret" }),
        };
        answer.map_err(Error::Auth)
    }

    /// Writes an app anew with what `change` makes of it.
    pub(super) fn rewrite(
        &self,
        id: &str,
        mut change: impl FnMut(&mut OpenApp) -> Result<(), Error>,
    ) -> Result<App, Error> {
        loop {
            let stored = self.db().app(id)?.ok_or_else(|| Error::NoSuchApp(id.to_owned()))?;
            let mut open = self.open_app(&stored)?;
            change(&mut open)?;
            let sealed = open.seal(self.data_key(), stored.generation + 1)?;
            // False: somebody else changed it in this moment.
            if written(self.db().rewrite_app(&sealed.row()))? {
                return Ok(sealed.app);
            }
        }
    }

    /// The app of an authorisation and what it proves itself with: the first secret, and the second where there are two.
    pub(super) fn app_with_identities(
        &self,
        authorisation: &Authorisation,
    ) -> Result<(App, AppIdentity, Option<AppIdentity>), Error> {
        let found = self.db().app(&authorisation.app)?;
        let stored = found.ok_or_else(|| Error::NoSuchAuthorisation(authorisation.id.clone()))?;
        let identity = self.open_identity(&stored.app, &stored)?;
        let second = self.open_app(&stored)?.second;
        let second = second.map(|secret| client(&stored.app, &secret)).transpose()?;
        Ok((stored.app, identity, second))
    }

    /// Both secrets of an app that nobody has changed.
    pub(super) fn open_app(&self, stored: &StoredApp) -> Result<OpenApp, Error> {
        let StoredApp { app, secret, second, generation } = stored;
        let key = self.data_key();
        let second = match (second, &app.second) {
            (Some(sealed), Some(_)) => Some(key.open(&place::second_secret(app, *generation), sealed)?),
            (None, None) => None,
            _ => return Err(place::second_secret(app, *generation).tampered()),
        };
        let secret = key.open(&place::app_secret(app, *generation), secret)?;
        Ok(OpenApp { app: app.clone(), secret, second })
    }

    /// Opens the secret for the app as the caller has it, so that nothing of that can have been changed.
    fn open_identity(&self, app: &App, stored: &StoredApp) -> Result<AppIdentity, Error> {
        if app.kind == AppKind::Private {
            return Err(Error::WrongKind { kind: app.kind, wanted: "client secret" });
        }
        let clear = self.data_key().open(&place::app_secret(app, stored.generation), &stored.secret)?;
        client(app, &clear)
    }

    /// The stored app of the same kind, client id and server with what is new, or a new one.
    pub(super) fn sealed_app(&self, new: &NewApp) -> Result<SealedApp, Error> {
        if new.kind == AppKind::Private {
            return Err(Error::WrongKind { kind: new.kind, wanted: "OAuth 2.0 consent" });
        }
        let client_id = new.identity.client_id.as_str();
        let stored = self.db().app_like(new.kind, client_id, new.server.address())?;
        let (mut open, generation) = match stored {
            Some(stored) => (self.open_app(&stored)?, stored.generation + 1),
            None => {
                let app = new_app(new, self.now())?;
                (OpenApp { app, secret: Zeroizing::default(), second: None }, 1)
            }
        };
        open.proved(new);
        open.seal(self.data_key(), generation)
    }
}

/// Which of a private app's keys a certificate belongs to.
pub(super) fn rank(app: &App, certificate: &Certificate) -> Option<Rank> {
    let second = app.second.as_ref().and_then(|second| second.certificate.as_ref());
    match (app.certificate.as_ref(), second) {
        (Some(first), _) if first == certificate => Some(Rank::First),
        (_, Some(second)) if second == certificate => Some(Rank::Second),
        _ => None,
    }
}

/// False also where the data key was replaced in this moment: it is all sealed again.
pub(super) fn written(outcome: Result<bool, Error>) -> Result<bool, Error> {
    if matches!(outcome, Err(Error::Rekeyed)) { Ok(false) } else { outcome }
}

fn changed(app: &mut App, changes: &AppChanges) -> Result<(), Error> {
    let AppChanges { name: _, consumer_key, redirect_uris } = changes;
    if let Some(consumer_key) = consumer_key {
        if app.kind != AppKind::Private {
            return Err(Error::WrongKind { kind: app.kind, wanted: "consumer key" });
        }
        app.client_id.clone_from(consumer_key);
    }
    if let Some(uris) = redirect_uris {
        if !matches!(app.kind, AppKind::Web | AppKind::Desktop) {
            return Err(Error::WrongKind { kind: app.kind, wanted: "redirect URI" });
        }
        app.redirect_uris.clone_from(uris);
    }
    Ok(())
}

/// A secret as it is sealed, and its certificate.
fn parts(app: &App, new: &NewSecret) -> Result<(Zeroizing<Vec<u8>>, Option<Certificate>), Error> {
    match (new, app.kind) {
        (NewSecret::Client(secret), AppKind::Web | AppKind::Custom) => {
            Ok((Zeroizing::new(secret.expose().as_bytes().to_vec()), None))
        }
        (NewSecret::Key { key, certificate }, AppKind::Private) => {
            if !certificate.belongs_to(key) {
                return Err(Error::Key(xero_certs::Error::KeyMismatch));
            }
            let der = key.to_pkcs8_der().map_err(Error::Key)?;
            Ok((Zeroizing::new(der.to_vec()), Some(certificate.as_ref().clone())))
        }
        (NewSecret::Client(_), kind) => Err(Error::WrongKind { kind, wanted: "client secret" }),
        (NewSecret::Key { .. }, kind) => Err(Error::WrongKind { kind, wanted: "certificate" }),
    }
}

fn client(app: &App, secret: &[u8]) -> Result<AppIdentity, Error> {
    let tampered = || place::app_secret(app, 0).tampered();
    let secret = std::str::from_utf8(secret).map_err(|_| tampered())?;
    let secret = (!secret.is_empty()).then(|| ClientSecret::new(secret)).transpose();
    Ok(AppIdentity {
        client_id: ClientId::parse(&app.client_id).map_err(|_| tampered())?,
        secret: secret.map_err(|_| tampered())?,
    })
}

fn new_app(new: &NewApp, now: SystemTime) -> Result<App, Error> {
    Ok(App {
        id: new_id()?,
        name: None,
        kind: new.kind,
        client_id: new.identity.client_id.as_str().to_owned(),
        server: new.server.clone(),
        certificate: None,
        redirect_uris: Vec::new(),
        second: None,
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
