//! Consents, and what Xero's side does to tokens and tenant links.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Refused;
use super::apps::Client;
use crate::oauth2::{self, Consent, Decision, MintedTokens, Rotation};
use crate::world::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/consent", post(consent))
        .route("/tokens", post(mint))
        .route("/refreshes", get(refreshes))
        .route("/access-lifetime", post(access_lifetime))
        .route("/rotation", post(rotation))
        .route("/disconnect", post(disconnect))
        .route("/refresh-tokens", delete(kill_refresh_tokens))
        .route("/demo-company/reset", post(reset_demo_company))
        .route("/cap", post(connection_cap))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentOrder {
    url: String,
    email: Option<String>,
    #[serde(default)]
    organisations: Vec<String>,
    #[serde(default)]
    decision: DecisionName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenOrder {
    client_id: String,
    scopes: String,
    email: Option<String>,
    #[serde(default)]
    organisations: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifetime {
    seconds: u64,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DecisionName {
    #[default]
    Allow,
    Cancel,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationOrder {
    mode: RotationName,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RotationName {
    Grace,
    Strict,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disconnection {
    client_id: String,
    organisation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cap {
    cap: Option<usize>,
}

async fn consent(State(shared): State<Shared>, Json(order): Json<ConsentOrder>) -> Response {
    let decision = match order.decision {
        DecisionName::Allow => Decision::Allow,
        DecisionName::Cancel => Decision::Cancel,
    };
    let consent = by(order.email, order.organisations, decision);
    match oauth2::consent(&mut shared.lock(), &order.url, &consent) {
        Ok(location) => Json(json!({"location": location})).into_response(),
        Err(error) => unprocessable(&error),
    }
}

async fn mint(State(shared): State<Shared>, Json(order): Json<TokenOrder>) -> Response {
    let consent = by(order.email, order.organisations, Decision::Allow);
    match oauth2::mint(&mut shared.lock(), &order.client_id, &order.scopes, &consent) {
        Ok(tokens) => {
            let MintedTokens { access_token, refresh_token } = tokens;
            Json(json!({"access_token": access_token, "refresh_token": refresh_token})).into_response()
        }
        Err(error) => unprocessable(&error),
    }
}

/// The consent of a user, Ada if nobody is named.
fn by(email: Option<String>, organisations: Vec<String>, decision: Decision) -> Consent {
    let consent = Consent { organisations, decision, ..Consent::allow(&[]) };
    email.into_iter().fold(consent, |consent, email| consent.by(&email))
}

fn unprocessable(error: &str) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": error}))).into_response()
}

async fn refreshes(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({"refreshes": shared.lock().identity.grants.refreshes()}))
}

async fn access_lifetime(State(shared): State<Shared>, Json(order): Json<Lifetime>) -> StatusCode {
    shared.lock().access_lifetime = Duration::from_secs(order.seconds);
    StatusCode::NO_CONTENT
}

async fn rotation(State(shared): State<Shared>, Json(order): Json<RotationOrder>) -> StatusCode {
    shared.lock().identity.grants.rotation = match order.mode {
        RotationName::Grace => Rotation::Grace,
        RotationName::Strict => Rotation::Strict,
    };
    StatusCode::NO_CONTENT
}

async fn disconnect(
    State(shared): State<Shared>,
    Json(order): Json<Disconnection>,
) -> Result<StatusCode, Refused> {
    shared.lock().disconnect(&order.client_id, &order.organisation)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn kill_refresh_tokens(State(shared): State<Shared>, Json(client): Json<Client>) -> StatusCode {
    shared.lock().identity.grants.kill(|grant| grant.client_id == client.client_id);
    StatusCode::NO_CONTENT
}

async fn reset_demo_company(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({"id": shared.lock().reset_demo_company()}))
}

async fn connection_cap(State(shared): State<Shared>, Json(order): Json<Cap>) -> StatusCode {
    shared.lock().identity.connection_cap = order.cap;
    StatusCode::NO_CONTENT
}
