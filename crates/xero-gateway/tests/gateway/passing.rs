//! What passes, and as whose request it comes to Xero.

use serde_json::{Value, json};
use xero_gateway::Settings;
use xero_mock::{Fault, MAPLE_FLORIST};

use crate::home::{Home, client, maple};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_comes_to_xero_as_the_connections_own() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    let answer = gateway
        .request("GET", "/api.xro/2.0/Organisation?summary=true")
        .header("accept", "application/json")
        .header("cookie", "a=b")
        .header("via", "1.1 x")
        .header("connection", "x-mine")
        .header("x-mine", "1")
        .header("xero-tenant-id", MAPLE_FLORIST.id.to_uppercase())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(
        answer.headers().contains_key("x-minlimit-remaining")
            && !answer.headers().contains_key("xeroctl-gateway")
    );
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["Organisations"][0]["Name"], MAPLE_FLORIST.name);
    let journal = home.mock.journal();
    let sent = journal.last().unwrap();
    assert_eq!(
        (sent.path.as_str(), sent.query.as_deref()),
        ("/api.xro/2.0/Organisation", Some("summary=true"))
    );
    assert_eq!(sent.header("xero-tenant-id"), Some(MAPLE_FLORIST.id));
    assert!(sent.header("authorization").is_some_and(|value| !value.contains(gateway.token.expose())));
    for name in ["cookie", "via", "x-mine", "connection", "xeroctl-connection", "forwarded"] {
        assert_eq!(sent.header(name), None, "{name}");
    }
    assert!(sent.header("host").is_some_and(|host| home.mock.url().ends_with(host)));
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_passes_both_ways_and_errors_are_xeros_own() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    let contact = json!({ "Contacts": [{ "Name": "Ada Byron" }] });
    let made =
        gateway.request("POST", "/api.xro/2.0/Contacts").header("accept", "application/json").json(&contact);
    let made: Value = made.send().await.unwrap().json().await.unwrap();
    assert_eq!(made["Contacts"][0]["Name"], "Ada Byron");
    assert_eq!(gateway.get("/api.xro/2.0/Nonsense").await.status(), 404);
    home.mock.fault(Fault::Status(503, "later".to_owned(), "text/plain".to_owned()));
    let answer = gateway.get("/api.xro/2.0/Organisation").await;
    assert_eq!((answer.status().as_u16(), answer.headers().get("xeroctl-gateway")), (503, None));
    assert_eq!(answer.text().await.unwrap(), "later");
    home.mock.fault(Fault::Cut);
    let answer = gateway.get("/api.xro/2.0/Organisation").await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.headers()["xeroctl-gateway"], "error");
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["error"], "Xero broke the connection off");
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_named_by_path_or_header() {
    let home = Home::new().await;
    home.private("old & gold", Some(maple()));
    let gateway = home.open(Settings::default()).await;
    for path in ["/c/old%20&%20gold/api.xro/2.0/Organisation", "/c/OLD%20%26%20GOLD/api.xro/2.0/Organisation"]
    {
        assert_eq!(gateway.get(path).await.status(), 200, "{path}");
        let journal = home.mock.journal();
        assert!(journal.last().unwrap().header("authorization").unwrap().starts_with("OAuth "), "{path}");
    }
    let named =
        gateway.request("GET", "/api.xro/2.0/Organisation").header("xeroctl-connection", "old & gold");
    assert_eq!(named.send().await.unwrap().status(), 200);
    assert!(home.mock.journal().last().unwrap().header("authorization").unwrap().starts_with("OAuth "));
    assert_eq!(gateway.get("/api.xro/2.0/Organisation").await.status(), 200);
    assert!(home.mock.journal().last().unwrap().header("authorization").unwrap().starts_with("Bearer "));
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oauth_2_program_works_over_a_private_app() {
    let home = Home::new().await;
    home.private("old", Some(maple()));
    let gateway =
        home.open(Settings { default_connection: Some("old".to_owned()), ..Settings::default() }).await;
    let tenants: Value = gateway.get("/connections").await.json().await.unwrap();
    assert_eq!(tenants.as_array().unwrap().len(), 1);
    assert_eq!(
        (&tenants[0]["tenantId"], &tenants[0]["tenantName"]),
        (&json!(MAPLE_FLORIST.id), &json!(MAPLE_FLORIST.name))
    );
    assert!(home.seen().is_empty());
    let tenant = tenants[0]["tenantId"].as_str().unwrap();
    let listed = gateway
        .request("GET", "/api.xro/2.0/Contacts?where=Name%3D%3D%22a%20b%22&page=1")
        .header("xero-tenant-id", tenant)
        .send()
        .await
        .unwrap();
    assert_eq!(listed.status(), 200);
    let form = gateway
        .request("POST", "/api.xro/2.0/Contacts")
        .form(&[("xml", "<Contacts><Contact><Name>Ada &amp; Byron</Name></Contact></Contacts>")])
        .send()
        .await
        .unwrap();
    assert_eq!(form.status(), 200, "{}", form.text().await.unwrap());
    let made =
        gateway.request("PUT", "/api.xro/2.0/Contacts").json(&json!({ "Contacts": [{ "Name": "Cleo" }] }));
    assert_eq!(made.send().await.unwrap().status(), 200);
    let journal = home.mock.journal();
    assert!(
        journal.iter().all(|entry| entry.header("xero-tenant-id").is_none() && entry.status == Some(200))
    );
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_organisations_is_the_connections_own() {
    let home = Home::new().await;
    home.private("untested", None);
    let gateway = home.open(Settings::default()).await;
    let tenants: Value = gateway.get("/connections").await.json().await.unwrap();
    assert_eq!(tenants.as_array().unwrap().len(), 1);
    assert_eq!(tenants[0]["tenantId"], MAPLE_FLORIST.id);
    let unknown = gateway.get("/c/untested/connections").await;
    assert_eq!(
        (unknown.status().as_u16(), unknown.headers()["xeroctl-gateway"].as_bytes()),
        (409, b"error".as_slice())
    );
    assert!(unknown.text().await.unwrap().contains("`xeroctl test untested`"));
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_removed_is_served_no_more() {
    let home = Home::new().await;
    let settings = Settings { trust: std::time::Duration::ZERO, ..Settings::default() };
    let gateway = home.open(settings).await;
    assert_eq!(gateway.get("/api.xro/2.0/Organisation").await.status(), 200);
    home.store.rename("acme", "other").unwrap();
    assert_eq!(gateway.get("/c/acme/api.xro/2.0/Organisation").await.status(), 404);
    home.store.remove(&["other".to_owned()]).unwrap();
    let gone = gateway.get("/api.xro/2.0/Organisation").await;
    assert_eq!(gone.status(), 404);
    assert!(gone.text().await.unwrap().contains("Xeroctl-Connection"));
    gateway.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_tell_no_secret() {
    let home = Home::new().await;
    let gateway = home.open(Settings::default()).await;
    assert_eq!(gateway.get("/api.xro/2.0/Organisation").await.status(), 200);
    client().get(gateway.url("/api.xro/2.0/Organisation")).send().await.unwrap();
    let health = client().get(gateway.url("/-/health")).send().await.unwrap();
    assert_eq!(
        (health.status().as_u16(), health.headers()["xeroctl-gateway"].as_bytes()),
        (200, b"own".as_slice())
    );
    assert!(health.text().await.unwrap().contains("\"status\":\"ok\""));
    let metrics = gateway.get("/-/metrics").await.text().await.unwrap();
    for line in [
        "xero_gateway_requests_total{client=\"test\",connection=\"acme\",status=\"200\"} 1",
        "xero_gateway_refused_total{reason=\"token\"} 1",
        "xero_gateway_request_seconds_count{connection=\"acme\"} 1",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(!metrics.contains(gateway.token.expose()));
    gateway.stopped().await;
}
