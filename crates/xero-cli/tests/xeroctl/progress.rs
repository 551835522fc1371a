//! What a person at a terminal sees of a long download and of many pages, and what everybody else does not.

use std::time::Duration;

use xero_mock::Fault;

use crate::{sandbox::Sandbox, terminal::CTRL_C};

/// Longer than any test.
const HOURS: Duration = Duration::from_secs(24 * 3600);
const BIG: usize = 3 * 1024 * 1024;
const DOWNLOAD: [&str; 7] = ["request", "GET", "Organisation", "-o", "answer", "--timeout", "3600"];
const ALL_PAGES: [&str; 7] = ["request", "GET", "Invoices", "--paginate", "-o", "all.json", "--force"];

/// A home whose next answer has this many bytes, half of which come after the pause.
fn home(bytes: usize, pause: Duration) -> Sandbox {
    let home = Sandbox::connected();
    home.mock().fault(Fault::Halt("x".repeat(bytes), bytes / 2, pause).on("/api.xro/2.0/Organisation"));
    home
}

#[test]
fn a_long_answer_is_seen_to_come() {
    let home = home(BIG, HOURS);
    let mut terminal = home.terminal(&DOWNLOAD);
    terminal.expect("1.50 MiB of 3.00 MiB").keys(CTRL_C);
    assert_eq!(terminal.finish().0, 130);
    assert!(!home.path("answer").exists());
}

#[test]
fn a_short_answer_that_takes_long_too() {
    let home = home(1000, HOURS);
    let mut terminal = home.terminal(&DOWNLOAD);
    terminal.expect("500 B of 1000 B").keys(CTRL_C);
    assert_eq!(terminal.finish().0, 130);
}

#[test]
fn what_was_shown_is_taken_away() {
    let home = home(BIG, Duration::ZERO);
    let mut terminal = home.terminal(&DOWNLOAD);
    let (status, screen) = terminal.wait();
    assert_eq!((status, screen.as_str()), (0, "3145728 bytes written to answer"));
    assert!(terminal.came > screen.len() + 64, "something was shown: {} bytes", terminal.came);
}

#[test]
fn many_pages_are_counted() {
    let home = Sandbox::connected();
    let pages = home.terminal(&[&ALL_PAGES[..], &["-Q", "pageSize=10"]].concat());
    let (status, screen) = pages.finish();
    assert_eq!(
        (status, screen.contains("25 pages."), screen.contains("records")),
        (0, true, false),
        "{screen}"
    );
    // The second of its pages never comes.
    home.mock().fault(Fault::Halt(page(), 0, Duration::ZERO).on("/api.xro/2.0/Invoices"));
    home.mock().fault(Fault::Slow(HOURS).on("/api.xro/2.0/Invoices"));
    let mut terminal = home.terminal(&[&ALL_PAGES[..], &["--timeout", "3600"]].concat());
    terminal.expect("Fetching pages: 1 of 7, with 2 records").keys(CTRL_C);
    assert_eq!(terminal.finish().0, 130);
}

fn page() -> String {
    serde_json::json!({ "Invoices": [{ "InvoiceID": "1" }, { "InvoiceID": "2" }], "pagination": { "pageCount": 7 } })
        .to_string()
}

#[test]
fn nobody_else_sees_anything_of_it() {
    for more in [&["--quiet"][..], &["--quiet", "--json"]] {
        let home = home(BIG, Duration::ZERO);
        let mut terminal = home.terminal(&[&DOWNLOAD[..], more].concat());
        let (status, screen) = terminal.wait();
        assert_eq!(status, 0, "{screen}");
        let document = if more.contains(&"--json") { "\"bytes\": 3145728" } else { "" };
        assert!(
            screen.contains(document) && terminal.came <= screen.len() + 64,
            "{} {screen}",
            terminal.came
        );
    }
    let home = home(BIG, Duration::ZERO);
    for arguments in [&DOWNLOAD[..], &[&ALL_PAGES[..], &["-Q", "pageSize=10"]].concat()] {
        let said = home.ok(arguments).raw.1;
        assert!(said.contains(" bytes written to "), "{said}");
        assert!(!said.contains(['\r', '\u{1b}']) && !said.contains("Fetching"), "{said}");
    }
}

#[test]
fn lines_go_above_what_is_shown() {
    let home = Sandbox::connected();
    home.mock().fault(Fault::Halt(page(), 0, Duration::ZERO).on("/api.xro/2.0/Invoices"));
    home.mock().fault(Fault::Html(502).on("/api.xro/2.0/Invoices"));
    home.mock().fault(Fault::Slow(HOURS).on("/api.xro/2.0/Invoices"));
    let mut terminal = home.terminal(&[&ALL_PAGES[..], &["--timeout", "3600"]].concat());
    terminal.expect("Once more.").expect("Fetching pages: 1 of 7");
    let screen = terminal.text();
    let line = screen.lines().find(|line| line.contains("Once more.")).unwrap();
    assert_eq!(line, "Xero's server is in trouble (status 502). Once more.", "{screen}");
    terminal.keys(CTRL_C);
    assert_eq!(terminal.finish().0, 130);
}
