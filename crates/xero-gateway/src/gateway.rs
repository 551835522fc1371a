//! The gateway: each request from the door to its answer.

use std::sync::{Arc, PoisonError, RwLock};

use crate::{
    access_log::Entry,
    authority::{Authority, Means},
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
    way::{Way, Ways},
};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version, body::Incoming, header::ACCEPT_ENCODING,
    http::request::Parts,
};
use serde_json::json;
use tokio::time::Instant;

/// A local server that makes its clients' requests a connection's own. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) authority: Arc<dyn Authority>,
    pub(crate) grants: Grants,
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    clients: RwLock<Clients>,
    default_connection: Option<Arc<str>>,
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
        let metrics = Metrics::new();
        let ways = Ways::new(Arc::clone(&metrics), settings.at_once);
        let shared = Shared {
            grants: Grants::new(Arc::clone(&authority), ways, settings.trust),
            authority,
            default_connection: settings.default_connection.as_deref().map(Into::into),
            settings,
            metrics,
            clients: RwLock::new(clients),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Lets these clients in from the next request on, and nobody else; what is under way is finished.
    pub fn replace_clients(&self, clients: Clients) {
        *self.shared.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
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
        let mut entry = Entry::new(parts.method.clone(), parts.uri.clone(), &self.shared.metrics, &lane);
        let answered = self.shared.handle(door, parts, incoming, &mut entry).await;
        let answer = answered.unwrap_or_else(|refusal| refused(&refusal, version, &mut entry));
        entry.status = Some(answer.status());
        answer.map(|body| body.logged(Box::new(entry)))
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
        let client = self.client(&parts.headers).ok_or_else(unknown_client)?;
        entry.client = Some(Arc::clone(client.name()));
        match target? {
            Target::Health => Ok(health()),
            Target::Metrics => self.metrics_for(&client),
            Target::Connections(place) => {
                connections::check_method(&parts.method)?;
                self.list_organisations(&client, Asked { place, parts, incoming }, entry).await
            }
            Target::Api(place) => {
                let asked = Asked { place, parts, incoming };
                let (name, way) = self.let_in(&client, &asked, entry).await?;
                let exchange = self.exchange(name, way, asked, entry).await?;
                Ok(passed_on(exchange.run(entry).await?))
            }
        }
    }

    fn client(&self, headers: &HeaderMap) -> Option<Arc<Client>> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).of(headers).cloned()
    }

    async fn list_organisations(
        &self,
        client: &Client,
        mut asked: Asked,
        entry: &mut Entry,
    ) -> Result<Response<Body>, Refusal> {
        let (name, way) = self.let_in(client, &asked, entry).await?;
        let tenant = connections::tenant(&way.grant)?;
        if !connections::is_asked_of_xero(&way.grant) {
            return Ok(connections::made_up(tenant));
        }
        asked.parts.headers.remove(ACCEPT_ENCODING); // it is read here
        let mut exchange = self.exchange(name, Arc::clone(&way), asked, entry).await?;
        exchange.with_tenant = false;
        Ok(passed_on(connections::narrowed(exchange.run(entry).await?, tenant).await?))
    }

    /// Which connection a client's request is for, and how its requests are made.
    async fn let_in(
        &self,
        client: &Client,
        asked: &Asked,
        entry: &mut Entry,
    ) -> Result<(Option<Arc<str>>, Arc<Way>), Refusal> {
        let Asked { place, parts, .. } = asked;
        if self.settings.read_only && ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method) {
            return Err(Refusal::forbidden("read-only", "this gateway only reads")
                .next("open one without --read-only for what is to be changed"));
        }
        if !client.may_method(&parts.method) || !client.may_path(place.path.path()) {
            return Err(Refusal::forbidden("client", "this client may not use this method or path")
                .next("its entry in the file of clients says what it may: methods, paths"));
        }
        let name = self.named(client, place, &parts.headers)?;
        if let Some(name) = &name {
            self.check_connection(client, name)?;
        }
        let way = self.grants.of(name.as_ref()).await?;
        self.check_connection(client, &way.name)?;
        headers::check_tenant(&parts.headers, way.grant.tenant.as_ref())?;
        entry.way = Some(Arc::clone(&way));
        Ok((name, way))
    }

    /// The connection that the path or the header names, or the one of those that name none.
    fn named(
        &self,
        client: &Client,
        place: &Place,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<str>>, Refusal> {
        let mut names: Vec<&str> = place.connection.iter().map(String::as_str).collect();
        for value in headers.get_all(NAMED) {
            let name = std::str::from_utf8(value.as_bytes());
            names.push(name.map_err(|_| Refusal::bad("connection", "Xeroctl-Connection is not UTF-8"))?);
        }
        if names.windows(2).any(|pair| !pair[0].eq_ignore_ascii_case(pair[1])) {
            return Err(Refusal::bad("connection", "the request names two connections")
                .next("name it in the path or in the header Xeroctl-Connection, and once"));
        }
        let default = || client.only_connection().or(self.default_connection.as_ref()).cloned();
        Ok(names.first().map(|name| Arc::from(*name)).or_else(default))
    }

    fn check_connection(&self, client: &Client, name: &str) -> Result<(), Refusal> {
        let served = &self.settings.connections;
        let is_served = served.is_empty() || served.iter().any(|one| one.eq_ignore_ascii_case(name));
        if is_served && client.may_connection(name) {
            return Ok(());
        }
        Err(Refusal::forbidden("client", "this client may not use this connection").next(
            "its entry in the file of clients, and the names that the gateway was opened for, say which it may",
        ))
    }

    async fn exchange(
        &self,
        name: Option<Arc<str>>,
        way: Arc<Way>,
        asked: Asked,
        entry: &mut Entry,
    ) -> Result<Exchange<'_>, Refusal> {
        let Asked { place, parts, incoming } = asked;
        let (Parts { method, mut headers, .. }, looked) = (parts, Instant::now());
        let signed = matches!(way.grant.means, Means::Signature { .. }) && is_form(&method, &headers);
        let payload = Payload::read(incoming, entry, self.settings.max_body, signed).await?;
        let form = if signed { payload.form()? } else { None };
        headers::to_xero(&mut headers);
        let (shared, path, with_tenant, patience) = (self, place.path, true, self.settings.max_wait);
        Ok(Exchange {
            shared,
            name,
            way,
            looked,
            method,
            path,
            headers,
            payload,
            form,
            with_tenant,
            patience,
        })
    }

    /// The metrics name every client and connection.
    fn metrics_for(&self, client: &Client) -> Result<Response<Body>, Refusal> {
        if !client.has_all_connections() {
            return Err(Refusal::forbidden("client", "metrics are for clients of all connections")
                .next("`xeroctl gateway token new NAME --clients FILE` makes one"));
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
