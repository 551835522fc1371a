//! Contacts, invoices and attachments of an organisation, seeded the same in every mock.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use crate::organisation::Tenant;

/// How many invoices each organisation starts with.
pub const SEEDED_INVOICES: usize = 250;

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) contacts: Vec<Contact>,
    pub(crate) invoices: Vec<Invoice>,
    pub(crate) currency: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) updated: SystemTime,
}

#[derive(Clone, Debug)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) reference: String,
    pub(crate) kind: InvoiceKind,
    pub(crate) status: String,
    pub(crate) contact_id: String,
    pub(crate) contact_name: String,
    pub(crate) date: SystemTime,
    pub(crate) due: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) lines: Vec<Line>,
    pub(crate) attachments: Vec<Attachment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvoiceKind {
    Sale,
    Bill,
}

/// Amounts are in hundredths of the currency.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) quantity: f64,
    pub(crate) unit_amount: i64,
    pub(crate) account_code: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) id: String,
    pub(crate) file_name: String,
    pub(crate) mime_type: String,
    pub(crate) length: usize,
}

impl InvoiceKind {
    pub(crate) fn read(word: &str) -> Option<Self> {
        match word {
            "ACCREC" => Some(Self::Sale),
            "ACCPAY" => Some(Self::Bill),
            _ => None,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sale => "ACCREC",
            Self::Bill => "ACCPAY",
        }
    }
}

impl Line {
    #[expect(clippy::cast_possible_truncation, reason = "amounts saturate")]
    pub(crate) fn amount(&self) -> i64 {
        (self.quantity * self.unit_amount as f64).round() as i64
    }
}

impl Invoice {
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().fold(0, |total, line| total.saturating_add(line.amount()))
    }

    fn is(&self, id_or_number: &str) -> bool {
        self.id.eq_ignore_ascii_case(id_or_number) || self.number == id_or_number
    }
}

impl Ledger {
    pub(crate) fn seeded(tenant: &Tenant) -> Self {
        let contacts: Vec<Contact> = CONTACTS.iter().map(|name| seeded_contact(tenant, name)).collect();
        let invoices = (1..=SEEDED_INVOICES).map(|number| seeded_invoice(tenant, &contacts, number));
        Self { invoices: invoices.collect(), contacts, currency: tenant.organisation.base_currency }
    }

    pub(crate) fn contact(&self, id: &str) -> Option<&Contact> {
        self.contacts.iter().find(|contact| contact.id.eq_ignore_ascii_case(id))
    }

    /// The invoice with this id or number.
    pub(crate) fn invoice(&self, id: &str) -> Option<&Invoice> {
        self.invoices.iter().find(|invoice| invoice.is(id))
    }

    pub(crate) fn invoice_mut(&mut self, id: &str) -> Option<&mut Invoice> {
        self.invoices.iter_mut().find(|invoice| invoice.is(id))
    }

    /// The number that the next sale gets by itself.
    pub(crate) fn next_number(&self) -> String {
        invoice_number(self.invoices.len() + 1)
    }
}

const CONTACTS: [&str; 12] = [
    "Aroha Cafés & Co",
    "Bright Paper Supplies",
    "Cobalt Cycles",
    "Dune Road Bakery",
    "Elm Street Dental",
    "Fjord Fisheries AS",
    "Granite Gym",
    "Harbour Light Cinema",
    "Indigo Dye Works",
    "Juniper & Sons",
    "Kowhai School",
    "みどり商店",
];

const GOODS: [(&str, i64); 5] = [
    ("Consulting, one hour", 12_000),
    ("Potted fern", 2_450),
    ("Hex key set", 3_999),
    ("Delivery", 750),
    ("Office paper, \"A4\" <500 sheets>", 899),
];

const STATUSES: [&str; 4] = ["AUTHORISED", "PAID", "DRAFT", "SUBMITTED"];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const FIRST_DAY: OffsetDateTime = datetime!(2020-01-06 0:00 UTC);

fn seeded_contact(tenant: &Tenant, name: &str) -> Contact {
    let mailbox: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    Contact {
        id: seeded_id(tenant, &format!("contact {name}")),
        name: name.to_owned(),
        email: format!("{}@example.com", mailbox.to_ascii_lowercase()),
        updated: FIRST_DAY.into(),
    }
}

fn seeded_invoice(tenant: &Tenant, contacts: &[Contact], number: usize) -> Invoice {
    let contact = &contacts[number % contacts.len()];
    let date = SystemTime::from(FIRST_DAY) + DAY * u32::try_from(number).expect("seeds are few");
    let name = invoice_number(number);
    let lines = (0..=number % 3).map(|line| seeded_line(tenant, &name, number + line));
    Invoice {
        id: seeded_id(tenant, &format!("invoice {name}")),
        reference: format!("PO {}", 1000 + number),
        kind: if number.is_multiple_of(5) { InvoiceKind::Bill } else { InvoiceKind::Sale },
        status: STATUSES[number % STATUSES.len()].to_owned(),
        contact_id: contact.id.clone(),
        contact_name: contact.name.clone(),
        date,
        due: date + DAY * 20,
        updated: date,
        lines: lines.collect(),
        attachments: Vec::new(),
        number: name,
    }
}

fn seeded_line(tenant: &Tenant, invoice: &str, number: usize) -> Line {
    let (description, unit_amount) = GOODS[number % GOODS.len()];
    Line {
        id: seeded_id(tenant, &format!("line {invoice} {number}")),
        description: description.to_owned(),
        quantity: if number.is_multiple_of(2) { 1.0 } else { 2.5 },
        unit_amount,
        account_code: "200".to_owned(),
    }
}

fn invoice_number(number: usize) -> String {
    format!("INV-{number:04}")
}

/// The same id for the same thing in every mock (RFC 9562 version 5).
fn seeded_id(tenant: &Tenant, thing: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{} {thing}", tenant.id).as_bytes()).to_string()
}
