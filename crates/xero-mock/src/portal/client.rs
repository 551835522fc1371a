//! What a person does with an OAuth 2.0 app: add it, generate its secret, change its redirect URIs, connect it.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;

use super::client_page::ClientPage;
use super::form::Fields;
use super::page::NewApp;
use super::{missing, see};
use crate::Error;
use crate::client_app::{AppType, ClientApp, ClientRegistration};
use crate::page::page;
use crate::user;
use crate::world::{Shared, World};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/myapps/{id}/secret", post(generate_secret))
        .route("/myapps/{id}/redirect-uris", post(save_redirect_uris))
        .route("/myapps/{id}/connect", post(save_and_connect))
}

/// The kind of a radio button's value; none for a private app and for what is no kind.
pub(super) fn app_type(value: &str) -> Option<AppType> {
    match value {
        "web" => Some(AppType::Web),
        "mobile-desktop" => Some(AppType::Desktop),
        "custom" => Some(AppType::Custom),
        _ => None,
    }
}

pub(super) fn create(world: &mut World, app_type: AppType, fields: &Fields) -> Response {
    let registration = ClientRegistration {
        name: fields.text("name"),
        app_type,
        company_url: fields.text("company-url"),
        redirect_uris: if app_type == AppType::Custom { Vec::new() } else { fields.texts("redirect-uri") },
    };
    let mut errors = registration.faults(&world.clients);
    if fields.text("terms").is_empty() {
        errors.push(Error::TermsNotAccepted);
    }
    if errors.is_empty() {
        let now = world.now();
        match world.clients.add(registration, now) {
            Ok(app) => return see(&app.id),
            Err(error) => errors.push(error),
        }
    }
    page(StatusCode::UNPROCESSABLE_ENTITY, &NewApp::of(world, fields, &errors))
}

pub(super) fn show(world: &World, app: &ClientApp) -> Response {
    page(StatusCode::OK, &ClientPage::of(world, app))
}

/// Whether there was such an app.
pub(super) fn delete(world: &mut World, id: &str) -> bool {
    let client_id = world.clients.by_id(id).map(|app| app.client_id.clone());
    client_id.is_some_and(|client_id| world.delete_client(&client_id).is_ok())
}

async fn generate_secret(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let mut world = shared.lock();
    let Some(client_id) = client_id(&world, &id) else {
        return missing(&world);
    };
    let made = world.clients.change(&client_id).and_then(ClientApp::generate_secret);
    let app = world.clients.find(&client_id).expect("the app was found just now");
    match made {
        Ok(secret) => page(StatusCode::OK, &ClientPage::of(&world, app).with_secret(secret)),
        Err(error) => refused(ClientPage::of(&world, app), &[error]),
    }
}

async fn save_redirect_uris(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Response> {
    let fields = Fields::read(request).await?;
    let mut world = shared.lock();
    let Some(client_id) = client_id(&world, &id) else {
        return Ok(missing(&world));
    };
    let mut uris = fields.texts("redirect-uri");
    if let Some(place) = fields.text("remove").parse().ok().filter(|&place: &usize| place < uris.len()) {
        uris.remove(place);
    }
    let saved = world.clients.change(&client_id).and_then(|app| app.save_redirect_uris(uris.clone()));
    let app = world.clients.find(&client_id).expect("the app was found just now");
    Ok(match saved {
        Ok(()) => see(&id),
        Err(error) => refused(ClientPage::of(&world, app).with_redirect_uris(uris), &[error]),
    })
}

async fn save_and_connect(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Response> {
    let fields = Fields::read(request).await?;
    let mut world = shared.lock();
    let Some(client_id) = client_id(&world, &id) else {
        return Ok(missing(&world));
    };
    let (scopes, email) = (fields.texts("scope"), fields.text("authorising-user"));
    let app = world.clients.change(&client_id).expect("the app was found just now");
    let names: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let user = user::by_email(&email).ok_or(Error::UnknownUser);
    let errors: Vec<Error> =
        [app.save_scopes(&names).err(), user.as_ref().err().cloned()].into_iter().flatten().collect();
    if let (Ok(user), true) = (user, errors.is_empty()) {
        app.authorising_user = Some(user.email.to_owned());
        world.end_authorisation(&client_id);
        return Ok(see(&id));
    }
    let app = world.clients.find(&client_id).expect("the app was found just now");
    Ok(refused(ClientPage::of(&world, app).with_connection(scopes, email), &errors))
}

fn client_id(world: &World, id: &str) -> Option<String> {
    world.clients.by_id(id).map(|app| app.client_id.clone())
}

fn refused(shown: ClientPage, errors: &[Error]) -> Response {
    page(StatusCode::UNPROCESSABLE_ENTITY, &shown.with_problems(errors))
}
