//! A server that answers as it is told, when it is told.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use connection_store::Server;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};

/// What to answer to one request.
pub(crate) enum Reply {
    /// A status and a JSON body.
    Json(u16, Value),
    /// A status without a body.
    Status(u16),
    /// A beginning, and then the connection is cut.
    Cut,
    /// What comes when the gate is opened, however many requests were answered before.
    Held(Gate, Box<Reply>),
}

/// Holds one answer back.
#[derive(Clone)]
pub(crate) struct Gate(Arc<(watch::Sender<bool>, watch::Sender<bool>)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new((watch::Sender::new(false), watch::Sender::new(false))))
    }

    /// Waits until the request is there that the answer is for.
    pub(crate) async fn reached(&self) {
        self.0.0.subscribe().wait_for(|reached| *reached).await.unwrap();
    }

    pub(crate) fn open(&self) {
        self.0.1.send_replace(true);
    }

    async fn pass(&self) {
        self.0.0.send_replace(true);
        self.0.1.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

impl Reply {
    pub(crate) fn invalid_grant() -> Self {
        Self::Json(400, json!({ "error": "invalid_grant" }))
    }

    pub(crate) fn held(self) -> (Gate, Self) {
        let gate = Gate::new();
        (gate.clone(), Self::Held(gate, Box::new(self)))
    }

    pub(crate) fn tokens(access: &str, refresh: &str) -> Self {
        Self::Json(200, json!({ "access_token": access, "refresh_token": refresh, "expires_in": 1800 }))
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) form: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
}

impl Asked {
    /// Which access token it came with.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.authorization.as_deref()?.strip_prefix("Bearer ")
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<Asked>>,
    arrived: watch::Sender<usize>,
    gate: Semaphore,
    given: AtomicUsize,
}

/// Runs until it is dropped or stopped. Where no reply was told, it gives `access-1` and `refresh-1`, then `access-2` and so on.
pub(crate) struct TokenServer {
    address: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl TokenServer {
    /// One that answers at once.
    pub(crate) async fn start() -> Self {
        let server = Self::start_held().await;
        server.release();
        server
    }

    /// One whose answers wait for [`release`](Self::release).
    pub(crate) async fn start_held() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            replies: Mutex::default(),
            asked: Mutex::default(),
            arrived: watch::Sender::new(0),
            gate: Semaphore::new(0),
            given: AtomicUsize::new(0),
        });
        let routes = Router::new()
            .route("/connect/token", post(answer))
            .route("/connect/revocation", post(answer))
            .route("/connections", get(answer))
            .route("/connections/{id}", delete(answer))
            .with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, shared, task }
    }

    /// From then on nobody listens there.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        assert!((&mut self.task).await.unwrap_err().is_cancelled());
    }

    pub(crate) fn server(&self) -> Server {
        Server::at(&self.address).unwrap()
    }

    pub(crate) fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.replies.lock().unwrap().extend(replies);
    }

    /// Lets that many answers go.
    pub(crate) fn let_go(&self, count: usize) {
        self.shared.gate.add_permits(count);
    }

    /// Lets all answers go, now and later.
    pub(crate) fn release(&self) {
        self.let_go(1_000_000);
    }

    /// Waits until that many requests have come.
    pub(crate) async fn arrived(&self, count: usize) {
        self.shared.arrived.subscribe().wait_for(|arrived| *arrived >= count).await.unwrap();
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The refresh tokens that were sent, in order.
    pub(crate) fn spent(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.value("refresh_token").unwrap_or("none").to_owned()).collect()
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    let form = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let authorization = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    shared.asked.lock().unwrap().push(Asked { form, authorization });
    shared.arrived.send_modify(|count| *count += 1);
    shared.gate.acquire().await.unwrap().forget();
    let told = shared.replies.lock().unwrap().pop_front();
    let reply = match told.unwrap_or_else(|| next_tokens(&shared)) {
        Reply::Held(gate, reply) => {
            gate.pass().await;
            *reply
        }
        reply => reply,
    };
    match reply {
        Reply::Json(status, body) => {
            (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
        }
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::Cut => Body::from_stream(futures_util::stream::iter([
            Ok("{\"access_token\""),
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
        ]))
        .into_response(),
        Reply::Held(..) => panic!("one gate is enough"),
    }
}

fn next_tokens(shared: &Shared) -> Reply {
    let count = shared.given.fetch_add(1, Ordering::Relaxed) + 1;
    Reply::tokens(&format!("access-{count}"), &format!("refresh-{count}"))
}
