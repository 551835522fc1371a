//! `xeroctl scopes explain`: which scope an endpoint needs.

use serde_json::json;
use url::Url;
use xero_auth_oauth2::{EndpointScopes, SCOPES_PAGE, describe, endpoint_scopes, ends_in_september_2027};

use super::END;
use crate::{
    Context,
    args::ScopesExplain,
    failure::{Failure, Outcome},
    show,
};

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// Where a bare resource is looked for, the Accounting API first.
const APIS: [&str; 3] = ["/api.xro/2.0/", "/payroll.xro/2.0/", "/finance.xro/1.0/"];

pub(super) fn run(context: &Context, args: &ScopesExplain) -> Outcome {
    let (method, target) = split(&args.endpoint.join(" "))?;
    let (path, scopes) = found(&target).ok_or_else(|| unknown(&target))?;
    let (reads, writes) =
        (method.as_deref().is_none_or(is_reading), !method.as_deref().is_some_and(is_reading));
    let sides = [("Reading", "read", scopes.read, reads), ("Writing", "write", scopes.write, writes)];
    let mut rows = vec![("Endpoint", path.clone())];
    let mut document =
        json!({ "endpoint": path, "method": method, "note": scopes.note, "source": SCOPES_PAGE });
    for (title, name, list, _) in sides.into_iter().filter(|(.., asked)| *asked) {
        rows.extend(side(title, name, list));
        let (broad, granular): (Vec<_>, Vec<_>) =
            list.iter().copied().partition(|one| ends_in_september_2027(one));
        document[name] = json!({ "any_of": granular, "or_broad": broad });
    }
    rows.extend(scopes.note.map(|note| ("Note", note.to_owned())));
    rows.push(("Source", SCOPES_PAGE.to_owned()));
    context.ui.document(document)?;
    context.ui.data(show::fields(&rows))
}

fn is_reading(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// The method, where one stands before the endpoint, and the endpoint.
fn split(text: &str) -> Outcome<(Option<String>, String)> {
    let words: Vec<_> = text.split_whitespace().collect();
    match words.as_slice() {
        [target] => Ok((None, (*target).to_owned())),
        [method, target] if METHODS.iter().any(|known| known.eq_ignore_ascii_case(method)) => {
            Ok((Some(method.to_ascii_uppercase()), (*target).to_owned()))
        }
        _ => Err(Failure::usage(format!("{text:?} is not an endpoint"))
            .hint("give a resource, a path or a URL, with a method before it or none: 'GET Invoices'")),
    }
}

/// The path of an endpoint that is known.
fn found(target: &str) -> Option<(String, EndpointScopes)> {
    candidates(target).into_iter().find_map(|path| endpoint_scopes(&path).map(|scopes| (path, scopes)))
}

fn candidates(target: &str) -> Vec<String> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if path.contains("://") {
        return Url::parse(path).map(|url| url.path().to_owned()).into_iter().collect();
    }
    let bare = path.trim_start_matches('/');
    let whole = format!("/{bare}");
    std::iter::once(whole).chain(APIS.map(|api| format!("{api}{bare}"))).collect()
}

fn unknown(target: &str) -> Failure {
    Failure::usage(format!("{target:?} is no endpoint that is known here")).hint(
        "write it as in Xero's API documentation, such as Invoices, Reports/BalanceSheet or payroll.xro/2.0/Employees; \
         `xeroctl scopes list` lists the scopes",
    )
}

/// One line for each scope that is enough.
fn side(title: &'static str, name: &str, list: &[&'static str]) -> Vec<(&'static str, String)> {
    if list.is_empty() {
        let nothing =
            if name == "read" { "needs no scope" } else { "nothing can be changed there with a scope" };
        return vec![(title, nothing.to_owned())];
    }
    let line = |(at, scope): (usize, &&'static str)| {
        let end =
            if ends_in_september_2027(scope) { format!(" (broad: ends in {END})") } else { String::new() };
        let or = if at == 0 { "" } else { "or " };
        let title = if at == 0 { title } else { "" };
        (title, format!("{or}{scope}: {}{end}", words(scope)))
    };
    list.iter().enumerate().map(line).collect()
}

/// What a scope is for, without what is said of its end here.
fn words(scope: &str) -> &'static str {
    let words = describe(scope).unwrap_or_default();
    words.split(" (ends").next().unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_an_endpoint() {
        for (target, path) in [
            ("Invoices", "/api.xro/2.0/Invoices"),
            ("/Invoices?page=1", "/api.xro/2.0/Invoices"),
            ("api.xro/2.0/Reports/BalanceSheet", "/api.xro/2.0/Reports/BalanceSheet"),
            ("https://api.xero.com/files.xro/1.0/Files", "/files.xro/1.0/Files"),
            ("payroll.xro/1.0/Employees", "/payroll.xro/1.0/Employees"),
            ("Employees", "/payroll.xro/2.0/Employees"),
            ("CashValidation", "/finance.xro/1.0/CashValidation"),
            ("connections", "/connections"),
        ] {
            assert_eq!(found(target).map(|(path, _)| path).as_deref(), Some(path), "{target}");
        }
        for target in ["Nothing", "", "://", "https://[/Invoices", "Reports"] {
            assert!(found(target).is_none(), "{target}");
        }
    }

    #[test]
    fn a_method_may_stand_before_it() {
        assert_eq!(split("get Invoices").unwrap(), (Some("GET".to_owned()), "Invoices".to_owned()));
        assert_eq!(split(" Invoices ").unwrap(), (None, "Invoices".to_owned()));
        for bad in ["", " ", "FETCH Invoices", "GET Invoices please"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
