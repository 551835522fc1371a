//! Reads a form of the portal, with or without a file.

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use crate::Error;

/// The fields of a form, in its order.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// Takes multipart and URL-encoded forms; what is neither, or is too large, is refused.
    pub(super) async fn read(request: Request) -> Result<Self, Response> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/form-data")) {
            let multipart = Multipart::from_request(request, &()).await;
            return Self::read_multipart(multipart.map_err(|refusal| refusal.into_response())?).await;
        }
        let body = Bytes::from_request(request, &()).await.map_err(|refusal| refusal.into_response())?;
        let pairs = form_urlencoded::parse(&body);
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into_bytes())).collect()))
    }

    async fn read_multipart(mut multipart: Multipart) -> Result<Self, Response> {
        let mut fields = Self::default();
        while let Some(field) = multipart.next_field().await.map_err(|refusal| refusal.into_response())? {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.bytes().await.map_err(|refusal| refusal.into_response())?;
            fields.0.push((name, value.to_vec()));
        }
        Ok(fields)
    }

    /// A field as trimmed text, empty when it is missing; of a repeated one the last.
    pub(super) fn text(&self, name: &str) -> String {
        trimmed(self.last(name).unwrap_or_default())
    }

    /// All fields of this name as trimmed texts, without the empty ones.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(field, _)| field == name);
        values.map(|(_, value)| trimmed(value)).filter(|text| !text.is_empty()).collect()
    }

    /// The uploaded file, or else the pasted text.
    pub(super) fn certificate(&self) -> &[u8] {
        let file = self.last("certificate").filter(|file| !file.is_empty());
        file.or_else(|| self.last("certificate-text")).unwrap_or_default()
    }

    /// What the text field shows when the form comes back. Browsers do not send a chosen file twice, so a good
    /// certificate goes on as text; a private key is never shown again.
    pub(super) fn certificate_text(&self, errors: &[Error]) -> String {
        let refused = errors.iter().any(|error| super::problem::field(error) == "certificate");
        let file = if refused { None } else { Some(self.certificate()) };
        let text = file
            .map_or_else(|| self.text("certificate-text"), |file| String::from_utf8_lossy(file).into_owned());
        if text.contains("PRIVATE KEY") { String::new() } else { text }
    }

    fn last(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value.as_slice())
    }
}

fn trimmed(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim().to_owned()
}
