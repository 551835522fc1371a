//! Connections that are cut on the wire: in the head, in the body, while the request is sent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use xero_mock::Fault;

use super::rig::{Rig, assert_error};
use super::support::Answered as _;

/// What comes back to these bytes until the connection ends.
fn answer_to(rig: &Rig, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(rig.mock.url().trim_start_matches("http://")).unwrap();
    // The mock may close before all of it is sent.
    drop(stream.write_all(request));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    answer
}

fn page(rig: &Rig) -> Vec<u8> {
    answer_to(rig, b"GET /connect/userinfo HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n\r\n")
}

#[test]
fn an_answer_is_cut_after_any_byte_of_it() {
    let rig = Rig::web();
    rig.mock.set_time(rig.mock.now());
    let whole = page(&rig);
    assert!(whole.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&whole));
    for bytes in [0, 1, 5, 20, whole.len() - 1] {
        rig.mock.fault(Fault::CutAfterWireBytes(bytes).on("/connect"));
        let cut = page(&rig);
        assert_eq!(cut.len(), bytes);
        // The rest differs in its date and its correlation id.
        assert_eq!(cut[..bytes.min(20)], whole[..bytes.min(20)]);
    }
    assert_eq!(page(&rig).len(), whole.len());
}

#[test]
fn a_refresh_whose_answer_is_cut_was_done() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    rig.mock.rotation(xero_mock::Rotation::Strict);
    let order = json!({"fault": "cut_after_wire_bytes", "bytes": 40, "path": "/connect/token"});
    assert_eq!(rig.request(Method::POST, "/_mock/faults").json(&order).answered().status, 204);
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    let request = rig.request(Method::POST, "/connect/token").form(&form);
    let secret = rig.app.client_secret.as_deref().unwrap();
    assert!(request.basic_auth(&rig.app.client_id, Some(form_encoded(secret))).send().is_err());
    assert_eq!((rig.mock.refreshes(), rig.mock.is_refresh_token_alive(&token)), (1, false));
    assert_error(&rig.refresh(&token), "invalid_grant");
}

fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[test]
fn a_connection_that_hangs_up_has_asked_nothing() {
    let rig = Rig::web();
    let token = rig.refresh_token();
    rig.mock.clear_journal();
    for bytes in [0, 30] {
        let order = json!({"fault": "hang_up_after_bytes", "bytes": bytes, "path": "/elsewhere"});
        // The control's own connection is there already.
        assert_eq!(rig.request(Method::POST, "/_mock/faults").json(&order).answered().status, 204);
        assert_eq!(page(&rig), b"");
    }
    assert!(rig.mock.journal().is_empty());
    assert_eq!(rig.mock.refreshes(), 0);
    assert_eq!(rig.refresh(&token).status, 200);
}

#[test]
fn faults_of_connections_and_of_requests_wait_for_their_own() {
    let rig = Rig::web();
    let warm = rig.get("/connect/userinfo");
    assert_eq!(warm.status, 401);
    rig.mock.fault(Fault::HangUpAfterBytes(0).times(2));
    rig.mock.fault(Fault::Html(504));
    assert_eq!(rig.get("/connect/userinfo").status, 504, "the open connection goes on");
    assert_eq!((page(&rig), page(&rig)), (Vec::new(), Vec::new()));
    assert!(page(&rig).starts_with(b"HTTP/1.1 401 "));
}

#[test]
fn a_mock_without_connections_is_settled() {
    let mock = xero_mock::Mock::start_blocking().unwrap();
    assert!(mock.settle(Duration::from_secs(60)));
    let idle = TcpStream::connect(mock.url().trim_start_matches("http://")).unwrap();
    assert!(!mock.settle(Duration::ZERO), "one is open");
    drop(idle);
    let mut left = TcpStream::connect(mock.url().trim_start_matches("http://")).unwrap();
    left.write_all(b"GET /connect/userinfo HTTP/1.1\r\nHost: mock\r\n\r\n").unwrap();
    drop(left);
    assert!(mock.settle(Duration::from_secs(60)));
    assert_eq!(mock.journal().len(), 1, "it was left behind, and is done");
    mock.reset();
    assert!(mock.settle(Duration::from_secs(60)));
}
