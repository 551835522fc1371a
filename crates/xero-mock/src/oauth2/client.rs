//! Who calls the token and revocation endpoints (RFC 6749 section 2.3.1).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use axum::{Json, http::StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::client_app::{AppType, ClientApp, ClientApps};
use crate::journal::AnsweredProblem;
use crate::oauth1::is_form;

/// A refusal of the token endpoint; Xero sends 400 for all (reference: RFC 6749 section 5.2 would have 401 for some).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    /// The only one that comes with a description.
    InvalidScope,
}

/// The fields of a form; an empty one counts as missing.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

/// The decoded pairs of a form; none when the request says that its body is something else.
pub(crate) fn form_pairs(headers: &HeaderMap, body: &[u8]) -> Vec<(String, String)> {
    if !is_form(headers) {
        return Vec::new();
    }
    form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

impl Form {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, TokenError> {
        if !is_form(headers) {
            return Err(TokenError::InvalidRequest);
        }
        Ok(Self(form_pairs(headers, body)))
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, value)| key == name && !value.is_empty());
        values.next().map(|(_, value)| value.as_str())
    }
}

/// The app that calls, by Basic or by the form, its secret proved if it has one.
pub(super) fn authenticate<'a>(
    headers: &HeaderMap,
    form: &Form,
    clients: &'a ClientApps,
) -> Result<&'a ClientApp, TokenError> {
    let (id, secret) = match basic(headers)? {
        Some((id, secret)) => {
            let other = form.value("client_id").is_some_and(|named| named != id);
            if other || form.value("client_secret").is_some() {
                return Err(TokenError::InvalidRequest);
            }
            (id, secret)
        }
        None => {
            let field = |name| form.value(name).unwrap_or_default().to_owned();
            (field("client_id"), field("client_secret"))
        }
    };
    if id.is_empty() {
        return Err(TokenError::InvalidRequest);
    }
    // A desktop app has no secret, and may send an empty one; that it may send no other is assumed.
    let app = clients.find(&id).ok_or(TokenError::InvalidClient)?;
    let proved = match (app.app_type, &app.client_secret) {
        (AppType::Desktop, _) => secret.is_empty(),
        (_, Some(expected)) => secret == *expected,
        (_, None) => false,
    };
    if proved { Ok(app) } else { Err(TokenError::InvalidClient) }
}

/// Id and secret of a Basic header, form-decoded as RFC 6749 has it.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, TokenError> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let header = header.to_str().map_err(|_| TokenError::InvalidRequest)?;
    let encoded = match header.split_once(' ') {
        Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => encoded.trim(),
        _ => return Err(TokenError::InvalidRequest),
    };
    let decoded = STANDARD.decode(encoded).map_err(|_| TokenError::InvalidClient)?;
    let text = String::from_utf8(decoded).map_err(|_| TokenError::InvalidClient)?;
    let (id, secret) = text.split_once(':').unwrap_or((&text, ""));
    Ok(Some((form_decoded(id), form_decoded(secret))))
}

fn form_decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

impl TokenError {
    fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let mut body = json!({"error": self.code()});
        if self == Self::InvalidScope {
            body["error_description"] = "Client credentials scope validation failed".into();
        }
        let mut response = (StatusCode::BAD_REQUEST, NOT_STORED, Json(body)).into_response();
        response.extensions_mut().insert(AnsweredProblem(self.code()));
        response
    }
}

/// What every answer with or about tokens says of itself.
pub(super) const NOT_STORED: [(&str, &str); 2] =
    [("cache-control", "no-store, no-cache, max-age=0"), ("pragma", "no-cache")];
