//! Xero's limits, shared by processes: two hundred requests by twenty of them, against the mock's real limits and clock.

use std::process::Child;

use serde_json::json;

use crate::programs::{Programs, Run};

const PROCESSES: usize = 20;
/// Of 250 invoices.
const PAGES: usize = 10;

#[test]
fn two_hundred_requests_of_twenty_processes_are_answered_and_none_is_refused() {
    let programs = Programs::start();
    connect(&programs);
    let line = ["request", "GET", "Invoices", "--paginate", "-Q", "pageSize=25", "--max-wait", "600"];
    let running: Vec<Child> = (0..PROCESSES).map(|_| programs.command(&line).spawn().unwrap()).collect();
    for child in running {
        let run = Run::of(child.wait_with_output().unwrap());
        assert_eq!(
            (run.status, run.stdout.matches("\"InvoiceID\"").count()),
            (Some(0), 250),
            "{}",
            run.stderr
        );
    }
    let journal = programs.journal();
    let asked: Vec<_> =
        journal.as_array().unwrap().iter().filter(|entry| entry["path"] == "/api.xro/2.0/Invoices").collect();
    assert_eq!(asked.len(), PROCESSES * PAGES, "each page once");
    let refused = journal.as_array().unwrap().iter().filter(|entry| entry["status"] != 200).count();
    assert_eq!(refused, 0, "{journal:#}");
}

/// The custom connection `acme`.
fn connect(programs: &Programs) {
    programs.ok(&["store", "init", "--key-file", "store.key"]);
    let app = json!({
        "kind": "custom", "name": "Nightly", "organisation": "Maple Florist Ltd",
        "scopes": ["accounting.settings.read", "accounting.invoices.read"],
    });
    let app = programs.order("apps", &app);
    let id = app["client_id"].as_str().unwrap();
    programs.order("apps/authorise", &json!({ "client_id": id }));
    programs.write("secret", app["client_secret"].as_str().unwrap());
    programs.ok(&[
        "connect",
        "acme",
        "--kind",
        "custom",
        "--client-id",
        id,
        "--client-secret-file",
        "secret",
    ]);
}
