//! Why a request is not signed.

use std::fmt;

/// A request was not signed, or a consumer key was not taken. Each variant is mended in its own way.
///
/// No variant carries a consumer key, a value of a parameter or a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Copy the consumer key again: Xero's have 30 characters.
    #[error("a consumer key has 30 characters; this one has {found}")]
    ConsumerKeyLength {
        /// How many characters there are, without white space at the ends.
        found: usize,
    },
    /// Copy the consumer key again: it has a character that Xero's do not have.
    #[error("a consumer key has capital letters and digits only; character {position} is {character:?}")]
    ConsumerKeyCharacter {
        /// The first character that does not belong.
        character: char,
        /// Where it stands, counted from 1 after white space at the start.
        position: usize,
    },
    /// Take the consumer key of a private app: an OAuth 2 app cannot sign requests.
    #[error("this is the client id of an OAuth 2 app, not the consumer key of a private app")]
    ClientId,
    /// Give a method such as `GET`.
    #[error("the request method is not a word of letters")]
    Method,
    /// Give an `https` or `http` URL with a host.
    #[error("the URL is not an https or http address")]
    Scheme,
    /// Leave user name and password out of the URL; the signature is what authenticates.
    #[error("the URL has a user name or password, which cannot be sent beside an OAuth signature")]
    UserInfo,
    /// Leave the slash at the end of the path out.
    #[error("the path ends in `/`, and Xero's server and clients disagree on whether it is signed")]
    TrailingSlash,
    /// Replace the character, usually in an attachment's file name. Its encoded form is refused as well.
    #[error("the path has {character:?}, raw or encoded, which Xero signs differently from its clients")]
    PathCharacter {
        /// `;`, `[` or `]`.
        character: char,
    },
    /// Percent-encode the character in the path before the URL is parsed.
    #[error("the path has {character:?} in the clear: percent-encode it")]
    RawPathCharacter {
        /// A character that RFC 3986 does not allow in a path.
        character: char,
    },
    /// Write `name=`, or leave the parameter out.
    #[error("{place} parameter {position} has no `=`, and Xero leaves such parameters out of the signature")]
    NoValue {
        /// Where the parameter is.
        place: Place,
        /// Which it is there, counted from 1.
        position: usize,
    },
    /// Send the parameter once, its values separated by commas where Xero's API takes that.
    #[error("the {place} has the parameter `{name}` more than once, and Xero joins such parameters into one")]
    Repeated {
        /// Where the parameter is.
        place: Place,
        /// Its name; case does not matter to Xero.
        name: String,
    },
    /// Rename the parameter: letters, digits and `- . _ ~` only.
    #[error(
        "the name of {place} parameter {position} has a character that Xero does not encode when it signs"
    )]
    ParameterName {
        /// Where the parameter is.
        place: Place,
        /// Which it is there, counted from 1.
        position: usize,
    },
    /// Encode the value as UTF-8.
    #[error("the value of {place} parameter {position} is not UTF-8")]
    NotUtf8 {
        /// Where the parameter is.
        place: Place,
        /// Which it is there, counted from 1.
        position: usize,
    },
    /// Leave the parameter out: signing sets it, or it would be taken for one that signing sets.
    #[error("the {place} has the parameter `{name}`, which belongs to the signature")]
    ProtocolParameter {
        /// Where the parameter is.
        place: Place,
        /// Its name.
        name: String,
    },
    /// Set the clock: the time of the stamp lies before 1970.
    #[error("the time to sign with lies before 1970")]
    BeforeEpoch,
    /// The system gave no random numbers for the nonce.
    #[error("no random numbers for a nonce")]
    Random,
    /// The key could not sign.
    #[error("the private key could not sign the request")]
    Sign(#[source] xero_certs::Error),
}

impl Error {
    /// What to do, in one sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::ConsumerKeyLength { .. } | Self::ConsumerKeyCharacter { .. } => {
                "copy the consumer key again from the app's page in the developer portal"
            }
            Self::ClientId => "connect with OAuth 2 instead, or take the consumer key of a private app",
            Self::Method => "give a method such as GET",
            Self::Scheme => "give an address that starts with https://",
            Self::UserInfo => "leave user name and password out of the address",
            Self::TrailingSlash => "leave the slash at the end of the path out",
            Self::PathCharacter { .. } => {
                "leave `;`, `[` and `]` out of file names, or put `_` in their place"
            }
            Self::RawPathCharacter { .. } => "write the character as `%` and its two hexadecimal digits",
            Self::NoValue { .. } => "write `name=` or leave the parameter out",
            Self::Repeated { .. } => {
                "send the parameter once, its values joined by commas where the API takes a list"
            }
            Self::ParameterName { .. } => "name parameters with letters, digits and `- . _ ~` only",
            Self::NotUtf8 { .. } => "encode the value as UTF-8 before it is percent-encoded",
            Self::ProtocolParameter { .. } => "leave the parameter out: signing sets what it needs",
            Self::BeforeEpoch => "set the clock of this machine",
            Self::Random => "try again; the system's source of random numbers failed",
            Self::Sign(_) => "read the key again from its file, or make a new one",
        }
    }
}

/// Where in a request a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The query of the URL.
    Query,
    /// The form-encoded body.
    Form,
    /// Given with [`Request::protocol_parameter`](crate::Request::protocol_parameter).
    Protocol,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "query",
            Self::Form => "form",
            Self::Protocol => "protocol",
        })
    }
}
