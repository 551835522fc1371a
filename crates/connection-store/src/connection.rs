//! Connections: the names that people give to app, authorisation and organisation.

use std::{sync::Arc, time::SystemTime};

use xero_certs::{Certificate, PrivateKey};

use crate::{App, Authorisation, Error, Server};

/// One organisation in Xero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Its id, a UUID; the same for ever.
    pub id: String,
    /// Its name when last seen.
    pub name: String,
    /// Its short code, as in links into Xero, if known.
    pub short_code: Option<String>,
}

/// The name that a person gives to an app, an authorisation and an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its unique name.
    pub name: String,
    /// The app it uses.
    pub app: App,
    /// The consent it acts under; private apps have none.
    pub authorisation: Option<Authorisation>,
    /// The organisation it is pinned to; `None` until it was tested once.
    pub organisation: Option<Organisation>,
    /// True for the one that is used where none is named.
    pub is_default: bool,
    /// When it was made.
    pub created_at: SystemTime,
    /// When a request last succeeded in a test.
    pub tested_at: Option<SystemTime>,
    /// Sealed proof that name, app, authorisation and organisation were put together by the store's owner.
    pub(crate) pin: Vec<u8>,
    /// False where an old row was put back.
    pub(crate) recorded: bool,
}

/// A connection of a private app, to be stored.
#[derive(Debug)]
pub struct NewPrivateConnection {
    /// Its name; see [`check_name`].
    pub name: String,
    /// The consumer key from the portal.
    pub consumer_key: String,
    /// The private key.
    pub key: Arc<PrivateKey>,
    /// The key's certificate, as uploaded to the portal.
    pub certificate: Certificate,
    /// Where the app is registered.
    pub server: Server,
    /// The organisation, where a test request has shown it.
    pub organisation: Option<Organisation>,
    /// Make it the default one. The first connection becomes the default in any case.
    pub make_default: bool,
    /// What to do where the name is taken: replace that connection in one step, or refuse.
    pub replace: bool,
}

/// A connection that acts under a stored authorisation, to be stored.
#[derive(Debug, Clone)]
pub struct NewConnection {
    /// Its name; see [`check_name`].
    pub name: String,
    /// The authorisation's id.
    pub authorisation: String,
    /// The organisation it is pinned to.
    pub organisation: Option<Organisation>,
    /// Make it the default one. The first connection becomes the default in any case.
    pub make_default: bool,
    /// What to do where the name is taken: replace that connection in one step, or refuse.
    pub replace: bool,
    /// True where a request with it has succeeded just now.
    pub tested: bool,
}

/// Says whether a text can be the name of a connection or an app: 1 to 64 characters, none of them a control character or
/// one that is not seen, no space at either end, no `-` at the start. Names differ in more than the case of ASCII letters.
pub fn check_name(name: &str) -> Result<(), Error> {
    match name {
        "" => Err(Error::BadName("must not be empty")),
        _ if name.chars().count() > 64 => Err(Error::BadName("must have at most 64 characters")),
        _ if name.chars().any(char::is_control) => Err(Error::BadName("must not contain control characters")),
        _ if name.chars().any(is_unseen) => Err(Error::BadName(
            "must not contain characters that are not seen, or turn the direction of writing",
        )),
        _ if name.trim() != name => Err(Error::BadName("must not begin or end with a space")),
        _ if name.starts_with('-') => Err(Error::BadName("must not begin with a hyphen")),
        _ => Ok(()),
    }
}

/// A name as a shell takes it, for commands that are shown.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    if name.chars().all(plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// True for characters that are not seen or turn the direction of writing: a screen cannot give them back.
pub fn is_unseen(c: char) -> bool {
    let unseen = [
        '\u{ad}'..='\u{ad}',
        '\u{61c}'..='\u{61c}',
        '\u{180e}'..='\u{180e}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0000}'..='\u{e007f}',
    ];
    !c.is_ascii() && unseen.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["acme", "Maple Florist Ltd", "日本商事", "a", &"x".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            " a",
            "a ",
            "-a",
            "a\nb",
            "a\u{1b}[31m",
            "a\u{202e}b",
            "\u{200b}",
            "a\u{feff}",
            &"x".repeat(65),
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
