//! Requests that wait for their turn: for how long, by whose authority they go on, and what is left of those who go away.

use std::time::Duration;

use connection_store::{AT_ONCE, Connection, Limit, Told};
use reqwest::Response;
use tokio::task::JoinHandle;
use xero_gateway::{Authority, Settings, StoreAuthority};

use crate::{
    home::{Home, Open, PATIENCE, maple},
    wire::{ByHand, Wire},
};

const PATH: &str = "/c/by-hand/api.xro/2.0/Invoices";
/// The next comes over another connection.
const DONE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndone";

/// A gateway that sends one request at once, the one that is with the server, and one that waits for its end.
struct Queue {
    home: Home,
    server: ByHand,
    gateway: Open,
    xero: Wire,
    asking: [JoinHandle<reqwest::Result<Response>>; 2],
}

impl Queue {
    async fn new() -> Self {
        let (home, server) = (Home::new().await, ByHand::new().await);
        home.connect_to("by-hand", &server.url(), Some(maple()));
        let settings = Settings { at_once: 1, trust: Duration::ZERO, ..Settings::default() };
        let gateway = home.open(settings).await;
        let first = tokio::spawn(gateway.request("GET", PATH).send());
        let mut xero = server.accept().await;
        xero.until("\r\n\r\n").await;
        let second = tokio::spawn(gateway.request("GET", PATH).send());
        gateway.waiting(1).await;
        Self { home, server, gateway, xero, asking: [first, second] }
    }

    /// The first ends; the answer to the second.
    async fn go_on(&mut self) -> Response {
        self.xero.write(DONE).await;
        let [first, second] = &mut self.asking;
        assert_eq!(first.await.unwrap().unwrap().text().await.unwrap(), "done");
        second.await.unwrap().unwrap()
    }
}

fn connection(home: &Home, name: &str) -> Connection {
    home.store.connection(Some(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_than_may_be_with_xero_waits() {
    let Queue { server, mut xero, gateway, asking: [first, second], home: _home } = Queue::new().await;
    xero.write(DONE).await;
    assert_eq!(first.await.unwrap().unwrap().text().await.unwrap(), "done");
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(second.await.unwrap().unwrap().status(), 204);
    gateway.waiting(0).await;
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_he_may() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.connect_to("by-hand", &server.url(), Some(maple()));
    let gateway = home.open(Settings { at_once: 1, max_wait: Duration::ZERO, ..Settings::default() }).await;
    let first = tokio::spawn(gateway.request("GET", PATH).send());
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    let answer = gateway.get(PATH).await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap();
    assert_eq!(
        (answer.status().as_u16(), header("xeroctl-gateway"), header("retry-after")),
        (429, "error", "1")
    );
    assert!(answer.text().await.unwrap().contains("nothing was sent"));
    xero.write(DONE).await;
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_removed_meanwhile_is_not_served() {
    let mut queue = Queue::new().await;
    let removed = connection(&queue.home, "by-hand");
    queue.home.store.remove(&["by-hand".to_owned()]).unwrap();
    let refused = queue.go_on().await;
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["xeroctl-gateway"].as_bytes()),
        (404, b"error".as_slice())
    );
    queue.gateway.stopped().await;
    let pace = queue.home.store.pace(&removed);
    assert_eq!((pace.running, pace.in_minute), (0, 1), "what was not sent does not count");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_another_organisations_meanwhile_is_not_served() {
    let mut queue = Queue::new().await;
    let other = connection_store::Organisation { id: "0".repeat(36), ..maple() };
    queue.home.store.remove(&["by-hand".to_owned()]).unwrap();
    queue.home.connect_to("by-hand", &queue.server.url(), Some(other));
    let refused = queue.go_on().await;
    assert_eq!(refused.status(), 409);
    let said = refused.text().await.unwrap();
    assert!(said.contains("changed while the request waited") && said.contains("nothing was sent"), "{said}");
    queue.gateway.stopped().await;
    let pace = queue.home.store.pace(&connection(&queue.home, "by-hand"));
    assert_eq!((pace.running, pace.in_minute), (0, 0), "what was not sent does not count");
}

/// A client that gives up and comes again leaves nothing behind that takes its turn.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_waits_no_more_and_counts_nowhere() {
    let home = Home::new().await;
    let acme = connection(&home, "acme");
    let gateway = home.open(Settings::default()).await;
    let running: Vec<_> = (0..AT_ONCE).map(|_| home.store.try_admit(&acme).unwrap()).collect();
    let mut client = Wire::to(gateway.address).await;
    client.write(format!("{}\r\n", gateway.head("GET", "/api.xro/2.0/Organisation"))).await;
    gateway.waiting(1).await;
    drop(client);
    gateway.waiting(0).await;
    running.into_iter().for_each(connection_store::Call::withdraw);
    gateway.stopped().await;
    let pace = home.store.pace(&acme);
    assert_eq!((pace.running, pace.in_minute), (0, 0));
    assert!(home.seen().is_empty());
}

/// A gateway ends while somebody waits for a limit.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_holds_no_gateway_up() {
    let home = Home::new().await;
    let acme = connection(&home, "acme");
    let gateway = home.open(Settings { grace: Duration::ZERO, ..Settings::default() }).await;
    let told = Told { minute_left: Some(0), refused: None };
    home.store.try_admit(&acme).unwrap().end(&told);
    let asking = tokio::spawn(gateway.request("GET", "/api.xro/2.0/Organisation").send());
    gateway.waiting(1).await;
    tokio::time::timeout(PATIENCE, gateway.stopped()).await.expect("it ends");
    assert!(asking.await.unwrap().is_err(), "broken off");
    assert!(home.seen().is_empty());
}

/// What the head of an answer says is known to all before its body has come.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_limits_is_told_at_once() {
    let (home, server) = (Home::new().await, ByHand::new().await);
    home.connect_to("by-hand", &server.url(), Some(maple()));
    let gateway = home.open(Settings::default()).await;
    let asking = tokio::spawn(gateway.request("GET", PATH).send());
    let mut xero = server.accept().await;
    xero.until("\r\n\r\n").await;
    xero.write("HTTP/1.1 200 OK\r\nX-MinLimit-Remaining: 0\r\nContent-Length: 4\r\n\r\n").await;
    let answer = asking.await.unwrap().unwrap();
    let by_hand = connection(&home, "by-hand");
    let told = async {
        while home.store.pace(&by_hand).in_minute < connection_store::A_MINUTE {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("it is known to all");
    assert_eq!(home.store.pace(&by_hand).running, 1, "and the call goes on");
    assert_eq!(home.store.try_admit(&by_hand).unwrap_err().limit, Limit::Minute);
    xero.write("done").await;
    assert_eq!(answer.text().await.unwrap(), "done");
    gateway.stopped().await;
    assert_eq!(home.store.pace(&by_hand).running, 0);
}

/// Whoever holds the counters' file holds up no request that has ended.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_call_waits_for_no_file() {
    let home = Home::new().await;
    let acme = connection(&home, "acme");
    let authority = StoreAuthority::new(home.store.clone());
    let mut call = authority.admit("acme", Duration::ZERO).await.unwrap();
    call.sent();
    let calls = rusqlite::Connection::open(home.path("connections.db-calls")).unwrap();
    calls.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(call);
    calls.execute_batch("ROLLBACK").unwrap();
    drop(authority);
    let pace = home.store.pace(&acme);
    assert_eq!((pace.running, pace.in_minute), (0, 1), "it was noted when the file was free");
}
