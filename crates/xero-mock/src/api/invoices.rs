//! `/Invoices`: list with paging, one, create. `order` is ignored, and so is `where` beyond its brackets and quotes.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use uuid::Uuid;

use super::document::Node;
use super::submission::{number, records, text};
use super::{Call, Outcome, Refusal};
use crate::ledger::{Invoice, InvoiceKind, Ledger, Line};

const PAGE_SIZE: usize = 100;
const LARGEST_PAGE: usize = 1000;

/// Without `page`: all invoices, without their lines. With it: that page with lines, and a `pagination` record.
pub(super) fn list(call: &Call<'_>, ledger: &Ledger) -> Outcome {
    check_where(&call.query("where").unwrap_or_default())?;
    let (page, size) = (call.query("page"), call.query("pageSize"));
    if page.is_none() && size.is_none() {
        return Ok(answer(&ledger.invoices, ledger.currency, Lines::Omitted));
    }
    let page = count(page, 1, usize::MAX).ok_or_else(|| Refusal::body("page must be a number from 1"))?;
    let size = count(size, PAGE_SIZE, LARGEST_PAGE);
    let size = size.ok_or_else(|| Refusal::body("pageSize must be a number from 1 to 1000"))?;
    let all = &ledger.invoices;
    let start = (page - 1).saturating_mul(size).min(all.len());
    let end = start.saturating_add(size).min(all.len());
    let mut fields = vec![("pagination", pagination(page, size, all.len()))];
    fields.extend(answer(&all[start..end], ledger.currency, Lines::Shown));
    Ok(fields)
}

pub(super) fn show(call: &Call<'_>, ledger: &Ledger) -> Outcome {
    let invoice = ledger.invoice(&call.segments[1]).ok_or(Refusal::NotFound)?;
    Ok(answer(std::slice::from_ref(invoice), ledger.currency, Lines::Shown))
}

/// All or none: one bad record refuses the whole body.
pub(super) fn create(call: &Call<'_>, ledger: &mut Ledger, now: SystemTime) -> Outcome {
    let records = records(call, "Invoices")?;
    let wrong: Vec<Vec<String>> = records.iter().map(|record| faults(record, ledger)).collect();
    if wrong.iter().any(|faults| !faults.is_empty()) {
        return Err(Refusal::Validation(wrong));
    }
    let created: Vec<Invoice> = records.iter().map(|record| add(record, ledger, now)).collect();
    Ok(answer(&created, ledger.currency, Lines::Shown))
}

/// Whether brackets and quotes pair up, which is as far as the mock reads `where`.
fn check_where(text: &str) -> Result<(), Refusal> {
    let (mut open, mut quoted) = (0_usize, false);
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => open += 1,
            ')' if !quoted => open = open.checked_sub(1).ok_or_else(unreadable)?,
            _ => {}
        }
    }
    if quoted || open > 0 { Err(unreadable()) } else { Ok(()) }
}

fn unreadable() -> Refusal {
    Refusal::QueryParse("A bracket or quote of the where clause has no partner".to_owned())
}

/// A number from 1 to `most`; `default` when the parameter is missing.
fn count(parameter: Option<String>, default: usize, most: usize) -> Option<usize> {
    match parameter {
        None => Some(default),
        Some(text) => text.parse().ok().filter(|count| (1..=most).contains(count)),
    }
}

fn pagination(page: usize, size: usize, items: usize) -> Node {
    let count = |count: usize| Node::Count(i64::try_from(count).unwrap_or(i64::MAX));
    Node::Record(vec![
        ("page", count(page)),
        ("pageSize", count(size)),
        ("pageCount", count(items.div_ceil(size))),
        ("itemCount", count(items)),
    ])
}

fn faults(record: &Value, ledger: &Ledger) -> Vec<String> {
    let mut faults = Vec::new();
    if text(record, "Type").as_deref().and_then(InvoiceKind::read).is_none() {
        faults.push("Invoice type must be specified: ACCREC or ACCPAY".to_owned());
    }
    if contact(record, ledger).is_none() {
        faults.push("A Contact must be specified for this type of transaction".to_owned());
    }
    let lines = record.get("LineItems").and_then(Value::as_array);
    if lines.is_none_or(Vec::is_empty) {
        faults.push("One or more line items must be specified".to_owned());
    }
    if lines.is_some_and(|lines| lines.iter().any(|line| text(line, "Description").is_none())) {
        faults.push("Description is required on every line item".to_owned());
    }
    faults
}

/// Id and name of the contact that the record means, by id or by name.
fn contact(record: &Value, ledger: &Ledger) -> Option<(String, String)> {
    let wanted = record.get("Contact")?;
    let found = match text(wanted, "ContactID") {
        Some(id) => ledger.contact(&id),
        None => {
            let name = text(wanted, "Name")?;
            ledger.contacts.iter().find(|contact| contact.name == name)
        }
    };
    found.map(|contact| (contact.id.clone(), contact.name.clone()))
}

/// Takes in a record that [`faults`] found nothing wrong with.
fn add(record: &Value, ledger: &mut Ledger, now: SystemTime) -> Invoice {
    let (contact_id, contact_name) = contact(record, ledger).expect("faults() looked for the contact");
    let kind = text(record, "Type").as_deref().and_then(InvoiceKind::read);
    let lines = record.get("LineItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let invoice = Invoice {
        id: Uuid::new_v4().to_string(),
        number: text(record, "InvoiceNumber").unwrap_or_else(|| ledger.next_number()),
        reference: text(record, "Reference").unwrap_or_default(),
        kind: kind.expect("faults() looked at the type"),
        status: text(record, "Status").unwrap_or_else(|| "DRAFT".to_owned()),
        contact_id,
        contact_name,
        date: now,
        due: now + Duration::from_secs(20 * 24 * 60 * 60),
        updated: now,
        lines: lines.iter().map(read_line).collect(),
        attachments: Vec::new(),
    };
    ledger.invoices.push(invoice.clone());
    invoice
}

#[expect(clippy::cast_possible_truncation, reason = "amounts saturate")]
fn read_line(line: &Value) -> Line {
    Line {
        id: Uuid::new_v4().to_string(),
        description: text(line, "Description").unwrap_or_default(),
        quantity: number(line, "Quantity").unwrap_or(1.0),
        unit_amount: (number(line, "UnitAmount").unwrap_or(0.0) * 100.0).round() as i64,
        account_code: text(line, "AccountCode").unwrap_or_default(),
    }
}

#[derive(Clone, Copy)]
enum Lines {
    Shown,
    Omitted,
}

fn answer(invoices: &[Invoice], currency: &str, lines: Lines) -> Vec<(&'static str, Node)> {
    let nodes = invoices.iter().map(|invoice| node(invoice, currency, lines)).collect();
    vec![("Invoices", Node::List("Invoice", nodes))]
}

fn node(invoice: &Invoice, currency: &str, lines: Lines) -> Node {
    let total = invoice.total();
    let paid = if invoice.status == "PAID" { total } else { 0 };
    let contact =
        vec![("ContactID", Node::text(&invoice.contact_id)), ("Name", Node::text(&invoice.contact_name))];
    let mut fields = vec![
        ("Type", Node::text(invoice.kind.word())),
        ("InvoiceID", Node::text(&invoice.id)),
        ("InvoiceNumber", Node::text(&invoice.number)),
        ("Reference", Node::text(&invoice.reference)),
        ("Contact", Node::Record(contact)),
        ("Date", Node::Date(invoice.date)),
        ("DueDate", Node::Date(invoice.due)),
        ("Status", Node::text(&invoice.status)),
        ("LineAmountTypes", Node::text("NoTax")),
        ("SubTotal", Node::Amount(total)),
        ("TotalTax", Node::Amount(0)),
        ("Total", Node::Amount(total)),
        ("AmountPaid", Node::Amount(paid)),
        ("AmountDue", Node::Amount(total - paid)),
        ("CurrencyCode", Node::text(currency)),
        ("HasAttachments", Node::Flag(!invoice.attachments.is_empty())),
        ("UpdatedDateUTC", Node::Date(invoice.updated)),
    ];
    if matches!(lines, Lines::Shown) {
        fields.push(("LineItems", Node::List("LineItem", invoice.lines.iter().map(line_node).collect())));
    }
    Node::Record(fields)
}

fn line_node(line: &Line) -> Node {
    Node::Record(vec![
        ("LineItemID", Node::text(&line.id)),
        ("Description", Node::text(&line.description)),
        ("Quantity", Node::Quantity(line.quantity)),
        ("UnitAmount", Node::Amount(line.unit_amount)),
        ("LineAmount", Node::Amount(line.amount())),
        ("AccountCode", Node::text(&line.account_code)),
        ("TaxType", Node::text("NONE")),
    ])
}
