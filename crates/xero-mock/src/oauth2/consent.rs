//! The user's decision: which organisations an app is connected to, and the code that it gets.

use uuid::Uuid;

use super::authorize::{Authorization, Refused};
use super::grant::{Code, Grant};
use super::identity::Session;
use super::link::Owner;
use super::scope;
use crate::organisation::Tenant;
use crate::user::{self, User};
use crate::world::World;

/// What a person does on the login and consent pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who logs in: `ada@example.com` (all organisations), `ben@example.com` (Maple Florist and Hexagon Tools) or
    /// `cleo@example.com` (none).
    pub email: String,
    /// The organisations to connect, each by id or exact name. None: go on with those connected already.
    pub organisations: Vec<String>,
    /// The button pressed.
    pub decision: Decision,
}

/// The button that a person presses on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// "Allow access"
    Allow,
    /// "Cancel"
    Cancel,
}

impl Consent {
    /// Ada connects these organisations.
    pub fn allow(organisations: &[&str]) -> Self {
        let organisations = organisations.iter().map(|&it| it.to_owned()).collect();
        Self { email: "ada@example.com".to_owned(), organisations, decision: Decision::Allow }
    }

    /// Ada cancels.
    pub fn cancel() -> Self {
        Self { decision: Decision::Cancel, ..Self::allow(&[]) }
    }

    /// Another user does the same.
    #[must_use]
    pub fn by(mut self, email: &str) -> Self {
        email.clone_into(&mut self.email);
        self
    }
}

/// Why a decision is not taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Objection {
    #[error("Choose an organisation.")]
    NothingChosen,
    #[error("This app connects one organisation at a time. Choose one.")]
    OneOnly,
    #[error("Choose one of your organisations.")]
    NotTheirs,
    /// The text is assumed: what Xero shows under the tiers of 2026 was not found.
    #[error("access_denied : The app has as many connections as its plan allows")]
    CapReached,
}

/// Opens the address, logs in and decides. Gives the address of the redirect at the end, or the error page's text.
pub(crate) fn consent(world: &mut World, authorize_url: &str, consent: &Consent) -> Result<String, String> {
    let (address, query) = authorize_url.split_once('?').unwrap_or((authorize_url, ""));
    if !address.to_ascii_lowercase().ends_with("/identity/connect/authorize") {
        return Err(format!("{address} is not the address to authorise at"));
    }
    let query = query.split('#').next().unwrap_or_default();
    let asked = match Authorization::read(query, &world.clients) {
        Ok(asked) => asked,
        Err(Refused::Page(text)) => return Err(text.to_owned()),
        Err(Refused::Callback(location)) => return Ok(location),
    };
    let user = user::by_email(&consent.email).ok_or("nobody has this e-mail address")?;
    match consent.decision {
        Decision::Cancel => Ok(asked.cancelled()),
        Decision::Allow => {
            let session = Session::of(user, world.now());
            allow(world, &asked, session, &consent.organisations).map_err(|objection| objection.to_string())
        }
    }
}

/// Connects the chosen organisations; gives the callback's address with the code.
pub(super) fn allow(
    world: &mut World,
    asked: &Authorization,
    session: Session,
    chosen: &[String],
) -> Result<String, Objection> {
    let tenants = chosen_tenants(world, asked, session.user, chosen)?;
    let (now, event) = (world.now(), Uuid::new_v4());
    let owner = Owner::user(&asked.app.client_id, session.user);
    let identity = &mut world.identity;
    tenants.iter().for_each(|tenant| identity.links.connect(&owner, tenant, event, now));
    let scopes = identity.add_scopes(&owner, &asked.scopes);
    let granted = scopes.join(" ");
    let session_state = format!("{}.{}", session.id, event.simple());
    let (client_id, nonce) = (asked.app.client_id.clone(), asked.nonce.clone());
    let grant = Grant { client_id, session, scopes, event, nonce };
    let (redirect_uri, challenge) = (asked.redirect_uri.clone(), asked.challenge.clone());
    let code = identity.grants.issue_code(Code { grant, redirect_uri, challenge, issued: now });
    Ok(asked.callback(&[("code", &code), ("scope", &granted)], Some(&session_state)))
}

/// Whether a request concerns organisations at all.
pub(super) fn asks_for_organisations(asked: &Authorization) -> bool {
    asked.scopes.iter().any(|name| scope::is_tenanted(name))
}

/// The organisations that a user may connect, in the order of the list.
pub(super) fn connectable<'a>(world: &'a World, user: &'a User) -> impl Iterator<Item = &'a Tenant> {
    world.tenants.current().filter(|tenant| user.may_connect(tenant))
}

fn chosen_tenants(
    world: &World,
    asked: &Authorization,
    user: &User,
    chosen: &[String],
) -> Result<Vec<String>, Objection> {
    let theirs = |choice: &String| world.tenants.find(choice).filter(|tenant| user.may_connect(tenant));
    let tenants: Option<Vec<&Tenant>> = chosen.iter().map(theirs).collect();
    let tenants = tenants.ok_or(Objection::NotTheirs)?;
    let owner = Owner::user(&asked.app.client_id, user);
    let links = &world.identity.links;
    // That a user without organisations gets a token all the same is assumed.
    let none_needed = !asks_for_organisations(asked)
        || links.of(&owner).next().is_some()
        || connectable(world, user).next().is_none();
    if tenants.is_empty() && !none_needed {
        return Err(Objection::NothingChosen);
    }
    if tenants.len() > 1 && !asked.bulk {
        return Err(Objection::OneOnly);
    }
    let new = tenants.iter().filter(|tenant| !links.has(&owner, &tenant.id)).count();
    let cap = world.identity.connection_cap.unwrap_or(usize::MAX);
    if new > 0 && links.count(&asked.app.client_id) + new > cap {
        return Err(Objection::CapReached);
    }
    Ok(tenants.into_iter().map(|tenant| tenant.id.clone()).collect())
}
