//! The accounting endpoints: JSON and XML of the same, paging, creating, and what is not there.

use serde_json::{Value, json};
use xero_mock::{DEMO_COMPANY, NIHON_SHOJI, ORGANISATIONS, SEEDED_INVOICES};

use super::support::{Answer, Bench, key_pair, sign, with};

const CONTACTS: &str = "/api.xro/2.0/Contacts";
const INVOICES: &str = "/api.xro/2.0/Invoices";

fn post(bench: &Bench, path: &str, body: &Value) -> Answer {
    let headers = json!({"Accept": "application/json", "Content-Type": "application/json"});
    bench.call(&with(with(bench.order("POST", path), "body", body.to_string()), "headers", headers))
}

fn as_xml(order: Value) -> Value {
    with(order, "headers", json!({"Accept": "*/*"}))
}

#[test]
fn organisation_in_json() {
    let bench = Bench::new();
    let answer = bench.get("/api.xro/2.0/Organisation");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let body = answer.json();
    assert_eq!((&body["Status"], &body["ProviderName"]), (&json!("OK"), &json!("Bench")));
    let milliseconds = body["DateTimeUTC"].as_str().unwrap().strip_prefix("/Date(").unwrap();
    assert!(milliseconds.strip_suffix("+0000)/").unwrap().parse::<u64>().is_ok());
    let organisation = &body["Organisations"][0];
    assert_eq!(organisation["OrganisationID"], DEMO_COMPANY.id);
    assert_eq!(organisation["ShortCode"], DEMO_COMPANY.short_code);
    assert_eq!(
        (&organisation["IsDemoCompany"], &organisation["FinancialYearEndDay"]),
        (&json!(true), &json!(31))
    );
    assert_eq!(organisation["Addresses"][0]["City"], "Wellington");
    assert_eq!(organisation.as_object().unwrap().len(), 33);
}

#[test]
fn organisation_in_xml_is_the_default() {
    let bench = Bench::new();
    let answer = bench.call(&as_xml(bench.order("GET", "/api.xro/2.0/Organisation")));
    assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
    assert!(answer.body.starts_with("<Response xmlns:xsi="), "{}", answer.body);
    assert!(answer.body.contains("<Organisations><Organisation><APIKey>"));
    assert!(answer.body.contains("<LineOfBusiness>Wholesale &amp; retail</LineOfBusiness>"));
    assert!(answer.body.contains("<IsDemoCompany>true</IsDemoCompany>"));
    assert!(answer.body.contains("<CreatedDateUTC>2018-05-14T02:30:00</CreatedDateUTC>"));
}

#[test]
fn each_app_sees_its_own_organisation() {
    let bench = Bench::new();
    for organisation in ORGANISATIONS {
        let app = bench.mock.create_private_app("Other", organisation.name, &key_pair().certificate).unwrap();
        let order =
            with(bench.order("GET", "/api.xro/2.0/Organisation"), "consumer_key", app.consumer_key.as_str());
        let answer = bench.call(&with(order, "token", app.consumer_key));
        assert_eq!(answer.json()["Organisations"][0]["Name"], organisation.name);
    }
    assert_eq!(NIHON_SHOJI.name, "日本商事");
}

#[test]
fn json_and_xml_tell_the_same_invoice() {
    let bench = Bench::new();
    let path = format!("{INVOICES}/INV-0002");
    let invoice = bench.get(&path).json()["Invoices"][0].clone();
    let xml = bench.call(&as_xml(bench.order("GET", &path))).body;
    let id = invoice["InvoiceID"].as_str().unwrap();
    assert_eq!(bench.get(&format!("{INVOICES}/{}", id.to_uppercase())).json()["Invoices"][0], invoice);
    assert!(xml.contains(&format!("<InvoiceID>{id}</InvoiceID>")));
    assert_eq!(invoice["Total"], 67.73);
    assert!(xml.contains("<Total>67.73</Total>"), "{xml}");
    assert_eq!(invoice["Date"], "/Date(1578441600000+0000)/");
    assert!(xml.contains("<Date>2020-01-08T00:00:00</Date>"));
    let description = "Office paper, \"A4\" <500 sheets>";
    let lines = invoice["LineItems"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["Description"] == description), "{lines:?}");
    assert!(xml.contains("&lt;500 sheets&gt;"));
}

#[test]
fn invoices_come_in_pages() {
    let bench = Bench::new();
    let mut numbers = Vec::new();
    for (page, length) in [(1, 100), (2, 100), (3, SEEDED_INVOICES - 200), (4, 0)] {
        let body = bench.get(&format!("{INVOICES}?page={page}")).json();
        let invoices = body["Invoices"].as_array().unwrap();
        assert_eq!(invoices.len(), length);
        let pagination = json!({"page": page, "pageSize": 100, "pageCount": 3, "itemCount": SEEDED_INVOICES});
        assert_eq!(body["pagination"], pagination);
        assert!(invoices.iter().all(|invoice| invoice["LineItems"].is_array()));
        numbers.extend(invoices.iter().map(|invoice| invoice["InvoiceNumber"].to_string()));
    }
    numbers.dedup();
    assert_eq!(numbers.len(), SEEDED_INVOICES);
    let body = bench.get(&format!("{INVOICES}?page=2&pageSize=7")).json();
    assert_eq!(body["Invoices"][0]["InvoiceNumber"], "INV-0008");
    assert_eq!(body["pagination"]["pageCount"], 36);
}

#[test]
fn without_page_all_invoices_come_without_lines() {
    let bench = Bench::new();
    let body = bench.get(INVOICES).json();
    let invoices = body["Invoices"].as_array().unwrap();
    assert_eq!(invoices.len(), SEEDED_INVOICES);
    assert!(invoices.iter().all(|invoice| invoice.get("LineItems").is_none()));
    assert!(body.get("pagination").is_none());
}

#[test]
fn bad_pages_and_bad_queries_are_refused() {
    let bench = Bench::new();
    for query in ["page=0", "page=x", "page=1&pageSize=1001", "pageSize=0"] {
        let answer = bench.get(&format!("{INVOICES}?{query}"));
        assert_eq!((answer.status, &answer.json()["ErrorNumber"]), (400, &json!(10)), "{query}");
    }
    for query in ["DateTime(2020", "Name==\"x", "a)"] {
        let answer = bench.call(&with(bench.order("GET", INVOICES), "query", json!({"where": query})));
        let problem = answer.json();
        assert_eq!((answer.status, &problem["ErrorNumber"]), (400, &json!(16)), "{query}");
        assert_eq!(problem["Type"], "QueryParseException");
    }
}

#[test]
fn contacts_are_created_and_found() {
    let bench = Bench::new();
    let made =
        post(&bench, CONTACTS, &json!({"Contacts": [{"Name": "Ω <Ltd>", "EmailAddress": "o@example.com"}]}));
    let contact = made.json()["Contacts"][0].clone();
    let id = contact["ContactID"].as_str().unwrap().to_owned();
    assert_eq!(bench.get(&format!("{CONTACTS}/{id}")).json()["Contacts"][0], contact);
    assert_eq!(bench.get(CONTACTS).json()["Contacts"].as_array().unwrap().len(), 13);
    let again = post(&bench, CONTACTS, &json!({"Name": "Ω <Ltd>"}));
    assert_eq!(again.status, 400);
    let message = again.json()["Elements"][0]["ValidationErrors"][0]["Message"].to_string();
    assert!(message.contains("already assigned to another contact"), "{message}");
}

#[test]
fn invoices_are_created_in_json_and_xml() {
    let bench = Bench::new();
    let line = json!({"Description": "Tea", "Quantity": "2", "UnitAmount": 4.25});
    let invoice = json!({"Type": "ACCREC", "Contact": {"Name": "Cobalt Cycles"}, "LineItems": [line]});
    let made = post(&bench, INVOICES, &json!({"Invoices": [invoice]})).json();
    assert_eq!(
        (&made["Invoices"][0]["Total"], &made["Invoices"][0]["InvoiceNumber"]),
        (&json!(8.5), &json!("INV-0251"))
    );
    let xml = "<Invoices><Invoice><Type>ACCPAY</Type><Contact><Name>Granite Gym</Name></Contact><LineItems><LineItem>\
               <Description>Mat</Description><UnitAmount>10.00</UnitAmount></LineItem></LineItems></Invoice></Invoices>";
    let order = with(as_xml(bench.order("PUT", INVOICES)), "body", xml);
    let made = bench.call(&order).body;
    assert!(made.contains("<InvoiceNumber>INV-0252</InvoiceNumber>"), "{made}");
    assert!(made.contains("<LineAmount>10.00</LineAmount>"));
}

#[test]
fn bad_bodies_are_refused_in_the_form_asked_for() {
    let bench = Bench::new();
    let json = post(&bench, INVOICES, &json!({"Type": "ACCREC"}));
    let problem = json.json();
    assert_eq!((json.status, &problem["ErrorNumber"]), (400, &json!(10)));
    assert_eq!(problem["Type"], "ValidationException");
    assert_eq!(problem["Elements"][0]["ValidationErrors"].as_array().unwrap().len(), 2);

    let xml = bench.call(&with(as_xml(bench.order("POST", CONTACTS)), "body", "<Contact>"));
    assert_eq!((xml.status, xml.header("content-type")), (400, "text/xml; charset=utf-8"));
    assert!(xml.body.starts_with("<?xml version=\"1.0\" encoding=\"utf-16\"?><ApiException"), "{}", xml.body);
    assert!(xml.body.contains("<ErrorNumber>10</ErrorNumber><Type>ValidationException</Type>"));
    assert_eq!(xml.header("x-minlimit-remaining"), "58", "a call that fails counts");
}

#[test]
fn nothing_is_created_when_one_record_is_bad() {
    let bench = Bench::new();
    let made = post(&bench, CONTACTS, &json!([{"Name": "Good"}, {"EmailAddress": "no@example.com"}]));
    assert_eq!(made.status, 400);
    assert_eq!(bench.get(CONTACTS).json()["Contacts"].as_array().unwrap().len(), 12);
}

#[test]
fn attachments_are_put_and_listed() {
    let bench = Bench::new();
    let path = format!("{INVOICES}/INV-0003/Attachments");
    let headers = json!({"Content-Type": "application/pdf", "Accept": "application/json"});
    let put = with(bench.order("PUT", &format!("{path}/my%20file.pdf")), "headers", headers);
    let added = bench.call(&with(put, "body", "%PDF-1.4")).json();
    let listed = bench.get(&path).json()["Attachments"].clone();
    assert_eq!(added["Attachments"], listed);
    assert_eq!((&listed[0]["FileName"], &listed[0]["ContentLength"]), (&json!("my file.pdf"), &json!(8)));
    assert_eq!(listed[0]["MimeType"], "application/pdf");
    assert_eq!(bench.get(&format!("{INVOICES}/INV-0003")).json()["Invoices"][0]["HasAttachments"], true);
}

#[test]
fn what_is_not_there() {
    let bench = Bench::new();
    let unknown =
        ["/api.xro/2.0/Contacts/x", "/api.xro/2.0/Invoices/x/Attachments", "/api.xro/2.0/Elsewhere"];
    let orders: Vec<Value> = unknown.iter().map(|path| bench.order("GET", path)).collect();
    for wire in sign(key_pair(), &orders) {
        let text = "The resource you're looking for cannot be found";
        bench.send(&wire).assert_problem(404, text);
    }
    let report = bench.get("/api.xro/2.0/Reports/TrialBalance");
    let text =
        "You are not permitted to access this resource without the reporting role or higher privileges";
    report.assert_problem(401, text);
    let delete = bench.call(&bench.order("DELETE", CONTACTS));
    assert_eq!(delete.status, 501);
    assert!(delete.body.contains("<Type>ApiMethodNotImplementedException</Type>"), "{}", delete.body);
}

/// The numbers of the journals after an offset.
fn journals(bench: &Bench, query: &str) -> Vec<u64> {
    let body = bench.get(&format!("/api.xro/2.0/Journals{query}")).json();
    assert!(body.get("pagination").is_none());
    let journals = body["Journals"].as_array().unwrap();
    journals.iter().map(|journal| journal["JournalNumber"].as_u64().unwrap()).collect()
}

#[test]
fn journals_follow_a_number_a_hundred_at_a_time() {
    let bench = Bench::new();
    let first = journals(&bench, "");
    assert_eq!((first.len(), first[0]), (100, 1));
    assert!(first.is_sorted() && first[99] > 100, "numbers have gaps: {}", first[99]);
    let second = journals(&bench, &format!("?offset={}", first[99]));
    assert!(second.len() < 100 && second[0] > first[99]);
    assert_eq!(journals(&bench, &format!("?offset={}", second[second.len() - 1])), [] as [u64; 0]);
    assert_eq!(journals(&bench, &format!("?offset={}", first[0] - 1)), first);
    let page = bench.get("/api.xro/2.0/Journals").json();
    let lines = page["Journals"][1]["JournalLines"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| line["NetAmount"].as_f64().unwrap()).sum::<f64>(), 0.0);
    assert_eq!(bench.get("/api.xro/2.0/Journals?offset=x").status, 400);
    assert_eq!(bench.get("/api.xro/2.0/Journals/1").status, 404);
}
