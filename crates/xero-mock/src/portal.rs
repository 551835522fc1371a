//! The developer portal: plain pages and forms on which a person adds and looks after apps.

mod client;
mod client_page;
mod form;
mod page;
mod problem;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use self::form::Fields;
use self::page::{AppPage, Apps, Delete, Landing, Missing, NewApp, ReplaceCertificate};
use crate::app::AppState;
use crate::page::page;
use crate::world::{Shared, World};
use crate::{Certificate, Error};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(landing))
        .route("/myapps", get(apps))
        .route("/myapps/new", get(new_app).post(create_app))
        .route("/myapps/{id}", get(app))
        .route("/myapps/{id}/certificate", get(certificate).post(replace_certificate))
        .route("/myapps/{id}/delete", get(confirm_delete).post(delete_app))
        .route("/myapps/{id}/disconnect", post(disconnect_app))
        .merge(client::routes())
}

async fn landing(State(shared): State<Shared>) -> Response {
    page(StatusCode::OK, &Landing::of(&shared.lock()))
}

async fn apps(State(shared): State<Shared>) -> Response {
    page(StatusCode::OK, &Apps::of(&shared.lock()))
}

async fn new_app(State(shared): State<Shared>) -> Response {
    page(StatusCode::OK, &NewApp::of(&shared.lock(), &Fields::default(), &[]))
}

async fn create_app(State(shared): State<Shared>, request: Request) -> Result<Response, Response> {
    let fields = Fields::read(request).await?;
    let mut world = shared.lock();
    if let Some(app_type) = client::app_type(&fields.text("app-type")) {
        return Ok(client::create(&mut world, app_type, &fields));
    }
    let mut errors = what_is_wrong(&world, &fields);
    if errors.is_empty() {
        match world.add_app(&fields.text("name"), &fields.text("organisation"), fields.certificate()) {
            Ok(app) => return Ok(see(&app.id)),
            Err(error) => errors.push(error),
        }
    }
    Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &NewApp::of(&world, &fields, &errors)))
}

/// All that a person has to mend, in the order of the page.
fn what_is_wrong(world: &World, fields: &Fields) -> Vec<Error> {
    let organisation = world.tenants.find(&fields.text("organisation"));
    let full = organisation.is_some_and(|organisation| world.apps.full(&organisation.id));
    let checks = [
        (fields.text("app-type") != "private").then_some(Error::NotPrivate),
        fields.text("name").is_empty().then_some(Error::NameMissing),
        organisation.is_none().then_some(Error::OrganisationUnknown),
        full.then_some(Error::TooManyApps),
        Certificate::read(fields.certificate(), world.now()).err(),
        fields.text("terms").is_empty().then_some(Error::TermsNotAccepted),
    ];
    checks.into_iter().flatten().collect()
}

async fn app(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let world = shared.lock();
    match (world.apps.by_id(&id), world.clients.by_id(&id)) {
        (Some(app), _) => page(StatusCode::OK, &AppPage::of(&world, app)),
        (None, Some(app)) => client::show(&world, app),
        (None, None) => missing(&world),
    }
}

async fn certificate(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let world = shared.lock();
    match world.apps.by_id(&id) {
        Some(app) => page(StatusCode::OK, &ReplaceCertificate::of(&world, app, &Fields::default(), &[])),
        None => missing(&world),
    }
}

async fn replace_certificate(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Response> {
    let fields = Fields::read(request).await?;
    let mut world = shared.lock();
    let Some(app) = world.apps.by_id(&id).cloned() else {
        return Ok(missing(&world));
    };
    Ok(match world.replace_certificate(&app.consumer_key, fields.certificate()) {
        Ok(()) => see(&id),
        Err(error) => {
            page(StatusCode::UNPROCESSABLE_ENTITY, &ReplaceCertificate::of(&world, &app, &fields, &[error]))
        }
    })
}

async fn confirm_delete(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let world = shared.lock();
    match (world.apps.by_id(&id), world.clients.by_id(&id)) {
        (Some(app), _) => page(StatusCode::OK, &Delete::of(&world, app)),
        (None, Some(app)) => page(StatusCode::OK, &Delete::of_client(&world, app)),
        (None, None) => missing(&world),
    }
}

async fn delete_app(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    if client::delete(&mut shared.lock(), &id) {
        return Redirect::to("/myapps").into_response();
    }
    change_state(&shared, &id, AppState::Deleted).unwrap_or_else(|| Redirect::to("/myapps").into_response())
}

async fn disconnect_app(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    change_state(&shared, &id, AppState::Disconnected).unwrap_or_else(|| see(&id))
}

/// The page to show instead when there is no such app.
fn change_state(shared: &Shared, id: &str, state: AppState) -> Option<Response> {
    let mut world = shared.lock();
    let key = world.apps.by_id(id).map(|app| app.consumer_key.clone());
    let changed = key.is_some_and(|key| world.set_state(&key, state).is_ok());
    (!changed).then(|| missing(&world))
}

fn see(id: &str) -> Response {
    Redirect::to(&format!("/myapps/{id}")).into_response()
}

fn missing(world: &World) -> Response {
    page(StatusCode::NOT_FOUND, &Missing::of(world))
}
