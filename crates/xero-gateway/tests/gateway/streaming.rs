//! Bodies pass in pieces, as they come, in both directions, however long they are.

use std::time::Duration;

use xero_gateway::Settings;

use crate::{
    home::{Home, maple},
    wire::{ByHand, Wire},
};

const MEGABYTE: usize = 1024 * 1024;
const FILES: &str = "/c/by-hand/files.xro/1.0/Files";

async fn by_hand() -> (Home, ByHand) {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.connect_to("by-hand", &server.url(), Some(maple()));
    (home, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_piece_goes_on_before_the_next_has_come() {
    let (home, server) = by_hand().await;
    let gateway = home.open(Settings::default()).await;
    let mut client = Wire::to(gateway.address).await;
    client
        .write(format!("{}Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n", gateway.head("POST", FILES)))
        .await;
    let mut xero = server.accept().await;
    let head = xero.until("first").await;
    assert!(head.starts_with("POST /files.xro/1.0/Files HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("authorization: bearer access-marker"), "{head}");
    client.write("6\r\nsecond\r\n0\r\n\r\n").await;
    xero.until("second\r\n0\r\n\r\n").await;
    xero.write(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n3\r\none\r\n",
    )
    .await;
    let answer = client.until("one").await;
    assert!(!answer.to_ascii_lowercase().contains("x-hop"), "{answer}");
    xero.write("3\r\ntwo\r\n0\r\n\r\n").await;
    client.until("two\r\n0\r\n\r\n").await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_bodies_pass_whole() {
    let (home, server) = by_hand().await;
    let gateway = home.open(Settings::default()).await;
    let long = || vec![b'x'; 64 * MEGABYTE];
    let sending = tokio::spawn(gateway.request("PUT", FILES).body(long()).send());
    let mut xero = server.accept().await;
    let head = xero.until("\r\n\r\n").await;
    assert!(head.to_ascii_lowercase().contains(&format!("content-length: {}\r\n", 64 * MEGABYTE)), "{head}");
    let had = head.split("\r\n\r\n").nth(1).unwrap().len();
    xero.skip(64 * MEGABYTE - had).await;
    let writing = tokio::spawn(async move {
        xero.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 * MEGABYTE)).await;
        xero.write(long()).await;
        xero
    });
    let answer = sending.await.unwrap().unwrap();
    assert_eq!(answer.bytes().await.unwrap().len(), 64 * MEGABYTE);
    drop(writing.await.unwrap());
    gateway.stopped().await;
}

/// A client that takes nothing makes the server wait, and nothing is piled up in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_stops_the_flow() {
    let (home, server) = by_hand().await;
    let stall = Duration::from_millis(500);
    let gateway = home.open(Settings { idle: stall, stall, ..Settings::default() }).await;
    let mut client = Wire::to(gateway.address).await;
    client.write(format!("{}\r\n", gateway.head("GET", FILES))).await;
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1024 * MEGABYTE)).await;
    let written = xero.pour(1024 * MEGABYTE).await;
    assert!(written < 64 * MEGABYTE, "{written} bytes were taken for nobody");
    drop(client);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    let (home, server) = by_hand().await;
    let gateway = home.open(Settings::default()).await;
    let asking = tokio::spawn(gateway.request("GET", FILES).send());
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    let answer = asking.await.unwrap().unwrap();
    drop(xero);
    assert!(answer.bytes().await.is_err());
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_frees_its_place() {
    let (home, server) = by_hand().await;
    let gateway = home.open(Settings { at_once: 1, ..Settings::default() }).await;
    let mut client = Wire::to(gateway.address).await;
    client.write(format!("{}\r\n", gateway.head("GET", FILES))).await;
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    drop(client);
    assert_eq!(xero.rest().await, "", "the request at Xero ends with it");
    let next = tokio::spawn(gateway.request("GET", FILES).send());
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(next.await.unwrap().unwrap().status(), 204);
    gateway.stopped().await;
}

/// Connections are kept for the next request, also after an answer that took longer; one that Xero closed is not used again.
/// On one thread, where a connection is kept before the client has the end of the answer.
#[tokio::test]
async fn connections_to_xero_are_kept_until_it_closes_them() {
    let (home, server) = by_hand().await;
    let gateway = home.open(Settings::default()).await;
    let ask = || tokio::spawn(gateway.request("GET", FILES).send());
    let first = ask();
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha").await;
    let answer = first.await.unwrap().unwrap();
    xero.write("lf").await;
    assert_eq!(answer.text().await.unwrap(), "half");
    let second = ask();
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(second.await.unwrap().unwrap().text().await.unwrap(), "ok");
    drop(xero);
    let third = ask();
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(third.await.unwrap().unwrap().text().await.unwrap(), "ok");
    let fourth = ask();
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(fourth.await.unwrap().unwrap().status(), 204);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn xero_may_take_its_time_but_not_for_ever() {
    let (home, server) = by_hand().await;
    let settings = Settings { answer: Duration::from_millis(200), ..Settings::default() };
    let gateway = home.open(settings).await;
    let asking = tokio::spawn(gateway.request("GET", FILES).send());
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    let answer = asking.await.unwrap().unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["xeroctl-gateway"].as_bytes()),
        (504, b"error".as_slice())
    );
    gateway.stopped().await;
}
