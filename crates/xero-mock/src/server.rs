//! Accepts connections and takes each request past the journal and the faults to the portal, the API or the controls.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::fault::{Fault, cut_after};
use crate::oauth2::InFlight;
use crate::wire::{Wire, WireLimit};
use crate::world::{Open, Shared};
use crate::{api, control, oauth2, portal};

/// Listens on the loopback address alone.
pub(crate) fn listen(port: u16) -> io::Result<StdListener> {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until dropped; its connections end with it.
pub(crate) async fn serve(listener: TcpListener, shared: Shared) {
    let site = Site::new(shared);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    let open = site.shared.accepted(from);
                    drop(connections.spawn(converse(stream, site.clone(), open)));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(mut stream: TcpStream, site: Site, _open: Open) {
    let hang_up = site.shared.lock().faults.take_hang_up();
    if let Some(bytes) = hang_up {
        // Whether they came or the client went first: the connection ends here.
        let _ = stream.read_exact(&mut vec![0; bytes]).await;
        return;
    }
    let (wire, limit) = Wire::new(stream);
    let service = service_fn(move |request| {
        let (site, limit) = (site.clone(), limit.clone());
        async move { site.answer(request, &limit).await }
    });
    // The Date header is the mock's time, set in `finish`.
    let connection =
        http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(wire), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[derive(Clone)]
struct Site {
    router: TowerToHyperService<Router>,
    shared: Shared,
}

impl Site {
    fn new(shared: Shared) -> Self {
        let router = Router::new().merge(portal::routes()).nest("/_mock", control::routes()).fallback(answer);
        Self { router: TowerToHyperService::new(router.with_state(shared.clone())), shared }
    }

    async fn answer(&self, request: Request<Incoming>, wire: &WireLimit) -> Result<Response, Cut> {
        let request = request.map(Body::new);
        if request.uri().path().starts_with("/_mock/") {
            return Ok(self.finish(self.route(request).await));
        }
        let (mut parts, mut body) = request.into_parts();
        let mut form = Vec::new();
        if oauth2::has_form(parts.uri.path()) {
            let read = to_bytes(body, LARGEST_BODY).await.map_err(|_| Cut)?;
            form = oauth2::form_pairs(&parts.headers, &read);
            body = Body::from(read);
        }
        let _in_flight = InFlight::enter(&self.shared, &mut parts);
        let (place, fault) = {
            let mut world = self.shared.lock();
            let now = world.now();
            (world.journal.received(&parts, form, now), world.faults.take(parts.uri.path()))
        };
        if let Some(Fault::CutAfterWireBytes(bytes)) = fault {
            wire.cut_after(bytes);
        }
        let line = format!("{} {}", parts.method, parts.uri.path());
        let response = self.answer_or_fail(Request::from_parts(parts, body), fault).await?;
        self.shared.lock().journal.answered(place, &response);
        tracing::info!(status = response.status().as_u16(), "{line}");
        Ok(self.finish(response))
    }

    async fn answer_or_fail(&self, request: Request, fault: Option<Fault>) -> Result<Response, Cut> {
        if let Some(response) = fault.as_ref().and_then(Fault::answer) {
            return Ok(response);
        }
        match fault {
            Some(Fault::Cut) => Err(Cut),
            Some(Fault::CutAfterBytes(bytes)) => Ok(cut_after(bytes, self.route(request).await).await),
            Some(Fault::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(self.route(request).await)
            }
            Some(Fault::DelayReply(delay)) => {
                let response = self.route(request).await;
                tokio::time::sleep(delay).await;
                Ok(response)
            }
            Some(Fault::LoseReply) => {
                self.route(request).await;
                Err(Cut)
            }
            _ => Ok(self.route(request).await),
        }
    }

    fn route(&self, request: Request) -> impl Future<Output = Response> + use<> {
        let (answered, shared) = (self.router.call(request), self.shared.clone());
        async move {
            let response = answered.await.unwrap_or_else(|never: Infallible| match never {});
            shared.tell();
            response
        }
    }

    fn finish(&self, mut response: Response) -> Response {
        let now: SystemTime = self.shared.lock().now();
        let date = HeaderValue::from_str(&httpdate::fmt_http_date(now)).expect("an HTTP date is ASCII");
        response.headers_mut().insert(header::DATE, date);
        response
    }
}

/// Larger bodies are refused with 413; Xero takes attachments of 10 MB.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// Answers every path that is neither the portal's nor the controls'.
async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().to_ascii_lowercase();
    let mut world = shared.lock();
    oauth2::answer(&mut world, &path, &parts, &body)
        .unwrap_or_else(|| api::answer(&mut world, &path, &parts, &body))
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut by a fault")]
struct Cut;
