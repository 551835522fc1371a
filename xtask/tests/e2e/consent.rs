//! What a person does at Xero between the address on the terminal and the end: log in, choose, decide.

use crate::browser::Browser;
use crate::terminal::Terminal;

pub(crate) const ADA: &str = "ada@example.com";

/// A part of every address at which a consent begins.
const LOGIN: &str = "/identity/connect/authorize?";

impl Browser {
    pub(crate) fn log_in(&self, email: &str) {
        self.fill("Email address", email);
        self.fill("Password", "any password");
        self.press("Log in");
    }

    /// Chooses the organisations and allows access.
    pub(crate) fn allow(&self, organisations: &[&str]) {
        self.sees("wants access");
        organisations.iter().for_each(|organisation| self.tick(organisation));
        self.press("Allow access");
    }
}

impl Terminal {
    /// The address on the screen, where it fills several lines.
    pub(crate) fn address(&self) -> String {
        let screen = self.text();
        let (before, after) = screen.split_once(LOGIN).unwrap_or_else(|| panic!("no address:\n{screen}"));
        let server = before.split_whitespace().next_back().unwrap();
        let rest = after.split("\n\n").next().unwrap();
        format!("{server}{LOGIN}{}", rest.split_whitespace().collect::<String>())
    }
}

/// The first address in a text that is not a screen.
pub(crate) fn address_in(line: &str) -> Option<&str> {
    line.split_whitespace().find(|word| word.contains(LOGIN))
}
