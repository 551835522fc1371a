//! Faults: each kind, how often, for which path; and the journal of them.

use std::error::Error as _;
use std::io::Read as _;
use std::thread;
use std::time::Duration;

use reqwest::Method;
use xero_mock::Fault;

use super::support::{Answered as _, Bench};

const CONTACTS: &str = "/api.xro/2.0/Contacts";

#[test]
fn cut_closes_without_an_answer() {
    let bench = Bench::new();
    bench.mock.fault(Fault::Cut.times(2).on("/API.xro/"));
    for _ in 0..2 {
        let wire = bench.sign(&bench.order("GET", CONTACTS));
        let error = bench.try_send(&wire).unwrap_err();
        assert!(error.is_request(), "{error:?}");
    }
    assert_eq!(bench.get(CONTACTS).status, 200);
    let statuses: Vec<Option<u16>> = bench.mock.journal().iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [None, None, Some(200)]);
}

#[test]
fn cut_after_bytes_sends_the_head_and_part_of_the_body() {
    let bench = Bench::new();
    bench.mock.fault(Fault::CutAfterBytes(10));
    let response = bench.try_send(&bench.sign(&bench.order("GET", CONTACTS))).unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 100);
    let error = response.bytes().unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?} {:?}", error.source());
    assert_eq!(bench.get(CONTACTS).status, 200);
}

#[test]
fn slow_holds_back_its_own_answer_only() {
    let bench = Bench::new();
    bench.mock.fault(Fault::Slow(Duration::from_secs(3600)).on("/myapps/new"));
    let url = bench.url("/myapps/new");
    let waiting =
        thread::spawn(move || reqwest::blocking::Client::builder().timeout(None).build()?.get(url).send());
    while bench.mock.journal().is_empty() {
        thread::yield_now();
    }
    assert_eq!(bench.get(CONTACTS).status, 200);
    let statuses: Vec<Option<u16>> = bench.mock.journal().iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [None, Some(200)]);
    drop(bench);
    assert!(waiting.join().unwrap().is_err(), "the mock's end closes connections that wait");
}

#[test]
fn status_and_html_answer_in_place_of_xero() {
    let bench = Bench::new();
    bench.mock.fault(Fault::Status(418, "{\"tea\":1}".to_owned(), "application/json".to_owned()));
    bench.mock.fault(Fault::Html(502));
    let teapot = bench.get(CONTACTS);
    assert_eq!((teapot.status, teapot.body.as_str()), (418, "{\"tea\":1}"));
    assert_eq!(teapot.header("content-type"), "application/json");
    let proxy = bench.get(CONTACTS);
    assert_eq!((proxy.status, proxy.header("content-type")), (502, "text/html"));
    assert!(proxy.body.contains("<h1>502 Bad Gateway</h1>"));
    assert_eq!(bench.get(CONTACTS).status, 200);
}

#[test]
fn faults_wait_for_their_path_and_spare_the_controls() {
    let bench = Bench::new();
    bench.mock.fault(Fault::Html(503).on("/myapps"));
    bench.mock.fault(Fault::Html(502).on("/_mock"));
    assert_eq!(bench.get(CONTACTS).status, 200);
    assert_eq!(bench.plain(Method::GET, "/_mock/clock").answered().status, 200);
    assert_eq!(bench.plain(Method::GET, "/myapps").answered().status, 503);
    assert_eq!(bench.plain(Method::GET, "/myapps").answered().status, 200);
}

#[test]
fn cleared_faults_do_not_come() {
    let bench = Bench::new();
    bench.mock.fault(Fault::Cut.times(100));
    bench.mock.clear_faults();
    assert_eq!(bench.get(CONTACTS).status, 200);
}

#[test]
fn the_journal_keeps_requests_as_received() {
    let bench = Bench::new();
    let wire = bench.sign(&bench.order("GET", "/api.xro/2.0/Invoices?page=1"));
    bench.send(&wire);
    let journal = bench.mock.journal();
    let entry = &journal[0];
    assert_eq!((entry.method.as_str(), entry.path.as_str()), ("GET", "/api.xro/2.0/Invoices"));
    assert_eq!((entry.query.as_deref(), entry.status, entry.problem), (Some("page=1"), Some(200), None));
    assert_eq!(entry.header("authorization"), wire.headers.get("Authorization").map(String::as_str));
    assert!(entry.time <= bench.mock.now());
    bench.mock.reset();
    assert!(bench.mock.journal().is_empty());
    assert!(bench.mock.app(&bench.app.consumer_key).is_none());
}

#[test]
fn halt_sends_a_part_and_the_rest_later() {
    let bench = Bench::new();
    bench.mock.fault(Fault::Halt("abcdef".to_owned(), 4, Duration::ZERO));
    bench.mock.fault(Fault::Halt("abc".to_owned(), 9, Duration::ZERO));
    for whole in ["abcdef", "abc"] {
        let response = bench.try_send(&bench.sign(&bench.order("GET", CONTACTS))).unwrap();
        assert_eq!(response.content_length(), Some(whole.len() as u64));
        assert_eq!(response.text().unwrap(), whole);
    }
    bench.mock.fault(Fault::Halt("abcdef".to_owned(), 4, Duration::from_secs(3600)));
    let mut response = bench.try_send(&bench.sign(&bench.order("GET", CONTACTS))).unwrap();
    let mut first = [0; 4];
    response.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"abcd");
}
