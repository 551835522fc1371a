//! `POST /connect/revocation`: ends a refresh token and all that its user gave the app (RFC 7009).

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::client::{Form, TokenError, authenticate};
use crate::world::World;

pub(super) fn answer(world: &mut World, headers: &HeaderMap, body: &[u8]) -> Response {
    match revoke(world, headers, body) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => error.into_response(),
    }
}

/// A token that is unknown, or another app's, is none of the caller's business and changes nothing.
fn revoke(world: &mut World, headers: &HeaderMap, body: &[u8]) -> Result<(), TokenError> {
    let form = Form::read(headers, body)?;
    let client_id = authenticate(headers, &form, &world.clients)?.client_id.clone();
    let token = form.value("token").ok_or(TokenError::InvalidRequest)?;
    if let Some((owner, user)) = world.identity.grants.owner(token)
        && owner == client_id
    {
        world.identity.revoke(&client_id, user);
    }
    Ok(())
}
