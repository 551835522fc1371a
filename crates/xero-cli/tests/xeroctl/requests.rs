//! `xeroctl request` and `xeroctl sign`.

use std::fs;

use xero_mock::Fault;

use crate::sandbox::{BINARY, Sandbox, transcript};

#[test]
fn an_organisation_and_invoices() {
    let home = Sandbox::connected();
    let organisation = home.ok(&["request", "GET", "Organisation"]);
    assert!(
        organisation.stdout.contains("\"Name\":\"Maple Florist Ltd\"")
            || organisation.stdout.contains("\"Name\": \"Maple Florist Ltd\""),
        "{}",
        organisation.stdout
    );
    let page = home.ok(&["request", "get", "Invoices?page=2&pageSize=3", "--json"]);
    let page: serde_json::Value = serde_json::from_str(&page.stdout).unwrap();
    assert_eq!(page["status"], 200);
    assert_eq!(page["body"]["Invoices"].as_array().unwrap().len(), 3);
    let where_ = home.ok(&[
        "request",
        "GET",
        "/api.xro/2.0/Contacts?where=Name==%22Caf%C3%A9%20%26%20Co+1~*'!%22&order=Name+DESC",
    ]);
    assert!(where_.stdout.contains("Contacts"), "{}", where_.stdout);
}

#[test]
fn xml_headers_and_a_file() {
    let home = Sandbox::connected();
    let run = home.ok(&["request", "-i", "-H", "Accept: application/xml", "GET", "Organisation"]);
    assert!(run.stdout.starts_with("HTTP 200 OK\n"), "{}", run.stdout);
    assert!(run.stdout.contains("<Name>Maple Florist Ltd</Name>"), "{}", run.stdout);
    let saved = home.ok(&["request", "-o", "organisation.json", "GET", "Organisation"]);
    assert_eq!(saved.stdout, "");
    let body: serde_json::Value =
        serde_json::from_slice(&fs::read(home.path("organisation.json")).unwrap()).unwrap();
    assert_eq!(body["Organisations"][0]["Name"], "Maple Florist Ltd");
    let again = home.run(&["request", "-o", "organisation.json", "GET", "Organisation"]);
    assert_eq!(
        (again.status, home.mock().journal().len()),
        (1, home.mock().journal().len()),
        "{}",
        again.text()
    );
    home.ok(&["request", "-o", "organisation.json", "--force", "GET", "Organisation"]);
}

#[test]
fn bodies_from_a_file_and_from_standard_input() {
    let home = Sandbox::connected();
    home.write("contact.json", r#"{"Contacts":[{"Name":"A+B & C"}]}"#);
    let made = home.ok(&["request", "POST", "Contacts", "-d", "@contact.json"]);
    assert!(made.stdout.contains("A+B & C"), "{}", made.stdout);
    let xml = "xml=%3CContact%3E%3CName%3EFrom%20a%20form%3C%2FName%3E%3C%2FContact%3E";
    let arguments =
        ["request", "POST", "Contacts", "-d", "-", "-H", "Content-Type: application/x-www-form-urlencoded"];
    let made = home.run_with(&arguments, xml);
    assert_eq!(made.status, 0, "{}", made.text());
    assert!(made.stdout.contains("From a form"), "{}", made.stdout);
}

#[test]
fn an_attachment_with_a_space_in_its_name() {
    let home = Sandbox::connected();
    let invoices = home.ok(&["request", "GET", "Invoices?page=1&pageSize=1", "--json"]);
    let invoices: serde_json::Value = serde_json::from_str(&invoices.stdout).unwrap();
    let id = invoices["body"]["Invoices"][0]["InvoiceID"].as_str().unwrap().to_owned();
    home.write("my file.pdf", "%PDF-1.4 not really");
    let path = format!("Invoices/{id}/Attachments/my%20file.pdf");
    let put =
        home.ok(&["request", "PUT", &path, "-d", "@my file.pdf", "-H", "Content-Type: application/pdf"]);
    assert!(put.stdout.contains("my file.pdf"), "{}", put.stdout);
}

#[test]
fn what_the_server_refuses_is_explained() {
    let home = Sandbox::connected();
    home.write("bad.json", "{\"Contacts\":[{}]}");
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["request", "GET", "Invoices/00000000-0000-0000-0000-000000000000"],
            &["request", "GET", "Nothing"],
            &["request", "POST", "Contacts", "-d", "@bad.json", "--json"],
        ]
    ));
}

#[cfg(target_os = "linux")]
#[test]
fn a_refusal_that_cannot_be_shown_is_one_all_the_same() {
    let home = Sandbox::connected();
    let script = format!("{BINARY:?} request GET Nothing > /dev/full");
    let output = home.command("sh").args(["-c", &script]).output().unwrap();
    let refused = home.finish("request GET Nothing > /dev/full", &output);
    let shown = home.run(&["request", "GET", "Nothing"]);
    assert_eq!((refused.status, &refused.stderr), (6, &shown.stderr), "{}", refused.text());
}

#[test]
fn json_with_a_file_and_with_a_refusal() {
    let home = Sandbox::connected();
    let saved = home.ok(&["--json", "request", "GET", "Organisation", "-o", "organisation.json"]);
    let document: serde_json::Value = serde_json::from_str(&saved.stdout).unwrap();
    let written = fs::read(home.path("organisation.json")).unwrap();
    assert_eq!(
        (&document["output"], &document["bytes"]),
        (&"organisation.json".into(), &written.len().into())
    );
    // A refusal longer than any error of Xero's own comes whole.
    let body = format!(
        "{{\"ErrorNumber\":10,\"Type\":\"ValidationException\",\"Message\":\"{}\"}}",
        "x".repeat(200_000)
    );
    home.mock().fault(Fault::Status(400, body.clone(), "application/json".to_owned()));
    let refused = home.run(&["request", "GET", "Invoices"]);
    assert_eq!((refused.stdout.trim_end(), refused.status), (body.as_str(), 6));
    home.mock().fault(Fault::Status(400, body.clone(), "application/json".to_owned()));
    let refused = home.run(&["--json", "request", "GET", "Invoices"]);
    let document: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(document["error"]["status"], 400);
    assert_eq!(document["error"]["body"], serde_json::from_str::<serde_json::Value>(&body).unwrap());
}

#[test]
fn a_signature_for_another_program() {
    let home = Sandbox::connected();
    let signed = home.run(&["sign", "GET", "Organisation", "--base-string"]);
    assert!(signed.stdout.starts_with("GET&http%3A%2F%2F"), "{}", signed.stdout);
    insta::assert_snapshot!(home.run(&["sign", "GET", "Organisation"]).text());
    let json: serde_json::Value =
        serde_json::from_str(&home.ok(&["sign", "GET", "Organisation", "--json"]).stdout).unwrap();
    assert_eq!(json["header"]["name"], "Authorization");
}

#[test]
fn a_printed_signature_is_accepted_once() {
    let home = Sandbox::connected();
    let output = home.command(BINARY).args(["sign", "GET", "Organisation"]).output().unwrap();
    let header = String::from_utf8(output.stdout).unwrap();
    let value = header.trim().strip_prefix("Authorization: ").unwrap().to_owned();
    let url = format!("{}/api.xro/2.0/Organisation", home.mock().url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let send = || {
        runtime.block_on(async {
            reqwest::Client::new().get(&url).header("Authorization", &value).send().await.unwrap().status()
        })
    };
    assert_eq!((send().as_u16(), send().as_u16()), (200, 401), "the second time the nonce is used");
}

#[test]
fn a_used_nonce_is_answered_with_a_fresh_signature() {
    let home = Sandbox::connected();
    let body =
        "oauth_problem=nonce_used&oauth_problem_advice=The%20nonce%20value%20has%20already%20been%20used";
    home.mock().fault(Fault::Status(401, body.to_owned(), "text/html; charset=utf-8".to_owned()));
    let before = home.mock().journal().len();
    home.ok(&["test", "acme"]);
    let journal = home.mock().journal();
    let sent: Vec<_> = journal[before..].iter().map(|entry| entry.status).collect();
    assert_eq!(sent, [Some(401), Some(200)]);
}
