//! `GET /connections` for SDKs that ask which organisations they reach: the one that the connection is pinned to.

use bytes::Bytes;
use connection_store::quoted;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};

use crate::{
    authority::{Grant, Means, Tenant},
    body::Body,
    exchange::Answered,
    refusal::{Refusal, own},
};

/// The longest list that is read, in bytes.
const LONGEST: usize = 1024 * 1024;

pub(crate) fn check_method(method: &Method) -> Result<(), Refusal> {
    if [Method::GET, Method::HEAD].contains(method) {
        return Ok(());
    }
    Err(Refusal::forbidden("method", "the list of organisations is only read through the gateway"))
}

/// The organisation of the connection; without one there is nothing to list.
pub(crate) fn tenant(grant: &Grant) -> Result<&Tenant, Refusal> {
    grant.tenant.as_ref().ok_or_else(|| {
        let error = format!("which organisation {} is for is not known yet", grant.connection);
        Refusal::new(StatusCode::CONFLICT, "organisation", error)
            .next(format!("`xeroctl test {}` asks Xero and keeps it", quoted(&grant.connection)))
    })
}

/// True where Xero has such a list for the connection.
pub(crate) fn is_asked_of_xero(grant: &Grant) -> bool {
    matches!(grant.means, Means::Bearer { custom: false, .. })
}

/// The list that Xero would give, where it gives none.
pub(crate) fn made_up(tenant: &Tenant) -> Response<Body> {
    let since = without_zone(tenant);
    let list = json!([{
        "id": tenant.id,
        "authEventId": tenant.id,
        "tenantId": tenant.id,
        "tenantType": "ORGANISATION",
        "tenantName": tenant.name,
        "createdDateUtc": since,
        "updatedDateUtc": since,
    }]);
    own(StatusCode::OK, "application/json", list.to_string())
}

/// Xero's list without the organisations that are not the connection's.
pub(crate) async fn narrowed(answered: Answered, tenant: &Tenant) -> Result<Answered, Refusal> {
    let Answered(mut parts, body) = answered;
    if parts.status != StatusCode::OK {
        return Ok(Answered(parts, body));
    }
    let failed =
        || Refusal::new(StatusCode::BAD_GATEWAY, "upstream", "Xero's list of organisations cannot be read");
    let read = Limited::new(body, LONGEST).collect().await.map_err(|_| failed())?.to_bytes();
    if read.is_empty() {
        return Ok(Answered(parts, Body::whole(Bytes::new()))); // the answer to HEAD
    }
    let mut list: Vec<Value> = serde_json::from_slice(&read).map_err(|_| failed())?;
    list.retain(|one| one["tenantId"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(&tenant.id)));
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_ENCODING);
    Ok(Answered(parts, Body::whole(Value::from(list).to_string())))
}

/// Seven decimals and no zone, as Xero writes these dates.
fn without_zone(tenant: &Tenant) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]");
    OffsetDateTime::from(tenant.since).format(format).unwrap_or_default()
}
