//! How the API refuses a call that was let in.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::document::{Document, Form, Node};

#[derive(Debug)]
pub(super) enum Refusal {
    NotFound,
    NotImplemented,
    NoReportingRole,
    /// The `where` text cannot be read.
    QueryParse(String),
    /// Each element of the body with what is wrong with it.
    Validation(Vec<Vec<String>>),
}

impl Refusal {
    /// A body that is wrong as a whole.
    pub(super) fn body(message: impl Into<String>) -> Self {
        Self::Validation(vec![vec![message.into()]])
    }

    pub(super) fn into_response(self, form: Form) -> Response {
        match self {
            Self::NotFound => html(StatusCode::NOT_FOUND, "The resource you're looking for cannot be found"),
            Self::NoReportingRole => html(
                StatusCode::UNAUTHORIZED,
                "You are not permitted to access this resource without the reporting role or higher privileges",
            ),
            Self::NotImplemented => {
                let fields = exception(
                    20,
                    "ApiMethodNotImplementedException",
                    "The Api Method called is not implemented",
                );
                // Xero writes this one in XML whatever was asked for.
                api_exception(fields).with_status(StatusCode::NOT_IMPLEMENTED, Form::Xml)
            }
            Self::QueryParse(message) => api_exception(exception(16, "QueryParseException", &message))
                .with_status(StatusCode::BAD_REQUEST, form),
            Self::Validation(elements) => {
                let mut fields = exception(10, "ValidationException", "A validation exception occurred");
                fields.push((
                    "Elements",
                    Node::List("DataContractBase", elements.into_iter().map(element).collect()),
                ));
                api_exception(fields).with_status(StatusCode::BAD_REQUEST, form)
            }
        }
    }
}

/// Xero's XML says utf-16 here, though the bytes are UTF-8.
fn api_exception(fields: Vec<(&'static str, Node)>) -> Document {
    Document { root: "ApiException", declared: Some("utf-16"), fields }
}

fn exception(number: i64, kind: &str, message: &str) -> Vec<(&'static str, Node)> {
    vec![("ErrorNumber", Node::Count(number)), ("Type", Node::text(kind)), ("Message", Node::text(message))]
}

fn element(messages: Vec<String>) -> Node {
    let error = |message: String| Node::Record(vec![("Message", Node::Text(message))]);
    let errors = messages.into_iter().map(error).collect();
    Node::Record(vec![("ValidationErrors", Node::List("ValidationError", errors))])
}

fn html(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}
