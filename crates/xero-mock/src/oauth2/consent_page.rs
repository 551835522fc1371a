//! The authorise endpoint and the consent page, as a browser meets them.

use askama::Template;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use url::Url;

use super::authorize::{Authorization, Refused};
use super::client::form_pairs;
use super::consent::{Objection, allow, asks_for_organisations, connectable};
use super::identity::Session;
use super::link::Owner;
use super::login::{Frame, fail, log_in_first, sent_to, session};
use super::scope::{self, Scope};
use crate::organisation::Tenant;
use crate::page::page_leading_to;
use crate::world::World;

#[derive(Template)]
#[template(path = "consent.html")]
pub(super) struct ConsentPage {
    pub(super) frame: Frame,
    pub(super) action: String,
    pub(super) app: String,
    pub(super) scopes: Vec<&'static Scope>,
    pub(super) asks_for_organisations: bool,
    pub(super) organisations: Vec<Choice>,
    /// Whether more than one can be chosen.
    pub(super) several: bool,
    /// How many are connected already.
    pub(super) connected: usize,
    pub(super) problem: Option<String>,
}

/// An organisation on the page.
pub(super) struct Choice {
    id: String,
    name: &'static str,
    country: &'static str,
    connected: bool,
}

impl Choice {
    pub(super) fn of(tenant: &Tenant, connected: bool) -> Self {
        let organisation = tenant.organisation;
        Self { id: tenant.id.clone(), name: organisation.name, country: organisation.country(), connected }
    }
}

/// `GET /identity/connect/authorize`
pub(super) fn authorize(world: &mut World, parts: &Parts) -> Response {
    let query = parts.uri.query().unwrap_or_default();
    match Authorization::read(query, &world.clients) {
        Err(refused) => turn_away(world, refused),
        Ok(_) if session(world, &parts.headers).is_none() => log_in_first(&entrance(query)),
        Ok(_) => sent_to(StatusCode::FOUND, &format!("{CONSENT}?{query}")),
    }
}

/// `GET /identity/user/consent`
pub(super) fn show(world: &mut World, parts: &Parts) -> Response {
    match asked(world, parts) {
        Ok((asked, session)) => show_page(world, parts, &asked, &session, None),
        Err(refused) => *refused,
    }
}

/// `POST /identity/user/consent`
pub(super) fn decide(world: &mut World, parts: &Parts, body: &[u8]) -> Response {
    let (asked, session) = match asked(world, parts) {
        Ok(found) => found,
        Err(refused) => return *refused,
    };
    let form = form_pairs(&parts.headers, body);
    let values =
        |name: &'static str| form.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.clone());
    let decision = values("decision").next().unwrap_or_default();
    let chosen: Vec<String> = if decision == "allow" { values("organisation").collect() } else { Vec::new() };
    let needs_choice = decision == "allow" && chosen.is_empty() && must_choose(world, &asked, &session);
    let decided = match decision.as_str() {
        "cancel" => Ok(asked.cancelled()),
        _ if needs_choice => Err(Objection::NothingChosen),
        _ => allow(world, &asked, session.clone(), &chosen),
    };
    match decided {
        Ok(location) => sent_to(StatusCode::SEE_OTHER, &location),
        Err(cap @ Objection::CapReached) => fail(world, &cap.to_string()),
        Err(objection) => show_page(world, parts, &asked, &session, Some(objection)),
    }
}

const CONSENT: &str = "/identity/user/consent";

fn entrance(query: &str) -> String {
    format!("/identity/connect/authorize?{query}")
}

fn turn_away(world: &mut World, refused: Refused) -> Response {
    match refused {
        Refused::Page(text) => fail(world, text),
        Refused::Callback(location) => sent_to(StatusCode::FOUND, &location),
    }
}

/// The request and who decides on it; or where the browser must go first.
fn asked(world: &mut World, parts: &Parts) -> Result<(Authorization, Session), Box<Response>> {
    let query = parts.uri.query().unwrap_or_default();
    let asked = match Authorization::read(query, &world.clients) {
        Ok(asked) => asked,
        Err(refused) => return Err(Box::new(turn_away(world, refused))),
    };
    let session = session(world, &parts.headers).ok_or_else(|| Box::new(log_in_first(&entrance(query))))?;
    Ok((asked, session))
}

fn must_choose(world: &World, asked: &Authorization, session: &Session) -> bool {
    asks_for_organisations(asked) && connectable(world, session.user).next().is_some()
}

fn show_page(
    world: &World,
    parts: &Parts,
    asked: &Authorization,
    session: &Session,
    objection: Option<Objection>,
) -> Response {
    let query = parts.uri.query().unwrap_or_default();
    let owner = Owner::user(&asked.app.client_id, session.user);
    let links = &world.identity.links;
    let choice = |tenant: &Tenant| Choice::of(tenant, links.has(&owner, &tenant.id));
    let template = ConsentPage {
        frame: Frame::of(Some(session), &entrance(query)),
        action: format!("{CONSENT}?{query}"),
        app: asked.app.name.clone(),
        scopes: asked.scopes.iter().filter_map(|name| scope::find(name)).collect(),
        asks_for_organisations: asks_for_organisations(asked),
        organisations: connectable(world, session.user).map(choice).collect(),
        several: asked.bulk,
        connected: links.of(&owner).count(),
        problem: objection.map(|objection| objection.to_string()),
    };
    let status = objection.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
    page_leading_to(status, &template, &origin(&asked.redirect_uri))
}

fn origin(redirect_uri: &str) -> String {
    Url::parse(redirect_uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}
