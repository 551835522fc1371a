//! OAuth 2.0 as Xero's identity server answers it: authorise, token, revocation, user information, discovery.
//!
//! "Assumed" marks what no source shows.

mod authorize;
mod bearer;
mod client;
mod connections;
mod consent;
mod consent_page;
mod discovery;
mod grant;
mod identity;
mod in_flight;
mod invitation;
mod jwt;
mod link;
mod login;
mod minting;
mod problem;
mod revocation;
pub(crate) mod scope;
mod token;

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

pub use consent::{Consent, Decision};
pub use grant::Rotation;
pub use minting::MintedTokens;

pub(crate) use bearer::{is_bearer, is_good};
pub(crate) use client::form_pairs;
pub(crate) use consent::consent;
pub(crate) use identity::Identity;
pub(crate) use in_flight::{InFlight, InProgress};
pub(crate) use invitation::invitation;
pub(crate) use minting::mint;
pub(crate) use problem::{ApiProblem, problem, too_many_requests};

use crate::world::World;

/// The claim `iss` of every token, and the issuer of the discovery documents.
const ISSUER: &str = "https://identity.xero.com";
/// The claim `aud` of access tokens.
const AUDIENCE: &str = "https://identity.xero.com/resources";

/// The answer to a path in lower case; none where OAuth 2.0 has no such path.
pub(crate) fn answer(world: &mut World, path: &str, parts: &Parts, body: &Bytes) -> Option<Response> {
    let path = path.trim_end_matches('/');
    if let Some(below) = path.strip_prefix("/connections") {
        let below = below.strip_prefix('/').or(below.is_empty().then_some(""))?;
        return Some(connections::answer(world, parts, below));
    }
    // The second discovery document names token and userinfo under /identity too.
    let endpoint = path.strip_prefix("/identity").unwrap_or(path);
    let answered = match (&parts.method, endpoint) {
        (&Method::POST, "/connect/token") => token::answer(world, &parts.headers, body),
        (&Method::POST, "/connect/revocation") => revocation::answer(world, &parts.headers, body),
        (&Method::GET, "/connect/userinfo") => discovery::user_information(world, &parts.headers),
        (&Method::GET, "/.well-known/openid-configuration") if path.starts_with("/identity") => {
            discovery::login_document(&parts.headers)
        }
        (&Method::GET, "/.well-known/openid-configuration") => discovery::identity_document(&parts.headers),
        (&Method::GET, "/.well-known/openid-configuration/jwks") => discovery::key_set(),
        (_, "/connect/token" | "/connect/revocation" | "/connect/userinfo") => {
            StatusCode::METHOD_NOT_ALLOWED.into_response()
        }
        _ => return pages(world, path, parts, body),
    };
    Some(answered)
}

fn pages(world: &mut World, path: &str, parts: &Parts, body: &Bytes) -> Option<Response> {
    let answered = match (&parts.method, path) {
        (&Method::GET, "/identity/connect/authorize") => consent_page::authorize(world, parts),
        (&Method::GET, "/identity/error") => login::show_error(world, parts),
        (&Method::GET, "/identity/user/login") => login::show_login(parts),
        (&Method::POST, "/identity/user/login") => login::log_in(world, parts, body),
        (&Method::GET, "/identity/user/logout") => login::log_out(world, parts),
        (&Method::GET, "/identity/user/consent") => consent_page::show(world, parts),
        (&Method::POST, "/identity/user/consent") => consent_page::decide(world, parts, body),
        (&Method::GET, "/identity/user/custom-connection") => invitation::show(world, parts),
        (&Method::POST, "/identity/user/custom-connection") => invitation::decide(world, parts, body),
        _ => return None,
    };
    Some(answered)
}

/// Whether the journal keeps the form of a request to this path.
pub(crate) fn has_form(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let endpoint = path.strip_prefix("/identity").unwrap_or(&path);
    matches!(endpoint.trim_end_matches('/'), "/connect/token" | "/connect/revocation")
}
