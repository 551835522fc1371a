//! The random values of one login attempt: state, PKCE verifier, nonce.

use aws_lc_rs::{constant_time, rand};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

use crate::{Error, secret::secret};

secret! {
    /// Ties a callback to the browser that was sent out (RFC 6749 section 10.12): 256 random bits.
    State, "state", pub(crate)
}

secret! {
    /// The verifier of Proof Key for Code Exchange (RFC 7636): 256 random bits as 43 characters.
    Pkce, "PKCE verifier", pub(crate)
}

secret! {
    /// Ties an id token to the login (OpenID Connect Core section 3.1.2.1): 256 random bits.
    Nonce, "nonce", pub(crate)
}

impl State {
    /// A new state. [`Error::Random`] if the system gives no random numbers.
    pub fn generate() -> Result<Self, Error> {
        Self::new(&random()?)
    }

    /// A state that was kept between the two steps of a login. [`Error::BadSecret`] if it is empty or not ASCII.
    pub fn from_stored(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &str) -> bool {
        constant_time::verify_slices_are_equal(self.expose().as_bytes(), other.as_bytes()).is_ok()
    }
}

impl Pkce {
    /// A new verifier. [`Error::Random`] if the system gives no random numbers.
    pub fn generate() -> Result<Self, Error> {
        Self::new(&random()?)
    }

    /// A verifier that was kept between the two steps of a login: 43 to 128 letters, digits, `-`, `.`, `_`, `~`
    /// (RFC 7636 section 4.1).
    pub fn from_stored(text: &str) -> Result<Self, Error> {
        let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        if (43..=128).contains(&text.len()) && text.chars().all(usual) {
            Self::new(text)
        } else {
            Err(Error::BadSecret { what: "PKCE verifier", reason: "is not one of RFC 7636" })
        }
    }

    /// The S256 challenge: base64url of the verifier's SHA-256 (RFC 7636 section 4.2). It is no secret.
    pub fn challenge(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.expose().as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(digest)
    }
}

impl Nonce {
    /// A new nonce. [`Error::Random`] if the system gives no random numbers.
    pub fn generate() -> Result<Self, Error> {
        Self::new(&random()?)
    }

    /// A nonce that was kept between the two steps of a login. [`Error::BadSecret`] if it is empty or not ASCII.
    pub fn from_stored(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &str) -> bool {
        constant_time::verify_slices_are_equal(self.expose().as_bytes(), other.as_bytes()).is_ok()
    }
}

/// 256 random bits as 43 characters of base64url.
fn random() -> Result<String, Error> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn values_differ_and_have_43_characters_of_base64url() {
        let mut seen = HashSet::new();
        for _ in 0..300 {
            let (state, pkce, nonce) = (State::generate(), Pkce::generate(), Nonce::generate());
            seen.insert(state.unwrap().expose().to_owned());
            seen.insert(pkce.unwrap().expose().to_owned());
            seen.insert(nonce.unwrap().expose().to_owned());
        }
        assert_eq!(seen.len(), 900);
        let usual = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(seen.iter().all(|text| text.len() == 43 && text.chars().all(usual)));
    }

    /// RFC 7636 appendix B.
    #[test]
    fn the_challenge_of_the_rfc() {
        let pkce = Pkce::from_stored("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn what_was_stored_is_checked() {
        for odd in ["", "short", &"x".repeat(42), &"x".repeat(129), &format!("{}+", "x".repeat(50))] {
            let error = Pkce::from_stored(odd).unwrap_err();
            assert_eq!(error, Error::BadSecret { what: "PKCE verifier", reason: "is not one of RFC 7636" });
        }
        assert!(Pkce::from_stored(&"-._~".repeat(32)).is_ok());
        assert!(State::from_stored("").is_err() && Nonce::from_stored("\n").is_err());
        let state = State::generate().unwrap();
        assert_eq!(State::from_stored(state.expose()).unwrap().expose(), state.expose());
    }

    #[test]
    fn only_the_same_text_matches() {
        let state = State::from_stored("abc").unwrap();
        assert!(state.matches("abc"));
        assert!(["", "ab", "abd", "abcd", "ABC"].iter().all(|other| !state.matches(other)));
    }
}
