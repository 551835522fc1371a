//! What requests-oauthlib signs is accepted; the same with any one part changed is refused.

use serde_json::{Value, json};

use super::support::{Answer, Bench, SIGNATURE_INVALID, Wire, key_pair, sign, with};

const FORM: &str = "application/x-www-form-urlencoded";

/// The shapes in which clients call, each with the status of its answer.
fn shapes(bench: &Bench) -> Vec<(&'static str, Value, u16)> {
    let query = json!({"where": "Type==\"ACCREC\" AND Date>=DateTime(2018,6,9)", "order": "DueDate DESC", "page": "1", "searchTerm": "Café & Co+1~*'!日本 😀"});
    let xml = |name: &str| format!("<Contact><Name>{name} &amp; A+B</Name></Contact>");
    let raw = json!({"Content-Type": "text/xml; charset=utf-8", "Accept": "application/json"});
    let pdf = json!({"Content-Type": "application/pdf"});
    vec![
        ("plain GET", bench.order("GET", "/api.xro/2.0/Organisation"), 200),
        ("GET with query", with(bench.order("GET", "/api.xro/2.0/Invoices"), "query", query), 200),
        (
            "POST of a form",
            with(bench.order("POST", "/api.xro/2.0/Contacts"), "form", json!({"xml": xml("Form")})),
            200,
        ),
        (
            "POST of raw XML",
            with(with(bench.order("POST", "/api.xro/2.0/Contacts"), "body", xml("Raw")), "headers", raw),
            200,
        ),
        (
            "PUT of an attachment",
            with(
                with(
                    bench.order("PUT", "/api.xro/2.0/Invoices/INV-0001/Attachments/my%20file.pdf"),
                    "body",
                    "%PDF",
                ),
                "headers",
                pdf,
            ),
            200,
        ),
    ]
}

/// All shapes in one placement, signed in one go.
fn signed_shapes(bench: &Bench, in_query: bool) -> Vec<(&'static str, Wire, u16)> {
    let shapes = shapes(bench);
    let orders: Vec<Value> =
        shapes.iter().map(|(_, order, _)| with(order.clone(), "in_query", in_query)).collect();
    let wires = sign(key_pair(), &orders);
    shapes.into_iter().zip(wires).map(|((name, _, status), wire)| (name, wire, status)).collect()
}

#[test]
fn requests_oauthlib_in_the_header_is_accepted() {
    accepts_and_refuses_alterations(false);
}

#[test]
fn requests_oauthlib_in_the_query_is_accepted() {
    accepts_and_refuses_alterations(true);
}

fn accepts_and_refuses_alterations(in_query: bool) {
    let bench = Bench::new();
    let shapes = signed_shapes(&bench, in_query);
    assert_eq!(shapes.len(), 5);
    for (name, wire, status) in shapes {
        assert_eq!(wire.headers.contains_key("Authorization"), !in_query, "{name}");
        for (what, altered, problem) in alterations(&wire) {
            let answer = bench.send(&altered);
            assert_eq!(problem_of(&answer), Some(problem), "{name}, {what} altered: {answer:?}");
        }
        let accepted = bench.send(&wire);
        assert_eq!(accepted.status, status, "{name}: {accepted:?}");
        let replayed = bench.send(&wire);
        assert_eq!(problem_of(&replayed), Some("nonce_used"), "{name} replayed");
    }
}

/// The request with one part changed, and the problem that must follow.
fn alterations(wire: &Wire) -> Vec<(&'static str, Wire, &'static str)> {
    let parameters = PARAMETERS.iter();
    let mut altered: Vec<_> = parameters
        .map(|(name, change, problem)| (*name, alter_parameter(wire, name, *change), *problem))
        .collect();
    let parts = [("the method", other_method(wire)), ("the form", other_form(wire))];
    let parts = parts.into_iter().filter_map(|(what, changed)| Some((what, changed?)));
    let invalid = |(what, changed)| (what, changed, "signature_invalid");
    altered.extend(parts.chain(other_urls(wire)).map(invalid));
    altered
}

fn other_method(wire: &Wire) -> Option<Wire> {
    let method = if wire.method == "POST" { "PUT" } else { "POST" };
    Some(Wire { method: method.to_owned(), ..wire.clone() })
}

/// Nothing when the request has no form.
fn other_form(wire: &Wire) -> Option<Wire> {
    wire.headers.get("Content-Type").filter(|kind| kind.starts_with(FORM))?;
    let body = String::from_utf8(wire.body.clone()).unwrap();
    assert!(body.contains("Form"), "{body}");
    Some(Wire { body: body.replace("Form", "Firm").into_bytes(), ..wire.clone() })
}

fn other_urls(wire: &Wire) -> Vec<(&'static str, Wire)> {
    let separator = if wire.url.contains('?') { '&' } else { '?' };
    let mut urls = vec![
        ("the path", wire.url.replacen("/2.0/", "/2.0/x", 1)),
        ("an added query", format!("{}{separator}x=1", wire.url)),
    ];
    if wire.url.contains("page=1") {
        urls.push(("a query value", wire.url.replace("page=1", "page=2")));
        urls.push(("a query name", wire.url.replace("page=1", "pages=1")));
    }
    urls.into_iter().map(|(what, url)| (what, Wire { url, ..wire.clone() })).collect()
}

type Change = fn(&str) -> String;

const PARAMETERS: [(&str, Change, &str); 7] = [
    ("oauth_consumer_key", other_first, "consumer_key_unknown"),
    ("oauth_token", other_first, "token_rejected"),
    ("oauth_signature_method", other_first, "signature_method_rejected"),
    ("oauth_signature", other_first, "signature_invalid"),
    ("oauth_timestamp", other_last_digit, "signature_invalid"),
    ("oauth_nonce", other_first, "signature_invalid"),
    ("oauth_version", other_first, "signature_invalid"),
];

fn other_first(value: &str) -> String {
    let other = if value.starts_with('7') { '8' } else { '7' };
    format!("{other}{}", value.chars().skip(1).collect::<String>())
}

fn other_last_digit(value: &str) -> String {
    let number: u64 = value.parse().unwrap();
    (number ^ 1).to_string()
}

/// Changes a parameter where it stands: in the header as `name="value"`, in the query as `name=value`.
fn alter_parameter(wire: &Wire, name: &str, change: Change) -> Wire {
    let mut altered = wire.clone();
    let text = match altered.headers.get_mut("Authorization") {
        Some(header) => header,
        None => &mut altered.url,
    };
    let start = text.find(&format!("{name}=")).unwrap_or_else(|| panic!("{name} in {text}")) + name.len() + 1;
    let start = if text[start..].starts_with('"') { start + 1 } else { start };
    let end = text[start..].find(['"', '&']).map_or(text.len(), |length| start + length);
    let changed = change(&text[start..end]);
    text.replace_range(start..end, &changed);
    assert_ne!((&altered.url, &altered.headers), (&wire.url, &wire.headers));
    altered
}

fn problem_of(answer: &Answer) -> Option<&str> {
    answer.body.strip_prefix("oauth_problem=")?.split('&').next()
}

#[test]
fn raw_bodies_and_put_forms_are_not_signed() {
    let bench = Bench::new();
    let raw =
        with(bench.order("POST", "/api.xro/2.0/Contacts"), "body", "<Contact><Name>One</Name></Contact>");
    let mut wire = bench.sign(&with(raw, "headers", json!({"Content-Type": "text/xml"})));
    wire.body = b"<Contact><Name>Two</Name></Contact>".to_vec();
    assert!(bench.send(&wire).body.contains("<Name>Two</Name>"));

    let put = bench.order("PUT", "/api.xro/2.0/Contacts");
    let mut wire = bench.sign(&put);
    wire.headers.insert("Content-Type".to_owned(), FORM.to_owned());
    wire.body = b"xml=%3CContact%3E%3CName%3EThree%3C%2FName%3E%3C%2FContact%3E".to_vec();
    assert_eq!(bench.send(&wire).json()["Contacts"][0]["Name"], "Three");
}

#[test]
fn headers_are_read_loosely() {
    let bench = Bench::new();
    let order = bench.order("GET", "/api.xro/2.0/Organisation");
    let rewrites: [fn(&str) -> String; 4] = [
        |header| header.replace('"', "'"),
        |header| header.replace('"', ""),
        |header| header.replacen("OAuth ", "oAUTH realm=\"https://api.xero.com/\",  ", 1),
        |header| header.replace(", ", ","),
    ];
    let wires = sign(key_pair(), &vec![order; rewrites.len()]);
    for (mut wire, rewrite) in wires.into_iter().zip(rewrites) {
        let header = rewrite(&wire.headers["Authorization"]);
        wire.headers.insert("Authorization".to_owned(), header.clone());
        assert_eq!(bench.send(&wire).status, 200, "{header}");
    }
}

#[test]
fn a_plus_in_a_header_value_is_a_space() {
    let bench = Bench::new();
    let order = bench.order("GET", "/api.xro/2.0/Organisation");
    let mut wire = bench.sign(&with(order, "nonce", "a b"));
    let header = wire.headers["Authorization"].replace("a%20b", "a+b");
    wire.headers.insert("Authorization".to_owned(), header);
    assert_eq!(bench.send(&wire).status, 200);
}

#[test]
fn a_plus_in_a_query_is_a_space_and_parts_without_equals_do_not_count() {
    let bench = Bench::new();
    let order = with(bench.order("GET", "/api.xro/2.0/Invoices"), "query", json!({"order": "DueDate DESC"}));
    let wires = sign(key_pair(), &[order.clone(), order]);
    assert!(wires[1].url.contains("order=DueDate+DESC"), "{}", wires[1].url);
    let spaced = Wire { url: wires[0].url.replace("DueDate+DESC", "DueDate%20DESC"), ..wires[0].clone() };
    assert_eq!(bench.send(&spaced).status, 200);
    let flagged = Wire { url: format!("{}&flag", wires[1].url), ..wires[1].clone() };
    assert_eq!(bench.send(&flagged).status, 200);
}

#[test]
fn repeated_names_and_brackets_in_paths_never_verify() {
    let bench = Bench::new();
    let repeated = bench.order("GET", "/api.xro/2.0/Invoices?a=1&a=2");
    let names = ["a%5B1%5D.pdf", "a%3Bb.pdf", "a[1].pdf", "a;b.pdf"];
    let paths = names.map(|name| format!("/api.xro/2.0/Invoices/INV-0001/Attachments/{name}"));
    let mut orders = vec![repeated];
    orders.extend(paths.iter().map(|path| with(bench.order("PUT", path), "body", "x")));
    for wire in sign(key_pair(), &orders) {
        bench.send(&wire).assert_problem(401, SIGNATURE_INVALID);
    }
}

#[test]
fn api_paths_have_no_case_and_header_names_neither() {
    let bench = Bench::new();
    assert_eq!(bench.get("/API.XRO/2.0/organisation").status, 200);
    let mut wire = bench.sign(&bench.order("GET", "/api.xro/2.0/Organisation"));
    let value = wire.headers.remove("Authorization").unwrap();
    wire.headers.insert("authorization".to_owned(), value);
    assert_eq!(bench.send(&wire).status, 200);
}

#[test]
fn replaced_certificates_count_at_once() {
    let bench = Bench::new();
    let other = super::support::other_key_pair();
    bench.mock.replace_certificate(&bench.app.consumer_key, &other.certificate).unwrap();
    let order = bench.order("GET", "/api.xro/2.0/Organisation");
    bench.call(&order).assert_problem(401, SIGNATURE_INVALID);
    assert_eq!(bench.send(&sign(other, &[order]).remove(0)).status, 200);
}
