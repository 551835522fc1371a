//! `/Invoices/{id}/Attachments`: list, and add or replace one by its file name.

use axum::http::header::CONTENT_TYPE;
use uuid::Uuid;

use super::document::Node;
use super::{Call, Outcome, Refusal};
use crate::ledger::{Attachment, Invoice, Ledger};

pub(super) fn list(call: &Call<'_>, ledger: &Ledger) -> Outcome {
    let invoice = ledger.invoice(&call.segments[1]).ok_or(Refusal::NotFound)?;
    Ok(answer(invoice, &invoice.attachments))
}

pub(super) fn add(call: &Call<'_>, ledger: &mut Ledger) -> Outcome {
    let invoice = ledger.invoice_mut(&call.segments[1]).ok_or(Refusal::NotFound)?;
    if call.body.is_empty() {
        return Err(Refusal::body("The attachment is empty"));
    }
    let attachment = Attachment {
        id: Uuid::new_v4().to_string(),
        file_name: call.segments[3].clone(),
        mime_type: call.header(&CONTENT_TYPE).unwrap_or("application/octet-stream").to_owned(),
        length: call.body.len(),
    };
    invoice.attachments.retain(|earlier| earlier.file_name != attachment.file_name);
    invoice.attachments.push(attachment.clone());
    Ok(answer(invoice, &[attachment]))
}

fn answer(invoice: &Invoice, attachments: &[Attachment]) -> Vec<(&'static str, Node)> {
    let nodes = attachments.iter().map(|attachment| node(invoice, attachment)).collect();
    vec![("Attachments", Node::List("Attachment", nodes))]
}

fn node(invoice: &Invoice, attachment: &Attachment) -> Node {
    let url = format!(
        "https://api.xero.com/api.xro/2.0/Invoices/{}/Attachments/{}",
        invoice.id, attachment.file_name
    );
    Node::Record(vec![
        ("AttachmentID", Node::text(&attachment.id)),
        ("FileName", Node::text(&attachment.file_name)),
        ("Url", Node::Text(url)),
        ("MimeType", Node::text(&attachment.mime_type)),
        ("ContentLength", Node::Count(i64::try_from(attachment.length).unwrap_or(i64::MAX))),
    ])
}
