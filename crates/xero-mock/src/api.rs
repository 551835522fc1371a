//! The accounting API under `/api.xro/2.0/`, for requests with a token or a signature, and what is left of `/oauth/`.

mod attachments;
mod contacts;
mod document;
mod invoices;
mod journals;
mod organisation;
mod refusal;
mod replay;
mod scope;
mod submission;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use self::document::{Document, Form, Node};
use self::refusal::Refusal;
use self::replay::Keyed;
pub(crate) use self::replay::Replays;
use crate::limits::Remaining;
use crate::oauth1::{Problem, Signed, endpoint};
use crate::oauth2::{ApiProblem, is_bearer, problem};
use crate::organisation::Tenant;
use crate::world::World;

/// A call that was let in: who calls for whom, and what is asked.
struct Call<'a> {
    parts: &'a Parts,
    body: &'a [u8],
    /// Below `/api.xro/2.0/`, decoded.
    segments: Vec<String>,
    /// The app's name.
    provider: String,
    /// Of an OAuth 2.0 app.
    client_id: Option<String>,
    tenant: Tenant,
}

/// What an endpoint answers: the fields after the envelope's own.
type Outcome = Result<Vec<(&'static str, Node)>, Refusal>;

/// The answer to a path, given in lower case too: Xero's paths have no case, and its own Python library calls
/// `/Connections`.
pub(crate) fn answer(world: &mut World, path: &str, parts: &Parts, body: &Bytes) -> Response {
    match (path.strip_prefix("/oauth/"), path.strip_prefix("/api.xro/2.0/")) {
        (None, None) => Refusal::NotFound.into_response(Form::of(&parts.headers)),
        (None, Some(_)) if is_bearer(&parts.headers) => accounting(world, parts, body, Admission::Token),
        // Xero's answer to OAuth 1.0a after the end; recorded for `/oauth/`, assumed for the API.
        _ if world.private_apps_off => problem(StatusCode::UNAUTHORIZED, "AuthenticationUnsuccessful"),
        (Some(name), _) => oauth_endpoint(world, name, parts, body),
        (_, Some(_)) => accounting(world, parts, body, Admission::Signature),
    }
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

/// How a call proves whose it is.
#[derive(Clone, Copy)]
enum Admission {
    Signature,
    Token,
}

fn accounting(world: &mut World, parts: &Parts, body: &Bytes, admission: Admission) -> Response {
    let admitted = match admission {
        Admission::Signature => admit_signed(world, parts, body).map_err(IntoResponse::into_response),
        Admission::Token => admit_token(world, parts, body).map_err(IntoResponse::into_response),
    };
    let (call, remaining) = match admitted {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let form = Form::of(&parts.headers);
    let mut answered = once(&call, world).unwrap_or_else(|refusal| refusal.into_response(form));
    remaining.write(answered.headers_mut());
    answered
}

/// The answer, or the same one again where the request's key asks for it.
fn once(call: &Call<'_>, world: &mut World) -> Result<Response, Refusal> {
    let Some(keyed) = Keyed::read(call)? else {
        return Ok(answered(call, world));
    };
    let now = world.now();
    if let Some(replayed) = world.replays.find(&keyed, now)? {
        return Ok(replayed);
    }
    let answer = answered(call, world);
    Ok(world.replays.keep(keyed, answer, now))
}

fn answered(call: &Call<'_>, world: &mut World) -> Response {
    let form = Form::of(&call.parts.headers);
    match route(call, world) {
        Ok(fields) => Document::envelope(&call.provider, world.now(), fields).into_response(form),
        Err(refusal) => refusal.into_response(form),
    }
}

fn admit_signed<'a>(
    world: &mut World,
    parts: &'a Parts,
    body: &'a Bytes,
) -> Result<(Call<'a>, Remaining), Problem> {
    let signed = Signed::read(parts, body);
    let now = world.now();
    let (app, remaining) = world.provider.admit(&signed, &world.apps, now)?;
    let tenant = world.tenants.find(&app.organisation).expect("an app that is let in has its organisation");
    let (provider, tenant) = (app.name.clone(), tenant.clone());
    Ok((
        Call { parts, body, segments: segments(parts.uri.path()), provider, client_id: None, tenant },
        remaining,
    ))
}

fn admit_token<'a>(
    world: &mut World,
    parts: &'a Parts,
    body: &'a Bytes,
) -> Result<(Call<'a>, Remaining), ApiProblem> {
    let segments = segments(parts.uri.path());
    let scopes = scope::needed(&parts.method, &segments);
    let (caller, tenant, remaining) = world.admit_bearer(parts, scopes)?;
    Ok((
        Call {
            parts,
            body,
            segments,
            provider: caller.app.name,
            client_id: Some(caller.app.client_id),
            tenant,
        },
        remaining,
    ))
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
    let ledger = world.ledger(&call.tenant);
    match (call.verb(), lower.as_slice()) {
        (Verb::Read, ["organisation" | "organisations"]) => organisation::show(&call.tenant),
        (Verb::Read, ["contacts"]) => contacts::list(ledger),
        (Verb::Write, ["contacts"]) => contacts::create(call, ledger, now),
        (Verb::Read, ["contacts", id]) => contacts::show(id, ledger),
        (Verb::Read, ["invoices"]) => invoices::list(call, ledger),
        (Verb::Write, ["invoices"]) => invoices::create(call, ledger, now),
        (Verb::Read, ["invoices", _]) => invoices::show(call, ledger),
        (Verb::Read, ["invoices", _, "attachments"]) => attachments::list(call, ledger),
        (Verb::Write, ["invoices", _, "attachments", _]) => attachments::add(call, ledger),
        (Verb::Read, ["journals"]) => journals::list(call, ledger),
        // The mock's person has no reporting role.
        (Verb::Read, ["reports", _]) => Err(Refusal::NoReportingRole),
        (_, ["organisation" | "organisations" | "contacts" | "invoices" | "journals" | "reports", ..])
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

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
