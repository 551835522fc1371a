//! Decides whether a signed request is let in. Which check comes first is assumed; Xero never said.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Problem, Signed};
use crate::app::{AppState, Apps, PrivateApp};
use crate::limits::{Limits, Quota, Remaining};

/// How far a timestamp may lie from the mock's clock, to either side.
const TIMESTAMP_WINDOW: Duration = Duration::from_secs(1800);

/// What is remembered of the requests that were let in.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    nonces: HashMap<(String, String), SystemTime>,
    limits: Limits,
}

impl Provider {
    /// Lets a request in, and counts it; or says why not. A refused request spends neither nonce nor limit,
    /// except that the nonce of a request over the limit is spent.
    pub(crate) fn admit<'a>(
        &mut self,
        signed: &Signed,
        apps: &'a Apps,
        now: SystemTime,
    ) -> Result<(&'a PrivateApp, Remaining), Problem> {
        let app = consumer(signed, apps)?;
        check_method(signed, app)?;
        check_token(signed, app)?;
        check_timestamp(signed, now)?;
        check_signature(signed, app, now)?;
        self.spend_nonce(signed, app, now)?;
        let remaining = self.limits.spend(&app.consumer_key, &app.organisation, Quota::PRIVATE, now);
        remaining
            .map(|remaining| (app, remaining))
            .map_err(|over| Problem::RateLimit { header: over.limit.header() })
    }

    /// A nonce is good once per consumer key, for as long as its timestamp could be accepted.
    fn spend_nonce(&mut self, signed: &Signed, app: &PrivateApp, now: SystemTime) -> Result<(), Problem> {
        let nonce = required(signed, "oauth_nonce")?;
        let forgotten = 2 * TIMESTAMP_WINDOW;
        self.nonces.retain(|_, spent| now.duration_since(*spent).is_ok_and(|age| age <= forgotten));
        let earlier = self.nonces.insert((app.consumer_key.clone(), nonce.to_owned()), now);
        match earlier {
            Some(_) => Err(Problem::NonceUsed { nonce: nonce.to_owned() }),
            None => Ok(()),
        }
    }
}

/// The answer of `/oauth/...`, which private apps have no use for.
pub(crate) fn endpoint(name: &str, signed: &Signed, apps: &Apps) -> Problem {
    let key = signed.value("oauth_consumer_key").unwrap_or_default();
    if apps.by_key(key).is_none() {
        let realm = signed.value("realm").unwrap_or_default();
        return Problem::UnknownConsumer { realm: realm.to_owned(), key: key.to_owned() };
    }
    match name {
        "accesstoken" => Problem::AccessDenied,
        "migrate" => Problem::NoMigration,
        _ => Problem::NoRequestToken,
    }
}

fn consumer<'a>(signed: &Signed, apps: &'a Apps) -> Result<&'a PrivateApp, Problem> {
    let key = signed.value("oauth_consumer_key").ok_or(Problem::ConsumerKeyUnknown)?;
    apps.by_key(key).ok_or(Problem::ConsumerKeyUnknown)
}

fn check_method(signed: &Signed, app: &PrivateApp) -> Result<(), Problem> {
    if app.certificate.is_none() {
        return Err(Problem::NoCertificate);
    }
    if signed.value("oauth_token_secret").is_some() {
        return Err(Problem::TokenSecretSent);
    }
    match required(signed, "oauth_signature_method")? {
        "RSA-SHA1" => Ok(()),
        _ => Err(Problem::NotRsaSha1),
    }
}

fn check_token(signed: &Signed, app: &PrivateApp) -> Result<(), Problem> {
    let token = signed.value("oauth_token").ok_or(Problem::NoToken)?;
    if token != app.consumer_key {
        return Err(Problem::OtherToken { token: token.to_owned() });
    }
    match app.state {
        AppState::Connected => Ok(()),
        AppState::Disconnected | AppState::Deleted => Err(Problem::Revoked),
    }
}

fn check_timestamp(signed: &Signed, now: SystemTime) -> Result<(), Problem> {
    // A timestamp that is no number counts as the oldest; what Xero answered is not known.
    let seconds = required(signed, "oauth_timestamp")?.parse().unwrap_or(0);
    let Some(sent) = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else {
        return Err(Problem::TimestampAhead);
    };
    if sent > now + TIMESTAMP_WINDOW {
        return Err(Problem::TimestampAhead);
    }
    if sent + TIMESTAMP_WINDOW < now { Err(Problem::TimestampOld) } else { Ok(()) }
}

fn check_signature(signed: &Signed, app: &PrivateApp, now: SystemTime) -> Result<(), Problem> {
    let signature = STANDARD.decode(signed.value("oauth_signature").unwrap_or_default()).unwrap_or_default();
    // Xero refused expired certificates; that it said so with this problem is assumed.
    let certificate = app.certificate.as_ref().filter(|certificate| !certificate.expired(now));
    let base_string = signed.base_string();
    let verified = certificate.is_some_and(|it| it.key.verifies_rsa_sha1(base_string.as_bytes(), &signature));
    if verified { Ok(()) } else { Err(Problem::SignatureInvalid) }
}

fn required<'a>(signed: &'a Signed, name: &'static str) -> Result<&'a str, Problem> {
    signed.value(name).ok_or(Problem::ParameterAbsent { name })
}
