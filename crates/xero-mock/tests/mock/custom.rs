//! Custom connections: client credentials, one organisation, no person.

use reqwest::Method;
use serde_json::json;
use xero_mock::{DEMO_COMPANY, Error, HEXAGON_TOOLS, MAPLE_FLORIST, Mock, NIHON_SHOJI};

use super::rig::{ORGANISATION, Rig, assert_api_problem, assert_error, claims, text};

const SCOPES: [&str; 2] = ["accounting.settings", "accounting.contacts.read"];
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[test]
fn a_token_without_a_person_acts_for_the_one_organisation() {
    let rig = Rig::custom(&SCOPES);
    let answer = rig.token(&[GRANT]);
    let tokens = answer.json();
    let names: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(names, ["access_token", "expires_in", "token_type", "scope"]);
    assert_eq!((&tokens["scope"], &tokens["expires_in"]), (&json!(SCOPES.join(" ")), &json!(1800)));
    let token = text(&tokens["access_token"]);
    for tenant in ["", DEMO_COMPANY.id] {
        assert_eq!(rig.call(Method::GET, ORGANISATION, &token, tenant).status, 200, "{tenant:?}");
    }
    let empty = rig.call_ready(Method::GET, ORGANISATION, &token, "").header("xero-tenant-id", "");
    assert_eq!(empty.send().unwrap().status(), 200);
    let other = rig.call(Method::GET, ORGANISATION, &token, MAPLE_FLORIST.id);
    assert_api_problem(&other, 403, "AuthenticationUnsuccessful");
    assert_eq!(rig.connections(&token)[0]["tenantId"], DEMO_COMPANY.id);
    let said = claims(&tokens["access_token"]);
    assert_eq!(said["xero_userid"], "00000000-0000-0000-0000-000000000000");
    assert_eq!((&said["client_id"], &said["scope"]), (&json!(rig.app.client_id), &json!(SCOPES)));
}

#[test]
fn fewer_scopes_can_be_asked_for_and_others_are_refused_with_a_description() {
    let rig = Rig::custom(&SCOPES);
    let narrow = rig.token(&[GRANT, ("scope", "accounting.settings")]).json();
    assert_eq!(narrow["scope"], "accounting.settings");
    let contacts = "/api.xro/2.0/Contacts";
    let refused = rig.call(Method::GET, contacts, &text(&narrow["access_token"]), "");
    assert_api_problem(&refused, 401, "AuthorizationUnsuccessful");
    for scope in ["accounting.contacts", "accounting.transactions", "openid", "offline_access"] {
        let answer = rig.token(&[GRANT, ("scope", scope)]);
        let body = "{\"error\":\"invalid_scope\",\"error_description\":\"Client credentials scope validation failed\"}";
        assert_eq!((answer.status, answer.body.as_str()), (400, body), "{scope}");
    }
}

#[test]
fn before_the_user_authorised_it_there_is_no_token() {
    let rig = Rig::with(|mock| mock.create_custom_app("Till", HEXAGON_TOOLS.name, &SCOPES).unwrap());
    assert_error(&rig.token(&[GRANT]), "unauthorized_client");
    rig.mock.authorise_custom_app(&rig.app.client_id).unwrap();
    let tokens = rig.token(&[GRANT]).json();
    assert_eq!(rig.organisation(&tokens, HEXAGON_TOOLS.id).status, 200);
    rig.mock.disconnect(&rig.app.client_id, HEXAGON_TOOLS.id).unwrap();
    assert_api_problem(&rig.organisation(&tokens, HEXAGON_TOOLS.id), 403, "AuthenticationUnsuccessful");
    assert_error(&rig.token(&[GRANT]), "unauthorized_client");
    for grant in ["authorization_code", "refresh_token"] {
        assert_error(&rig.token(&[("grant_type", grant)]), "unauthorized_client");
    }
}

#[test]
fn the_demo_companys_reset_ends_it_until_it_is_authorised_again() {
    let rig = Rig::custom(&SCOPES);
    rig.mock.reset_demo_company();
    assert_error(&rig.token(&[GRANT]), "unauthorized_client");
    assert_eq!(rig.mock.authorise_custom_app(&rig.app.client_id), Err(Error::OrganisationUnknown));
}

#[test]
fn what_cannot_be_a_custom_connection() {
    let mock = Mock::start_blocking().unwrap();
    let refused = |organisation: &str, scopes: &[&str]| {
        mock.create_custom_app("Till", organisation, scopes).map(|app| app.name).unwrap_err()
    };
    assert_eq!(refused(NIHON_SHOJI.id, &SCOPES), Error::NoCustomConnections);
    assert_eq!(refused("Nowhere", &SCOPES), Error::OrganisationUnknown);
    assert_eq!(refused(DEMO_COMPANY.id, &[]), Error::NoScopes);
    for scope in ["openid", "offline_access", "accounting.transactions", "nonsense"] {
        assert_eq!(refused(DEMO_COMPANY.id, &[scope]), Error::ScopeNotOffered { scope: scope.to_owned() });
    }
    let web = mock.create_web_app("Till", &["https://zynk.com/"]).unwrap();
    assert_eq!(mock.authorise_custom_app(&web.client_id), Err(Error::NotCustom));
    assert_eq!(mock.authorise_custom_app("nobody"), Err(Error::UnknownApp));
}
