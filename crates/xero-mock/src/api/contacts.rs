//! `/Contacts`: list, one, create. `where`, `order` and `page` are ignored.

use std::time::SystemTime;

use serde_json::Value;
use uuid::Uuid;

use super::document::Node;
use super::submission::{records, text};
use super::{Call, Outcome, Refusal};
use crate::ledger::{Contact, Ledger};

pub(super) fn list(ledger: &Ledger) -> Outcome {
    Ok(answer(&ledger.contacts))
}

pub(super) fn show(id: &str, ledger: &Ledger) -> Outcome {
    let contact = ledger.contact(id).ok_or(Refusal::NotFound)?;
    Ok(answer(std::slice::from_ref(contact)))
}

/// All or none: one bad record refuses the whole body.
pub(super) fn create(call: &Call<'_>, ledger: &mut Ledger, now: SystemTime) -> Outcome {
    let mut read = Vec::new();
    let mut wrong = Vec::new();
    for record in records(call, "Contacts")? {
        match read_contact(&record, ledger, &read, now) {
            Ok(contact) => read.push(contact),
            Err(message) => wrong.push(vec![message]),
        }
    }
    if !wrong.is_empty() {
        return Err(Refusal::Validation(wrong));
    }
    ledger.contacts.extend_from_slice(&read);
    Ok(answer(&read))
}

fn read_contact(
    record: &Value,
    ledger: &Ledger,
    earlier: &[Contact],
    now: SystemTime,
) -> Result<Contact, String> {
    let name = text(record, "Name").ok_or("The contact name must be specified.")?;
    if ledger.contacts.iter().chain(earlier).any(|contact| contact.name == name) {
        return Err(format!(
            "The contact name {name} is already assigned to another contact. The contact name must be unique across all active contacts."
        ));
    }
    let email = text(record, "EmailAddress").unwrap_or_default();
    Ok(Contact { id: Uuid::new_v4().to_string(), name, email, updated: now })
}

fn answer(contacts: &[Contact]) -> Vec<(&'static str, Node)> {
    vec![("Contacts", Node::List("Contact", contacts.iter().map(node).collect()))]
}

fn node(contact: &Contact) -> Node {
    Node::Record(vec![
        ("ContactID", Node::text(&contact.id)),
        ("ContactStatus", Node::text("ACTIVE")),
        ("Name", Node::text(&contact.name)),
        ("EmailAddress", Node::text(&contact.email)),
        ("UpdatedDateUTC", Node::Date(contact.updated)),
    ])
}
