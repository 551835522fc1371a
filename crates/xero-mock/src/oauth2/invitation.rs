//! The page behind the link that Xero mails to the authorising user of a custom connection.

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::authorize::escape;
use super::client::form_pairs;
use super::consent::{Objection, connectable};
use super::consent_page::{Choice, ConsentPage};
use super::identity::Session;
use super::login::{Finished, Frame, log_in_first, query_value, session};
use super::scope;
use crate::client_app::{AppType, ClientApp};
use crate::page::page;
use crate::world::World;

const PATH: &str = "/identity/user/custom-connection";

/// The link for this app.
pub(crate) fn invitation(app: &ClientApp) -> String {
    format!("{PATH}?id={}", escape(&app.id))
}

pub(super) fn show(world: &World, parts: &Parts) -> Response {
    match invited(world, parts) {
        Ok((app, session)) => show_page(world, &app, &session, None),
        Err(refused) => *refused,
    }
}

pub(super) fn decide(world: &mut World, parts: &Parts, body: &[u8]) -> Response {
    let (app, session) = match invited(world, parts) {
        Ok(found) => found,
        Err(refused) => return *refused,
    };
    let form = form_pairs(&parts.headers, body);
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if field("decision") != "allow" {
        return finished(&session, "Nothing was connected", format!("{} got no access.", app.name));
    }
    let chosen = world.tenants.find(field("organisation")).filter(|tenant| session.user.may_connect(tenant));
    let Some(tenant) = chosen.cloned() else {
        return show_page(world, &app, &session, Some(Objection::NothingChosen));
    };
    match world.authorise_custom_app(&app.client_id, &tenant.id) {
        Ok(()) => {
            let sentence = format!("{} may now act for {}.", app.name, tenant.organisation.name);
            finished(&session, "Connected", sentence)
        }
        Err(_) => show_page(world, &app, &session, Some(Objection::NotTheirs)),
    }
}

/// The app and the user who was asked; or the page for whoever else opens the link.
fn invited(world: &World, parts: &Parts) -> Result<(ClientApp, Session), Box<Response>> {
    let app = query_value(parts, "id").and_then(|id| world.clients.by_id(&id).cloned());
    let asked = app.filter(|app| app.app_type == AppType::Custom && app.authorising_user.is_some());
    let Some(app) = asked else {
        let sentence = "Ask whoever sent it to you for another.".to_owned();
        let gone = Finished { frame: Frame::of(None, ""), title: "This link leads nowhere", sentence };
        return Err(Box::new(page(StatusCode::NOT_FOUND, &gone)));
    };
    let session = session(world, &parts.headers).ok_or_else(|| Box::new(log_in_first(&invitation(&app))))?;
    if app.authorising_user.as_deref() != Some(session.user.email) {
        let frame = Frame::of(Some(&session), &invitation(&app));
        let sentence = format!("{} asked another person to connect it.", app.name);
        let other = Finished { frame, title: "This link is not for you", sentence };
        return Err(Box::new(page(StatusCode::FORBIDDEN, &other)));
    }
    Ok((app, session))
}

fn show_page(world: &World, app: &ClientApp, session: &Session, objection: Option<Objection>) -> Response {
    let offered = connectable(world, session.user).filter(|it| it.organisation.has_custom_connections());
    let connected = world.custom_tenant(app);
    let template = ConsentPage {
        frame: Frame::of(Some(session), &invitation(app)),
        action: invitation(app),
        app: app.name.clone(),
        scopes: app.scopes.iter().filter_map(|name| scope::find(name)).collect(),
        asks_for_organisations: true,
        organisations: offered.map(|it| Choice::of(it, connected.as_deref() == Some(&it.id))).collect(),
        several: false,
        connected: 0,
        problem: objection.map(|objection| objection.to_string()),
    };
    page(objection.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY), &template)
}

fn finished(session: &Session, title: &'static str, sentence: String) -> Response {
    page(
        StatusCode::OK,
        &Finished { frame: Frame::of(Some(session), "/identity/user/login"), title, sentence },
    )
}
