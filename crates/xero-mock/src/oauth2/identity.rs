//! What the identity server remembers: grants, tenant links, log-ins, and what each user has granted each app.

use std::collections::HashMap;
use std::time::SystemTime;

use uuid::Uuid;

use super::grant::Grants;
use super::link::{Link, Links, Owner};
use super::scope;
use crate::Error;
use crate::client_app::{AppType, ClientApp};
use crate::user::User;
use crate::world::World;

/// A user who is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The claim `global_session_id`: 32 hexadecimal characters.
    pub(crate) id: String,
    pub(crate) user: &'static User,
    pub(crate) since: SystemTime,
}

#[derive(Debug, Default)]
pub(crate) struct Identity {
    pub(crate) grants: Grants,
    pub(crate) links: Links,
    /// How many links an app may have; none: as many as it likes.
    pub(crate) connection_cap: Option<usize>,
    granted: HashMap<Owner, Vec<String>>,
    /// By the value of the cookie.
    sessions: HashMap<String, Session>,
    /// The texts of error pages, by `errorId`.
    errors: HashMap<String, String>,
}

impl Session {
    pub(crate) fn of(user: &'static User, now: SystemTime) -> Self {
        Self { id: Uuid::new_v4().simple().to_string(), user, since: now }
    }
}

impl Owner {
    pub(crate) fn user(client_id: &str, user: &User) -> Self {
        Self { client_id: client_id.to_owned(), email: Some(user.email) }
    }

    pub(crate) fn custom(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), email: None }
    }
}

impl Identity {
    /// Logs a user in; gives the value of the cookie.
    pub(crate) fn log_in(&mut self, session: Session) -> String {
        let cookie = Uuid::new_v4().simple().to_string();
        self.sessions.insert(cookie.clone(), session);
        cookie
    }

    pub(crate) fn log_out(&mut self, cookie: &str) {
        self.sessions.remove(cookie);
    }

    pub(crate) fn session(&self, cookie: &str) -> Option<&Session> {
        self.sessions.get(cookie)
    }

    /// Keeps the text of an error page; gives its `errorId`.
    pub(crate) fn keep_error(&mut self, text: &str) -> String {
        let id = Uuid::new_v4().simple().to_string();
        self.errors.insert(id.clone(), text.to_owned());
        id
    }

    pub(crate) fn error(&self, id: &str) -> Option<&str> {
        self.errors.get(id).map(String::as_str)
    }

    /// What was asked for now, and what this user granted this app before: scopes only add up, but OpenID's are
    /// asked for each time.
    pub(crate) fn add_scopes(&mut self, owner: &Owner, asked: &[String]) -> Vec<String> {
        let mut scopes = asked.to_vec();
        let granted = self.granted.entry(owner.clone()).or_default();
        let earlier = granted.iter().filter(|name| scope::is_tenanted(name) && !asked.contains(name));
        scopes.extend(earlier.cloned());
        granted.clone_from(&scopes);
        scopes
    }

    /// Removes links; a user without links has granted the app nothing any more.
    pub(crate) fn unlink(&mut self, which: impl Fn(&Link) -> bool) -> usize {
        let removed = self.links.remove(which);
        let links = &self.links;
        self.granted.retain(|owner, _| links.of(owner).next().is_some());
        removed
    }

    /// All that the user has given the app ends, but access tokens, which live to their end.
    pub(crate) fn revoke(&mut self, client_id: &str, user: &User) {
        let owner = Owner::user(client_id, user);
        self.grants.kill(|grant| grant.client_id == client_id && grant.session.user.email == user.email);
        self.unlink(|link| link.owner == owner);
        self.granted.remove(&owner);
    }
}

impl World {
    /// Lets a custom connection act for its organisation, as its user's consent does.
    pub(crate) fn authorise_custom_app(&mut self, client_id: &str, organisation: &str) -> Result<(), Error> {
        let app = self.clients.find(client_id).ok_or(Error::UnknownApp)?;
        if app.app_type != AppType::Custom {
            return Err(Error::NotCustom);
        }
        let tenant = self.tenants.find(organisation).ok_or(Error::OrganisationUnknown)?;
        if !tenant.organisation.has_custom_connections() {
            return Err(Error::NoCustomConnections);
        }
        let (tenant, owner, now) = (tenant.id.clone(), Owner::custom(client_id), self.now());
        // One organisation for each app: another one takes the place of the first.
        self.identity.unlink(|link| link.owner == owner);
        self.identity.links.connect(&owner, &tenant, Uuid::new_v4(), now);
        self.clients.change(client_id)?.organisation = Some(tenant);
        Ok(())
    }

    /// A custom connection that was saved anew waits for its user again.
    pub(crate) fn end_authorisation(&mut self, client_id: &str) {
        let owner = Owner::custom(client_id);
        self.identity.unlink(|link| link.owner == owner);
    }

    /// The tenant that a custom connection was authorised for.
    pub(crate) fn custom_tenant(&self, app: &ClientApp) -> Option<String> {
        let owner = Owner::custom(&app.client_id);
        self.identity.links.of(&owner).next().map(|link| link.tenant_id.clone())
    }

    /// Ends the links of all users of the app to the organisation.
    pub(crate) fn disconnect(&mut self, client_id: &str, organisation: &str) -> Result<(), Error> {
        self.clients.find(client_id).ok_or(Error::UnknownApp)?;
        let tenant = self.tenants.find(organisation).ok_or(Error::OrganisationUnknown)?.id.clone();
        self.identity.unlink(|link| link.owner.client_id == client_id && link.tenant_id == tenant);
        Ok(())
    }

    /// Begins the demo company anew, with another id and without links; gives the id.
    pub(crate) fn reset_demo_company(&mut self) -> String {
        let (old, new) = self.tenants.reset_demo();
        self.identity.unlink(|link| link.tenant_id == old);
        self.apps.disconnect_all(&old);
        new
    }

    /// Deletes an OAuth 2.0 app with all that hangs on it.
    pub(crate) fn delete_client(&mut self, client_id: &str) -> Result<(), Error> {
        self.clients.delete(client_id)?;
        self.identity.grants.kill(|grant| grant.client_id == client_id);
        self.identity.unlink(|link| link.owner.client_id == client_id);
        Ok(())
    }
}
