//! Discovery, the key set and user information; PyJWT verifies what the mock signs.

use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use xero_mock::{Consent, DEMO_COMPANY};

use super::rig::{Rig, assert_api_problem, text};
use super::support::python;

/// What `verify.py` says of a token.
fn verify(rig: &Rig, token: &str, audience: &str) -> Value {
    let document = rig.get("/.well-known/openid-configuration").json();
    let path = text(&document["jwks_uri"]).strip_prefix(rig.mock.url()).unwrap().to_owned();
    let keys = rig.get(&path).json();
    let order = json!({"token": token, "keys": keys, "audience": audience, "issuer": document["issuer"]});
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mock/verify.py");
    let started = Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = started.expect("python3 is missing: `cargo xtask test` installs it");
    write!(child.stdin.take().unwrap(), "{order}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "verify.py failed: `cargo xtask test` installs python3-jwt");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn pyjwt_verifies_both_tokens_with_the_published_key() {
    let rig = Rig::web();
    let tokens = rig.demo_tokens();
    let access = verify(&rig, &text(&tokens["access_token"]), "https://identity.xero.com/resources");
    assert_eq!(access["header"]["alg"], "RS256");
    assert_eq!(access["header"]["typ"], "JWT");
    assert_eq!(text(&access["header"]["kid"]).len(), 40);
    assert_eq!(access["claims"]["client_id"], rig.app.client_id);
    let id = verify(&rig, &text(&tokens["id_token"]), &rig.app.client_id);
    assert_eq!(id["claims"]["name"], "Ada Byron");
    let forged = format!("{}A", text(&tokens["access_token"]).replace(".ey", ".eY"));
    let refused = verify(&rig, &forged, "https://identity.xero.com/resources");
    assert!(refused.get("claims").is_none() && refused.get("refused").is_some(), "{refused}");
}

#[test]
fn both_documents_name_what_answers() {
    let rig = Rig::web();
    let identity = rig.get("/.well-known/openid-configuration").json();
    let at = |path: &str| json!(format!("{}{path}", rig.mock.url()));
    assert_eq!(identity["issuer"], "https://identity.xero.com");
    assert_eq!(identity["authorization_endpoint"], at("/identity/connect/authorize"));
    assert_eq!(identity["token_endpoint"], at("/connect/token"));
    assert_eq!(identity["userinfo_endpoint"], at("/connect/userinfo"));
    assert_eq!(identity["revocation_endpoint"], at("/connect/revocation"));
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    assert_eq!(identity["token_endpoint_auth_methods_supported"], methods);
    assert_eq!(identity["id_token_signing_alg_values_supported"], json!(["RS256"]));
    let login = rig.get("/identity/.well-known/openid-configuration").json();
    assert_eq!((&login["issuer"], login.get("revocation_endpoint")), (&identity["issuer"], None));
    assert_eq!(login["token_endpoint"], at("/identity/connect/token"));
    assert_eq!(rig.get("/identity/connect/token").status, 405, "it is there");
}

#[test]
fn user_information_needs_openid() {
    let rig = Rig::web();
    let token = text(&rig.demo_tokens()["access_token"]);
    let user = rig.call(Method::GET, "/connect/userinfo", &token, "").json();
    assert_eq!((&user["name"], &user["email"]), (&json!("Ada Byron"), &json!("ada@example.com")));
    assert_eq!(user.as_object().unwrap().len(), 7);
    let plain = rig.tokens("accounting.contacts", &Consent::allow(&[DEMO_COMPANY.id]));
    let refused = rig.call(Method::GET, "/connect/userinfo", &text(&plain["access_token"]), "");
    assert_api_problem(&refused, 403, "AuthorizationUnsuccessful");
    assert_eq!(rig.get("/connect/userinfo").status, 401);
}
