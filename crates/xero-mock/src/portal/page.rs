//! The portal's pages as values; each is written by the template of its name.

use std::sync::LazyLock;
use std::time::SystemTime;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::macros::format_description;

use super::form::Fields;
use super::problem::FormProblem;
use crate::Error;
use crate::app::{AppState, PrivateApp};
use crate::organisation::{self, ORGANISATIONS, Organisation};
use crate::world::World;

/// A page with the headers that let it load nothing and send forms only here.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    let html = template.render().expect("the templates write to memory and call nothing that fails");
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const STYLE: &str = include_str!("../../templates/style.css");

static CONTENT_SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes()));
    let limits = "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let policy = format!("default-src 'none'; style-src 'sha256-{digest}'; {limits}");
    HeaderValue::from_str(&policy).expect("base64 is ASCII")
});

/// What every page has around it.
struct Frame {
    style: &'static str,
    private_apps_off: bool,
}

impl Frame {
    fn of(world: &World) -> Self {
        Self { style: STYLE, private_apps_off: world.private_apps_off }
    }
}

#[derive(Template)]
#[template(path = "landing.html")]
pub(super) struct Landing {
    frame: Frame,
    organisations: [Organisation; 4],
}

impl Landing {
    pub(super) fn of(world: &World) -> Self {
        Self { frame: Frame::of(world), organisations: ORGANISATIONS }
    }
}

#[derive(Template)]
#[template(path = "apps.html")]
pub(super) struct Apps {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    organisation: &'static str,
    connected: bool,
}

impl Apps {
    pub(super) fn of(world: &World) -> Self {
        let row = |app: &PrivateApp| Row {
            id: app.id.clone(),
            name: app.name.clone(),
            organisation: organisation_name(app),
            connected: app.state == AppState::Connected,
        };
        Self { frame: Frame::of(world), rows: world.apps.listed().map(row).collect() }
    }
}

#[derive(Template)]
#[template(path = "new.html")]
pub(super) struct NewApp {
    frame: Frame,
    problems: Vec<FormProblem>,
    name: String,
    organisation: String,
    organisations: [Organisation; 4],
    certificate_text: String,
    terms: bool,
}

impl NewApp {
    pub(super) fn of(world: &World, typed: &Fields, errors: &[Error]) -> Self {
        Self {
            frame: Frame::of(world),
            problems: errors.iter().map(FormProblem::from).collect(),
            name: typed.text("name"),
            organisation: typed.text("organisation"),
            organisations: ORGANISATIONS,
            certificate_text: typed.certificate_text(errors),
            terms: !typed.text("terms").is_empty(),
        }
    }
}

#[derive(Template)]
#[template(path = "app.html")]
pub(super) struct AppPage {
    frame: Frame,
    app: PrivateApp,
    organisation: &'static str,
    connected: bool,
    expired: bool,
    expiry: String,
}

impl AppPage {
    pub(super) fn of(world: &World, app: &PrivateApp) -> Self {
        let certificate = app.certificate.as_ref();
        Self {
            frame: Frame::of(world),
            organisation: organisation_name(app),
            connected: app.state == AppState::Connected,
            expired: certificate.is_some_and(|certificate| certificate.expired(world.now())),
            expiry: certificate.map(|certificate| day(certificate.not_after)).unwrap_or_default(),
            app: app.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "certificate.html")]
pub(super) struct ReplaceCertificate {
    frame: Frame,
    problems: Vec<FormProblem>,
    id: String,
    name: String,
    certificate_text: String,
}

impl ReplaceCertificate {
    pub(super) fn of(world: &World, app: &PrivateApp, typed: &Fields, errors: &[Error]) -> Self {
        Self {
            frame: Frame::of(world),
            problems: errors.iter().map(FormProblem::from).collect(),
            id: app.id.clone(),
            name: app.name.clone(),
            certificate_text: typed.certificate_text(errors),
        }
    }
}

#[derive(Template)]
#[template(path = "delete.html")]
pub(super) struct Delete {
    frame: Frame,
    id: String,
    name: String,
    organisation: &'static str,
}

impl Delete {
    pub(super) fn of(world: &World, app: &PrivateApp) -> Self {
        let organisation = organisation_name(app);
        Self { frame: Frame::of(world), id: app.id.clone(), name: app.name.clone(), organisation }
    }
}

#[derive(Template)]
#[template(path = "missing.html")]
pub(super) struct Missing {
    frame: Frame,
}

impl Missing {
    pub(super) fn of(world: &World) -> Self {
        Self { frame: Frame::of(world) }
    }
}

/// Whether a field has a problem, for the templates.
fn wrong(problems: &[FormProblem], field: &str) -> bool {
    problems.iter().any(|problem| problem.field == field)
}

fn organisation_name(app: &PrivateApp) -> &'static str {
    organisation::find(&app.organisation).map_or("", |organisation| organisation.name)
}

fn day(time: SystemTime) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    OffsetDateTime::from(time).format(format).expect("all parts of the format are there")
}
