//! Tenant links and the organisation.

use xero_auth_oauth2::{AccessToken, ApiProblem, Error};

use crate::odd_server::OddServer;

fn token() -> AccessToken {
    AccessToken::new("at").unwrap()
}

#[tokio::test]
async fn tenant_links() {
    let server = OddServer::json(
        r#"[{"new":{},"tenantName":null,"id":"link-1","tenantId":"tenant-1"},
            {"id":"link-2","authEventId":"e-1","tenantId":"tenant-2","tenantType":"ORGANISATION","tenantName":"Maple",
             "createdDateUtc":"2019-12-07T18:46:19.5165400","updatedDateUtc":"2019-12-07T18:46:19.5187840"}]"#,
    )
    .await;
    let links = server.identity().tenant_links(&token(), Some("e 1")).await.unwrap();
    assert_eq!((links[0].id.as_str(), links[0].tenant_id.as_str()), ("link-1", "tenant-1"));
    assert_eq!((&links[0].name, &links[0].consent, &links[0].created), (&None, &None, &None));
    assert_eq!(links[1].name.as_deref(), Some("Maple"));
    assert_eq!(links[1].tenant_type.as_deref(), Some("ORGANISATION"));
    assert_eq!(links[1].consent.as_deref(), Some("e-1"));
    assert_eq!(links[1].created.as_deref(), Some("2019-12-07T18:46:19.5165400"));
    assert_eq!(links[1].updated.as_deref(), Some("2019-12-07T18:46:19.5187840"));
    assert_eq!(server.identity().tenant_links(&token(), None).await.unwrap().len(), 2);
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /connections?authEventId=e+1 HTTP/1.1\r\n"), "{}", requests[0]);
    assert!(requests[0].contains("authorization: Bearer at\r\n"));
    assert!(requests[1].starts_with("GET /connections HTTP/1.1\r\n"), "{}", requests[1]);
    assert!(!requests[1].contains("xero-tenant-id"));
}

#[tokio::test]
async fn no_links_and_no_list() {
    assert_eq!(OddServer::json("[]").await.identity().tenant_links(&token(), None).await, Ok(vec![]));
    for body in ["", "{}", "<html>", r#"[{"id":"1"}]"#] {
        let answer = OddServer::json(body).await.identity().tenant_links(&token(), None).await;
        assert_eq!(answer, Err(Error::NotXero { status: 200 }), "{body}");
    }
    let expired = OddServer::answering("401 E", "", r#"{"Detail":"TokenExpired: token expired at x"}"#).await;
    let error = expired.identity().tenant_links(&token(), None).await;
    assert_eq!(error, Err(Error::Api(ApiProblem::TokenExpired)));
    let moved = OddServer::answering("302 Found", "Location: /login\r\n", "").await;
    assert_eq!(moved.identity().tenant_links(&token(), None).await, Err(Error::NotXero { status: 302 }));
    let cut = OddServer::sending("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]").await;
    let error = cut.identity().tenant_links(&token(), None).await;
    assert!(matches!(error, Err(Error::Interrupted { .. })), "{error:?}");
}

#[tokio::test]
async fn disconnecting() {
    let server = OddServer::answering("204 No Content", "", "").await;
    assert_eq!(server.identity().delete_tenant_link(&token(), "link-1").await, Ok(true));
    for odd in ["", ".", "..", "a/b", "a?b", "é"] {
        assert_eq!(server.identity().delete_tenant_link(&token(), odd).await, Ok(false), "{odd}");
    }
    assert_eq!(server.requests().len(), 1);
    assert!(server.requests()[0].starts_with("DELETE /connections/link-1 HTTP/1.1\r\n"));
    let gone = OddServer::answering("404 Not Found", "", "<html>").await;
    assert_eq!(gone.identity().delete_tenant_link(&token(), "link-1").await, Ok(false));
    let wrong = OddServer::answering("403 E", "", r#"{"detail":"AuthenticationUnsuccessful"}"#).await;
    let error = wrong.identity().delete_tenant_link(&token(), "tenant-1").await;
    assert_eq!(error, Err(Error::Api(ApiProblem::NotConnected)));
}

#[tokio::test]
async fn the_organisation() {
    let server = OddServer::json(
        r#"{"Id":"x","Status":"OK","Organisations":[{"Name":"Maple Florist","OrganisationID":"o-1","ShortCode":"!mBdtL",
            "IsDemoCompany":true,"CountryCode":"NZ","BaseCurrency":"NZD","PaysTax":true,"Phones":[]}]}"#,
    )
    .await;
    let found = server.identity().organisation(&token(), Some("o-1")).await.unwrap();
    assert_eq!((found.id.as_str(), found.name.as_str(), found.is_demo), ("o-1", "Maple Florist", true));
    assert_eq!(found.short_code.as_deref(), Some("!mBdtL"));
    assert_eq!((found.country_code.as_deref(), found.base_currency.as_deref()), (Some("NZ"), Some("NZD")));
    server.identity().organisation(&token(), None).await.unwrap();
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /api.xro/2.0/Organisation HTTP/1.1\r\n"));
    assert!(
        requests[0].contains("xero-tenant-id: o-1\r\n")
            && requests[0].contains("accept: application/json\r\n")
    );
    assert!(!requests[1].contains("xero-tenant-id"));
    let bad = server.identity().organisation(&token(), Some("o\n1")).await;
    assert_eq!(bad, Err(Error::Api(ApiProblem::NotConnected)));
}

#[tokio::test]
async fn an_organisation_with_little_to_say() {
    let server =
        OddServer::json(r#"{"Organisations":[{"OrganisationID":"o","Name":"N","IsDemoCompany":"x"}]}"#).await;
    let found = server.identity().organisation(&token(), None).await.unwrap();
    assert!(!found.is_demo && found.short_code.is_none() && found.country_code.is_none());
    for body in ["{}", r#"{"Organisations":[]}"#, r#"{"Organisations":[{"Name":"N"}]}"#, "<xml/>"] {
        let answer = OddServer::json(body).await.identity().organisation(&token(), None).await;
        assert_eq!(answer, Err(Error::NotXero { status: 200 }), "{body}");
    }
    let denied = OddServer::answering("401 E", "WWW-Authenticate: insufficent_scope\r\n", "").await;
    let error = denied.identity().organisation(&token(), None).await;
    assert_eq!(error, Err(Error::Api(ApiProblem::MissingScope)));
}
