//! The accounting API under `/api.xro/2.0/` and what is left of `/oauth/`, for requests signed with OAuth 1.0a.

mod attachments;
mod contacts;
mod document;
mod invoices;
mod organisation;
mod refusal;
mod submission;

use axum::Json;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use self::document::{Document, Form, Node};
use self::refusal::Refusal;
use crate::app::PrivateApp;
use crate::limits::Remaining;
use crate::oauth1::{Problem, Signed, endpoint};
use crate::organisation::{Organisation, find};
use crate::world::{Shared, World};

/// Larger bodies are refused with 413; Xero takes attachments of 10 MB.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// A verified call: who calls for whom, and what is asked.
struct Call<'a> {
    parts: &'a Parts,
    body: &'a [u8],
    /// Below `/api.xro/2.0/`, decoded.
    segments: Vec<String>,
    app: PrivateApp,
    organisation: &'static Organisation,
}

/// What an endpoint answers: the fields after the envelope's own.
type Outcome = Result<Vec<(&'static str, Node)>, Refusal>;

/// Answers every path that is neither the portal's nor the controls'.
pub(crate) async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    // Xero's paths have no case: its own Python library calls /Connections.
    let path = parts.uri.path().to_ascii_lowercase();
    let mut world = shared.lock();
    match (path.strip_prefix("/oauth/"), path.strip_prefix("/api.xro/2.0/")) {
        (None, None) => Refusal::NotFound.into_response(Form::of(&parts.headers)),
        _ if world.private_apps_off => switched_off(),
        (Some(name), _) => oauth_endpoint(&mut world, name, &parts, &body),
        (_, Some(_)) => accounting(&mut world, &parts, &body),
    }
}

/// Xero's answer to OAuth 1.0a after the end; recorded for `/oauth/`, assumed for the API.
fn switched_off() -> Response {
    let instance = Uuid::new_v4().to_string();
    let problem = json!({
        "Type": null,
        "Title": "Unauthorized",
        "Status": 401,
        "Detail": "AuthenticationUnsuccessful",
        "Instance": instance,
        "Extensions": {},
    });
    (StatusCode::UNAUTHORIZED, [("xero-correlation-id", instance)], Json(problem)).into_response()
}

/// Only `/oauth/migrate` looks at the signature; the others refuse a private app by its key alone.
fn oauth_endpoint(world: &mut World, name: &str, parts: &Parts, body: &Bytes) -> Response {
    let signed = Signed::read(parts, body);
    let now = world.now();
    let refusal = match endpoint(name, &signed, &world.apps) {
        Problem::NoMigration => {
            world.provider.admit(&signed, &world.apps, now).err().unwrap_or(Problem::NoMigration)
        }
        refusal => refusal,
    };
    refusal.into_response()
}

fn accounting(world: &mut World, parts: &Parts, body: &Bytes) -> Response {
    let now = world.now();
    let signed = Signed::read(parts, body);
    let (app, remaining) = match world.provider.admit(&signed, &world.apps, now) {
        Ok((app, remaining)) => (app.clone(), remaining),
        Err(problem) => return problem.into_response(),
    };
    let organisation = find(&app.organisation).expect("apps are added for known organisations only");
    let call = Call { parts, body, segments: segments(parts.uri.path()), app, organisation };
    let form = Form::of(&parts.headers);
    let answered = match route(&call, world) {
        Ok(fields) => Document::envelope(&call.app.name, now, fields).into_response(form),
        Err(refusal) => refusal.into_response(form),
    };
    with_remaining(answered, remaining)
}

/// The path's parts below `/api.xro/2.0/`, each decoded by itself, so that `%2F` stays in its part.
fn segments(path: &str) -> Vec<String> {
    let below = path.trim_end_matches('/').split('/').skip(3);
    below.map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()).collect()
}

fn route(call: &Call<'_>, world: &mut World) -> Outcome {
    let lower: Vec<String> = call.segments.iter().map(|part| part.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let now = world.now();
    let ledger = world.ledger(call.organisation);
    match (call.verb(), lower.as_slice()) {
        (Verb::Read, ["organisation" | "organisations"]) => organisation::show(call.organisation),
        (Verb::Read, ["contacts"]) => contacts::list(ledger),
        (Verb::Write, ["contacts"]) => contacts::create(call, ledger, now),
        (Verb::Read, ["contacts", id]) => contacts::show(id, ledger),
        (Verb::Read, ["invoices"]) => invoices::list(call, ledger),
        (Verb::Write, ["invoices"]) => invoices::create(call, ledger, now),
        (Verb::Read, ["invoices", _]) => invoices::show(call, ledger),
        (Verb::Read, ["invoices", _, "attachments"]) => attachments::list(call, ledger),
        (Verb::Write, ["invoices", _, "attachments", _]) => attachments::add(call, ledger),
        // The mock's person has no reporting role.
        (Verb::Read, ["reports", _]) => Err(Refusal::NoReportingRole),
        (_, ["organisation" | "organisations" | "contacts" | "invoices" | "reports", ..])
            if call.verb() != Verb::Read =>
        {
            Err(Refusal::NotImplemented)
        }
        _ => Err(Refusal::NotFound),
    }
}

/// What a method means to Xero: PUT creates, POST creates or updates; the mock creates with both.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Read,
    Write,
    Other,
}

impl Call<'_> {
    fn verb(&self) -> Verb {
        match self.parts.method {
            Method::GET => Verb::Read,
            Method::POST | Method::PUT => Verb::Write,
            _ => Verb::Other,
        }
    }

    fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default().as_bytes();
        form_urlencoded::parse(query).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        header_text(&self.parts.headers, name)
    }
}

fn with_remaining(mut response: Response, remaining: Remaining) -> Response {
    let headers = response.headers_mut();
    headers.insert("x-minlimit-remaining", remaining.minute.into());
    headers.insert("x-daylimit-remaining", remaining.day.into());
    headers.insert("x-appminlimit-remaining", remaining.app_minute.into());
    response
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
