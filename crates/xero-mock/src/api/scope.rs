//! Which scopes open which endpoint.

use axum::http::Method;

/// Any one of these suffices; none are needed where the list is empty.
pub(super) fn needed(method: &Method, segments: &[String]) -> &'static [&'static str] {
    let reads = method == Method::GET;
    let segments: Vec<String> = segments.iter().map(|part| part.to_ascii_lowercase()).collect();
    match segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["organisation" | "organisations", ..] if reads => {
            &["accounting.settings", "accounting.settings.read"]
        }
        ["organisation" | "organisations", ..] => &["accounting.settings"],
        ["contacts", ..] if reads => &["accounting.contacts", "accounting.contacts.read"],
        ["contacts", ..] => &["accounting.contacts"],
        [_, _, "attachments", ..] if reads => &["accounting.attachments", "accounting.attachments.read"],
        [_, _, "attachments", ..] => &["accounting.attachments"],
        ["invoices", ..] if reads => &INVOICES,
        ["invoices", ..] => &["accounting.invoices", "accounting.transactions"],
        ["journals", ..] => &["accounting.journals.read"],
        ["reports", ..] => &REPORTS,
        _ => &[],
    }
}

const INVOICES: [&str; 4] = [
    "accounting.invoices",
    "accounting.invoices.read",
    "accounting.transactions",
    "accounting.transactions.read",
];

const REPORTS: [&str; 9] = [
    "accounting.reports.read",
    "accounting.reports.aged.read",
    "accounting.reports.balancesheet.read",
    "accounting.reports.banksummary.read",
    "accounting.reports.budgetsummary.read",
    "accounting.reports.executivesummary.read",
    "accounting.reports.profitandloss.read",
    "accounting.reports.trialbalance.read",
    "accounting.reports.taxreports.read",
];
