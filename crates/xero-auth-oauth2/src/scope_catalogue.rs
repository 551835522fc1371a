//! Xero's scopes as of 2026: what they mean, what replaces which (developer.xero.com/documentation/guides/oauth2/scopes).

/// The granular scopes that replace a broad one; empty for all others.
pub fn granular(scope: &str) -> &'static [&'static str] {
    match scope {
        "accounting.transactions" => &[
            "accounting.invoices",
            "accounting.payments",
            "accounting.banktransactions",
            "accounting.manualjournals",
        ],
        "accounting.transactions.read" => &[
            "accounting.invoices.read",
            "accounting.payments.read",
            "accounting.banktransactions.read",
            "accounting.manualjournals.read",
        ],
        "accounting.reports.read" => REPORTS,
        _ => &[],
    }
}

/// True for the broad scopes, which Xero switches off in September 2027 and no app made since March 2026 can have.
pub fn ends_in_september_2027(scope: &str) -> bool {
    !granular(scope).is_empty()
}

/// All scopes that are known here, in the order of Xero's list.
pub fn known_scopes() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|(name, _)| *name)
}

/// What a scope lets an app do, in plain words; `None` for one that is not known here.
pub fn describe(scope: &str) -> Option<&'static str> {
    CATALOGUE.iter().find(|(name, _)| *name == scope).map(|(_, words)| *words)
}

/// The preset `@read`: reads all that any app may read of the accounts.
pub(crate) const READ: &[&[&str]] = &[OPENID, READING, REPORTS];
/// The preset `@sync`: keeps the accounts in step with another system, reports and payroll apart.
pub(crate) const SYNC: &[&[&str]] = &[OPENID, WRITING];
/// The preset `@all`: all that an app may have without asking Xero first.
pub(crate) const ALL: &[&[&str]] = &[OPENID, WRITING, &["accounting.budgets.read"], REPORTS, OTHERS];
/// Of the user, not of an organisation: client credentials cannot have these.
pub(crate) const OPENID: &[&str] = &["openid", "profile", "email", "offline_access"];

const READING: &[&str] = &[
    "accounting.settings.read",
    "accounting.contacts.read",
    "accounting.invoices.read",
    "accounting.payments.read",
    "accounting.banktransactions.read",
    "accounting.manualjournals.read",
    "accounting.attachments.read",
    "accounting.budgets.read",
];

const WRITING: &[&str] = &[
    "accounting.settings",
    "accounting.contacts",
    "accounting.invoices",
    "accounting.payments",
    "accounting.banktransactions",
    "accounting.manualjournals",
    "accounting.attachments",
];

const REPORTS: &[&str] = &[
    "accounting.reports.aged.read",
    "accounting.reports.balancesheet.read",
    "accounting.reports.banksummary.read",
    "accounting.reports.budgetsummary.read",
    "accounting.reports.executivesummary.read",
    "accounting.reports.profitandloss.read",
    "accounting.reports.trialbalance.read",
    "accounting.reports.taxreports.read",
];

const OTHERS: &[&str] = &[
    "payroll.employees",
    "payroll.payruns",
    "payroll.payslip",
    "payroll.settings",
    "payroll.timesheets",
    "files",
    "assets",
    "projects",
];

const CATALOGUE: &[(&str, &str)] = &[
    ("openid", "know that it is you who logged in"),
    ("profile", "read your name"),
    ("email", "read your e-mail address"),
    ("offline_access", "stay connected while you are away"),
    ("accounting.settings", "read and change the organisation's settings, accounts, items and tax rates"),
    ("accounting.settings.read", "read the organisation's settings, accounts, items and tax rates"),
    ("accounting.contacts", "read and change contacts"),
    ("accounting.contacts.read", "read contacts"),
    ("accounting.invoices", "read and change invoices, bills, credit notes, quotes and purchase orders"),
    ("accounting.invoices.read", "read invoices, bills, credit notes, quotes and purchase orders"),
    ("accounting.payments", "read and change payments, overpayments and prepayments"),
    ("accounting.payments.read", "read payments, overpayments and prepayments"),
    ("accounting.banktransactions", "read and change bank transactions and transfers"),
    ("accounting.banktransactions.read", "read bank transactions and transfers"),
    ("accounting.manualjournals", "read and change manual journals"),
    ("accounting.manualjournals.read", "read manual journals"),
    ("accounting.attachments", "read and add attachments"),
    ("accounting.attachments.read", "read attachments"),
    ("accounting.budgets.read", "read budgets"),
    ("accounting.journals.read", "read all journals (Advanced tier and security assessment)"),
    ("accounting.reports.aged.read", "read the aged payables and receivables reports"),
    ("accounting.reports.balancesheet.read", "read the balance sheet"),
    ("accounting.reports.banksummary.read", "read the bank summary"),
    ("accounting.reports.budgetsummary.read", "read the budget summary"),
    ("accounting.reports.executivesummary.read", "read the executive summary"),
    ("accounting.reports.profitandloss.read", "read the profit and loss report"),
    ("accounting.reports.trialbalance.read", "read the trial balance"),
    ("accounting.reports.taxreports.read", "read GST and BAS reports"),
    ("accounting.reports.tenninetynine.read", "read 1099 reports (US)"),
    ("accounting.transactions", "read and change all transactions (ends in September 2027)"),
    ("accounting.transactions.read", "read all transactions (ends in September 2027)"),
    ("accounting.reports.read", "read all reports (ends in September 2027)"),
    ("payroll.employees", "read and change employees"),
    ("payroll.employees.read", "read employees"),
    ("payroll.payruns", "read and change pay runs"),
    ("payroll.payruns.read", "read pay runs"),
    ("payroll.payslip", "read and change payslips"),
    ("payroll.payslip.read", "read payslips"),
    ("payroll.settings", "read and change payroll settings"),
    ("payroll.settings.read", "read payroll settings"),
    ("payroll.timesheets", "read and change timesheets"),
    ("payroll.timesheets.read", "read timesheets"),
    ("files", "read and change the file library"),
    ("files.read", "read the file library"),
    ("assets", "read and change fixed assets"),
    ("assets.read", "read fixed assets"),
    ("projects", "read and change projects"),
    ("projects.read", "read projects"),
    ("bankfeeds", "send bank statements (with Xero's permission)"),
    ("paymentservices", "offer ways to pay on invoices (with Xero's permission)"),
    ("finance.statements.read", "read financial statements (with Xero's permission)"),
    ("finance.cashvalidation.read", "read cash validation (with Xero's permission)"),
    ("finance.bankstatementsplus.read", "read bank statements (with Xero's permission)"),
    ("finance.accountingactivity.read", "read accounting activity (with Xero's permission)"),
    ("practicemanager", "read and change Practice Manager (with Xero's permission)"),
    ("practicemanager.read", "read Practice Manager (with Xero's permission)"),
    ("app.connections", "list and remove the app's own connections (client credentials)"),
    ("marketplace.billing", "bill through the Xero App Store (client credentials)"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_described_once_and_every_list_is_of_known_names() {
        let known: HashSet<_> = known_scopes().collect();
        assert_eq!(known.len(), CATALOGUE.len());
        let broad = ["accounting.transactions", "accounting.transactions.read", "accounting.reports.read"];
        let lists = READ.iter().chain(SYNC).chain(ALL).copied().chain(broad.map(granular));
        for name in lists.flatten() {
            assert!(describe(name).is_some(), "{name}");
            assert!(!ends_in_september_2027(name), "{name}");
        }
        assert!(broad.into_iter().all(ends_in_september_2027));
        assert_eq!(describe("accounting.everything"), None);
    }
}
