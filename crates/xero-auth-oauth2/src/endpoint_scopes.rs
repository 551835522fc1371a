//! What an endpoint needs: the scopes of which any one lets it be read or changed.

/// Where Xero says it. The day on which broad scopes end is said differently in several places; the month is
/// September 2027.
pub const SCOPES_PAGE: &str = "developer.xero.com/documentation/guides/oauth2/scopes";

/// What an endpoint needs: of each list any one scope is enough. The narrowest stands first, broad ones stand last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointScopes {
    /// For GET and HEAD; empty: any token will do.
    pub read: &'static [&'static str],
    /// For all other methods; empty: nothing can be changed there, or any token will do.
    pub write: &'static [&'static str],
    /// What is to be known besides.
    pub note: Option<&'static str>,
}

/// What the endpoint of a path such as `/api.xro/2.0/Invoices` needs; case and what follows the resource do not matter.
/// `None`: it is not known here.
pub fn endpoint_scopes(path: &str) -> Option<EndpointScopes> {
    let path = path.to_ascii_lowercase();
    let mut parts = path.split(['/', '?']).filter(|part| !part.is_empty());
    let (api, version) = (parts.next()?, parts.next().unwrap_or_default());
    let rest: Vec<_> = parts.collect();
    let resource = rest.first().copied().unwrap_or_default();
    match api {
        "api.xro" => accounting(&rest),
        "payroll.xro" => payroll(resource),
        "finance.xro" => finance(resource),
        "files.xro" => Some(FILES),
        "assets.xro" => Some(ASSETS),
        "projects.xro" => Some(PROJECTS),
        "bankfeeds.xro" => Some(BANK_FEEDS),
        "practicemanager" if !version.is_empty() => Some(PRACTICE_MANAGER),
        "connections" => Some(CONNECTIONS),
        _ => None,
    }
}

/// The scopes of which any one lets a method (`GET`…) be used on a path such as `/api.xro/2.0/Invoices`; case does not
/// matter. Empty: not known here, or none is needed.
pub fn needed_for(method: &str, path: &str) -> &'static [&'static str] {
    let reads = method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD");
    endpoint_scopes(path).map_or(&[], |scopes| if reads { scopes.read } else { scopes.write })
}

/// What reading takes: the scope or its `.read`; and broad ones, where there are some.
macro_rules! scopes {
    ($scope:literal) => {
        EndpointScopes { read: &[concat!($scope, ".read"), $scope], write: &[$scope], note: None }
    };
    ($scope:literal, broad $broad:literal) => {
        EndpointScopes {
            read: &[concat!($scope, ".read"), $scope, concat!($broad, ".read"), $broad],
            write: &[$scope, $broad],
            note: None,
        }
    };
    (read $scope:literal) => {
        EndpointScopes { read: &[$scope], write: &[], note: None }
    };
    (report $name:literal) => {
        EndpointScopes {
            read: &[concat!("accounting.reports.", $name, ".read"), "accounting.reports.read"],
            write: &[],
            note: None,
        }
    };
}

const FILES: EndpointScopes = scopes!("files");
const ASSETS: EndpointScopes = scopes!("assets");
const PROJECTS: EndpointScopes = scopes!("projects");
const PRACTICE_MANAGER: EndpointScopes = restricted(scopes!("practicemanager"));
const BANK_FEEDS: EndpointScopes =
    restricted(EndpointScopes { read: &["bankfeeds"], write: &["bankfeeds"], note: None });
const CONNECTIONS: EndpointScopes = EndpointScopes {
    read: &[],
    write: &[],
    note: Some("any token of a login will do; client credentials may need app.connections"),
};
const ITEMS: EndpointScopes = EndpointScopes {
    read: &[
        "accounting.settings.read",
        "accounting.settings",
        "accounting.invoices.read",
        "accounting.invoices",
        "accounting.transactions.read",
        "accounting.transactions",
    ],
    write: &["accounting.settings", "accounting.invoices", "accounting.transactions"],
    note: Some("Xero lists items under settings, and in its table of replacements under invoices"),
};

/// Only an app to which Xero has granted it can have such a scope.
const fn restricted(scopes: EndpointScopes) -> EndpointScopes {
    EndpointScopes { note: Some("an app has it with Xero's permission only"), ..scopes }
}

fn accounting(path: &[&str]) -> Option<EndpointScopes> {
    if path.contains(&"attachments") {
        return Some(scopes!("accounting.attachments"));
    }
    Some(match path.first().copied()? {
        "accounts" | "brandingthemes" | "currencies" | "invoicereminders" | "organisation"
        | "organisations" | "taxrates" | "trackingcategories" | "users" => scopes!("accounting.settings"),
        "items" => ITEMS,
        "contacts" | "contactgroups" => scopes!("accounting.contacts"),
        "invoices" | "creditnotes" | "quotes" | "purchaseorders" | "repeatinginvoices"
        | "linkedtransactions" => scopes!("accounting.invoices", broad "accounting.transactions"),
        "payments" | "batchpayments" | "overpayments" | "prepayments" => {
            scopes!("accounting.payments", broad "accounting.transactions")
        }
        "banktransactions" | "banktransfers" => {
            scopes!("accounting.banktransactions", broad "accounting.transactions")
        }
        "manualjournals" => scopes!("accounting.manualjournals", broad "accounting.transactions"),
        "journals" => restricted(scopes!(read "accounting.journals.read")),
        "budgets" => scopes!(read "accounting.budgets.read"),
        "reports" => report(path.get(1).copied()?)?,
        _ => return None,
    })
}

fn report(name: &str) -> Option<EndpointScopes> {
    Some(match name {
        "agedpayablesbycontact" | "agedreceivablesbycontact" => scopes!(report "aged"),
        "balancesheet" => scopes!(report "balancesheet"),
        "banksummary" => scopes!(report "banksummary"),
        "budgetsummary" => scopes!(report "budgetsummary"),
        "executivesummary" => scopes!(report "executivesummary"),
        "profitandloss" => scopes!(report "profitandloss"),
        "trialbalance" => scopes!(report "trialbalance"),
        "gst" | "gstreport" | "bas" | "basreport" => scopes!(report "taxreports"),
        "tenninetynine" => scopes!(report "tenninetynine"),
        _ => return None,
    })
}

fn payroll(resource: &str) -> Option<EndpointScopes> {
    Some(match resource {
        "employees" => scopes!("payroll.employees"),
        "payruns" => scopes!("payroll.payruns"),
        "payslip" | "payslips" => scopes!("payroll.payslip"),
        "settings" => scopes!("payroll.settings"),
        "timesheets" => scopes!("payroll.timesheets"),
        _ => return None,
    })
}

fn finance(resource: &str) -> Option<EndpointScopes> {
    Some(restricted(match resource {
        "financialstatements" => scopes!(read "finance.statements.read"),
        "cashvalidation" => scopes!(read "finance.cashvalidation.read"),
        "bankstatementsplus" => scopes!(read "finance.bankstatementsplus.read"),
        "accountingactivities" => scopes!(read "finance.accountingactivity.read"),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{describe, ends_in_september_2027};

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
            ("DELETE", "/api.xro/2.0/Reports/TrialBalance", &[]),
            ("GET", "/payroll.xro/2.0/Employees", &["payroll.employees.read", "payroll.employees"]),
            ("GET", "/practicemanager/v3.1/client.api/list", &["practicemanager.read", "practicemanager"]),
            ("GET", "/finance.xro/1.0/CashValidation", &["finance.cashvalidation.read"]),
            ("GET", "/connections", &[]),
            ("GET", "/", &[]),
            ("GET", "/api.xro/2.0/Unheard", &[]),
        ] {
            assert_eq!(needed_for(method, path), needed, "{method} {path}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_free() {
        assert!(endpoint_scopes("/connections").is_some_and(|scopes| scopes.read.is_empty()));
        for unknown in
            ["", "/", "/api.xro", "/api.xro/2.0/Unheard", "/api.xro/2.0/Reports", "/payroll.xro/1.0", "/x"]
        {
            assert_eq!(endpoint_scopes(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn lists_are_of_known_names_and_broad_ones_stand_last() {
        let accounting = "Accounts BankTransactions BatchPayments Budgets Contacts Invoices Items Journals ManualJournals \
             Organisation Payments Reports/BankSummary Reports/BAS Reports/TenNinetyNine Users";
        let paths = accounting.split_whitespace().map(|name| format!("/api.xro/2.0/{name}"));
        let others = [
            "/files.xro/1.0/Files",
            "/assets.xro/1.0/Assets",
            "/projects.xro/2.0/Projects",
            "/bankfeeds.xro/1.0/Statements",
        ];
        for path in paths.chain(others.map(str::to_owned)) {
            let scopes = endpoint_scopes(&path).unwrap_or_else(|| panic!("{path}"));
            assert!(!scopes.read.is_empty(), "{path}");
            for list in [scopes.read, scopes.write] {
                assert!(list.iter().all(|name| describe(name).is_some()), "{path}");
                assert!(list.is_sorted_by_key(|name| ends_in_september_2027(name)), "{path}");
            }
        }
    }
}
