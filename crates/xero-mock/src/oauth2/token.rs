//! `POST /connect/token`: the three grants, and the tokens that they give.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Form, NOT_STORED, TokenError, authenticate};
use super::grant::{Grant, Redemption};
use super::scope::{OFFLINE_ACCESS, OPENID};
use super::{AUDIENCE, ISSUER, jwt};
use crate::client_app::{AppType, ClientApp};
use crate::world::World;

const ID_LIFETIME: Duration = Duration::from_secs(5 * 60);

pub(super) fn answer(world: &mut World, headers: &HeaderMap, body: &[u8]) -> Response {
    match tokens(world, headers, body) {
        Ok(tokens) => (NOT_STORED, Json(tokens)).into_response(),
        Err(error) => error.into_response(),
    }
}

fn tokens(world: &mut World, headers: &HeaderMap, body: &[u8]) -> Result<Value, TokenError> {
    let form = Form::read(headers, body)?;
    let app = authenticate(headers, &form, &world.clients)?.clone();
    match (form.value("grant_type"), app.app_type) {
        (Some("client_credentials"), AppType::Custom) => client_credentials(world, &app, &form),
        (Some("authorization_code"), AppType::Web | AppType::Desktop) => code(world, &app, &form),
        (Some("refresh_token"), AppType::Web | AppType::Desktop) => refresh(world, &app, &form),
        (Some("authorization_code" | "refresh_token" | "client_credentials"), _) => {
            Err(TokenError::UnauthorizedClient)
        }
        _ => Err(TokenError::UnsupportedGrantType),
    }
}

fn code(world: &mut World, app: &ClientApp, form: &Form) -> Result<Value, TokenError> {
    let redemption = Redemption {
        code: form.value("code").ok_or(TokenError::InvalidGrant)?,
        client_id: &app.client_id,
        redirect_uri: form.value("redirect_uri"),
        verifier: form.value("code_verifier"),
        now: world.now(),
    };
    let grant = world.identity.grants.redeem(&redemption).ok_or(TokenError::InvalidGrant)?;
    Ok(give(world, grant))
}

fn refresh(world: &mut World, app: &ClientApp, form: &Form) -> Result<Value, TokenError> {
    let (token, now) = (form.value("refresh_token").ok_or(TokenError::InvalidGrant)?, world.now());
    let grant = world.identity.grants.spend(token, &app.client_id, now).ok_or(TokenError::InvalidGrant)?;
    Ok(give(world, grant))
}

/// A fresh pair, and an id token where `openid` was granted.
pub(super) fn give(world: &mut World, grant: Arc<Grant>) -> Value {
    let now = world.now();
    let access_token = jwt::sign(&access_claims(&grant, now, world.access_lifetime));
    let mut answer = json!({});
    if has(&grant, OPENID) {
        answer["id_token"] = jwt::sign(&id_claims(&grant, &access_token, now)).into();
    }
    answer["access_token"] = access_token.into();
    answer["expires_in"] = world.access_lifetime.as_secs().into();
    answer["token_type"] = "Bearer".into();
    let scope = grant.scopes.join(" ");
    if has(&grant, OFFLINE_ACCESS) {
        answer["refresh_token"] = world.identity.grants.issue_refresh_token(grant, now).into();
    }
    answer["scope"] = scope.into();
    answer
}

fn client_credentials(world: &World, app: &ClientApp, form: &Form) -> Result<Value, TokenError> {
    if world.custom_tenant(app).is_none() {
        return Err(TokenError::UnauthorizedClient);
    }
    let mut scopes: Vec<String> =
        form.value("scope").unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() {
        scopes.clone_from(&app.scopes);
    }
    if !scopes.iter().all(|scope| app.scopes.contains(scope)) {
        return Err(TokenError::InvalidScope);
    }
    Ok(json!({
        "access_token": jwt::sign(&client_claims(app, &scopes, world)),
        "expires_in": world.access_lifetime.as_secs(),
        "token_type": "Bearer",
        "scope": scopes.join(" "),
    }))
}

fn access_claims(grant: &Grant, now: SystemTime, lifetime: Duration) -> Value {
    let user = grant.session.user;
    json!({
        "nbf": seconds(now),
        "exp": seconds(now + lifetime),
        "iss": ISSUER,
        "aud": AUDIENCE,
        "client_id": grant.client_id,
        "sub": user.subject(),
        "auth_time": seconds(grant.session.since),
        "xero_userid": user.id(),
        "global_session_id": grant.session.id,
        "jti": Uuid::new_v4().simple().to_string(),
        "authentication_event_id": grant.event,
        "scope": grant.scopes,
    })
}

/// Of a custom connection. That the user is all zeros has one witness; that the others are missing is assumed.
fn client_claims(app: &ClientApp, scopes: &[String], world: &World) -> Value {
    let now = world.now();
    json!({
        "nbf": seconds(now),
        "exp": seconds(now + world.access_lifetime),
        "iss": ISSUER,
        "aud": AUDIENCE,
        "client_id": app.client_id,
        "xero_userid": Uuid::nil(),
        "jti": Uuid::new_v4().simple().to_string(),
        "scope": scopes,
    })
}

fn id_claims(grant: &Grant, access_token: &str, now: SystemTime) -> Value {
    let user = grant.session.user;
    let mut claims = json!({
        "nbf": seconds(now),
        "exp": seconds(now + ID_LIFETIME),
        "iss": ISSUER,
        "aud": grant.client_id,
        "iat": seconds(now),
        "at_hash": jwt::half_hash(access_token),
        "sid": grant.session.id,
        "sub": user.subject(),
        "auth_time": seconds(grant.session.since),
        "xero_userid": user.id(),
        "global_session_id": grant.session.id,
        "preferred_username": user.email,
        "email": user.email,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "name": user.name(),
        "amr": ["pwd"],
        "idp": "local",
    });
    if let Some(nonce) = &grant.nonce {
        claims["nonce"] = nonce.as_str().into();
    }
    claims
}

fn has(grant: &Grant, scope: &str) -> bool {
    grant.scopes.iter().any(|granted| granted == scope)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
