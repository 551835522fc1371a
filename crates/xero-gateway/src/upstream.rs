//! The servers that requests go to: their kept connections, each driven by the request that uses it.

use std::{
    collections::HashMap,
    error::Error as StdError,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use hyper::{Request, Response, StatusCode, body::Incoming, header::HeaderValue};
use tokio::time::{Instant, sleep, timeout};
use url::{Position, Url};

use crate::{
    body::{Body, BodyError, Meter},
    line::Line,
    refusal::Refusal,
    replay::too_long,
    route::Route,
};

/// How long a connection to Xero is kept that nobody uses.
const KEEP: Duration = Duration::from_secs(60);

/// All servers that requests go to.
#[derive(Debug, Default)]
pub(crate) struct Upstream(Mutex<HashMap<String, Arc<Server>>>);

/// One server, by scheme, host and port.
#[derive(Debug)]
pub(crate) struct Server {
    /// What requests name as the `Host`.
    pub(crate) host: HeaderValue,
    origin: Url,
    /// Made when there is something to send: reading the system's roots takes its time.
    route: Mutex<Option<Route>>,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The one that was used last is the last.
    lines: Vec<(Box<Line>, Instant)>,
    /// Somebody closes those that were not used for long.
    swept: bool,
}

impl Upstream {
    /// The server of an address; nothing where its host is none.
    pub(crate) fn server(&self, address: &Url) -> Option<Arc<Server>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = &address[..Position::BeforePath];
        if let Some(server) = known.get(origin) {
            return Some(Arc::clone(server));
        }
        let host = HeaderValue::from_str(&address[Position::BeforeHost..Position::AfterPort]).ok()?;
        let url = origin.parse().ok()?;
        let server = Server { host, origin: url, route: Mutex::default(), idle: Mutex::default() };
        Some(Arc::clone(known.entry(origin.to_owned()).or_insert(Arc::new(server))))
    }
}

impl Server {
    /// Sends a request and waits for the head of the answer: so long after the last piece of the body has gone.
    pub(crate) async fn send(
        self: &Arc<Self>,
        request: Request<Body>,
        sent: Option<&Meter>,
        limit: Duration,
    ) -> Result<Response<Incoming>, Refusal> {
        let so_far = || sent.map(Meter::bytes);
        let mut answered = std::pin::pin!(self.exchange(request));
        loop {
            let before = so_far();
            match timeout(limit, answered.as_mut()).await {
                Ok(answer) => return answer,
                Err(_) if so_far() == before => return Err(late()),
                Err(_) => {}
            }
        }
    }

    async fn exchange(self: &Arc<Self>, mut request: Request<Body>) -> Result<Response<Incoming>, Refusal> {
        loop {
            let kept = self.take();
            let was_kept = kept.is_some();
            let mut line = match kept {
                Some(line) => line,
                None => self.connect().await?,
            };
            match line.ask(request).await {
                Ok(answer) => {
                    self.put_back(line);
                    return Ok(answer);
                }
                // The server closed it meanwhile, and nothing has gone.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if was_kept => request = unsent,
                    _ => return Err(unanswered(&error.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> Result<Box<Line>, Refusal> {
        let route = match &mut *self.route.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(route) => route.clone(),
            none => none.insert(Route::to(&self.origin)?).clone(),
        };
        let stream = route.connect(&self.origin).await.ok_or_else(unreached)?;
        Line::open(stream).await.map_err(|error| unanswered(&error))
    }

    fn take(&self) -> Option<Box<Line>> {
        let (line, since) = self.idle().lines.pop()?;
        (since.elapsed() < KEEP).then_some(line)
    }

    /// For the next request, once the answer has been read to its end.
    fn put_back(self: &Arc<Self>, line: Box<Line>) {
        if line.is_idle() {
            return self.keep(line);
        }
        let own = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(line) = line.finish().await {
                own.keep(line);
            }
        });
    }

    fn keep(self: &Arc<Self>, line: Box<Line>) {
        let mut idle = self.idle();
        idle.lines.push((line, Instant::now()));
        if !std::mem::replace(&mut idle.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what nobody uses, until nothing is left.
async fn sweep(server: Weak<Server>) {
    loop {
        sleep(KEEP).await;
        let Some(server) = server.upgrade() else { return };
        let mut idle = server.idle();
        idle.lines.retain(|(_, since)| since.elapsed() < KEEP);
        idle.swept = !idle.lines.is_empty();
        if !idle.swept {
            return;
        }
    }
}

/// Whose fault it was that no answer came. What the library says of it names no header.
fn unanswered(error: &hyper::Error) -> Refusal {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    match causes.find_map(|cause| cause.downcast_ref()) {
        Some(BodyError::TooLong) => return too_long_for_settings(),
        Some(BodyError::Wire(_)) => return Refusal::bad("body", "the request's body broke off"),
        None => {}
    }
    Refusal::new(StatusCode::BAD_GATEWAY, "upstream", "Xero broke the connection off")
        .next("look whether the request was done before sending it again")
}

fn unreached() -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, "upstream", "Xero cannot be reached")
        .next("try again; `xeroctl doctor` looks for the reason")
}

fn late() -> Refusal {
    Refusal::new(StatusCode::GATEWAY_TIMEOUT, "upstream", "Xero did not answer in time")
        .next("look whether the request was done before sending it again")
}

fn too_long_for_settings() -> Refusal {
    let mut refusal = too_long(0);
    "the body is longer than this gateway lets through".clone_into(&mut refusal.error);
    refusal
}
