//! Secrets: one type each, one way out, nothing printed.

use crate::Error;

/// Makes a newtype over a wiped string: no `Display`, no `Serialize`, a `Debug` without contents. At the end stands the
/// visibility of its `new`.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $what:literal, $new:vis) => {
        $(#[$doc])*
        ///
        /// It has no `Display`; `Debug` prints a placeholder; its memory is wiped when it is dropped.
        #[derive(Clone)]
        pub struct $name(secrecy::SecretString);

        impl $name {
            /// Takes the text; white space and line ends around it are dropped.
            ///
            /// # Errors
            /// [`Error::BadSecret`](crate::Error::BadSecret) if nothing is left, or if there are other than visible
            /// ASCII characters in it (RFC 6749 appendix A).
            $new fn new(text: &str) -> Result<Self, crate::Error> {
                crate::secret::checked($what, text).map(|text| Self(text.into()))
            }

            /// The text itself. The only way out.
            pub fn expose(&self) -> &str {
                secrecy::ExposeSecret::expose_secret(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

pub(crate) use secret;

secret! {
    /// The secret of a web app or custom connection, shown once by the developer portal.
    ClientSecret, "client secret", pub
}

secret! {
    /// What API calls are authorised with, for 30 minutes (RFC 6750).
    AccessToken, "access token", pub
}

secret! {
    /// What the next access token is had with; Xero rotates it at each use and forgets it after 60 idle days.
    RefreshToken, "refresh token", pub
}

secret! {
    /// Says who logged in (OpenID Connect Core section 2).
    IdToken, "id token", pub
}

secret! {
    /// What a consent gives; good for one exchange within five minutes.
    AuthorizationCode, "authorization code", pub
}

pub(crate) fn checked<'a>(what: &'static str, text: &'a str) -> Result<&'a str, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::BadSecret { what, reason: "is empty" });
    }
    if !text.chars().all(|c| matches!(c, ' '..='~')) {
        return Err(Error::BadSecret { what, reason: "has characters that none of Xero's has" });
    }
    Ok(text)
}
