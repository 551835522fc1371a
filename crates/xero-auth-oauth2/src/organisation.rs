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

impl Organisation {
    /// Reads the answer of `GET /Organisation`, the first organisation of it. Members that are not known here are let be,
    /// and optional ones that are not what they should be are `None` or false. `None`: it is no such answer.
    pub fn read(body: &[u8]) -> Option<Self> {
        let envelope: Envelope = serde_json::from_slice(body).ok()?;
        envelope.organisations.into_iter().next()
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Organisations")]
    organisations: Vec<Organisation>,
}

pub(crate) fn read(answer: &Answer) -> Result<Organisation, Error> {
    Organisation::read(&answer.body).ok_or(Error::NotXero { status: answer.status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_says() {
        let whole = br#"{"Id":"x","Organisations":[{"OrganisationID":"1","Name":"Acme","ShortCode":"!a",
            "IsDemoCompany":true,"CountryCode":"GB","BaseCurrency":"GBP","New":[1]},{"OrganisationID":"2","Name":"B"}]}"#;
        let read = Organisation::read(whole).unwrap();
        assert_eq!(
            (read.id.as_str(), read.name.as_str(), read.short_code.as_deref()),
            ("1", "Acme", Some("!a"))
        );
        assert_eq!((read.country_code.as_deref(), read.base_currency.as_deref()), (Some("GB"), Some("GBP")));
        assert!(read.is_demo);
        let odd = br#"{"Organisations":[{"OrganisationID":"1","Name":"Acme","ShortCode":7,"IsDemoCompany":"yes"}]}"#;
        let read = Organisation::read(odd).unwrap();
        assert_eq!((read.short_code, read.is_demo), (None, false));
    }

    #[test]
    fn what_is_no_organisation_answer() {
        for body in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"Organisations":[]}"#,
            r#"{"Organisations":[{"Name":"Acme"}]}"#,
            r#"{"Organisations":[{"OrganisationID":"1"}]}"#,
            r#"{"Organisations":[{"OrganisationID":"1","Name":"Acme"}]"#,
        ] {
            assert_eq!(Organisation::read(body.as_bytes()), None, "{body}");
        }
    }
}
