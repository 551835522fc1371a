//! The portal's pages as values; each is written by the template of its name.

use std::time::SystemTime;

use askama::Template;
use time::OffsetDateTime;
use time::macros::format_description;

use super::client_page;
use super::form::Fields;
use super::problem::FormProblem;
use crate::Error;
use crate::app::{AppState, PrivateApp};
use crate::client_app::ClientApp;
use crate::organisation::Tenant;
use crate::page::STYLE;
use crate::world::World;

/// What every page has around it.
pub(super) struct Frame {
    pub(super) style: &'static str,
    pub(super) private_apps_off: bool,
}

impl Frame {
    pub(super) fn of(world: &World) -> Self {
        Self { style: STYLE, private_apps_off: world.private_apps_off }
    }
}

#[derive(Template)]
#[template(path = "landing.html")]
pub(super) struct Landing {
    frame: Frame,
    organisations: Vec<Tenant>,
}

impl Landing {
    pub(super) fn of(world: &World) -> Self {
        Self { frame: Frame::of(world), organisations: world.tenants.current().cloned().collect() }
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
    kind: String,
    /// A private app alone is connected or not; the others count their connections.
    connected: Option<bool>,
}

impl Apps {
    pub(super) fn of(world: &World) -> Self {
        let row = |app: &PrivateApp| Row {
            id: app.id.clone(),
            name: app.name.clone(),
            kind: format!("Private app · {}", organisation_name(world, app)),
            connected: Some(app.state == AppState::Connected),
        };
        let client_row = |app: &ClientApp| Row {
            id: app.id.clone(),
            name: app.name.clone(),
            kind: format!("{} · {}", client_page::kind(app), client_page::connections(world, app)),
            connected: None,
        };
        let rows = world.apps.listed().map(row).chain(world.clients.iter().map(client_row));
        Self { frame: Frame::of(world), rows: rows.collect() }
    }
}

#[derive(Template)]
#[template(path = "new.html")]
pub(super) struct NewApp {
    frame: Frame,
    problems: Vec<FormProblem>,
    app_type: String,
    name: String,
    company_url: String,
    redirect_uri: String,
    organisation: String,
    organisations: Vec<Tenant>,
    certificate_text: String,
    terms: bool,
}

impl NewApp {
    pub(super) fn of(world: &World, typed: &Fields, errors: &[Error]) -> Self {
        Self {
            frame: Frame::of(world),
            problems: errors.iter().map(FormProblem::from).collect(),
            app_type: Some(typed.text("app-type"))
                .filter(|kind| !kind.is_empty())
                .unwrap_or("private".to_owned()),
            name: typed.text("name"),
            company_url: typed.text("company-url"),
            redirect_uri: typed.text("redirect-uri"),
            organisation: typed.text("organisation"),
            organisations: world.tenants.current().cloned().collect(),
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
            organisation: organisation_name(world, app),
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
    loss: String,
}

impl Delete {
    pub(super) fn of(world: &World, app: &PrivateApp) -> Self {
        let organisation = organisation_name(world, app);
        let loss =
            format!("The app loses its access to {organisation}, and its consumer key never works again.");
        Self { frame: Frame::of(world), id: app.id.clone(), name: app.name.clone(), loss }
    }

    pub(super) fn of_client(world: &World, app: &ClientApp) -> Self {
        let loss = "Its connections and tokens end, and its client id never works again.".to_owned();
        Self { frame: Frame::of(world), id: app.id.clone(), name: app.name.clone(), loss }
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
pub(super) fn wrong(problems: &[FormProblem], field: &str) -> bool {
    problems.iter().any(|problem| problem.field == field)
}

fn organisation_name(world: &World, app: &PrivateApp) -> &'static str {
    world.tenants.name_of(&app.organisation)
}

fn day(time: SystemTime) -> String {
    let format = format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
    OffsetDateTime::from(time).format(format).expect("all parts of the format are there")
}
