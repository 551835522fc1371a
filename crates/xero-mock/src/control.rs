//! The mock's controls over HTTP, under `/_mock/`: the same as the methods of [`Mock`](crate::Mock), in JSON.
//!
//! | path | |
//! |---|---|
//! | `clock` | GET; POST `{"advance_seconds": 60}` or `{"set": "2021-10-01T00:00:00Z"}` |
//! | `mode` | GET; POST `{"private_apps_off": true}` |
//! | `faults` | POST `{"fault": "cut", "times": 2, "path": "/connect/token"}`; DELETE |
//! | `journal` | GET; the form of token requests too; DELETE |
//! | `reset` | POST |
//! | `apps` | GET; POST `{"kind": "web", "name", "redirect_uris"}`, `{"kind": "desktop", …}` likewise, `{"kind": "custom", "name", "organisation", "scopes"}`, `{"kind": "private", "name", "organisation", "certificate"}`; the kind is private when it is missing. Also `bulk_connections` and `created_before_march_2026`, true or false, for web and desktop |
//! | `apps/{key}` | DELETE, by consumer key or client id |
//! | `apps/{key}/certificate` | PUT `{"certificate"}`; DELETE |
//! | `apps/authorise` | POST `{"client_id"}`: what a custom connection's user does |
//! | `apps/secret` | POST `{"client_id"}`; answers `{"client_secret"}` |
//! | `revoke` | POST `{"consumer_key"}`: a private app is disconnected |
//! | `consent` | POST `{"url", "email", "organisations": [], "decision": "allow"}`; e-mail (Ada's) and decision (allow) can be left out. Answers 200 `{"location"}` or 422 `{"error"}` |
//! | `tokens` | POST `{"client_id", "scopes", "email", "organisations": []}`; answers `{"access_token", "refresh_token"}` or 422 `{"error"}` |
//! | `refreshes` | GET; answers `{"refreshes"}`: how many refresh tokens were taken for a new pair |
//! | `access-lifetime` | POST `{"seconds": 1800}` |
//! | `rotation` | POST `{"mode": "grace"}` or `"strict"` |
//! | `disconnect` | POST `{"client_id", "organisation"}` |
//! | `refresh-tokens` | DELETE `{"client_id"}`: all of the app's end |
//! | `demo-company/reset` | POST; answers `{"id"}` |
//! | `cap` | POST `{"cap": 5}` or `null` |
//!
//! Faults: `slow` and `delay_reply` (`milliseconds`), `lose_reply`, `cut`, `cut_after_bytes`, `cut_after_wire_bytes` and
//! `hang_up_after_bytes` (`bytes`), `status` (`status`, `body`, `content_type`), `html` (`status`),
//! `organisation_offline`, `maintenance`, `rate_limited` (`problem`: `minute` or `day`; `retry_after`) and
//! `too_many_requests` (`problem` also `concurrent` or `app_minute`).

mod apps;
mod faults;
mod oauth2;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::Error;
use crate::journal::JournalEntry;
use crate::world::{Shared, World};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/clock", get(clock).post(move_clock))
        .route("/mode", get(mode).post(change_mode))
        .route("/faults", post(faults::add).delete(faults::clear))
        .route("/journal", get(journal).delete(clear_journal))
        .route("/reset", post(reset))
        .merge(apps::routes())
        .merge(oauth2::routes())
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
        "form": entry.form,
    })
}

async fn clear_journal(State(shared): State<Shared>) -> StatusCode {
    shared.lock().journal.clear();
    StatusCode::NO_CONTENT
}

async fn reset(State(shared): State<Shared>) -> StatusCode {
    shared.lock().reset();
    StatusCode::NO_CONTENT
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
