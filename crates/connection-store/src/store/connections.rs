//! Connections: kept, listed, chosen, removed; and what a private app's connection signs.

use std::sync::Arc;

use xero_certs::{Certificate, PrivateKey};
use zeroize::Zeroizing;

use super::{
    Store,
    apps::{OpenApp, rank},
    new_id, sealed_anew,
};
use crate::{
    ApiRequest, App, AppKind, Connection, Error, NewConnection, NewPrivateConnection, Organisation, Rank,
    RequestHeaders,
    backend::{AppRow, ConnectionRow, TestedRow},
    connection::check_name,
    place,
    request::sign,
};

impl Store {
    /// All connections, ordered by name.
    pub fn connections(&self) -> Result<Vec<Connection>, Error> {
        self.db().connections()
    }

    /// The connection of that name, or the default one.
    ///
    /// # Errors
    /// [`Error::NoSuchConnection`] or [`Error::NoDefault`], each with the names that there are.
    pub fn connection(&self, name: Option<&str>) -> Result<Connection, Error> {
        let found = self.db().connection(name)?;
        match (found, name) {
            (Some(connection), _) => Ok(connection),
            (None, Some(name)) => Err(self.no_such(name)?),
            (None, None) => Err(Error::NoDefault { known: self.names()? }),
        }
    }

    /// Stores a private app and a connection that uses it, both or neither; durable when this returns.
    ///
    /// # Errors
    /// [`Error::NameTaken`] where the name is taken and `replace` is false, [`Error::BadName`], and
    /// [`Error::Key`] where the certificate is not the key's.
    pub fn add_private(&self, new: &NewPrivateConnection) -> Result<(), Error> {
        check_name(&new.name)?;
        if !new.certificate.belongs_to(&new.key) {
            return Err(Error::Key(xero_certs::Error::KeyMismatch));
        }
        sealed_anew(|| self.keep_private(new))
    }

    fn keep_private(&self, new: &NewPrivateConnection) -> Result<(), Error> {
        let secret = Zeroizing::new(new.key.to_pkcs8_der().map_err(Error::Key)?.to_vec());
        let sealed =
            OpenApp { app: private_app(new, self)?, secret, second: None }.seal(self.data_key(), 1)?;
        let app = &sealed.app;
        let row = ConnectionRow {
            name: &new.name,
            app: &app.id,
            authorisation: None,
            organisation: new.organisation.as_ref(),
            pin: self.pin(&new.name, &app.id, None, new.organisation.as_ref())?,
            make_default: new.make_default,
            replace: new.replace,
            tested: new.organisation.is_some(),
        };
        self.keep(Some(&sealed.row()), &[row])
    }

    /// Stores connections that act under stored authorisations, all or none; durable when this returns. Each is pinned to
    /// its organisation. What logins left unfinished an hour ago or earlier is taken away.
    ///
    /// # Errors
    /// [`Error::NameTaken`] where a name is taken and its `replace` is false, or given twice, [`Error::BadName`],
    /// [`Error::NoSuchAuthorisation`].
    pub fn add_connections(&self, new: &[NewConnection]) -> Result<(), Error> {
        sealed_anew(|| self.keep_connections(new))
    }

    fn keep_connections(&self, new: &[NewConnection]) -> Result<(), Error> {
        let mut rows: Vec<ConnectionRow<'_>> = Vec::new();
        let apps = new.iter().map(|one| self.app_of(one)).collect::<Result<Vec<_>, _>>()?;
        for (one, app) in new.iter().zip(&apps) {
            check_name(&one.name)?;
            if rows.iter().any(|row| row.name.eq_ignore_ascii_case(&one.name)) {
                return Err(Error::NameTaken(one.name.clone()));
            }
            rows.push(ConnectionRow {
                name: &one.name,
                app,
                authorisation: Some(&one.authorisation),
                organisation: one.organisation.as_ref(),
                pin: self.pin(&one.name, app, Some(&one.authorisation), one.organisation.as_ref())?,
                make_default: one.make_default,
                replace: one.replace,
                tested: one.tested,
            });
        }
        self.keep(None, &rows)
    }

    /// Removes connections, and each authorisation and app that no other connection uses; all of them or none. Nothing is
    /// revoked at Xero.
    ///
    /// # Errors
    /// [`Error::NoSuchConnection`] for the first name that does not exist.
    pub fn remove(&self, names: &[String]) -> Result<(), Error> {
        let missing = sealed_anew(|| self.db().remove(names))?;
        match missing.first() {
            Some(missing) => Err(self.no_such(missing)?),
            None => Ok(()),
        }
    }

    /// Gives a connection another name; all else of it stays. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::BadName`], [`Error::NameTaken`], [`Error::NoSuchConnection`], [`Error::Tampered`].
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        check_name(to)?;
        let renamed = sealed_anew(|| {
            let connection = self.connection(Some(from))?;
            self.check(&connection)?;
            let organisation = connection.organisation.as_ref();
            let pin = self.pin(to, &connection.app.id, consent(&connection), organisation)?;
            self.db().rename(&connection.name, to, &pin)
        });
        if renamed? { Ok(()) } else { Err(self.no_such(from)?) }
    }

    /// Makes one connection the default one.
    pub fn set_default(&self, name: &str) -> Result<(), Error> {
        let done = self.db().set_default(name)?;
        if done { Ok(()) } else { Err(self.no_such(name)?) }
    }

    /// Notes that a test of the connection succeeded and pins it to the organisation that answered. False where it is
    /// pinned to another one already: nothing is changed then.
    ///
    /// # Errors
    /// [`Error::NoSuchConnection`] where the connection was removed or replaced in the meantime, [`Error::Tampered`]
    /// where it was changed.
    pub fn tested(&self, connection: &Connection, seen: &Organisation) -> Result<bool, Error> {
        self.check(connection)?;
        let (name, app, authorisation) = (&connection.name, &connection.app.id, consent(connection));
        let noted = sealed_anew(|| {
            let pin = self.pin(name, app, authorisation, Some(seen))?;
            let row = TestedRow { name, app, authorisation, seen, pin: &pin };
            self.db().tested(&row, self.now())
        });
        if noted? {
            return Ok(true);
        }
        let there = self.db().connection(Some(name))?;
        match there {
            Some(there) if there.app.id == *app && consent(&there) == authorisation => Ok(false),
            _ => Err(self.no_such(name)?),
        }
    }

    /// Signs with the key of a private app.
    pub(super) fn sign(
        &self,
        connection: &Connection,
        request: &ApiRequest<'_>,
        consumer_key: Option<&str>,
        certificate: Option<&Certificate>,
    ) -> Result<RequestHeaders, Error> {
        self.check(connection)?;
        let stored = self.db().app(&connection.app.id)?;
        let Some(stored) = stored else { return Err(self.no_such(&connection.name)?) };
        let OpenApp { app, secret, second } = self.open_app(&stored)?;
        if app.server != connection.app.server {
            return Err(place::app_secret(&app, stored.generation).tampered());
        }
        let der = match certificate.map(|certificate| rank(&app, certificate)) {
            None | Some(Some(Rank::First)) => secret,
            Some(Some(_)) => second.ok_or(Error::NoSecondSecret)?,
            Some(None) => return Err(Error::NoSecondSecret),
        };
        let key = PrivateKey::read(&der, None).map_err(Error::Key)?;
        sign(consumer_key.unwrap_or(&app.client_id), Arc::new(key), request, self.now())
    }

    /// Refuses a connection whose name, app, authorisation or organisation was changed in the store. All that makes a request
    /// of it, or keeps it anew, looks first; a caller who makes another connection of it must.
    ///
    /// # Errors
    /// [`Error::Tampered`].
    pub fn check(&self, connection: &Connection) -> Result<(), Error> {
        let Connection { name, app, organisation, pin, .. } = connection;
        let place = place::pin(name, &app.id, consent(connection), organisation.as_ref());
        if !connection.recorded {
            return Err(place.tampered());
        }
        if self.data_key().open(&place, pin).is_ok() {
            return Ok(());
        }
        // It may have been read so long ago that its data key was replaced twice.
        let there = self.db().connection(Some(name))?.filter(|there| there.recorded);
        let pin = there.map(|there| there.pin).unwrap_or_default();
        self.data_key().open(&place, &pin).map(drop)
    }

    pub(super) fn no_such(&self, name: &str) -> Result<Error, Error> {
        Ok(Error::NoSuchConnection { name: name.to_owned(), known: self.names()? })
    }

    /// Seals that this name stands for this app, authorisation and organisation.
    pub(super) fn pin(
        &self,
        name: &str,
        app: &str,
        authorisation: Option<&str>,
        organisation: Option<&Organisation>,
    ) -> Result<Vec<u8>, Error> {
        self.data_key().seal(&place::pin(name, app, authorisation, organisation), &[])
    }

    fn keep(&self, app: Option<&AppRow<'_>>, rows: &[ConnectionRow<'_>]) -> Result<(), Error> {
        match self.db().add(app, rows, self.now())? {
            Some(taken) => Err(Error::NameTaken(taken)),
            None => Ok(()),
        }
    }

    /// The app of the authorisation that a new connection is to act under.
    fn app_of(&self, new: &NewConnection) -> Result<String, Error> {
        Ok(self.stored(&new.authorisation)?.authorisation.app)
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        Ok(self.connections()?.into_iter().map(|connection| connection.name).collect())
    }
}

fn consent(connection: &Connection) -> Option<&str> {
    connection.authorisation.as_ref().map(|authorisation| authorisation.id.as_str())
}

fn private_app(new: &NewPrivateConnection, store: &Store) -> Result<App, Error> {
    Ok(App {
        id: new_id()?,
        name: None,
        kind: AppKind::Private,
        client_id: new.consumer_key.clone(),
        server: new.server.clone(),
        certificate: Some(new.certificate.clone()),
        redirect_uris: Vec::new(),
        second: None,
        created_at: store.now(),
    })
}
