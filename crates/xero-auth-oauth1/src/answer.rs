//! An answer that is not a success, as far as it tells what went wrong.

/// Status, the headers that matter and the body of an answer.
///
/// No `Debug`: the body is not for printing.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) date: Option<&'a str>,
    pub(crate) retry_after: Option<&'a str>,
    pub(crate) rate_limit_problem: Option<&'a str>,
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// How much of a body is looked at, in bytes. Xero's errors are far shorter.
    pub const BODY_LIMIT: usize = 64 * 1024;

    /// An answer without headers. Of the body no more than [`BODY_LIMIT`](Self::BODY_LIMIT) is looked at.
    pub fn new(status: u16, body: &'a [u8]) -> Self {
        let body = &body[..body.len().min(Self::BODY_LIMIT)];
        Self { status, date: None, retry_after: None, rate_limit_problem: None, body }
    }

    /// Adds a header; names in any case. `Date`, `Retry-After` and `X-Rate-Limit-Problem` are used, others passed
    /// over, `Content-Type` among them: Xero calls its form-encoded errors `text/html`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &'a str) -> Self {
        let used = [
            ("date", &mut self.date),
            ("retry-after", &mut self.retry_after),
            ("x-rate-limit-problem", &mut self.rate_limit_problem),
        ];
        if let Some((_, field)) = used.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            *field = Some(value);
        }
        self
    }

    /// The body as text, without byte order mark and white space at the ends.
    pub(crate) fn text(&self) -> String {
        let text = String::from_utf8_lossy(self.body);
        text.trim_start_matches('\u{feff}').trim().to_owned()
    }
}
