//! The authority of the connections in a store.

use std::{
    collections::HashMap,
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use connection_store::{
    ApiRequest, AppKind, Call, Connection, Error, Need, Rank, RequestHeaders, Server, Store, Told,
};
use hyper::header::HeaderValue;
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::authority::{Answer, Authority, Counted, Grant, Key, Means, Signable, Tenant, Trouble};

/// The connections of a store. A look at it costs a few reads of its file, on a thread where that holds nobody up.
#[derive(Debug, Clone)]
pub struct StoreAuthority {
    store: Store,
    only_at: Option<Server>,
    /// Nothing is counted where the server has no limits.
    unlimited: bool,
    /// The connections as they were last looked at, by name.
    seen: Arc<Mutex<HashMap<String, Connection>>>,
}

impl StoreAuthority {
    /// All connections of the store.
    pub fn new(store: Store) -> Self {
        Self { store, only_at: None, unlimited: false, seen: Arc::default() }
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
            return Err(Trouble { status: 403, error, next: None, retry_after: None });
        }
        Ok(connection)
    }

    async fn find(&self, name: Option<&str>, instead_of: Option<i64>) -> Result<Grant, Trouble> {
        let connection = self.connection(name)?;
        let named = Some(connection.name.as_str());
        let api = connection.app.server.api();
        let means = if connection.app.kind == AppKind::Private {
            self.store.check(&connection).map_err(|error| trouble(&error, named))?;
            Means::Signature { second_key: connection.app.second.is_some() }
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
        seen.insert(connection.name.clone(), connection.clone());
        drop(seen);
        let since = connection.created_at;
        let tenant = connection.organisation.map(|one| Tenant { id: one.id, name: one.name, since });
        Ok(Grant { connection: connection.name, api, tenant, means })
    }

    fn sign_now(&self, name: &str, request: &Signable, key: Key) -> Result<HeaderValue, Trouble> {
        let connection = self.connection(Some(name))?;
        let Signable { method, url, form } = request;
        let request = ApiRequest { method, url, form: form.as_deref() };
        let rank = if key == Key::First { Rank::First } else { Rank::Second };
        let signed = self.store.sign_with(&connection, &request, None, rank);
        header(&signed.map_err(|error| trouble(&error, Some(name)))?)
    }

    fn swap_now(&self, name: &str) -> Result<(), Trouble> {
        let connection = self.connection(Some(name))?;
        let swapped = self.store.swap_secrets(&connection.app.id);
        swapped.map(drop).map_err(|error| trouble(&error, Some(name)))
    }
}

impl Authority for StoreAuthority {
    fn grant(&self, connection: Option<&str>, instead_of: Option<i64>) -> Answer<'_, Grant> {
        let (own, name, handle) = (self.clone(), connection.map(str::to_owned), Handle::current());
        aside(move || handle.block_on(own.find(name.as_deref(), instead_of)))
    }

    fn sign(&self, connection: &str, request: Signable, key: Key) -> Answer<'_, HeaderValue> {
        let (own, name) = (self.clone(), connection.to_owned());
        aside(move || own.sign_now(&name, &request, key))
    }

    fn admit(&self, connection: &str, patience: Duration) -> Answer<'_, Box<dyn Counted>> {
        if self.unlimited {
            return Box::pin(async { Ok(Box::new(Uncounted) as Box<dyn Counted>) });
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned();
        let (own, name, handle) = (self.clone(), connection.to_owned(), Handle::current());
        aside(move || {
            let connection = seen.map_or_else(|| own.connection(Some(&name)), Ok)?;
            let admitted = handle.block_on(own.store.admit(&connection, patience, |wait| {
                tracing::info!(connection = name, limit = %wait.limit, seconds = wait.time.as_secs(), "waiting");
            }));
            let call = admitted.map_err(|error| trouble(&error, Some(&name)))?;
            Ok(Box::new(StoreCall(call)) as Box<dyn Counted>)
        })
    }

    fn swap_keys(&self, connection: &str) -> Answer<'_, ()> {
        let (own, name) = (self.clone(), connection.to_owned());
        aside(move || own.swap_now(&name))
    }
}

#[derive(Debug)]
struct StoreCall(Call);

impl Counted for StoreCall {
    fn told(&mut self, told: Told) {
        self.0.told(told);
    }
}

#[derive(Debug)]
struct Uncounted;

impl Counted for Uncounted {
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
            Err(Trouble { status: 500, error, next: None, retry_after: None })
        })
    })
}

fn header(headers: &RequestHeaders) -> Result<HeaderValue, Trouble> {
    let mut value = HeaderValue::from_str(headers.expose_authorization()).map_err(|_| Trouble {
        status: 502,
        error: "what authorises requests cannot be sent as a header".to_owned(),
        next: None,
        retry_after: None,
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The status, the reason with its causes, and the command that says what to do.
fn trouble(error: &Error, name: Option<&str>) -> Trouble {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    let name = name.map(|name| format!(" '{name}'")).unwrap_or_default();
    let (status, next) = match error {
        Error::NoSuchConnection { .. } => (404, "`xeroctl list` shows the connections".to_owned()),
        Error::NoDefault { .. } => {
            (404, "name one: /c/NAME/ before the path, or the header Xeroctl-Connection".to_owned())
        }
        Error::NeedsLogin { .. } => (403, format!("log in again: `xeroctl reauth{name}`")),
        Error::Sign(_) => (400, "send the request in the form that Xero signs".to_owned()),
        Error::LimitReached(_) => {
            (429, "wait before the next call, and send fewer; nothing was sent".to_owned())
        }
        Error::Copied { .. } => (403, "`xeroctl store adopt`".to_owned()),
        Error::HandedOver { .. } | Error::NotAdopted { .. } => (403, format!("`xeroctl adopt{name}`")),
        Error::Auth(_) | Error::RefreshBusy | Error::Busy | Error::NotSaved { .. } | Error::DiskFull => {
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
