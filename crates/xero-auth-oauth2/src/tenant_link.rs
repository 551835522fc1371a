//! What ties a tenant to an app at Xero; its API calls it a connection.

use serde::Deserialize;

use crate::{Error, json, transport::Answer};

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
    serde_json::from_slice(&answer.body).map_err(|_| Error::NotXero { status: answer.status })
}
