//! What ties a tenant to an app at Xero; its API calls it a connection.

use serde::Deserialize;

use crate::{Error, json, transport::Answer};

/// The longest id that is taken, in bytes; Xero's are UUIDs.
const LONGEST_ID: usize = 64;

/// An element of `GET /connections`. Names are as Xero sent them: make them fit before they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TenantLink {
    /// The link's own id, which disconnecting wants.
    pub id: String,
    /// The value of the `xero-tenant-id` header.
    #[serde(rename = "tenantId")]
    pub tenant_id: String,
    /// The organisation's name.
    #[serde(rename = "tenantName", default, deserialize_with = "json::text")]
    pub name: Option<String>,
    /// `ORGANISATION`, `PRACTICE`…
    #[serde(rename = "tenantType", default, deserialize_with = "json::text")]
    pub tenant_type: Option<String>,
    /// The consent that made or renewed the link (`authEventId`).
    #[serde(rename = "authEventId", default, deserialize_with = "json::text")]
    pub consent: Option<String>,
    /// When it was made: UTC, seven decimals, no zone.
    #[serde(rename = "createdDateUtc", default, deserialize_with = "json::text")]
    pub created: Option<String>,
    /// When it was last renewed; as `created`.
    #[serde(rename = "updatedDateUtc", default, deserialize_with = "json::text")]
    pub updated: Option<String>,
}

pub(crate) fn read(answer: &Answer) -> Result<Vec<TenantLink>, Error> {
    let odd = || Error::NotXero { status: answer.status };
    let links: Vec<TenantLink> = serde_json::from_slice(&answer.body).map_err(|_| odd())?;
    // The ids go into headers and paths.
    let is_id = |id: &str| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_of_an_id);
    if links.iter().all(|link| is_id(&link.id) && is_id(&link.tenant_id)) { Ok(links) } else { Err(odd()) }
}

fn is_of_an_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}
