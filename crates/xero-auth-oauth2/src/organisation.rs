//! An organisation as the Accounting API describes it.

use serde::Deserialize;

use crate::{Error, json, transport::Answer};

/// What the Organisation endpoint says of an organisation. Names are as Xero sent them: make them fit before they are
/// shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Organisation {
    /// `OrganisationID`: the tenant id.
    #[serde(rename = "OrganisationID")]
    pub id: String,
    /// The display name.
    #[serde(rename = "Name")]
    pub name: String,
    /// Such as `!mBdtL`: part of deep links into Xero.
    #[serde(rename = "ShortCode", default, deserialize_with = "json::text")]
    pub short_code: Option<String>,
    /// The demo company, which Xero resets, with a new id, every 28 days.
    #[serde(rename = "IsDemoCompany", default, deserialize_with = "json::is_true")]
    pub is_demo: bool,
    /// ISO 3166, two letters.
    #[serde(rename = "CountryCode", default, deserialize_with = "json::text")]
    pub country_code: Option<String>,
    /// ISO 4217, three letters.
    #[serde(rename = "BaseCurrency", default, deserialize_with = "json::text")]
    pub base_currency: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Organisations")]
    organisations: Vec<Organisation>,
}

pub(crate) fn read(answer: &Answer) -> Result<Organisation, Error> {
    let envelope: Option<Envelope> = serde_json::from_slice(&answer.body).ok();
    let first = envelope.and_then(|envelope| envelope.organisations.into_iter().next());
    first.ok_or(Error::NotXero { status: answer.status })
}
