//! Xero's scopes as of 2026: what they mean, what replaces which, what an endpoint needs
//! (developer.xero.com/documentation/guides/oauth2/scopes).

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

/// What a scope lets an app do, in plain words; `None` for one that is not known here.
pub fn describe(scope: &str) -> Option<&'static str> {
    CATALOGUE.iter().find(|(name, _)| *name == scope).map(|(_, words)| *words)
}

/// The scopes of which any one lets a method (`GET`…) be used on a path such as `/api.xro/2.0/Invoices`; case does not
/// matter. Empty: not known here, or none is needed.
pub fn needed_for(method: &str, path: &str) -> &'static [&'static str] {
    let path = path.to_ascii_lowercase();
    let mut parts = path.split(['/', '?']).filter(|part| !part.is_empty());
    let (api, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let reads = method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD");
    let rest: Vec<_> = parts.collect();
    let need = match api {
        "api.xro" => accounting(&rest),
        "payroll.xro" => payroll(rest.first().copied().unwrap_or_default()),
        "finance.xro" => finance(rest.first().copied().unwrap_or_default()),
        "files.xro" => FILES,
        "assets.xro" => ASSETS,
        "projects.xro" => PROJECTS,
        "bankfeeds.xro" => BANK_FEEDS,
        "practicemanager" if !version.is_empty() => PRACTICE_MANAGER,
        _ => NONE,
    };
    if reads { need.read } else { need.write }
}

/// The preset `@read`: reads all that any app may read of the accounts.
pub(crate) const READ: &[&[&str]] = &[OPENID, READING, REPORTS];
/// The preset `@sync`: keeps the accounts in step with another system, reports and payroll apart.
pub(crate) const SYNC: &[&[&str]] = &[OPENID, WRITING];
/// The preset `@all`: all that an app may have without asking Xero first.
pub(crate) const ALL: &[&[&str]] = &[OPENID, WRITING, &["accounting.budgets.read"], REPORTS, OTHERS];
/// Of the user, not of an organisation: client credentials cannot have these.
pub(crate) const OPENID: &[&str] = &["openid", "profile", "email", "offline_access"];

/// All names that are known here.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|(name, _)| *name)
}

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

/// What a resource needs: any one of each list.
#[derive(Clone, Copy)]
struct Need {
    read: &'static [&'static str],
    write: &'static [&'static str],
}

/// A need whose reading takes the scope or its `.read`.
macro_rules! need {
    ($scope:literal) => {
        Need { read: &[concat!($scope, ".read"), $scope], write: &[$scope] }
    };
    ($scope:literal, broad $broad:literal) => {
        Need {
            read: &[concat!($scope, ".read"), $scope, concat!($broad, ".read"), $broad],
            write: &[$scope, $broad],
        }
    };
    (read $scope:literal) => {
        Need { read: &[$scope], write: &[] }
    };
    (report $name:literal) => {
        Need {
            read: &[concat!("accounting.reports.", $name, ".read"), "accounting.reports.read"],
            write: &[],
        }
    };
}

const NONE: Need = Need { read: &[], write: &[] };
const FILES: Need = need!("files");
const ASSETS: Need = need!("assets");
const PROJECTS: Need = need!("projects");
const BANK_FEEDS: Need = Need { read: &["bankfeeds"], write: &["bankfeeds"] };
const PRACTICE_MANAGER: Need = need!("practicemanager");
/// Items belong to the settings and, by the replacement table, to invoices.
const ITEMS: Need = Need {
    read: &[
        "accounting.settings.read",
        "accounting.settings",
        "accounting.invoices.read",
        "accounting.invoices",
        "accounting.transactions.read",
        "accounting.transactions",
    ],
    write: &["accounting.settings", "accounting.invoices", "accounting.transactions"],
};

fn accounting(path: &[&str]) -> Need {
    if path.contains(&"attachments") {
        return need!("accounting.attachments");
    }
    match path.first().copied().unwrap_or_default() {
        "accounts" | "brandingthemes" | "currencies" | "invoicereminders" | "organisation"
        | "organisations" | "taxrates" | "trackingcategories" | "users" => need!("accounting.settings"),
        "items" => ITEMS,
        "contacts" | "contactgroups" => need!("accounting.contacts"),
        "invoices" | "creditnotes" | "quotes" | "purchaseorders" | "repeatinginvoices"
        | "linkedtransactions" => need!("accounting.invoices", broad "accounting.transactions"),
        "payments" | "batchpayments" | "overpayments" | "prepayments" => {
            need!("accounting.payments", broad "accounting.transactions")
        }
        "banktransactions" | "banktransfers" => {
            need!("accounting.banktransactions", broad "accounting.transactions")
        }
        "manualjournals" => need!("accounting.manualjournals", broad "accounting.transactions"),
        "journals" => need!(read "accounting.journals.read"),
        "budgets" => need!(read "accounting.budgets.read"),
        "reports" => report(path.get(1).copied().unwrap_or_default()),
        _ => NONE,
    }
}

fn report(name: &str) -> Need {
    match name {
        "agedpayablesbycontact" | "agedreceivablesbycontact" => need!(report "aged"),
        "balancesheet" => need!(report "balancesheet"),
        "banksummary" => need!(report "banksummary"),
        "budgetsummary" => need!(report "budgetsummary"),
        "executivesummary" => need!(report "executivesummary"),
        "profitandloss" => need!(report "profitandloss"),
        "trialbalance" => need!(report "trialbalance"),
        "gst" | "gstreport" | "bas" | "basreport" => need!(report "taxreports"),
        "tenninetynine" => need!(report "tenninetynine"),
        _ => NONE,
    }
}

fn payroll(resource: &str) -> Need {
    match resource {
        "employees" => need!("payroll.employees"),
        "payruns" => need!("payroll.payruns"),
        "payslip" | "payslips" => need!("payroll.payslip"),
        "settings" => need!("payroll.settings"),
        "timesheets" => need!("payroll.timesheets"),
        _ => NONE,
    }
}

fn finance(resource: &str) -> Need {
    match resource {
        "financialstatements" => need!(read "finance.statements.read"),
        "cashvalidation" => need!(read "finance.cashvalidation.read"),
        "bankstatementsplus" => need!(read "finance.bankstatementsplus.read"),
        "accountingactivities" => need!(read "finance.accountingactivity.read"),
        _ => NONE,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_described_once_and_every_list_is_of_known_names() {
        let known: HashSet<_> = names().collect();
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

    #[test]
    fn what_endpoints_need() {
        for (method, path, needed) in [
            ("GET", "/api.xro/2.0/Organisation", &["accounting.settings.read", "accounting.settings"][..]),
            ("get", "/API.XRO/2.0/organisation/", &["accounting.settings.read", "accounting.settings"]),
            ("PUT", "/api.xro/2.0/Contacts", &["accounting.contacts"]),
            ("POST", "/api.xro/2.0/Invoices/1/History", &["accounting.invoices", "accounting.transactions"]),
            (
                "GET",
                "/api.xro/2.0/Invoices?page=1",
                &[
                    "accounting.invoices.read",
                    "accounting.invoices",
                    "accounting.transactions.read",
                    "accounting.transactions",
                ],
            ),
            ("PUT", "/api.xro/2.0/Invoices/1/Attachments/a.pdf", &["accounting.attachments"]),
            (
                "GET",
                "/api.xro/2.0/Reports/TrialBalance",
                &["accounting.reports.trialbalance.read", "accounting.reports.read"],
            ),
            ("GET", "/payroll.xro/2.0/Employees", &["payroll.employees.read", "payroll.employees"]),
            ("GET", "/practicemanager/v3.1/client.api/list", &["practicemanager.read", "practicemanager"]),
            ("GET", "/connections", &[]),
            ("GET", "/", &[]),
            ("GET", "/api.xro/2.0/Unheard", &[]),
        ] {
            assert_eq!(needed_for(method, path), needed, "{method} {path}");
            assert!(needed.iter().all(|name| describe(name).is_some()), "{needed:?}");
        }
    }
}
