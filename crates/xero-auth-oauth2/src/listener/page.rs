//! What the browser shows when it comes back.

use askama::Template;
use aws_lc_rs::digest;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// What the page says that the browser shows at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPage {
    /// Where to go on, such as "the terminal window with xeroctl". Any text: it is escaped.
    pub return_to: String,
}

/// A heading and what to do.
pub(super) struct Message {
    heading: &'static str,
    is_good: bool,
    before: &'static str,
    after: &'static str,
}

pub(super) const CONSENT: Message = Message {
    heading: "Xero has let the app in",
    is_good: true,
    before: "To finish the login, go back to",
    after: "You can close this page.",
};

pub(super) const REFUSED: Message = Message {
    heading: "Not connected",
    is_good: false,
    before: "Nothing has been changed. To try again, go back to",
    after: "You can close this page.",
};

pub(super) const OTHER_LOGIN: Message = Message {
    heading: "This answer is from another login",
    is_good: false,
    before: "It may be from an earlier attempt, and nothing was done with it. The present login waits in",
    after: "You can close this page.",
};

pub(super) const NOTHING: Message = Message {
    heading: "There is nothing here",
    is_good: false,
    before: "This address is for coming back from a login at Xero. The login goes on in",
    after: "",
};

#[derive(Template)]
#[template(path = "return_page.html")]
struct Page<'a> {
    style: &'static str,
    message: &'a Message,
    /// Why not, in lower case; empty where there is nothing to tell.
    reason: &'a str,
    return_to: &'a str,
}

const STYLE: &str = include_str!("../../templates/return_page.css");

pub(super) fn render(page: &ReturnPage, message: &Message, reason: &str) -> String {
    Page { style: STYLE, message, reason, return_to: &page.return_to }
        .render()
        .expect("the template writes texts into a string")
}

/// Nothing but the page's own style.
pub(super) fn content_security_policy() -> String {
    let style = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}
