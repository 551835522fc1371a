//! The password of a key file, kept from being printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A password that protects a key file.
///
/// It has no `Display`; `Debug` prints a placeholder; its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Takes the password as typed; nothing is trimmed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The password itself. The only way out.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// True where every program can read what this password protects: Java opens no file whose password has
    /// other characters than ASCII.
    pub fn is_portable(&self) -> bool {
        self.expose().is_ascii()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([redacted])")
    }
}
