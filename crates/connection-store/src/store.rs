//! The facade: what a program does with a store.

use std::{path::Path, sync::Arc, time::SystemTime};

use url::Url;
use xero_auth_oauth1::{ConsumerKey, Credentials, Request, Stamp};
use xero_certs::{Certificate, PrivateKey};

use crate::{
    AppKind, Connection, Error, Lock, NewPrivateConnection, Organisation, Server, StoreKey,
    connection::check_name,
    seal::{Place, SealingKey, bound, random_key},
    sqlite::{AppRow, ConnectionRow, Sqlite, TestedRow},
    store_key::WrappedKey,
};

/// An open store: connections, and the key that opens their secrets.
pub struct Store {
    backend: Sqlite,
    data_key: SealingKey,
}

/// A request that is to be made with a connection's authority.
#[derive(Debug, Clone, Copy)]
pub struct ApiRequest<'a> {
    /// The HTTP method, in upper case.
    pub method: &'a str,
    /// The whole URL, at the connection's own server.
    pub url: &'a Url,
    /// The body, where it is form-encoded (`application/x-www-form-urlencoded`): OAuth 1.0a signs it.
    pub form: Option<&'a str>,
}

/// What makes a request the connection's own. Its `Debug` does not print the value.
pub struct Authorisation {
    /// The value of the `Authorization` header. A secret for as long as the server accepts it.
    header: String,
    /// The text that was signed (OAuth 1.0a), to find out why a signature is refused.
    base_string: String,
}

impl Authorisation {
    /// The value of the `Authorization` header.
    pub fn expose_header(&self) -> &str {
        &self.header
    }

    /// The signature base string (RFC 5849 section 3.4.1). Holds no secret.
    pub fn base_string(&self) -> &str {
        &self.base_string
    }
}

impl std::fmt::Debug for Authorisation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authorisation([redacted])")
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes a store at `path`, its directory (mode 0700) included, locked with `key`. `key_path` is where the key file
    /// lies, so that later commands find it; it is ignored for a passphrase.
    ///
    /// # Errors
    /// [`Error::Exists`] where there is a store already; nothing is changed then.
    pub fn create(path: &Path, key: &StoreKey, key_path: &str, now: SystemTime) -> Result<Self, Error> {
        let wrapped = WrappedKey::create(key, key_path)?;
        let backend = Sqlite::create(path, &wrapped, now)?;
        Ok(Self { backend, data_key: wrapped.open(key)? })
    }

    /// How the store at `path` is locked. Needs no key.
    pub fn lock(path: &Path) -> Result<Lock, Error> {
        let keys = Sqlite::open(path)?.wrapped_keys()?;
        keys.into_iter().next().map(|key| key.lock).ok_or_else(|| Error::NotFound(path.to_owned()))
    }

    /// Opens a store.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WrongKey`], [`Error::WrongPassphrase`], [`Error::OtherLock`], and what may be
    /// wrong with the file itself. None of them changes the file.
    pub fn open(path: &Path, key: &StoreKey) -> Result<Self, Error> {
        let backend = Sqlite::open(path)?;
        let mut failure = Error::NotFound(path.to_owned());
        for wrapped in backend.wrapped_keys()? {
            match wrapped.open(key) {
                Ok(data_key) => return Ok(Self { backend, data_key }),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// All connections, ordered by name.
    pub fn connections(&self) -> Result<Vec<Connection>, Error> {
        self.backend.connections()
    }

    /// The connection of that name, or the default one.
    ///
    /// # Errors
    /// [`Error::NoSuchConnection`] or [`Error::NoDefault`], each with the names that there are.
    pub fn connection(&self, name: Option<&str>) -> Result<Connection, Error> {
        match (self.backend.connection(name)?, name) {
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
    pub fn add_private(&mut self, new: &NewPrivateConnection, now: SystemTime) -> Result<(), Error> {
        check_name(&new.name)?;
        if !new.certificate.belongs_to(&new.key) {
            return Err(Error::Key(xero_certs::Error::KeyMismatch));
        }
        let id = new_id()?;
        let secret = new.key.to_pkcs8_der().map_err(Error::Key)?;
        let binding = app_binding(AppKind::Private, &new.consumer_key, &new.server, &new.certificate);
        let pin = self.pin(&new.name, &id, new.organisation.as_ref())?;
        let app = AppRow {
            id: &id,
            kind: AppKind::Private,
            client_id: &new.consumer_key,
            server: new.server.address(),
            certificate: new.certificate.der(),
            secret: &self.data_key.seal(&secret_place(&id, 1, &binding), &secret)?,
        };
        let row = ConnectionRow {
            name: &new.name,
            organisation: new.organisation.as_ref(),
            pin: &pin,
            make_default: new.make_default,
            replace: new.replace,
            tested_at: new.organisation.is_some().then_some(now),
        };
        match self.backend.add(&app, &row, now)? {
            true => Ok(()),
            false => Err(Error::NameTaken(new.name.clone())),
        }
    }

    /// Removes connections, and each app that no other connection uses; all of them or none.
    ///
    /// # Errors
    /// [`Error::NoSuchConnection`] for the first name that does not exist.
    pub fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        match self.backend.remove(names)?.first() {
            Some(missing) => Err(self.no_such(missing)?),
            None => Ok(()),
        }
    }

    /// Makes one connection the default one.
    pub fn set_default(&mut self, name: &str) -> Result<(), Error> {
        if self.backend.set_default(name)? { Ok(()) } else { Err(self.no_such(name)?) }
    }

    /// Notes that a test of the connection succeeded and pins it to the organisation that answered. False where it is
    /// pinned to another one already: nothing is changed then.
    ///
    /// # Errors
    /// [`Error::NoSuchConnection`] where the connection was removed or replaced in the meantime.
    pub fn tested(
        &mut self,
        connection: &Connection,
        seen: &Organisation,
        now: SystemTime,
    ) -> Result<bool, Error> {
        let Connection { name, app, .. } = connection;
        let pin = self.pin(name, &app.id, Some(seen))?;
        if self.backend.tested(&TestedRow { name, app: &app.id, seen, pin: &pin }, now)? {
            return Ok(true);
        }
        match self.backend.connection(Some(name))? {
            Some(there) if there.app.id == app.id => Ok(false),
            _ => Err(self.no_such(name)?),
        }
    }

    /// Signs a request with a connection's authority. Each call has a fresh nonce: a request that is sent again must be
    /// authorised again.
    ///
    /// # Errors
    /// [`Error::OtherServer`] for a URL that is not at the connection's own server: nothing is signed for others.
    pub fn authorise(
        &self,
        connection: &Connection,
        request: &ApiRequest<'_>,
        now: SystemTime,
    ) -> Result<Authorisation, Error> {
        let app = &connection.app;
        app.server.admit(request.url)?;
        self.check_pin(connection)?;
        let Some((sealed, generation)) = self.backend.secret(&app.id)? else {
            return Err(self.no_such(&connection.name)?);
        };
        let binding = app_binding(app.kind, &app.client_id, &app.server, &app.certificate);
        let der = self.data_key.open(&secret_place(&app.id, generation, &binding), &sealed)?;
        let key = PrivateKey::read(&der, None).map_err(Error::Key)?;
        sign(&app.client_id, Arc::new(key), request, now)
    }

    /// Seals that this name stands for this app and organisation.
    fn pin(&self, name: &str, app: &str, organisation: Option<&Organisation>) -> Result<Vec<u8>, Error> {
        self.data_key.seal(&pin_place(name, &pin_binding(app, organisation)), &[])
    }

    fn check_pin(&self, connection: &Connection) -> Result<(), Error> {
        let binding = pin_binding(&connection.app.id, connection.organisation.as_ref());
        self.data_key.open(&pin_place(&connection.name, &binding), &connection.pin).map(drop)
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        Ok(self.connections()?.into_iter().map(|connection| connection.name).collect())
    }

    fn no_such(&self, name: &str) -> Result<Error, Error> {
        Ok(Error::NoSuchConnection { name: name.to_owned(), known: self.names()? })
    }
}

/// Signs with a private app's key, without a store: for a test before anything is saved.
pub fn sign_private(
    new: &NewPrivateConnection,
    request: &ApiRequest<'_>,
    now: SystemTime,
) -> Result<Authorisation, Error> {
    new.server.admit(request.url)?;
    sign(&new.consumer_key, Arc::clone(&new.key), request, now)
}

fn sign(
    consumer_key: &str,
    key: Arc<PrivateKey>,
    request: &ApiRequest<'_>,
    now: SystemTime,
) -> Result<Authorisation, Error> {
    let consumer_key = ConsumerKey::parse(consumer_key).map_err(Error::Sign)?;
    let credentials = Credentials::private_app(consumer_key, key);
    let mut signable = Request::new(request.method, request.url);
    if let Some(form) = request.form {
        signable = signable.form(form);
    }
    let stamp = Stamp::new(now).map_err(Error::Sign)?;
    let signed = xero_auth_oauth1::sign(&signable, &credentials, &stamp).map_err(Error::Sign)?;
    Ok(Authorisation { header: signed.authorization(), base_string: signed.base_string().to_owned() })
}

fn secret_place<'a>(app: &'a str, generation: i64, bound: &'a str) -> Place<'a> {
    Place { table: "apps", column: "secret", row: app, generation, bound }
}

fn pin_place<'a>(name: &'a str, bound: &'a str) -> Place<'a> {
    Place { table: "connections", column: "pin", row: name, generation: 0, bound }
}

/// What an app's secret belongs to: change any of it and the secret does not open.
fn app_binding(kind: AppKind, client_id: &str, server: &Server, certificate: &Certificate) -> String {
    let certificate = certificate.sha256().to_string();
    bound(&[kind.as_str(), client_id, server.address().unwrap_or_default(), &certificate])
}

fn pin_binding(app: &str, organisation: Option<&Organisation>) -> String {
    bound(&[app, organisation.map_or("", |organisation| &organisation.id)])
}

/// A random id of 32 hexadecimal digits.
fn new_id() -> Result<String, Error> {
    Ok(random_key()?[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}
