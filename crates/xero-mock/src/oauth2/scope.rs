//! Xero's scopes as of 2026: what each lets an app do, and which apps may ask for it.

use crate::client_app::{AppType, ClientApp};

/// Who may ask for a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// OpenID Connect's, and `offline_access`; not for custom connections.
    Person,
    /// Every app.
    Everyone,
    /// Apps from before 2 March 2026.
    Broad,
    /// Apps that Xero has granted it; here none.
    Restricted,
    /// Client credentials that Xero has granted it; here none, and the authorise endpoint says so at once.
    App,
}

/// A scope, and what the consent page says of it.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    pub(crate) words: &'static str,
    offer: Offer,
}

/// What an app may not ask for, and how Xero says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeRefusal {
    /// No such scope.
    Unknown,
    /// A scope that this app may not have.
    NotForClient,
    /// A scope that is no user's to give.
    WrongApps,
}

pub(crate) const OPENID: &str = "openid";
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

pub(crate) fn find(name: &str) -> Option<&'static Scope> {
    SCOPES.iter().find(|scope| scope.name == name)
}

/// What a custom connection can tick, in the order of the list.
pub(crate) fn for_custom(app: &ClientApp) -> impl Iterator<Item = &'static Scope> {
    SCOPES.iter().filter(|scope| scope.offered_to_custom(app))
}

/// The scopes asked for, each once; or the first that the app may not ask for.
pub(crate) fn check(app: &ClientApp, asked: &str) -> Result<Vec<String>, ScopeRefusal> {
    let mut names: Vec<String> = Vec::new();
    for name in asked.split_ascii_whitespace() {
        find(name).ok_or(ScopeRefusal::Unknown)?.check(app)?;
        if !names.iter().any(|earlier| earlier == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Whether a scope concerns an organisation, and not only the person.
pub(crate) fn is_tenanted(name: &str) -> bool {
    find(name).is_some_and(|scope| scope.offer != Offer::Person)
}

impl Scope {
    fn check(&self, app: &ClientApp) -> Result<(), ScopeRefusal> {
        match self.offer {
            Offer::Person | Offer::Everyone => Ok(()),
            Offer::Broad if app.created_before_march_2026 => Ok(()),
            Offer::Broad | Offer::Restricted => Err(ScopeRefusal::NotForClient),
            Offer::App => Err(ScopeRefusal::WrongApps),
        }
    }

    pub(crate) fn offered_to_custom(&self, app: &ClientApp) -> bool {
        app.app_type == AppType::Custom && self.offer != Offer::Person && self.check(app).is_ok()
    }
}

/// Short for a row of the table.
const fn scope(name: &'static str, offer: Offer, words: &'static str) -> Scope {
    Scope { name, words, offer }
}

use Offer::{App, Broad, Everyone, Person, Restricted};

static SCOPES: [Scope; 58] = [
    scope("openid", Person, "know who you are"),
    scope("profile", Person, "see your name"),
    scope("email", Person, "see your e-mail address"),
    scope("offline_access", Person, "keep access while you are away"),
    scope("accounting.settings", Everyone, "view and change the organisation's settings"),
    scope("accounting.settings.read", Everyone, "view the organisation's settings"),
    scope("accounting.contacts", Everyone, "view and change contacts"),
    scope("accounting.contacts.read", Everyone, "view contacts"),
    scope("accounting.attachments", Everyone, "view and add attachments"),
    scope("accounting.attachments.read", Everyone, "view attachments"),
    scope("accounting.budgets.read", Everyone, "view budgets"),
    scope("accounting.invoices", Everyone, "view and change invoices, quotes and purchase orders"),
    scope("accounting.invoices.read", Everyone, "view invoices, quotes and purchase orders"),
    scope("accounting.payments", Everyone, "view and change payments"),
    scope("accounting.payments.read", Everyone, "view payments"),
    scope("accounting.banktransactions", Everyone, "view and change bank transactions"),
    scope("accounting.banktransactions.read", Everyone, "view bank transactions"),
    scope("accounting.manualjournals", Everyone, "view and change manual journals"),
    scope("accounting.manualjournals.read", Everyone, "view manual journals"),
    scope("accounting.reports.aged.read", Everyone, "view aged receivables and payables"),
    scope("accounting.reports.balancesheet.read", Everyone, "view the balance sheet"),
    scope("accounting.reports.banksummary.read", Everyone, "view the bank summary"),
    scope("accounting.reports.budgetsummary.read", Everyone, "view the budget summary"),
    scope("accounting.reports.executivesummary.read", Everyone, "view the executive summary"),
    scope("accounting.reports.profitandloss.read", Everyone, "view profit and loss"),
    scope("accounting.reports.trialbalance.read", Everyone, "view the trial balance"),
    scope("accounting.reports.taxreports.read", Everyone, "view tax reports"),
    scope("accounting.reports.tenninetynine.read", Everyone, "view 1099 reports"),
    scope("payroll.employees", Everyone, "view and change employees"),
    scope("payroll.employees.read", Everyone, "view employees"),
    scope("payroll.payruns", Everyone, "view and change pay runs"),
    scope("payroll.payruns.read", Everyone, "view pay runs"),
    scope("payroll.payslip", Everyone, "view and change payslips"),
    scope("payroll.payslip.read", Everyone, "view payslips"),
    scope("payroll.settings", Everyone, "view and change payroll settings"),
    scope("payroll.settings.read", Everyone, "view payroll settings"),
    scope("payroll.timesheets", Everyone, "view and change timesheets"),
    scope("payroll.timesheets.read", Everyone, "view timesheets"),
    scope("files", Everyone, "view and change files"),
    scope("files.read", Everyone, "view files"),
    scope("assets", Everyone, "view and change fixed assets"),
    scope("assets.read", Everyone, "view fixed assets"),
    scope("projects", Everyone, "view and change projects"),
    scope("projects.read", Everyone, "view projects"),
    scope("accounting.transactions", Broad, "view and change all transactions"),
    scope("accounting.transactions.read", Broad, "view all transactions"),
    scope("accounting.reports.read", Broad, "view all reports"),
    scope("accounting.journals.read", Restricted, "view journals"),
    scope("bankfeeds", Restricted, "manage bank feeds"),
    scope("paymentservices", Restricted, "manage payment services"),
    scope("finance.statements.read", Restricted, "view financial statements"),
    scope("finance.cashvalidation.read", Restricted, "view cash validation"),
    scope("finance.bankstatementsplus.read", Restricted, "view bank statements"),
    scope("finance.accountingactivity.read", Restricted, "view accounting activity"),
    scope("practicemanager", Restricted, "view and change practice records"),
    scope("practicemanager.read", Restricted, "view practice records"),
    scope("app.connections", App, "manage the app's connections"),
    scope("marketplace.billing", App, "manage the app's billing"),
];
