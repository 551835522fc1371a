//! `/connections`: the list, its dates, the filter, and how a link is removed.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use xero_mock::{Consent, DEMO_COMPANY, HEXAGON_TOOLS, MAPLE_FLORIST, ORGANISATIONS};

use super::rig::{Rig, SCOPES, assert_api_problem, claims, text};

fn tenants(connections: &Value) -> Vec<String> {
    connections.as_array().unwrap().iter().map(|link| text(&link["tenantId"])).collect()
}

fn delete(rig: &Rig, token: &str, id: &str) -> super::support::Answer {
    rig.call(Method::DELETE, &format!("/connections/{id}"), token, "")
}

#[test]
fn a_link_has_xeros_fields() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    let answer = rig.call(Method::GET, "/Connections/", &text(&tokens["access_token"]), "");
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let list = answer.json();
    let link = &list[0];
    let names: Vec<&String> = link.as_object().unwrap().keys().collect();
    let expected =
        ["id", "authEventId", "tenantId", "tenantType", "tenantName", "createdDateUtc", "updatedDateUtc"];
    assert_eq!(names, expected);
    assert_eq!(
        (&link["tenantId"], &link["tenantName"]),
        (&json!(DEMO_COMPANY.id), &json!(DEMO_COMPANY.name))
    );
    assert_eq!(link["tenantType"], "ORGANISATION");
    assert_eq!(link["authEventId"], claims(&tokens["access_token"])["authentication_event_id"]);
    let (created, updated) = (text(&link["createdDateUtc"]), text(&link["updatedDateUtc"]));
    assert_eq!((created.len(), created.split_once('.').unwrap().1.len()), (27, 7), "{created}");
    assert_eq!(created, updated);
}

#[test]
fn the_list_holds_all_that_the_user_connected_to_the_app_and_the_filter_one_consent() {
    let rig = Rig::web();
    rig.demo_tokens();
    rig.tokens(SCOPES, &Consent::allow(&[MAPLE_FLORIST.id]).by("ben@example.com"));
    let tokens = rig.tokens(SCOPES, &Consent::allow(&[HEXAGON_TOOLS.name]));
    let token = text(&tokens["access_token"]);
    assert_eq!(tenants(&rig.connections(&token)), [DEMO_COMPANY.id, HEXAGON_TOOLS.id]);
    let event = text(&claims(&tokens["access_token"])["authentication_event_id"]);
    let filtered = |event: &str| {
        tenants(&rig.call(Method::GET, &format!("/connections?authEventId={event}"), &token, "").json())
    };
    assert_eq!(filtered(&event), [HEXAGON_TOOLS.id]);
    assert_eq!(filtered("00000000-0000-0000-0000-000000000000"), Vec::<String>::new());
    assert_eq!(rig.organisation(&tokens, DEMO_COMPANY.id).status, 200, "tokens are the user's with the app");
    assert_eq!(rig.organisation(&tokens, MAPLE_FLORIST.id).status, 403, "Ben's link is not Ada's");
}

#[test]
fn a_link_is_deleted_by_its_own_id() {
    let rig = Rig::web();
    let token = text(&rig.demo_tokens()["access_token"]);
    let link = rig.connections(&token)[0].clone();
    for mistaken in ["tenantId", "authEventId"] {
        assert_api_problem(&delete(&rig, &token, &text(&link[mistaken])), 403, "AuthenticationUnsuccessful");
    }
    assert_eq!(delete(&rig, &token, "11111111-1111-4111-8111-111111111111").status, 404);
    let ben = rig.tokens(SCOPES, &Consent::allow(&[MAPLE_FLORIST.id]).by("ben@example.com"));
    let id = text(&link["id"]);
    assert_eq!(delete(&rig, &text(&ben["access_token"]), &id).status, 404, "not his to delete");
    let gone = delete(&rig, &token, &id);
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert_eq!(delete(&rig, &token, &id).status, 404);
    assert_eq!(rig.connections(&token), json!([]));
    assert_eq!(rig.call(Method::POST, "/connections", &token, "").status, 405);
}

#[test]
fn connecting_again_keeps_the_first_date_and_renews_the_other() {
    let rig = Rig::web();
    let token = text(&rig.demo_tokens()["access_token"]);
    let first = rig.connections(&token)[0].clone();
    rig.mock.advance(Duration::from_secs(60));
    let renewed = text(&rig.demo_tokens()["access_token"]);
    let second = rig.connections(&renewed)[0].clone();
    assert_eq!((&first["id"], &first["createdDateUtc"]), (&second["id"], &second["createdDateUtc"]));
    assert_ne!(first["updatedDateUtc"], second["updatedDateUtc"]);
    assert_ne!(first["authEventId"], second["authEventId"]);
    rig.mock.disconnect(&rig.app.client_id, DEMO_COMPANY.id).unwrap();
    rig.mock.advance(Duration::from_secs(60));
    let third = rig.connections(&text(&rig.demo_tokens()["access_token"]))[0].clone();
    assert_eq!(first["createdDateUtc"], third["createdDateUtc"]);
    assert_ne!(second["updatedDateUtc"], third["updatedDateUtc"]);
}

#[test]
fn bulk_apps_connect_several_in_one_consent() {
    let rig = Rig::web();
    let all: Vec<&str> = ORGANISATIONS.iter().map(|organisation| organisation.id).collect();
    let consent = Consent::allow(&all);
    let url = rig.authorize_url(SCOPES, &[]);
    let refused = rig.mock.consent(&url, &consent).unwrap_err();
    assert_eq!(refused, "This app connects one organisation at a time. Choose one.");
    rig.mock.bulk_connections(&rig.app.client_id, true).unwrap();
    let off = rig.authorize_url(SCOPES, &[("acr_values", "bulk_connect:false")]);
    assert_eq!(rig.mock.consent(&off, &consent).unwrap_err(), refused);
    let token = text(&rig.tokens(SCOPES, &consent)["access_token"]);
    let list = rig.connections(&token);
    assert_eq!(tenants(&list), all);
    assert!(list.as_array().unwrap().iter().all(|link| link["authEventId"] == list[0]["authEventId"]));
}

#[test]
fn the_cap_counts_the_apps_links() {
    let rig = Rig::web();
    rig.mock.connection_cap(Some(1));
    let token = text(&rig.demo_tokens()["access_token"]);
    let capped = "access_denied : The app has as many connections as its plan allows";
    let url = rig.authorize_url(SCOPES, &[]);
    assert_eq!(rig.mock.consent(&url, &Consent::allow(&[MAPLE_FLORIST.id])), Err(capped.to_owned()));
    assert_eq!(tenants(&rig.connections(&token)), [DEMO_COMPANY.id]);
    rig.demo_tokens();
    let ben = Consent::allow(&[MAPLE_FLORIST.id]).by("ben@example.com");
    assert_eq!(rig.mock.consent(&url, &ben), Err(capped.to_owned()), "over all users");
    delete(&rig, &token, &text(&rig.connections(&token)[0]["id"]));
    assert!(rig.mock.consent(&url, &ben).is_ok());
    rig.mock.connection_cap(None);
    rig.demo_tokens();
}

#[test]
fn who_chooses_what_is_not_theirs_or_nothing_gets_no_code() {
    let rig = Rig::web();
    let url = rig.authorize_url(SCOPES, &[]);
    let said = |consent: Consent| rig.mock.consent(&url, &consent).unwrap_err();
    assert_eq!(
        said(Consent::allow(&[DEMO_COMPANY.id]).by("ben@example.com")),
        "Choose one of your organisations."
    );
    assert_eq!(said(Consent::allow(&["Nowhere Ltd"])), "Choose one of your organisations.");
    assert_eq!(said(Consent::allow(&[])), "Choose an organisation.");
    assert_eq!(said(Consent::allow(&[]).by("eve@example.com")), "nobody has this e-mail address");
    let cleo = rig.tokens(SCOPES, &Consent::allow(&[]).by("cleo@example.com"));
    assert_eq!(rig.connections(&text(&cleo["access_token"])), json!([]));
    let signs_in = rig.tokens("openid", &Consent::allow(&[]));
    assert_eq!(rig.connections(&text(&signs_in["access_token"])), json!([]));
    rig.demo_tokens();
    let goes_on = rig.tokens(SCOPES, &Consent::allow(&[]));
    assert_eq!(tenants(&rig.connections(&text(&goes_on["access_token"]))), [DEMO_COMPANY.id]);
}
