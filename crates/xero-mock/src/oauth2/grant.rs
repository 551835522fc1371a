//! What a consent leaves behind: a code, then refresh tokens, and the rules by which each is good.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use uuid::Uuid;

use super::identity::Session;
use crate::user::User;

const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
const REFRESH_LIFETIME: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// How long a spent refresh token may be used again, from its first use.
const GRACE: Duration = Duration::from_secs(30 * 60);

/// What becomes of a refresh token that was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// It works for another 30 minutes, each time for a new pair; all pairs stay good. Xero's documented rule.
    #[default]
    Grace,
    /// Its second use ends every refresh token of the same consent, as other identity servers do.
    Strict,
}

/// One consent of one user to one app.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    /// Who consented, and when they logged in.
    pub(crate) session: Session,
    pub(crate) scopes: Vec<String>,
    /// The claim `authentication_event_id`; tenant links call it `authEventId`.
    pub(crate) event: Uuid,
    pub(crate) nonce: Option<String>,
}

/// An authorisation code and all that it is bound to (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) issued: SystemTime,
}

/// What a client shows to get tokens for its code.
#[derive(Debug)]
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) verifier: Option<&'a str>,
    pub(crate) now: SystemTime,
}

#[derive(Debug)]
struct RefreshToken {
    grant: Arc<Grant>,
    issued: SystemTime,
    first_used: Option<SystemTime>,
    dead: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Grants {
    codes: HashMap<String, Code>,
    refresh_tokens: HashMap<String, RefreshToken>,
    refreshes: u64,
    pub(crate) rotation: Rotation,
}

impl Grants {
    pub(crate) fn issue_code(&mut self, code: Code) -> String {
        let text = random_token();
        self.codes.insert(text.clone(), code);
        text
    }

    /// The grant of a good code. A code is spent by any attempt of its own client; another client's leaves it.
    pub(crate) fn redeem(&mut self, redemption: &Redemption<'_>) -> Option<Arc<Grant>> {
        if self.codes.get(redemption.code)?.grant.client_id != redemption.client_id {
            return None;
        }
        let code = self.codes.remove(redemption.code)?;
        code.answers(redemption).then(|| Arc::new(code.grant))
    }

    pub(crate) fn issue_refresh_token(&mut self, grant: Arc<Grant>, now: SystemTime) -> String {
        let text = random_token();
        let token = RefreshToken { grant, issued: now, first_used: None, dead: false };
        self.refresh_tokens.insert(text.clone(), token);
        text
    }

    /// Spends a refresh token; the caller gives out the next pair.
    pub(crate) fn spend(&mut self, token: &str, client_id: &str, now: SystemTime) -> Option<Arc<Grant>> {
        let rotation = self.rotation;
        let found = self.refresh_tokens.get_mut(token).filter(|it| it.grant.client_id == client_id)?;
        if !found.alive(rotation, now) {
            let reused = found.first_used.is_some().then_some(found.grant.event);
            if let (Rotation::Strict, Some(event)) = (rotation, reused) {
                self.kill(|grant| grant.event == event);
            }
            return None;
        }
        found.first_used.get_or_insert(now);
        self.refreshes += 1;
        Some(Arc::clone(&found.grant))
    }

    /// How many refresh tokens were spent.
    pub(crate) fn refreshes(&self) -> u64 {
        self.refreshes
    }

    /// Whether the token would be accepted now.
    pub(crate) fn is_alive(&self, token: &str, now: SystemTime) -> bool {
        self.refresh_tokens.get(token).is_some_and(|token| token.alive(self.rotation, now))
    }

    /// Whose the token is, alive or not.
    pub(crate) fn owner(&self, token: &str) -> Option<(&str, &'static User)> {
        self.refresh_tokens.get(token).map(|token| (token.grant.client_id.as_str(), token.grant.session.user))
    }

    /// Ends all refresh tokens of such grants.
    pub(crate) fn kill(&mut self, of: impl Fn(&Grant) -> bool) {
        self.refresh_tokens.values_mut().filter(|token| of(&token.grant)).for_each(|token| token.dead = true);
    }
}

impl Code {
    fn answers(&self, redemption: &Redemption<'_>) -> bool {
        let fresh = redemption.now.duration_since(self.issued).is_ok_and(|age| age <= CODE_LIFETIME);
        let proved = match (&self.challenge, redemption.verifier) {
            (None, None) => true,
            (Some(challenge), Some(verifier)) => is_verifier(verifier) && s256(verifier) == *challenge,
            _ => false,
        };
        fresh && proved && redemption.redirect_uri == Some(self.redirect_uri.as_str())
    }
}

impl RefreshToken {
    fn alive(&self, rotation: Rotation, now: SystemTime) -> bool {
        let within =
            |since: SystemTime, span: Duration| now.duration_since(since).unwrap_or_default() <= span;
        let usable = match self.first_used {
            None => within(self.issued, REFRESH_LIFETIME),
            Some(first_used) => rotation == Rotation::Grace && within(first_used, GRACE),
        };
        usable && !self.dead
    }
}

/// RFC 7636 section 4.1.
fn is_verifier(text: &str) -> bool {
    let unreserved = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// RFC 7636 section 4.2.
fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// 43 characters that nobody guesses.
fn random_token() -> String {
    let mut octets = [0; 32];
    SystemRandom::new().fill(&mut octets).expect("the system gives random bytes");
    URL_SAFE_NO_PAD.encode(octets)
}

#[cfg(test)]
mod tests {
    use super::s256;

    #[test]
    fn rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(s256(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
