//! Organisations listed and unlinked with tokens that Xero does not accept at first.

use connection_store::{Connection, Error, Server, Store};
use serde_json::{Value, json};

use crate::{
    home::{Home, consent, under},
    token_server::{Reply, TokenServer},
};

fn connected(store: &Store, server: &Server) -> Connection {
    let made = store.add_authorisation(&consent(server, "refresh-0")).unwrap();
    store.add_connections(&[under(&made, "acme")]).unwrap();
    store.connection(None).unwrap()
}

fn refused(detail: &str) -> Reply {
    Reply::Json(401, json!({ "Title": "Unauthorized", "Status": 401, "Detail": detail }))
}

fn links() -> Value {
    json!([{ "id": "link-1", "tenantId": "1", "tenantName": "Acme" }])
}

/// The access tokens that came, in order; `None` where a refresh token was spent.
fn tokens(server: &TokenServer) -> Vec<Option<String>> {
    server.asked().iter().map(|asked| asked.bearer().map(str::to_owned)).collect()
}

const NOT_ACCEPTED: [&str; 3] = [
    "TokenExpired: token expired at 04/29/2020 09:22:02",
    "TokenInvalidSignature",
    "AuthenticationUnsuccessful",
];

#[tokio::test]
async fn a_token_that_is_not_accepted_is_replaced_once() {
    for detail in NOT_ACCEPTED {
        let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
        let acme = connected(&store, &server.server());
        let next = Reply::tokens("access-1", "refresh-1");
        server.reply([refused(detail), next, Reply::Json(200, links())]);
        // In a task of its own: the call can go from thread to thread.
        let found = tokio::spawn(async move { store.tenant_links_of(&acme).await }).await.unwrap().unwrap();
        assert_eq!(found[0].name.as_deref(), Some("Acme"), "{detail}");
        assert_eq!(tokens(&server), [Some("access-0".into()), None, Some("access-1".into())], "{detail}");
    }
}

#[tokio::test]
async fn so_it_is_when_an_organisation_is_removed() {
    for detail in NOT_ACCEPTED {
        let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
        let acme = connected(&store, &server.server());
        let next = Reply::tokens("access-1", "refresh-1");
        server.reply([Reply::Json(200, links()), refused(detail), next, Reply::Status(204)]);
        assert!(store.remove_tenant_link(&acme).await.unwrap(), "{detail}");
        let came = tokens(&server);
        assert_eq!(came[1..], [Some("access-0".into()), None, Some("access-1".into())], "{detail}");
    }
}

#[tokio::test]
async fn a_second_refusal_and_any_other_is_final() {
    let other = json!({ "Detail": "AuthorizationUnsuccessful" });
    for (replies, asked) in [
        (vec![refused("TokenInvalid"), Reply::tokens("a", "r"), refused("TokenInvalid")], 3),
        (vec![Reply::Json(401, other)], 1),
        (vec![Reply::Status(503)], 1),
    ] {
        let (server, (_home, store)) = (TokenServer::start().await, Home::with_store());
        let acme = connected(&store, &server.server());
        server.reply(replies);
        let failed = store.tenant_links_of(&acme).await.unwrap_err();
        assert!(matches!(failed, Error::Xero { asked: "list the organisations", .. }), "{failed:?}");
        assert_eq!(server.asked().len(), asked);
    }
}
