//! What every HTML page has: the style, and headers that let it load nothing and send forms only where it says.

use std::sync::LazyLock;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) const STYLE: &str = include_str!("../templates/style.css");

static STYLE_DIGEST: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes())));

/// A page whose forms go to the mock alone.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    page_leading_to(status, template, "")
}

/// A page whose forms go to the mock, which may send the browser on to this origin: browsers apply the limit to
/// redirects too.
pub(crate) fn page_leading_to(status: StatusCode, template: &impl Template, origin: &str) -> Response {
    let html = template.render().expect("the templates write to memory and call nothing that fails");
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(origin));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn policy(origin: &str) -> HeaderValue {
    let digest = &*STYLE_DIGEST;
    let sources = format!("default-src 'none'; style-src 'sha256-{digest}'");
    let target = format!("'self' {origin}");
    let policy =
        format!("{sources}; form-action {}; base-uri 'none'; frame-ancestors 'none'", target.trim_end());
    HeaderValue::from_str(&policy).expect("base64 and origins are ASCII")
}
