//! `/Organisation`: the organisation that the app acts for.

use time::macros::datetime;

use super::Outcome;
use super::document::Node;
use crate::organisation::{Organisation, Tenant};

pub(super) fn show(tenant: &Tenant) -> Outcome {
    let mut fields = names(tenant);
    fields.extend(taxes(tenant.organisation));
    fields.extend(places(tenant));
    Ok(vec![("Organisations", Node::List("Organisation", vec![Node::Record(fields)]))])
}

fn names(tenant: &Tenant) -> Vec<(&'static str, Node)> {
    let organisation = tenant.organisation;
    vec![
        ("APIKey", Node::text(api_key(tenant))),
        ("Name", Node::text(organisation.name)),
        ("LegalName", Node::text(organisation.legal_name)),
        ("PaysTax", Node::Flag(true)),
        ("Version", Node::text(organisation.version)),
        ("OrganisationType", Node::text("COMPANY")),
        ("BaseCurrency", Node::text(organisation.base_currency)),
        ("CountryCode", Node::text(organisation.country_code)),
        ("IsDemoCompany", Node::Flag(organisation.is_demo())),
        ("OrganisationStatus", Node::text("ACTIVE")),
        ("RegistrationNumber", Node::text("1000042")),
        ("EmployerIdentificationNumber", Node::text("")),
        ("TaxNumber", Node::text("101-002-003")),
    ]
}

fn taxes(organisation: &Organisation) -> Vec<(&'static str, Node)> {
    vec![
        ("FinancialYearEndDay", Node::Count(year_end_day(organisation))),
        ("FinancialYearEndMonth", Node::Count(organisation.year_end_month)),
        ("SalesTaxBasis", Node::text(organisation.sales_tax_basis)),
        ("SalesTaxPeriod", Node::text("TWOMONTHS")),
        ("DefaultSalesTax", Node::text("Tax Exclusive")),
        ("DefaultPurchasesTax", Node::text("Tax Exclusive")),
        ("PeriodLockDate", Node::Date(datetime!(2019-09-30 0:00 UTC).into())),
        ("EndOfYearLockDate", Node::Date(datetime!(2019-03-31 0:00 UTC).into())),
        ("CreatedDateUTC", Node::Date(datetime!(2018-05-14 2:30 UTC).into())),
    ]
}

fn places(tenant: &Tenant) -> Vec<(&'static str, Node)> {
    let organisation = tenant.organisation;
    vec![
        ("OrganisationEntityType", Node::text("COMPANY")),
        ("Timezone", Node::text(organisation.timezone)),
        ("ShortCode", Node::text(organisation.short_code)),
        ("OrganisationID", Node::text(&tenant.id)),
        ("Edition", Node::text("BUSINESS")),
        ("Class", Node::text(organisation.class)),
        ("LineOfBusiness", Node::text("Wholesale & retail")),
        ("Addresses", Node::List("Address", vec![address(organisation)])),
        ("Phones", Node::List("Phone", vec![phone()])),
        ("ExternalLinks", Node::List("ExternalLink", Vec::new())),
        ("PaymentTerms", Node::Record(Vec::new())),
    ]
}

/// The legacy key that old organisations still show: 30 characters of the id.
fn api_key(tenant: &Tenant) -> String {
    tenant.id.to_ascii_uppercase().chars().filter(char::is_ascii_alphanumeric).take(30).collect()
}

/// The month's last day, but 5 April in the United Kingdom.
fn year_end_day(organisation: &Organisation) -> i64 {
    match organisation.year_end_month {
        4 => 5,
        6 => 30,
        _ => 31,
    }
}

fn address(organisation: &Organisation) -> Node {
    Node::Record(vec![
        ("AddressType", Node::text("STREET")),
        ("AddressLine1", Node::text("12 Invented Street")),
        ("City", Node::text(organisation.city)),
        ("PostalCode", Node::text("6011")),
        ("Country", Node::text(organisation.country_code)),
    ])
}

fn phone() -> Node {
    Node::Record(vec![
        ("PhoneType", Node::text("DEFAULT")),
        ("PhoneNumber", Node::text("555 0142")),
        ("PhoneAreaCode", Node::text("04")),
        ("PhoneCountryCode", Node::text("64")),
    ])
}
