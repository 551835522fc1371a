//! The organisations that every mock has. All are invented.

use std::sync::LazyLock;

use uuid::Uuid;

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

    /// Whether it is one of those that are added by number.
    pub(crate) fn is_client(&self) -> bool {
        self.short_code.starts_with("!c")
    }

    /// The country's name.
    pub(crate) fn country(&self) -> &'static str {
        match self.country_code {
            "NZ" => "New Zealand",
            "GB" => "United Kingdom",
            "AU" => "Australia",
            _ => "Japan",
        }
    }

    /// Whether Xero offers it custom connections: in four countries, and for the demo company of any.
    pub(crate) fn has_custom_connections(&self) -> bool {
        self.is_demo() || matches!(self.country_code, "AU" | "NZ" | "GB" | "US")
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

/// How many more there are for whoever looks after many clients.
const CLIENTS: usize = 200;

/// Organisations that a mock has only once it was asked for them: `Client 001 Ltd` and so on.
static MORE: LazyLock<Vec<Organisation>> = LazyLock::new(|| (1..=CLIENTS).map(client).collect());

/// Made once in a program's life, so that it lives as long.
fn client(number: usize) -> Organisation {
    let text = |text: String| -> &'static str { text.leak() };
    let name = text(format!("Client {number:03} Ltd"));
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string();
    Organisation {
        id: text(id),
        name,
        legal_name: name,
        short_code: text(format!("!c{number:03}")),
        ..MAPLE_FLORIST
    }
}

/// An organisation as one mock has it. Its id is the organisation's own until the demo company is reset.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) organisation: &'static Organisation,
    /// Whether it is still there; a reset of the demo company ends the one before.
    current: bool,
}

/// All tenants, the ended ones too.
#[derive(Debug)]
pub(crate) struct Tenants(Vec<Tenant>);

impl Default for Tenants {
    fn default() -> Self {
        static ALL: [Organisation; 4] = ORGANISATIONS;
        let tenant =
            |organisation: &'static Organisation| Tenant::new(organisation.id.to_owned(), organisation);
        Self(ALL.iter().map(tenant).collect())
    }
}

impl Tenant {
    fn new(id: String, organisation: &'static Organisation) -> Self {
        Self { id, organisation, current: true }
    }
}

impl Tenants {
    /// Those that are there, in the order of the portal's list; a fresh demo company comes last.
    pub(crate) fn current(&self) -> impl Iterator<Item = &Tenant> {
        self.0.iter().filter(|tenant| tenant.current)
    }

    /// The present one with this id or this exact name.
    pub(crate) fn find(&self, id_or_name: &str) -> Option<&Tenant> {
        let mut current = self.current();
        current.find(|it| it.id.eq_ignore_ascii_case(id_or_name) || it.organisation.name == id_or_name)
    }

    /// The name of the organisation with this id, also when it has ended; empty for an unknown id.
    pub(crate) fn name_of(&self, id: &str) -> &'static str {
        self.0.iter().find(|tenant| tenant.id == id).map_or("", |tenant| tenant.organisation.name)
    }

    /// Adds the first clients that are not there yet, until there are `count`; gives these.
    ///
    /// # Panics
    /// Where `count` is more than 200.
    pub(crate) fn add_clients(&mut self, count: usize) -> &'static [Organisation] {
        let clients = &MORE[..count];
        for one in clients {
            if !self.0.iter().any(|tenant| tenant.id == one.id) {
                self.0.push(Tenant::new(one.id.to_owned(), one));
            }
        }
        clients
    }

    /// Adds another one that is called the same; gives its id.
    pub(crate) fn add_twin(&mut self, id_or_name: &str) -> Option<String> {
        let organisation = self.find(id_or_name)?.organisation;
        let id = Uuid::new_v4().to_string();
        self.0.push(Tenant::new(id.clone(), organisation));
        Some(id)
    }

    /// Ends the demo company and begins it anew; gives the ids of both.
    pub(crate) fn reset_demo(&mut self) -> (String, String) {
        let mut tenants = self.0.iter_mut();
        let demo = tenants.find(|tenant| tenant.current && tenant.organisation.is_demo());
        let demo = demo.expect("there is always one demo company");
        demo.current = false;
        let (old, new) = (demo.id.clone(), Uuid::new_v4().to_string());
        let fresh = Tenant::new(new.clone(), demo.organisation);
        self.0.push(fresh);
        (old, new)
    }
}
