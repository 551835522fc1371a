//! Tokens that Xero refuses: renewed once for all, and the request sent again.

use std::{sync::Arc, time::Duration};

use connection_store::{Limit, Told};
use serde_json::{Value, json};
use xero_gateway::Settings;
use xero_mock::{Fault, RateLimit};

use crate::home::{HALF_AN_HOUR, Home, maple};

const OVER: Duration = Duration::from_secs(31 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_clients_with_an_expired_token_cost_one_refresh() {
    let home = Home::new().await;
    home.login("stale", OVER);
    let gateway = Arc::new(home.open(Settings::default()).await);
    let asking: Vec<_> = (0..32)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.get("/c/stale/connections").await.status().as_u16() })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), 200);
    }
    assert_eq!(home.mock.refreshes(), 1);
    let metrics = gateway.get("/-/metrics").await.text().await.unwrap();
    assert!(metrics.contains("xero_gateway_renewals_total{connection=\"stale\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_body_is_sent_again_and_a_long_one_is_the_clients_to_send() {
    let home = Home::new().await;
    home.login("stale", OVER);
    let gateway = home.open(Settings::default()).await;
    let contact = json!({ "Contacts": [{ "Name": "Ada Byron" }] });
    let made = gateway
        .request("POST", "/c/stale/api.xro/2.0/Contacts")
        .header("accept", "application/json")
        .json(&contact);
    let made = made.send().await.unwrap();
    assert_eq!(made.status(), 200);
    let made: Value = made.json().await.unwrap();
    assert_eq!(made["Contacts"][0]["Name"], "Ada Byron");
    assert_eq!(home.seen().iter().filter(|line| *line == "POST /api.xro/2.0/Contacts").count(), 2);
    home.login("stale-too", OVER);
    let long = || {
        gateway.request("POST", "/c/stale-too/api.xro/2.0/Contacts").body("x".repeat(2 * 1024 * 1024)).send()
    };
    assert_eq!(long().await.unwrap().status(), 401, "Xero's own refusal");
    assert_eq!(home.mock.refreshes(), 2);
    assert_eq!(long().await.unwrap().status(), 400, "Xero's own opinion of it, with the new token");
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_no_token_helps_against_costs_none() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    assert_eq!(gateway.get("/files.xro/1.0/Files").await.status(), 404);
    // 401 because a scope is missing.
    let answer = gateway.get("/api.xro/2.0/ManualJournals").await;
    assert_ne!(answer.status(), 200);
    assert_eq!(home.mock.refreshes(), 0);
    let expired = r#"{"Type":null,"Title":"Unauthorized","Status":401,"Detail":"TokenExpired: token expired at 01/01/2026 00:00:00"}"#;
    for _ in 0..6 {
        home.mock.fault(Fault::Status(401, expired.to_owned(), "application/json".to_owned()).on("/api.xro"));
    }
    for _ in 0..3 {
        assert_eq!(
            gateway.get("/api.xro/2.0/Organisation").await.status(),
            401,
            "the new token is refused too"
        );
    }
    assert_eq!(home.mock.refreshes(), 1, "what was renewed in vain is not renewed each time");
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_has_ended_says_so_with_the_next_command() {
    let home = Home::new().await;
    home.login("stale", OVER);
    let app = home.store.connection(Some("stale")).unwrap().app.client_id;
    home.mock.kill_refresh_tokens(&app);
    let gateway = home.open(Settings::default()).await;
    let answer = gateway.get("/c/stale/connections").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["xeroctl-gateway"].as_bytes()),
        (403, b"error".as_slice())
    );
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["next"], "log in again: `xeroctl reauth stale`");
    gateway.stopped().await;
}

/// Commands are shown as a shell takes them, whatever the name.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_quote_is_quoted() {
    let home = Home::new().await;
    home.login("O'Brien & Co", OVER);
    home.private("O'Brien's", None);
    let app = home.store.connection(Some("O'Brien & Co")).unwrap().app.client_id;
    home.mock.kill_refresh_tokens(&app);
    let gateway = home.open(Settings::default()).await;
    for (path, next) in [
        ("/c/O'Brien%20&%20Co/connections", r"log in again: `xeroctl reauth 'O'\''Brien & Co'`"),
        ("/c/O'Brien's/connections", r"`xeroctl test 'O'\''Brien'\''s'` asks Xero and keeps it"),
    ] {
        let said: Value = gateway.get(path).await.json().await.unwrap();
        assert_eq!(said["next"], next);
    }
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_was_refused_is_made_anew() {
    let home = Home::new().await;
    home.private("old", Some(maple()));
    let gateway = home.open(Settings::default()).await;
    let used =
        "oauth_problem=nonce_used&oauth_problem_advice=The%20nonce%20value%20has%20already%20been%20used";
    let form = "text/html; charset=utf-8".to_owned();
    home.mock.fault(Fault::Status(401, used.to_owned(), form));
    assert_eq!(gateway.get("/c/old/api.xro/2.0/Organisation").await.status(), 200);
    let journal = home.mock.journal();
    let signed: Vec<_> = journal.iter().filter_map(|entry| entry.header("authorization")).collect();
    assert!(signed.len() == 2 && signed[0] != signed[1]);
    gateway.stopped().await;
}

/// Five at once and sixty in a minute, for all who use the store: what is too much for a client's patience is not sent.
#[tokio::test(flavor = "multi_thread")]
async fn limits_are_kept_with_all_who_use_the_store() {
    let home = Home::new().await;
    let connection = home.store.connection(Some("acme")).unwrap();
    let gateway = home.open(Settings { max_wait: Duration::ZERO, ..Settings::default() }).await;
    for _ in 0..59 {
        home.store.try_admit(&connection).unwrap().end(&Told::default());
    }
    assert_eq!(gateway.get("/api.xro/2.0/Organisation").await.status(), 200);
    let answer = gateway.get("/api.xro/2.0/Organisation").await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let after: u64 = header("retry-after").parse().unwrap();
    assert_eq!((answer.status().as_u16(), header("xeroctl-gateway").as_str()), (429, "error"));
    assert!((1..=60).contains(&after), "{after}");
    assert_eq!(home.seen().iter().filter(|line| line.ends_with("Organisation")).count(), 1);
    assert_eq!(gateway.get("/connections").await.status(), 200, "which is of no organisation");
    gateway.stopped().await;
}

/// What the server refuses is known to other processes, and the call has ended once its answer was read.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_says_of_limits_is_known_to_all() {
    let home = Home::new().await;
    let connection = home.store.connection(Some("acme")).unwrap();
    let gateway = home.open(Settings::default()).await;
    let wait = Some(Duration::from_secs(600));
    home.mock.fault(Fault::TooManyRequests { problem: RateLimit::Day, retry_after: wait }.on("/api.xro"));
    let answer = gateway.get("/api.xro/2.0/Organisation").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers().get("xeroctl-gateway")),
        (429, None),
        "Xero's own"
    );
    drop(answer.bytes().await.unwrap());
    gateway.stopped().await;
    let pace = home.store.pace(&connection);
    assert_eq!((pace.running, pace.paused.map(|wait| wait.limit)), (0, Some(Limit::Day)));
}

/// A request that stops, and a gateway that stops: neither breaks a refresh off.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_has_begun_is_finished() {
    let home = Home::new().await;
    home.login("stale", OVER);
    home.mock.fault(Fault::DelayReply(Duration::from_millis(300)).on("/connect/token"));
    let gateway = home.open(Settings { grace: Duration::ZERO, ..Settings::default() }).await;
    let before = home.store.connection(Some("stale")).unwrap().authorisation.unwrap().generation();
    let asked = gateway.request("GET", "/c/stale/connections").send();
    let asking = tokio::spawn(asked);
    let mock = &home.mock;
    tokio::task::block_in_place(|| assert!(mock.wait_for_refreshes(1, HALF_AN_HOUR)));
    asking.abort();
    gateway.stopped().await;
    home.store.settled().await;
    let after = home.store.connection(Some("stale")).unwrap().authorisation.unwrap();
    assert!(after.generation() > before && after.needs_login.is_none());
    assert_eq!(home.mock.refreshes(), 1);
}
