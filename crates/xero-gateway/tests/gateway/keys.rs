//! Private apps with two keys, while the portal changes over: the server takes one of them.

use std::sync::Arc;

use connection_store::Limit;
use serde_json::Value;
use xero_gateway::Settings;
use xero_mock::{Fault, RateLimit};

use crate::{
    home::{Home, Open, maple},
    wire::{ByHand, Wire},
};

const PATH: &str = "/c/old/api.xro/2.0/Contacts";
/// Whoever is refused comes again over another connection.
const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 31\r\n\r\n\
    oauth_problem=signature_invalid";
const DONE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

async fn asked(gateway: &Arc<Open>, server: &ByHand) -> (tokio::task::JoinHandle<u16>, Wire) {
    let gateway = Arc::clone(gateway);
    let asking = tokio::spawn(async move {
        let answer = gateway.request("POST", PATH).body("{}").send().await.unwrap();
        answer.status().as_u16()
    });
    let mut xero = server.accept().await;
    xero.until("{}").await;
    (asking, xero)
}

/// Refuses the first signature; the second comes.
async fn refuse(server: &ByHand, xero: &mut Wire) {
    xero.write(REFUSED).await;
    *xero = server.accept().await;
    xero.until("{}").await;
}

/// Each of those who were refused with the first key finds the second one taken.
#[tokio::test(flavor = "multi_thread")]
async fn keys_change_places_once_for_all() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    let [refused, taken] = home.two_keys("old", &server.url());
    let gateway = Arc::new(home.open(Settings::default()).await);
    let (first, mut one) = asked(&gateway, &server).await;
    let (second, mut two) = asked(&gateway, &server).await;
    assert_eq!(home.first_key("old"), refused);
    for xero in [&mut one, &mut two] {
        refuse(&server, xero).await;
    }
    for xero in [&mut one, &mut two] {
        xero.write(DONE).await;
    }
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (200, 200));
    assert_eq!(home.first_key("old"), taken, "and not back again");
}

/// Only a server that has done what was asked has taken the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_trouble_takes_no_key() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    let [refused, _] = home.two_keys("old", &server.url());
    let gateway = Arc::new(home.open(Settings::default()).await);
    let (asking, mut xero) = asked(&gateway, &server).await;
    refuse(&server, &mut xero).await;
    xero.write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(asking.await.unwrap(), 503);
    assert_eq!(home.first_key("old"), refused);
}

/// What was done is told, whatever becomes of the keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_kept_costs_no_answer() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.two_keys("old", &server.url());
    let gateway = Arc::new(home.open(Settings::default()).await);
    let (asking, mut xero) = asked(&gateway, &server).await;
    refuse(&server, &mut xero).await;
    let app = home.store.connection(Some("old")).unwrap().app.id;
    assert!(home.store.forget_second_secret(&app).unwrap());
    xero.write(DONE).await;
    assert_eq!(asking.await.unwrap(), 200);
}

/// A key that is gone while its request is on its way back is not signed with, and nothing is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_has_gone_signs_nothing() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.two_keys("old", &server.url());
    let gateway = Arc::new(home.open(Settings::default()).await);
    let (asking, mut xero) = asked(&gateway, &server).await;
    let app = home.store.connection(Some("old")).unwrap().app.id;
    assert!(home.store.forget_second_secret(&app).unwrap());
    xero.write(REFUSED).await;
    assert_eq!(asking.await.unwrap(), 503);
    Arc::into_inner(gateway).unwrap().stopped().await;
    let pace = home.store.pace(&home.store.connection(Some("old")).unwrap());
    assert_eq!((pace.running, pace.in_minute), (0, 1), "one call was made");
}

/// OAuth 1.0a's limits came with 503, and its long refusals are Xero's own.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_read_as_the_protocol_has_them() {
    let home = Home::new().await;
    home.private("old", Some(maple()));
    let gateway = home.open(Settings::default()).await;
    let long = format!("oauth_problem=nonce_used&oauth_problem_advice={}", "x".repeat(100_000));
    home.mock.fault(Fault::Status(401, long.clone(), "text/html".to_owned()));
    let answer = gateway.get(PATH).await;
    assert_eq!((answer.status().as_u16(), answer.headers().get("xeroctl-gateway")), (401, None));
    assert_eq!(answer.text().await.unwrap(), long);
    home.mock.fault(Fault::RateLimited { problem: RateLimit::Day, retry_after: None });
    assert_eq!(gateway.get(PATH).await.status(), 503);
    let paused = gateway.request("GET", PATH).send().await.unwrap();
    assert_eq!(
        (paused.status().as_u16(), paused.headers()["xeroctl-gateway"].as_bytes()),
        (429, b"error".as_slice())
    );
    let said: Value = paused.json().await.unwrap();
    assert!(said["next"].as_str().unwrap().contains("nothing was sent"), "{said}");
    gateway.stopped().await;
    let pace = home.store.pace(&home.store.connection(Some("old")).unwrap());
    assert_eq!(pace.paused.map(|wait| wait.limit), Some(Limit::Day));
}
