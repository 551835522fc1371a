//! Lets a request with an access token in, or says why not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::Value;
use uuid::Uuid;

use super::in_flight::Crowded;
use super::jwt::{self, Unreadable};
use super::link::Owner;
use super::problem::ApiProblem;
use super::{AUDIENCE, jwt::read};
use crate::client_app::ClientApp;
use crate::limits::{Quota, Remaining};
use crate::organisation::Tenant;
use crate::user::{self, User};
use crate::world::World;

/// Whom an access token speaks for.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) app: ClientApp,
    /// None: a custom connection.
    pub(crate) user: Option<&'static User>,
    pub(crate) scopes: Vec<String>,
}

/// Whether a request carries a Bearer token, and not a signature.
pub(crate) fn is_bearer(headers: &HeaderMap) -> bool {
    token(headers).is_some()
}

pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The tenant header's value; an empty one is none.
pub(super) fn tenant_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("xero-tenant-id")?.to_str().ok().map(str::trim).filter(|id| !id.is_empty())
}

/// Whether a call with this token would be let in now.
pub(crate) fn is_good(world: &World, token: &str) -> bool {
    Caller::read_token(world, token).is_ok()
}

impl Caller {
    pub(crate) fn read(world: &World, headers: &HeaderMap) -> Result<Self, ApiProblem> {
        Self::read_token(world, token(headers).unwrap_or_default())
    }

    fn read_token(world: &World, token: &str) -> Result<Self, ApiProblem> {
        let claims = read(token).map_err(|unreadable| match unreadable {
            Unreadable::NotAToken => ApiProblem::NotAuthentic,
            Unreadable::WrongSignature => ApiProblem::InvalidSignature,
        })?;
        if claims["aud"] != AUDIENCE {
            return Err(ApiProblem::InvalidAudience);
        }
        let end = UNIX_EPOCH + Duration::from_secs(claims["exp"].as_u64().unwrap_or_default());
        if end <= world.now() {
            return Err(ApiProblem::TokenExpired(end));
        }
        Self::of(&claims, world).ok_or(ApiProblem::NotAuthentic)
    }

    fn of(claims: &Value, world: &World) -> Option<Self> {
        let app = world.clients.find(claims["client_id"].as_str()?)?.clone();
        let user = match claims["sub"].as_str() {
            Some(subject) => Some(user::by_subject(subject)?),
            None => None,
        };
        let scopes =
            claims["scope"].as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Some(Self { app, user, scopes })
    }

    pub(crate) fn owner(&self) -> Owner {
        match self.user {
            Some(user) => Owner::user(&self.app.client_id, user),
            None => Owner::custom(&self.app.client_id),
        }
    }

    /// Whether the token has one of these scopes.
    pub(crate) fn has_one_of(&self, scopes: &[&str]) -> bool {
        self.scopes.iter().any(|granted| scopes.contains(&granted.as_str()))
    }

    /// The tenant that the request is for. A custom connection has one and need not name it.
    fn tenant(&self, world: &World, headers: &HeaderMap) -> Option<Tenant> {
        let (named, owner) = (tenant_id(headers), self.owner());
        let mut links = world.identity.links.of(&owner);
        let id = match (named, self.user) {
            (None, None) => links.next()?.tenant_id.clone(),
            (None, Some(_)) => return None,
            (Some(named), _) => {
                Uuid::parse_str(named).ok()?;
                links.find(|link| link.tenant_id.eq_ignore_ascii_case(named))?.tenant_id.clone()
            }
        };
        world.tenants.find(&id).cloned()
    }
}

impl World {
    /// A call for an organisation: token, organisation, scope and limits, in this order (assumed).
    pub(crate) fn admit_bearer(
        &mut self,
        parts: &Parts,
        scopes: &[&str],
    ) -> Result<(Caller, Tenant, Remaining), ApiProblem> {
        let now = self.now();
        let caller = Caller::read(self, &parts.headers)?;
        let Some(tenant) = caller.tenant(self, &parts.headers) else {
            let app_minute = self.spend_tenantless(&caller, now)?;
            return Err(ApiProblem::NotConnected { app_minute });
        };
        if !scopes.is_empty() && !caller.has_one_of(scopes) {
            return Err(ApiProblem::MissingScope);
        }
        let (client_id, quota) = (&caller.app.client_id, Quota::STARTER);
        if parts.extensions.get::<Crowded>().is_some() {
            return Err(ApiProblem::OverLimit(self.limits.crowded(client_id, &tenant.id, quota, now)));
        }
        let spent = self.limits.spend(client_id, &tenant.id, quota, now);
        spent.map(|remaining| (caller, tenant, remaining)).map_err(ApiProblem::OverLimit)
    }

    /// Counts a call that names no organisation; gives what is left of the app's minute.
    pub(crate) fn spend_tenantless(&mut self, caller: &Caller, now: SystemTime) -> Result<usize, ApiProblem> {
        self.limits.spend_app_minute(&caller.app.client_id, now).map_err(ApiProblem::OverLimit)
    }
}

/// Whose call it is, for the count of calls in progress; the token is read again when the call is answered.
pub(super) fn in_progress_key(headers: &HeaderMap) -> Option<(String, String)> {
    let claims = jwt::read(token(headers)?).ok()?;
    let tenant = tenant_id(headers).unwrap_or_default().to_ascii_lowercase();
    Some((claims["client_id"].as_str()?.to_owned(), tenant))
}
