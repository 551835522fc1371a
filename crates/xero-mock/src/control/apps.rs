//! Adds, lists and ends apps of all kinds.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Refused;
use crate::Error;
use crate::app::{AppState, PrivateApp};
use crate::client_app::{AppType, ClientApp, ClientRegistration};
use crate::world::{Shared, World};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/apps", get(apps).post(create))
        .route("/apps/authorise", post(authorise))
        .route("/apps/secret", post(generate_secret))
        .route("/apps/{key}", delete(remove))
        .route("/apps/{key}/certificate", put(replace_certificate).delete(remove_certificate))
        .route("/revoke", post(revoke))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApp {
    #[serde(default)]
    kind: Kind,
    name: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    certificate: String,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    bulk_connections: bool,
    #[serde(default)]
    created_before_march_2026: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Private,
    Web,
    Desktop,
    Custom,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCertificate {
    certificate: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    consumer_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Client {
    pub(super) client_id: String,
}

async fn apps(State(shared): State<Shared>) -> Json<Value> {
    let world = shared.lock();
    let private = world.apps.listed().map(|app| private_value(&world, app));
    Json(private.chain(world.clients.iter().map(client_value)).collect())
}

async fn create(State(shared): State<Shared>, Json(new): Json<NewApp>) -> Result<Response, Refused> {
    let mut world = shared.lock();
    let value = match new.kind {
        Kind::Private => {
            let app = world.add_app(&new.name, &new.organisation, new.certificate.as_bytes())?.clone();
            private_value(&world, &app)
        }
        Kind::Custom => {
            let scopes: Vec<&str> = new.scopes.iter().map(String::as_str).collect();
            client_value(&world.add_custom_app(&new.name, &new.organisation, &scopes)?)
        }
        Kind::Web => client_value(&add_client(&mut world, AppType::Web, new)?),
        Kind::Desktop => client_value(&add_client(&mut world, AppType::Desktop, new)?),
    };
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

fn add_client(world: &mut World, app_type: AppType, new: NewApp) -> Result<ClientApp, Error> {
    let registration = ClientRegistration::new(app_type, &new.name, new.redirect_uris);
    let client_id = world.add_client_app(registration)?.client_id;
    let app = world.clients.change(&client_id)?;
    app.bulk_connections = new.bulk_connections;
    app.created_before_march_2026 = new.created_before_march_2026;
    Ok(app.clone())
}

async fn authorise(State(shared): State<Shared>, Json(client): Json<Client>) -> Result<StatusCode, Refused> {
    let mut world = shared.lock();
    let app = world.clients.find(&client.client_id).ok_or(Error::UnknownApp)?;
    let organisation = app.organisation.clone().ok_or(Error::OrganisationUnknown)?;
    world.authorise_custom_app(&client.client_id, &organisation)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn generate_secret(
    State(shared): State<Shared>,
    Json(client): Json<Client>,
) -> Result<Json<Value>, Refused> {
    let secret = shared.lock().clients.change(&client.client_id)?.generate_secret()?;
    Ok(Json(json!({"client_secret": secret})))
}

async fn remove(State(shared): State<Shared>, Path(key): Path<String>) -> Result<StatusCode, Refused> {
    shared.lock().delete_app(&key)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke(State(shared): State<Shared>, Json(named): Json<Named>) -> Result<StatusCode, Refused> {
    shared.lock().set_state(&named.consumer_key, AppState::Disconnected)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn replace_certificate(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    Json(new): Json<NewCertificate>,
) -> Result<StatusCode, Refused> {
    shared.lock().replace_certificate(&key, new.certificate.as_bytes())?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_certificate(
    State(shared): State<Shared>,
    Path(key): Path<String>,
) -> Result<StatusCode, Refused> {
    shared.lock().apps.change(&key)?.certificate = None;
    Ok(StatusCode::NO_CONTENT)
}

fn private_value(world: &World, app: &PrivateApp) -> Value {
    json!({
        "kind": "private",
        "id": app.id,
        "name": app.name,
        "organisation": app.organisation,
        "organisation_name": world.tenants.name_of(&app.organisation),
        "consumer_key": app.consumer_key,
        "consumer_secret": app.consumer_secret,
        "certificate_sha1": app.certificate.as_ref().map(|certificate| &certificate.sha1_fingerprint),
        "connected": app.state == AppState::Connected,
    })
}

fn client_value(app: &ClientApp) -> Value {
    let kind = match app.app_type {
        AppType::Web => "web",
        AppType::Desktop => "desktop",
        AppType::Custom => "custom",
    };
    json!({
        "kind": kind,
        "id": app.id,
        "name": app.name,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "redirect_uris": app.redirect_uris,
        "scopes": app.scopes,
        "organisation": app.organisation,
        "bulk_connections": app.bulk_connections,
        "created_before_march_2026": app.created_before_march_2026,
    })
}
