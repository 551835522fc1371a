//! `/Journals`: what was posted, a hundred at a time, after the number that `offset` names.

use uuid::Uuid;

use super::document::Node;
use super::{Call, Outcome, Refusal};
use crate::ledger::{Invoice, InvoiceKind, Ledger};

const PAGE_SIZE: usize = 100;
/// Numbers for each invoice: what it posts itself, and what its payment does. Those of drafts are left out, so that
/// numbers have gaps, as Xero's have.
const EACH: usize = 2;

/// In the order of their numbers; `offset` is a number, there need not be a journal of it.
pub(super) fn list(call: &Call<'_>, ledger: &Ledger) -> Outcome {
    let offset = call.query("offset").map_or(Ok(0), |text| text.parse::<usize>());
    let offset = offset.map_err(|_| Refusal::body("offset must be a number"))?;
    let after = posted(ledger).filter(|journal| journal.number > offset);
    let nodes = after.take(PAGE_SIZE).map(|journal| journal.node()).collect();
    Ok(vec![("Journals", Node::List("Journal", nodes))])
}

struct Journal<'a> {
    number: usize,
    invoice: &'a Invoice,
    /// False for what the invoice posts itself.
    is_payment: bool,
}

fn posted(ledger: &Ledger) -> impl Iterator<Item = Journal<'_>> {
    ledger.invoices.iter().enumerate().flat_map(|(place, invoice)| {
        let own = ["AUTHORISED", "PAID"].contains(&invoice.status.as_str());
        let own = own.then_some(Journal { number: place * EACH + 1, invoice, is_payment: false });
        let paid = invoice.status == "PAID";
        let payment = paid.then_some(Journal { number: place * EACH + 2, invoice, is_payment: true });
        own.into_iter().chain(payment)
    })
}

impl Journal<'_> {
    fn node(&self) -> Node {
        let total = self.invoice.total();
        let (debit, credit) = match (self.invoice.kind, self.is_payment) {
            (InvoiceKind::Sale, false) => ("610", "200"),
            (InvoiceKind::Sale, true) => ("090", "610"),
            (InvoiceKind::Bill, false) => ("200", "800"),
            (InvoiceKind::Bill, true) => ("800", "090"),
        };
        let lines = vec![self.line(debit, total), self.line(credit, -total)];
        Node::Record(vec![
            ("JournalID", Node::Text(self.id("journal"))),
            ("JournalDate", Node::Date(self.invoice.date)),
            ("JournalNumber", Node::Count(i64::try_from(self.number).unwrap_or(i64::MAX))),
            ("CreatedDateUTC", Node::Date(self.invoice.updated)),
            ("Reference", Node::text(&self.invoice.reference)),
            ("SourceID", Node::text(&self.invoice.id)),
            ("SourceType", Node::text(self.source())),
            ("JournalLines", Node::List("JournalLine", lines)),
        ])
    }

    fn source(&self) -> &'static str {
        match (self.invoice.kind, self.is_payment) {
            (InvoiceKind::Sale, true) => "ACCRECPAYMENT",
            (InvoiceKind::Bill, true) => "ACCPAYPAYMENT",
            (kind, false) => kind.word(),
        }
    }

    fn line(&self, account: &str, amount: i64) -> Node {
        Node::Record(vec![
            ("JournalLineID", Node::Text(self.id(account))),
            ("AccountCode", Node::text(account)),
            ("NetAmount", Node::Amount(amount)),
            ("GrossAmount", Node::Amount(amount)),
            ("TaxAmount", Node::Amount(0)),
        ])
    }

    /// The same id for the same part in every answer (RFC 9562 version 5).
    fn id(&self, part: &str) -> String {
        let name = format!("{} {} {part}", self.invoice.id, self.number);
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
    }
}
