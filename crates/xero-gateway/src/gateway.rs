//! The gateway: each request from the door to its answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version, body::Incoming, header::ACCEPT_ENCODING,
    http::request::Parts,
};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    access_log::Entry,
    authority::{Authority, Grant, Means},
    body::Body,
    client::{Client, Clients},
    connections,
    door::Door,
    exchange::{Answered, Exchange},
    grants::Grants,
    headers::{self, NAMED},
    lane::Lane,
    metrics::{self, Metrics},
    refusal::{Refusal, own},
    replay::{Payload, is_form},
    settings::Settings,
    target::{Place, Target},
    upstream::Upstream,
};

/// A local server that makes its clients' requests a connection's own. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) authority: Arc<dyn Authority>,
    pub(crate) grants: Grants,
    pub(crate) settings: Settings,
    pub(crate) upstream: Upstream,
    pub(crate) metrics: Arc<Metrics>,
    clients: Clients,
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A request for something of Xero's.
struct Asked {
    place: Place,
    parts: Parts,
    incoming: Incoming,
}

impl Gateway {
    /// A gateway that listens nowhere yet.
    pub fn new(authority: impl Authority, clients: Clients, settings: Settings) -> Self {
        let authority: Arc<dyn Authority> = Arc::new(authority);
        let shared = Shared {
            grants: Grants::new(Arc::clone(&authority), settings.trust),
            authority,
            settings,
            upstream: Upstream::new(),
            metrics: Metrics::new(),
            clients,
            places: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The answer to one request, Xero's or the gateway's own.
    pub(crate) async fn answer(
        self,
        door: Door,
        lane: Arc<Lane>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (parts, incoming) = request.into_parts();
        let version = parts.version;
        let mut entry =
            Entry::new(parts.method.clone(), parts.uri.path(), &self.shared.metrics, lane.enter());
        let answered = self.shared.handle(door, parts, incoming, &mut entry).await;
        let answer = answered.unwrap_or_else(|refusal| refused(&refusal, version, &mut entry));
        entry.status = Some(answer.status());
        let sent = Arc::clone(&entry.sent);
        answer.map(|body| body.metered(&sent, None).logged(Box::new(entry)))
    }
}

fn refused(refusal: &Refusal, version: Version, entry: &mut Entry) -> Response<Body> {
    entry.refused = Some(refusal.reason);
    let mut answer = refusal.answer();
    // Whoever is not understood or not let in has no second request read from what he sent.
    let closes = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::MISDIRECTED_REQUEST];
    if closes.contains(&refusal.status) && version < Version::HTTP_2 {
        Refusal::close(answer.headers_mut());
    }
    answer
}

impl Shared {
    async fn handle(
        &self,
        door: Door,
        parts: Parts,
        incoming: Incoming,
        entry: &mut Entry,
    ) -> Result<Response<Body>, Refusal> {
        door.check(&parts)?;
        let asked =
            parts.uri.path_and_query().ok_or_else(|| Refusal::bad("form", "a request must name a path"))?;
        let target = Target::read(asked);
        if target == Ok(Target::Health) {
            return Ok(health());
        }
        let client = self.clients.of(&parts.headers).ok_or_else(unknown_client)?;
        entry.client = Some(Arc::clone(client.name()));
        match target? {
            Target::Health => Ok(health()),
            Target::Metrics => self.metrics_for(client),
            Target::Connections(place) => {
                connections::check_method(&parts.method)?;
                self.list_organisations(client, Asked { place, parts, incoming }, entry).await
            }
            Target::Api(place) => {
                let asked = Asked { place, parts, incoming };
                let (name, grant) = self.let_in(client, &asked, entry).await?;
                let exchange = self.exchange(name.as_deref(), &grant, asked, entry).await?;
                Ok(passed_on(exchange.run(entry).await?))
            }
        }
    }

    async fn list_organisations(
        &self,
        client: &Client,
        mut asked: Asked,
        entry: &mut Entry,
    ) -> Result<Response<Body>, Refusal> {
        let (name, grant) = self.let_in(client, &asked, entry).await?;
        let tenant = connections::tenant(&grant)?;
        if !connections::is_asked_of_xero(&grant) {
            return Ok(connections::made_up(tenant));
        }
        asked.parts.headers.remove(ACCEPT_ENCODING); // it is read here
        let mut exchange = self.exchange(name.as_deref(), &grant, asked, entry).await?;
        exchange.with_tenant = false;
        Ok(passed_on(connections::narrowed(exchange.run(entry).await?, tenant).await?))
    }

    /// Which connection a client's request is for, and how its requests are made.
    async fn let_in(
        &self,
        client: &Client,
        asked: &Asked,
        entry: &mut Entry,
    ) -> Result<(Option<String>, Arc<Grant>), Refusal> {
        let Asked { place, parts, .. } = asked;
        if self.settings.read_only && ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method) {
            return Err(Refusal::forbidden("read-only", "this gateway only reads"));
        }
        if !client.may_method(&parts.method) || !client.may_path(place.path.path()) {
            return Err(Refusal::forbidden("client", "this client may not use this method or path"));
        }
        let name = self.named(client, place, &parts.headers)?;
        if let Some(name) = &name {
            self.check_connection(client, name)?;
        }
        let grant = self.grants.of(name.as_deref()).await?;
        self.check_connection(client, &grant.connection)?;
        headers::check_tenant(&parts.headers, grant.tenant.as_ref())?;
        entry.connection = Some(grant.connection.as_str().into());
        Ok((name, grant))
    }

    /// The connection that the path or the header names, or the one of those that name none.
    fn named(&self, client: &Client, place: &Place, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        let mut names: Vec<&str> = place.connection.iter().map(String::as_str).collect();
        for value in headers.get_all(NAMED) {
            let name = std::str::from_utf8(value.as_bytes());
            names.push(name.map_err(|_| Refusal::bad("connection", "Xeroctl-Connection is not UTF-8"))?);
        }
        if names.windows(2).any(|pair| !pair[0].eq_ignore_ascii_case(pair[1])) {
            return Err(Refusal::bad("connection", "the request names two connections"));
        }
        let default = || client.only_connection().or(self.settings.default_connection.as_deref());
        Ok(names.first().copied().or_else(default).map(str::to_owned))
    }

    fn check_connection(&self, client: &Client, name: &str) -> Result<(), Refusal> {
        let served = &self.settings.connections;
        let is_served = served.is_empty() || served.iter().any(|one| one.eq_ignore_ascii_case(name));
        if is_served && client.may_connection(name) {
            return Ok(());
        }
        Err(Refusal::forbidden("client", "this client may not use this connection"))
    }

    async fn exchange<'a>(
        &'a self,
        name: Option<&'a str>,
        grant: &'a Grant,
        asked: Asked,
        entry: &mut Entry,
    ) -> Result<Exchange<'a>, Refusal> {
        let Asked { place, parts, incoming } = asked;
        let Parts { method, mut headers, .. } = parts;
        let signed = matches!(grant.means, Means::Signature { .. }) && is_form(&method, &headers);
        let payload = Payload::read(incoming, &entry.received, self.settings.max_body, signed).await?;
        let form = if signed { payload.form()? } else { None };
        headers::to_xero(&mut headers);
        entry.place = Some(self.admit(&grant.connection).await?);
        let (shared, path, with_tenant) = (self, place.path, true);
        Ok(Exchange { shared, name, grant, method, path, headers, payload, form, with_tenant })
    }

    /// Waits until one more request of the connection may be with Xero. It counts until what is given is dropped.
    async fn admit(&self, connection: &str) -> Result<OwnedSemaphorePermit, Refusal> {
        let places = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(self.settings.at_once));
            Arc::clone(places.entry(connection.to_owned()).or_insert_with(new))
        };
        let stopped = |_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the gateway stops");
        places.acquire_owned().await.map_err(stopped)
    }

    /// The metrics name every client and connection.
    fn metrics_for(&self, client: &Client) -> Result<Response<Body>, Refusal> {
        if !client.has_all_connections() {
            return Err(Refusal::forbidden("client", "metrics are for clients of all connections"));
        }
        Ok(own(StatusCode::OK, metrics::CONTENT_TYPE, self.metrics.text()))
    }
}

fn unknown_client() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "token", "the request has no token of a client of this gateway")
        .next("send the gateway's token as the access token: Authorization: Bearer …")
}

fn health() -> Response<Body> {
    let version = env!("CARGO_PKG_VERSION");
    own(StatusCode::OK, "application/json", format!("{}\n", json!({ "status": "ok", "version": version })))
}

fn passed_on(answered: Answered) -> Response<Body> {
    let Answered(mut parts, body) = answered;
    parts.version = Version::HTTP_11;
    Response::from_parts(parts, body)
}
