//! What the mock was asked and how it answered, for tests to look at.

use std::time::SystemTime;

use axum::http::request::Parts;
use axum::response::Response;

/// One request, everything but its body, of which only forms with tokens are kept; `/_mock/` is not recorded. Headers are kept as received,
/// `Authorization` too: this is a test tool.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// The method as sent.
    pub method: String,
    /// The path as sent, in escaped form.
    pub path: String,
    /// What followed the question mark, in escaped form.
    pub query: Option<String>,
    /// Names in lower case, values as sent; a value that is no text is shown lossily.
    pub headers: Vec<(String, String)>,
    /// The mock's time when the request came.
    pub time: SystemTime,
    /// The status answered; none while unanswered, or when the connection was cut instead.
    pub status: Option<u16>,
    /// The `oauth_problem` answered, decoded; or OAuth 2.0's `error`, or the first word of an API problem's detail.
    pub problem: Option<&'static str>,
    /// The decoded form of a request to the token or revocation endpoint, in its order; else empty.
    pub form: Vec<(String, String)>,
}

impl JournalEntry {
    /// The first value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a field of the form.
    pub fn form_value(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Travels with a response to tell the journal its problem.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnsweredProblem(pub(crate) &'static str);

/// A place in the journal, good until the journal is cleared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    generation: u64,
    index: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    generation: u64,
    entries: Vec<JournalEntry>,
}

impl Journal {
    pub(crate) fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    pub(crate) fn received(&mut self, parts: &Parts, form: Vec<(String, String)>, time: SystemTime) -> Place {
        let place = Place { generation: self.generation, index: self.entries.len() };
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
        self.entries.push(JournalEntry {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: headers.collect(),
            time,
            status: None,
            problem: None,
            form,
        });
        place
    }

    pub(crate) fn answered(&mut self, place: Place, response: &Response) {
        if place.generation == self.generation {
            let entry = &mut self.entries[place.index];
            entry.status = Some(response.status().as_u16());
            entry.problem = response.extensions().get::<AnsweredProblem>().map(|problem| problem.0);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.generation += 1;
        self.entries.clear();
    }
}
