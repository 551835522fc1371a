//! The page of an OAuth 2.0 app.

use askama::Template;

use super::page::Frame;
use super::problem::FormProblem;
use crate::Error;
use crate::client_app::{AppType, ClientApp};
use crate::oauth2::invitation;
use crate::oauth2::scope::{self, Scope};
use crate::world::World;

#[derive(Template)]
#[template(path = "client.html")]
pub(super) struct ClientPage {
    frame: Frame,
    problems: Vec<FormProblem>,
    app: ClientApp,
    kind: &'static str,
    connections: String,
    is_custom: bool,
    /// Whether this kind of app can have one.
    has_secret: bool,
    /// The one that was made just now.
    new_secret: Option<String>,
    redirect_uris: Vec<String>,
    scopes: Vec<&'static Scope>,
    chosen_scopes: Vec<String>,
    authorising_user: String,
    invitation: String,
    connected_to: Option<&'static str>,
}

impl ClientPage {
    pub(super) fn of(world: &World, app: &ClientApp) -> Self {
        Self {
            frame: Frame::of(world),
            problems: Vec::new(),
            kind: kind(app),
            connections: connections(world, app),
            is_custom: app.app_type == AppType::Custom,
            has_secret: app.app_type != AppType::Desktop,
            new_secret: None,
            redirect_uris: app.redirect_uris.clone(),
            scopes: scope::for_custom(app).collect(),
            chosen_scopes: app.scopes.clone(),
            authorising_user: app.authorising_user.clone().unwrap_or_default(),
            invitation: invitation(app),
            connected_to: world.custom_tenant(app).map(|id| world.tenants.name_of(&id)),
            app: app.clone(),
        }
    }

    pub(super) fn with_secret(self, secret: String) -> Self {
        Self { new_secret: Some(secret), ..self }
    }

    /// What was typed and not saved.
    pub(super) fn with_redirect_uris(self, redirect_uris: Vec<String>) -> Self {
        Self { redirect_uris, ..self }
    }

    /// What was chosen and not saved.
    pub(super) fn with_connection(self, chosen_scopes: Vec<String>, authorising_user: String) -> Self {
        Self { chosen_scopes, authorising_user, ..self }
    }

    fn ticked(&self, scope: &str) -> bool {
        self.chosen_scopes.iter().any(|chosen| chosen == scope)
    }

    pub(super) fn with_problems(self, errors: &[Error]) -> Self {
        Self { problems: errors.iter().map(FormProblem::from).collect(), ..self }
    }
}

pub(super) fn kind(app: &ClientApp) -> &'static str {
    match app.app_type {
        AppType::Web => "Web app",
        AppType::Desktop => "Mobile or desktop app",
        AppType::Custom => "Custom connection",
    }
}

pub(super) fn connections(world: &World, app: &ClientApp) -> String {
    match world.identity.links.count(&app.client_id) {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}
