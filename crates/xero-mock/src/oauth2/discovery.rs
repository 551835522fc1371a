//! The documents that name the endpoints and the signing key, and the user information endpoint.

use axum::Json;
use axum::http::header::{HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::bearer::Caller;
use super::problem::problem;
use super::scope::OPENID;
use super::{ISSUER, jwt};
use crate::world::World;

/// At `/.well-known/openid-configuration`. The issuer is Xero's own, as in the tokens.
pub(super) fn identity_document(headers: &HeaderMap) -> Response {
    let at = |path: &str| address(headers, path);
    document(json!({
        "issuer": ISSUER,
        "authorization_endpoint": at("/identity/connect/authorize"),
        "token_endpoint": at("/connect/token"),
        "userinfo_endpoint": at("/connect/userinfo"),
        "revocation_endpoint": at("/connect/revocation"),
        "jwks_uri": at("/.well-known/openid-configuration/jwks"),
    }))
}

/// At `/identity/.well-known/openid-configuration`, which is another host's at Xero.
pub(super) fn login_document(headers: &HeaderMap) -> Response {
    let at = |path: &str| address(headers, path);
    document(json!({
        "issuer": ISSUER,
        "authorization_endpoint": at("/identity/connect/authorize"),
        "token_endpoint": at("/identity/connect/token"),
        "userinfo_endpoint": at("/identity/connect/userinfo"),
        "jwks_uri": at("/.well-known/openid-configuration/jwks"),
    }))
}

pub(super) fn key_set() -> Response {
    Json(jwt::key_set()).into_response()
}

/// OpenID Connect Core section 5.3.
pub(super) fn user_information(world: &World, headers: &HeaderMap) -> Response {
    let caller = match Caller::read(world, headers) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let Some(user) = caller.user.filter(|_| caller.has_one_of(&[OPENID])) else {
        // Assumed.
        let mut refused = problem(StatusCode::FORBIDDEN, "AuthorizationUnsuccessful");
        let challenge = "Bearer error=\"insufficient_scope\"".parse().expect("the text is ASCII");
        refused.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        return refused;
    };
    let claims = json!({
        "sub": user.subject(),
        "xero_userid": user.id(),
        "name": user.name(),
        "preferred_username": user.email,
        "email": user.email,
        "given_name": user.given_name,
        "family_name": user.family_name,
    });
    Json(claims).into_response()
}

fn document(mut endpoints: Value) -> Response {
    endpoints["token_endpoint_auth_methods_supported"] = json!(["client_secret_basic", "client_secret_post"]);
    endpoints["id_token_signing_alg_values_supported"] = json!(["RS256"]);
    let types = ["code", "token", "id_token", "code id_token", "code token", "code id_token token"];
    endpoints["response_types_supported"] = json!(types);
    endpoints["subject_types_supported"] = json!(["public"]);
    Json(endpoints).into_response()
}

/// An address under the name that the caller used for the mock.
fn address(headers: &HeaderMap, path: &str) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    format!("http://{host}{path}")
}
