//! The authority of the connections in a store.

use std::{
    collections::HashMap,
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use connection_store::{
    ApiRequest, App, AppKind, Certificate, Connection, Error, Need, Patience, RequestHeaders, Server, Store,
    Told, quoted,
};
use hyper::header::HeaderValue;
use tokio::{runtime::Handle, task::spawn_blocking, time::sleep};

use crate::{
    authority::{Answer, Authority, Counted, Grant, Key, Means, Signable, Tenant, Trouble},
    counting::Counting,
};

/// The connections of a store. A look at it costs a few reads of its file, on a thread where that holds nobody up.
#[derive(Debug, Clone)]
pub struct StoreAuthority {
    store: Store,
    only_at: Option<Server>,
    /// Nothing is counted where the server has no limits.
    unlimited: bool,
    /// The connections as they were last looked at, by name.
    seen: Arc<Mutex<HashMap<String, Arc<Connection>>>>,
    counting: Arc<Counting>,
}

impl StoreAuthority {
    /// All connections of the store.
    pub fn new(store: Store) -> Self {
        Self { store, only_at: None, unlimited: false, seen: Arc::default(), counting: Arc::default() }
    }

    /// The same, but for servers that have no limits: no request waits for them.
    #[must_use]
    pub fn unlimited(self, unlimited: bool) -> Self {
        Self { unlimited, ..self }
    }

    /// The same, but for connections to any other server than this one.
    #[must_use]
    pub fn only_at(self, server: Server) -> Self {
        Self { only_at: Some(server), ..self }
    }

    fn connection(&self, name: Option<&str>) -> Result<Connection, Trouble> {
        let connection = self.store.connection(name).map_err(|error| trouble(&error, name))?;
        let own = &connection.app.server;
        if self.only_at.as_ref().is_some_and(|server| server != own) {
            let own = own.api().origin().ascii_serialization();
            let error = format!(
                "{} is a connection to {own}, and the gateway was started for another server",
                connection.name
            );
            let next = Some("name a connection to that server, or leave --xero-url out".to_owned());
            return Err(Trouble { status: 403, error, next, retry_after: None });
        }
        Ok(connection)
    }

    async fn find(&self, name: Option<&str>, instead_of: Option<i64>) -> Result<Grant, Trouble> {
        let connection = self.connection(name)?;
        let named = Some(connection.name.as_str());
        let api = connection.app.server.api();
        let means = if connection.app.kind == AppKind::Private {
            self.store.check(&connection).map_err(|error| trouble(&error, named))?;
            let second = connection.app.second.as_ref();
            let key = key(connection.app.certificate.as_ref());
            Means::Signature { key, second: second.map(|second| self::key(second.certificate.as_ref())) }
        } else {
            if let Some(generation) = instead_of {
                let renewed = self.store.access(&connection, Need::fresh(generation)).await;
                renewed.map_err(|error| trouble(&error, named))?;
            }
            let request = ApiRequest { method: "GET", url: &api, form: None };
            let headers = self.store.authorise(&connection, &request).await;
            let headers = headers.map_err(|error| trouble(&error, named))?;
            Means::Bearer {
                authorization: header(&headers)?,
                generation: headers.generation().unwrap_or_default(),
                custom: connection.app.kind == AppKind::Custom,
            }
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(connection.name.clone(), Arc::new(connection.clone()));
        drop(seen);
        let since = connection.created_at;
        let tenant = connection.organisation.map(|one| Tenant { id: one.id, name: one.name, since });
        Ok(Grant { connection: connection.name, api, tenant, means })
    }

    fn sign_now(&self, name: &str, request: &Signable, key: &Key) -> Result<HeaderValue, Trouble> {
        let connection = self.connection(Some(name))?;
        let Signable { method, url, form } = request;
        let request = ApiRequest { method, url, form: form.as_deref() };
        let certificate = Some(certificate(&connection.app, key)?);
        let signed = self.store.sign_with(&connection, &request, None, certificate);
        header(&signed.map_err(|error| trouble(&error, Some(name)))?)
    }

    fn prefer_now(&self, name: &str, key: &Key) -> Result<(), Trouble> {
        let app = self.connection(Some(name))?.app;
        let preferred = self.store.prefer_key(&app.id, certificate(&app, key)?);
        preferred.map(drop).map_err(|error| trouble(&error, Some(name)))
    }

    async fn admit_soon(&self, name: &str, patience: Duration) -> Result<Box<dyn Counted>, Trouble> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let connection = match seen {
            Some(connection) => connection,
            None => {
                let (own, name) = (self.clone(), name.to_owned());
                aside(move || own.connection(Some(&name)).map(Arc::new)).await?
            }
        };
        let mut patience = Patience::of(patience);
        loop {
            let wait = match self.counting.admit(&self.store, &connection).await {
                Ok(counts) => return Ok(Box::new(counts)),
                Err(wait) => wait,
            };
            let pause = patience.pause(wait).map_err(|error| trouble(&error, Some(name)))?;
            if patience.is_news(wait) {
                tracing::info!(connection = name, limit = %wait.limit, seconds = wait.time.as_secs(), "waiting");
            }
            sleep(pause).await;
        }
    }
}

impl Authority for StoreAuthority {
    fn grant(&self, connection: Option<&str>, instead_of: Option<i64>) -> Answer<'_, Grant> {
        let (own, name, handle) = (self.clone(), connection.map(str::to_owned), Handle::current());
        aside(move || handle.block_on(own.find(name.as_deref(), instead_of)))
    }

    fn sign(&self, connection: &str, request: Signable, key: &Key) -> Answer<'_, HeaderValue> {
        let (own, name, key) = (self.clone(), connection.to_owned(), key.clone());
        aside(move || own.sign_now(&name, &request, &key))
    }

    fn admit(&self, connection: &str, patience: Duration) -> Answer<'_, Box<dyn Counted>> {
        if self.unlimited {
            return Box::pin(async { Ok(Box::new(Uncounted) as Box<dyn Counted>) });
        }
        let name = connection.to_owned();
        Box::pin(async move { self.admit_soon(&name, patience).await })
    }

    fn prefer(&self, connection: &str, key: &Key) -> Answer<'_, ()> {
        let (own, name, key) = (self.clone(), connection.to_owned(), key.clone());
        aside(move || own.prefer_now(&name, &key))
    }
}

#[derive(Debug)]
struct Uncounted;

impl Counted for Uncounted {
    fn sent(&mut self) {}

    fn told(&mut self, _: Told) {}
}

/// On a thread of its own, which goes on where the caller goes away.
fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Answer<'static, T> {
    let work = spawn_blocking(work);
    Box::pin(async move {
        work.await.unwrap_or_else(|_| {
            let error = "the store could not be read".to_owned();
            let next = Some("`xeroctl doctor` looks for the reason".to_owned());
            Err(Trouble { status: 500, error, next, retry_after: None })
        })
    })
}

/// A key is called by its certificate's fingerprint.
fn key(certificate: Option<&Certificate>) -> Key {
    Key(certificate.map(|certificate| certificate.sha256().to_string()).unwrap_or_default().into())
}

fn certificate<'a>(app: &'a App, named: &Key) -> Result<&'a Certificate, Trouble> {
    let second = app.second.as_ref().and_then(|second| second.certificate.as_ref());
    let mut both = app.certificate.iter().chain(second);
    both.find(|one| key(Some(one)) == *named).ok_or_else(|| Trouble {
        status: 503,
        error: "the app has got another key in this moment".to_owned(),
        next: Some("send the request again; nothing was done".to_owned()),
        retry_after: None,
    })
}

fn header(headers: &RequestHeaders) -> Result<HeaderValue, Trouble> {
    let mut value = HeaderValue::from_str(headers.expose_authorization()).map_err(|_| Trouble {
        status: 502,
        error: "what authorises requests cannot be sent as a header".to_owned(),
        next: Some("`xeroctl doctor` looks for the reason".to_owned()),
        retry_after: None,
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The status, the reason with its causes, and the command that says what to do.
fn trouble(error: &Error, name: Option<&str>) -> Trouble {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    let name = name.map(|name| format!(" {}", quoted(name))).unwrap_or_default();
    let (status, next) = match error {
        Error::NoSuchConnection { .. } => (404, "`xeroctl list` shows the connections".to_owned()),
        Error::NoDefault { .. } => {
            (404, "name one: /c/NAME/ before the path, or the header Xeroctl-Connection".to_owned())
        }
        Error::NeedsLogin { .. } => (403, format!("log in again: `xeroctl reauth{name}`")),
        Error::OtherOrganisation { .. } => (403, format!("`xeroctl test{name}` says for which")),
        Error::Sign(_) => (400, "send the request in the form that Xero signs".to_owned()),
        Error::LimitReached(_) => {
            (429, "wait before the next call, and send fewer; nothing was sent".to_owned())
        }
        Error::Copied { .. } => (403, "`xeroctl store adopt`".to_owned()),
        Error::Moved { to, .. } => (403, format!("start the gateway with --store {to}")),
        Error::Arriving { from, to, .. } => (403, format!("`xeroctl store move {from} {to}`")),
        Error::HandedOver { .. } | Error::NotAdopted { .. } => (403, format!("`xeroctl adopt{name}`")),
        Error::Auth(_)
        | Error::RefreshBusy
        | Error::Busy
        | Error::NotSaved { .. }
        | Error::DiskFull
        | Error::Unreachable { .. } => {
            (503, format!("try again; `xeroctl doctor{name}` looks for the reason"))
        }
        _ => (500, format!("`xeroctl doctor{name}` looks for the reason")),
    };
    let retry_after = match error {
        Error::LimitReached(wait) => Some(wait.time),
        _ => None,
    };
    Trouble { status, error: text, next: Some(next), retry_after }
}
