//! The organisations that every mock has. All are invented.

/// An organisation of the mock. Its id is fixed, so that tests can name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Xero's `OrganisationID`, a UUID; also the tenant id.
    pub id: &'static str,
    /// The display name.
    pub name: &'static str,
    /// The registered name.
    pub legal_name: &'static str,
    /// Xero's short code, with its exclamation mark.
    pub short_code: &'static str,
    /// ISO 3166 alpha-2.
    pub country_code: &'static str,
    /// ISO 4217.
    pub base_currency: &'static str,
    /// Xero's regional version: `NZ`, `AU`, `GLOBAL` and the like.
    pub version: &'static str,
    /// Xero's pricing class: `DEMO`, `STANDARD`, `PREMIUM` and the like.
    pub class: &'static str,
    /// Xero's name of the time zone.
    pub timezone: &'static str,
    /// How the tax is accounted for.
    pub sales_tax_basis: &'static str,
    /// Month in which the financial year ends, 1 to 12.
    pub year_end_month: i64,
    /// The city of its address.
    pub city: &'static str,
}

impl Organisation {
    /// Whether it is one of Xero's demonstration companies.
    pub fn is_demo(&self) -> bool {
        self.class == "DEMO"
    }
}

/// Demo Company (NZ), the one that people try things with.
pub const DEMO_COMPANY: Organisation = Organisation {
    id: "7d3f0a52-1c84-4e0b-9a6e-2b51c8f4d001",
    name: "Demo Company (NZ)",
    legal_name: "Demo Company (NZ)",
    short_code: "!dC0nz",
    country_code: "NZ",
    base_currency: "NZD",
    version: "NZ",
    class: "DEMO",
    timezone: "NEWZEALANDSTANDARDTIME",
    sales_tax_basis: "PAYMENTS",
    year_end_month: 3,
    city: "Wellington",
};

/// Maple Florist Ltd, United Kingdom.
pub const MAPLE_FLORIST: Organisation = Organisation {
    id: "a94c61e7-58d2-4b36-8f17-60de3b7ac002",
    name: "Maple Florist Ltd",
    legal_name: "Maple Florist Limited",
    short_code: "!mPl7F",
    country_code: "GB",
    base_currency: "GBP",
    version: "UK",
    class: "STANDARD",
    timezone: "GMTSTANDARDTIME",
    sales_tax_basis: "ACCRUAL",
    year_end_month: 4,
    city: "Leeds",
};

/// Hexagon Tools Pty Ltd, Australia.
pub const HEXAGON_TOOLS: Organisation = Organisation {
    id: "3be8d905-f76a-4c19-b2a4-917c05e6f003",
    name: "Hexagon Tools Pty Ltd",
    legal_name: "Hexagon Tools Pty Ltd",
    short_code: "!hXg6T",
    country_code: "AU",
    base_currency: "AUD",
    version: "AU",
    class: "PREMIUM",
    timezone: "AUSEASTERNSTANDARDTIME",
    sales_tax_basis: "CASH",
    year_end_month: 6,
    city: "Geelong",
};

/// 日本商事, Japan; its name is not ASCII.
pub const NIHON_SHOJI: Organisation = Organisation {
    id: "e05b7c38-2a9d-4f61-93c8-4d81f2a7b004",
    name: "日本商事",
    legal_name: "日本商事株式会社",
    short_code: "!jPn4S",
    country_code: "JP",
    base_currency: "JPY",
    version: "GLOBAL",
    class: "STANDARD",
    timezone: "TOKYOSTANDARDTIME",
    sales_tax_basis: "ACCRUAL",
    year_end_month: 12,
    city: "大阪市",
};

/// All of them, in the order of the portal's list.
pub const ORGANISATIONS: [Organisation; 4] = [DEMO_COMPANY, MAPLE_FLORIST, HEXAGON_TOOLS, NIHON_SHOJI];

/// The organisation with this id or this exact name.
pub(crate) fn find(id_or_name: &str) -> Option<&'static Organisation> {
    static ALL: [Organisation; 4] = ORGANISATIONS;
    ALL.iter().find(|it| it.id.eq_ignore_ascii_case(id_or_name) || it.name == id_or_name)
}
