//! `/connections`: the tenant links of the token's user with the token's app.

use axum::Json;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::time::SystemTime;
use time::OffsetDateTime;
use time::macros::format_description;

use super::bearer::Caller;
use super::link::Link;
use super::problem::ApiProblem;
use crate::world::World;

/// `below` is what follows `/connections` in the path, without slashes at its ends.
pub(super) fn answer(world: &mut World, parts: &Parts, below: &str) -> Response {
    let (caller, app_minute) = match admit(world, &parts.headers) {
        Ok(admitted) => admitted,
        Err(problem) => return problem.into_response(),
    };
    let answered = match (&parts.method, below) {
        (&Method::GET, "") => list(world, &caller, parts.uri.query().unwrap_or_default()),
        (&Method::DELETE, id) if !id.is_empty() => delete(world, &caller, id, app_minute),
        (_, "") => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    ([("x-appminlimit-remaining", app_minute.to_string())], answered).into_response()
}

fn admit(world: &mut World, headers: &HeaderMap) -> Result<(Caller, usize), ApiProblem> {
    let caller = Caller::read(world, headers)?;
    let now = world.now();
    let app_minute = world.spend_tenantless(&caller, now)?;
    Ok((caller, app_minute))
}

/// Custom connections see theirs, as Xero's own MCP server expects.
fn list(world: &World, caller: &Caller, query: &str) -> Response {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let event = pairs.find(|(name, _)| name.eq_ignore_ascii_case("authEventId")).map(|(_, value)| value);
    let owner = caller.owner();
    let links = world.identity.links.of(&owner);
    let wanted =
        |link: &&Link| event.as_ref().is_none_or(|event| link.event.to_string().eq_ignore_ascii_case(event));
    Json(links.filter(wanted).map(|link| value(world, link)).collect::<Value>()).into_response()
}

fn delete(world: &mut World, caller: &Caller, id: &str, app_minute: usize) -> Response {
    let owner = caller.owner();
    if world.identity.unlink(|link| link.owner == owner && link.id == id) > 0 {
        return StatusCode::NO_CONTENT.into_response();
    }
    let mistaken =
        world.identity.links.of(&owner).any(|link| link.tenant_id == id || link.event.to_string() == id);
    if mistaken {
        return ApiProblem::NotConnected { app_minute }.into_response();
    }
    StatusCode::NOT_FOUND.into_response()
}

fn value(world: &World, link: &Link) -> Value {
    json!({
        "id": link.id,
        "authEventId": link.event,
        "tenantId": link.tenant_id,
        "tenantType": "ORGANISATION",
        "tenantName": world.tenants.name_of(&link.tenant_id),
        "createdDateUtc": without_zone(link.created),
        "updatedDateUtc": without_zone(link.updated),
    })
}

/// Seven decimals and no zone, as .NET writes a date that it knows no zone of.
fn without_zone(time: SystemTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]");
    OffsetDateTime::from(time).format(format).expect("the clock stays within four-digit years")
}
