//! The name under which Xero knows an app.

use std::fmt;

use crate::Error;

/// A client id: 32 hexadecimal characters in capitals. It is sent in the clear and is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// How long Xero's client ids are.
    const LENGTH: usize = 32;

    /// Reads a client id as the developer portal shows it. White space at the ends is dropped, small letters become
    /// capitals; anything else is [`Error::BadClientId`], which says what the text looks like.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let id = text.trim();
        match what_else(id) {
            None => Ok(Self(id.to_ascii_uppercase())),
            Some(reason) => Err(Error::BadClientId { reason }),
        }
    }

    /// The id as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a text is that is no client id.
fn what_else(id: &str) -> Option<&'static str> {
    let hex = id.chars().all(|c| c.is_ascii_hexdigit());
    if hex && id.len() == ClientId::LENGTH {
        return None;
    }
    Some(match id.chars().count() {
        0 => "there is nothing here",
        36 if is_uuid(id) => "this looks like a UUID, such as the id of an organisation",
        30 if is_consumer_key(id) => "this looks like the consumer key of a private app (OAuth 1.0a)",
        0..32 if hex => "this one is too short",
        33.. if hex => "this one is too long",
        30.. if is_secret(id) => "this looks like a client secret",
        _ => "this has other characters",
    })
}

fn is_uuid(id: &str) -> bool {
    let groups: Vec<_> = id.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn is_consumer_key(id: &str) -> bool {
    id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

fn is_secret(id: &str) -> bool {
    id.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> &'static str {
        match ClientId::parse(text) {
            Err(Error::BadClientId { reason }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn takes_an_id_as_it_is_copied() {
        let id = ClientId::parse(" \t0123456789abcdef0123456789ABCDEF\r\n").unwrap();
        assert_eq!(id.as_str(), "0123456789ABCDEF0123456789ABCDEF");
        assert_eq!(id.to_string(), id.as_str());
    }

    #[test]
    fn says_what_else_it_is() {
        assert_eq!(refusal("  "), "there is nothing here");
        assert_eq!(refusal("0123456789ABCDEF0123456789ABCDE"), "this one is too short");
        assert_eq!(refusal("0123456789ABCDEF0123456789ABCDEF0"), "this one is too long");
        let organisation = "this looks like a UUID, such as the id of an organisation";
        assert_eq!(refusal("01234567-89ab-cdef-0123-456789abcdef"), organisation);
        let key = "this looks like the consumer key of a private app (OAuth 1.0a)";
        assert_eq!(refusal("1WAFXDGUOLYDBJ6WIBAONFB0ARBK3T"), key);
        assert_eq!(
            refusal("Jk3-x_9QpZ0aLmN4rStUvWxYz1234567890abcdEFGhijkl"),
            "this looks like a client secret"
        );
        assert_eq!(refusal("Jk3-x_9QpZ0aLmN4rStUvWxYz1234567"), "this looks like a client secret");
        assert_eq!(refusal("my app"), "this has other characters");
        assert_eq!(refusal("0123456789ABCDEF 0123456789ABCDEF"), "this has other characters");
    }

    proptest! {
        #[test]
        fn every_id_is_taken_and_nothing_else(text in "\\PC{0,40}", id in "[0-9a-fA-F]{32}") {
            prop_assert_eq!(ClientId::parse(&id), Ok(ClientId(id.to_ascii_uppercase())));
            if let Ok(taken) = ClientId::parse(&text) {
                prop_assert_eq!(taken.as_str(), text.trim().to_ascii_uppercase());
                prop_assert!(taken.as_str().len() == 32 && taken.as_str().chars().all(|c| c.is_ascii_hexdigit()));
            }
        }
    }
}
