//! The mock's controls over HTTP, under `/_mock/`: the same as the methods of [`Mock`](crate::Mock), in JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::Error;
use crate::app::{AppState, PrivateApp};
use crate::fault::{Fault, FaultRule};
use crate::journal::JournalEntry;
use crate::limits::RateLimit;
use crate::organisation;
use crate::world::{Shared, World};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/clock", get(clock).post(move_clock))
        .route("/mode", get(mode).post(change_mode))
        .route("/faults", post(add_fault).delete(clear_faults))
        .route("/journal", get(journal))
        .route("/reset", post(reset))
        .route("/apps", get(apps).post(create_app))
        .route("/apps/{consumer_key}", delete(delete_app))
        .route("/apps/{consumer_key}/certificate", put(replace_certificate).delete(remove_certificate))
        .route("/revoke", post(revoke))
        .fallback(unknown)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ClockMove {
    AdvanceSeconds(u64),
    #[serde(with = "time::serde::rfc3339")]
    Set(OffsetDateTime),
}

async fn clock(State(shared): State<Shared>) -> Json<Value> {
    Json(clock_value(&shared.lock()))
}

async fn move_clock(State(shared): State<Shared>, Json(moved): Json<ClockMove>) -> Json<Value> {
    let mut world = shared.lock();
    match moved {
        ClockMove::AdvanceSeconds(seconds) => world.clock.advance(Duration::from_secs(seconds)),
        ClockMove::Set(now) => world.clock.set(now.into()),
    }
    Json(clock_value(&world))
}

fn clock_value(world: &World) -> Value {
    let unix = world.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    json!({ "now": rfc3339(world.now()), "unix": unix })
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Mode {
    private_apps_off: bool,
}

async fn mode(State(shared): State<Shared>) -> Json<Mode> {
    Json(Mode { private_apps_off: shared.lock().private_apps_off })
}

async fn change_mode(State(shared): State<Shared>, Json(mode): Json<Mode>) -> Json<Mode> {
    shared.lock().private_apps_off = mode.private_apps_off;
    Json(mode)
}

/// A [`FaultRule`] on the wire.
#[derive(Deserialize)]
struct FaultOrder {
    #[serde(flatten)]
    fault: FaultName,
    #[serde(default = "once")]
    times: u32,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
enum FaultName {
    Slow { milliseconds: u64 },
    Cut,
    CutAfterBytes { bytes: usize },
    Status { status: u16, body: String, content_type: String },
    Html { status: u16 },
    OrganisationOffline,
    Maintenance,
    RateLimited { problem: LimitName, retry_after: Option<u64> },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum LimitName {
    Minute,
    Day,
}

fn once() -> u32 {
    1
}

impl From<FaultName> for Fault {
    fn from(name: FaultName) -> Self {
        match name {
            FaultName::Slow { milliseconds } => Self::Slow(Duration::from_millis(milliseconds)),
            FaultName::Cut => Self::Cut,
            FaultName::CutAfterBytes { bytes } => Self::CutAfterBytes(bytes),
            FaultName::Status { status, body, content_type } => Self::Status(status, body, content_type),
            FaultName::Html { status } => Self::Html(status),
            FaultName::OrganisationOffline => Self::OrganisationOffline,
            FaultName::Maintenance => Self::Maintenance,
            FaultName::RateLimited { problem, retry_after } => Self::RateLimited {
                problem: problem.into(),
                retry_after: retry_after.map(Duration::from_secs),
            },
        }
    }
}

impl From<LimitName> for RateLimit {
    fn from(name: LimitName) -> Self {
        match name {
            LimitName::Minute => Self::Minute,
            LimitName::Day => Self::Day,
        }
    }
}

impl From<FaultOrder> for FaultRule {
    fn from(order: FaultOrder) -> Self {
        let rule = Fault::from(order.fault).times(order.times);
        match order.path {
            Some(path) => rule.on(&path),
            None => rule,
        }
    }
}

async fn add_fault(State(shared): State<Shared>, Json(order): Json<FaultOrder>) -> StatusCode {
    shared.lock().faults.add(order.into());
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.lock().faults.clear();
    StatusCode::NO_CONTENT
}

async fn journal(State(shared): State<Shared>) -> Json<Value> {
    Json(shared.lock().journal.entries().iter().map(entry_value).collect())
}

fn entry_value(entry: &JournalEntry) -> Value {
    json!({
        "method": entry.method,
        "path": entry.path,
        "query": entry.query,
        "headers": entry.headers,
        "time": rfc3339(entry.time),
        "status": entry.status,
        "problem": entry.problem,
    })
}

async fn reset(State(shared): State<Shared>) -> StatusCode {
    shared.lock().reset();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApp {
    name: String,
    organisation: String,
    certificate: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCertificate {
    certificate: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    consumer_key: String,
}

async fn apps(State(shared): State<Shared>) -> Json<Value> {
    Json(shared.lock().apps.listed().map(app_value).collect())
}

async fn create_app(State(shared): State<Shared>, Json(new): Json<NewApp>) -> Result<Response, Refused> {
    let mut world = shared.lock();
    let app = world.add_app(&new.name, &new.organisation, new.certificate.as_bytes())?;
    Ok((StatusCode::CREATED, Json(app_value(app))).into_response())
}

async fn delete_app(State(shared): State<Shared>, Path(key): Path<String>) -> Result<StatusCode, Refused> {
    shared.lock().set_state(&key, AppState::Deleted)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke(State(shared): State<Shared>, Json(named): Json<Named>) -> Result<StatusCode, Refused> {
    shared.lock().set_state(&named.consumer_key, AppState::Disconnected)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn replace_certificate(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    Json(new): Json<NewCertificate>,
) -> Result<StatusCode, Refused> {
    shared.lock().replace_certificate(&key, new.certificate.as_bytes())?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_certificate(
    State(shared): State<Shared>,
    Path(key): Path<String>,
) -> Result<StatusCode, Refused> {
    shared.lock().apps.change(&key)?.certificate = None;
    Ok(StatusCode::NO_CONTENT)
}

fn app_value(app: &PrivateApp) -> Value {
    json!({
        "id": app.id,
        "name": app.name,
        "organisation": app.organisation,
        "organisation_name": organisation::find(&app.organisation).map(|organisation| organisation.name),
        "consumer_key": app.consumer_key,
        "consumer_secret": app.consumer_secret,
        "certificate_sha1": app.certificate.as_ref().map(|certificate| &certificate.sha1_fingerprint),
        "connected": app.state == AppState::Connected,
    })
}

async fn unknown() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "the mock has no such control" }))).into_response()
}

/// An [`Error`] over HTTP: 404 for an unknown app, else 422.
struct Refused(Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self.0 {
            Error::UnknownApp => StatusCode::NOT_FOUND,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        (status, Json(json!({ "error": self.0.to_string() }))).into_response()
    }
}

fn rfc3339(time: SystemTime) -> String {
    let format = &time::format_description::well_known::Rfc3339;
    OffsetDateTime::from(time).format(format).expect("the clock stays within four-digit years")
}
