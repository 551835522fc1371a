//! The name under which Xero knows a private app.

use std::fmt;

use crate::Error;

/// A consumer key (RFC 5849 calls it the client identifier). It names the app and is sent in the clear; it is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConsumerKey(String);

impl ConsumerKey {
    /// How long Xero's keys are.
    const LENGTH: usize = 30;

    /// Reads a key as Xero issues them: 30 capital letters and digits. White space at the ends is what copying
    /// leaves behind and is dropped; anything else is an error that says what was found.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let key = text.trim();
        if is_client_id(key) {
            return Err(Error::ClientId);
        }
        if let Some((before, character)) = key.chars().enumerate().find(|(_, c)| !is_of_a_key(*c)) {
            return Err(Error::ConsumerKeyCharacter { character, position: before + 1 });
        }
        match key.len() {
            Self::LENGTH => Ok(Self(key.to_owned())),
            found => Err(Error::ConsumerKeyLength { found }),
        }
    }

    /// Takes any text: the key of a server other than Xero, which has rules of its own.
    pub fn of_another_server(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_of_a_key(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit()
}

/// OAuth 2 client ids have 32 hexadecimal digits, at times written as a GUID.
fn is_client_id(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    let others = text.chars().filter(|c| !c.is_ascii_hexdigit() && *c != '-').count();
    digits == 32 && others == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        ConsumerKey::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn takes_a_key_with_white_space_around_it() {
        let key = ConsumerKey::parse("\t1WAFXDGUOLYDBJ6WIBAONFB0ARBK3T\r\n").unwrap();
        assert_eq!(key.as_str(), "1WAFXDGUOLYDBJ6WIBAONFB0ARBK3T");
        assert_eq!(key.to_string(), key.as_str());
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(refusal(""), "a consumer key has 30 characters; this one has 0");
        assert_eq!(
            refusal("1WAFXDGUOLYDBJ6WIBAONFB0ARBK3"),
            "a consumer key has 30 characters; this one has 29"
        );
        assert_eq!(
            refusal("1WAFXDGUOLYDBJ6 WIBAONFB0ARBK3T"),
            "a consumer key has capital letters and digits only; character 16 is ' '"
        );
        assert_eq!(
            refusal("1WAFXDGUOLYDBJ6WIBAONFB0ARBK3é"),
            "a consumer key has capital letters and digits only; character 30 is 'é'"
        );
    }

    #[test]
    fn knows_a_client_id() {
        let told = "this is the client id of an OAuth 2 app, not the consumer key of a private app";
        assert_eq!(refusal("D3C4A466710D44B5BA922E3F2FE6CB85"), told);
        assert_eq!(refusal("d3c4a466-710d-44b5-ba92-2e3f2fe6cb85"), told);
    }
}
