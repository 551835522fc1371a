//! What a client may do, by its entry, and what none may do where a gateway only reads.

use serde_json::{Value, json};
use xero_gateway::{Clients, GatewayToken, Settings};

use crate::home::{Home, maple};

const POST: (&str, &str) = ("POST", "/api.xro/2.0/Contacts");

#[tokio::test(flavor = "multi_thread")]
async fn reading_is_all_that_a_gateway_for_reading_does() {
    let home = Home::new().await;
    let gateway = home.open(Settings { read_only: true, ..Settings::default() }).await;
    assert_eq!(gateway.get("/api.xro/2.0/Organisation").await.status(), 200);
    home.mock.clear_journal();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = gateway.request(method, POST.1).json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{method}");
        let said: Value = answer.json().await.unwrap();
        assert_eq!(said["error"], "this gateway only reads");
    }
    assert!(home.seen().is_empty());
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_its_limits() {
    let home = Home::new().await;
    home.private("old", Some(maple()));
    let token = GatewayToken::generate().unwrap();
    let file = format!(
        "[[client]]\nname = \"reports\"\nsha256 = \"{}\"\nconnections = [\"Acme\"]\nmethods = [\"GET\"]\n\
         paths = [\"/api.xro/2.0/organisation\", \"/connections\"]\n",
        token.sha256()
    );
    let clients = Clients::read(&file).unwrap();
    let gateway = home
        .open_for(
            Settings { default_connection: Some("old".to_owned()), ..Settings::default() },
            clients,
            token,
        )
        .await;
    // The only connection that the client may use is the one that it means.
    for (method, path, status) in [
        ("GET", "/api.xro/2.0/Organisation", 200),
        ("GET", "/c/acme/api.xro/2.0/Organisation", 200),
        ("GET", "/connections", 200),
        ("GET", "/c/old/api.xro/2.0/Organisation", 403),
        ("GET", "/c/nobody/api.xro/2.0/Organisation", 403),
        ("GET", "/api.xro/2.0/Organisations", 403),
        ("GET", "/api.xro/2.0/Contacts", 403),
        ("PUT", "/api.xro/2.0/Organisation", 403),
        ("GET", "/-/metrics", 403),
    ] {
        let answer = gateway.request(method, path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
    }
    assert_eq!(home.seen().len(), 3);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_connections_that_it_was_opened_for_are_served() {
    let home = Home::new().await;
    home.private("old", Some(maple()));
    let settings = Settings {
        connections: vec!["old".to_owned()],
        default_connection: Some("old".to_owned()),
        ..Settings::default()
    };
    let gateway = home.open(settings).await;
    assert_eq!(gateway.get("/api.xro/2.0/Organisation").await.status(), 200);
    assert_eq!(gateway.get("/c/acme/api.xro/2.0/Organisation").await.status(), 403);
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_their_limit() {
    let home = Home::new().await;
    let gateway = home.open(Settings { max_body: Some(10), ..Settings::default() }).await;
    let send = |body: &str| gateway.request(POST.0, POST.1).body(body.to_owned()).send();
    assert_eq!(send("12345678901").await.unwrap().status(), 413);
    assert!(home.seen().is_empty());
    assert_eq!(send("1234567890").await.unwrap().status(), 400, "Xero's own opinion of it");
    gateway.stopped().await;
}
