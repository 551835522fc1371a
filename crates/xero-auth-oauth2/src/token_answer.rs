//! What the identity server grants or refuses.

use std::{fmt, time::Duration};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    AccessToken, Error, IdToken, RefreshToken, Scopes, api_problem::retry_after, json,
    said::said_without_secrets, transport::Answer,
};

/// An answer of the token endpoint (RFC 6749 section 5.1). The rotated refresh token is there whatever else is wrong
/// with the answer: keep it first.
#[derive(Debug)]
pub struct TokenAnswer {
    /// The new refresh token; `None`: the old one, if there was one, goes on.
    pub refresh_token: Option<RefreshToken>,
    /// The access token and what belongs to it. An error here does not undo the rotation.
    pub access: Result<Access, Error>,
}

/// An access token and what the answer said of it.
#[derive(Debug, Clone)]
pub struct Access {
    /// The token.
    pub token: AccessToken,
    /// How long it is good from now on; 30 minutes where the answer does not say.
    pub expires_in: Duration,
    /// What was granted, if the answer says so.
    pub scopes: Option<Scopes>,
    /// Who logged in; with the scope `openid` only. `None` also for one that is no text.
    pub id_token: Option<IdToken>,
}

/// Xero's access tokens are good for half an hour.
const USUAL_LIFE: Duration = Duration::from_secs(30 * 60);
/// No token is taken to be good for longer, in seconds: a day.
const LONGEST_LIFE: u64 = 24 * 60 * 60;

pub(crate) fn read(mut answer: Answer) -> Result<TokenAnswer, Error> {
    if !answer.is_success() {
        return Err(refusal(&answer));
    }
    let mut found = Found::default();
    let whole = found.read(&answer.body);
    let refresh_token = found.refresh_token.take();
    let access = match answer.cut.take() {
        Some(error) => Err(error),
        None if !whole && refresh_token.is_none() => Err(Error::NotXero { status: answer.status }),
        None => found.into_access(whole),
    };
    match (refresh_token, access) {
        (None, Err(error)) => Err(error),
        (refresh_token, access) => Ok(TokenAnswer { refresh_token, access }),
    }
}

/// Why the identity server did not do what was asked (RFC 6749 section 5.2; Xero sends 400 where the RFC has 401).
pub(crate) fn refusal(answer: &Answer) -> Error {
    let status = answer.status;
    if status == 429 || status >= 500 {
        return Error::Unavailable { status, retry_after: retry_after(answer.header("retry-after")) };
    }
    let body: Option<Refusal> = serde_json::from_slice(&answer.body).ok();
    match body.filter(|_| status >= 400) {
        Some(Refusal { error: Some(code), error_description }) => {
            by_code(&code, error_description.as_deref().unwrap_or_default())
        }
        _ => answer.cut.clone().unwrap_or(Error::NotXero { status }),
    }
}

fn by_code(code: &str, description: &str) -> Error {
    match code {
        "invalid_client" => Error::InvalidClient,
        "invalid_grant" => Error::InvalidGrant,
        "unauthorized_client" => Error::UnauthorizedClient,
        "invalid_scope" => Error::InvalidScope,
        _ => Error::Refused { code: said_without_secrets(code), said: said_without_secrets(description) },
    }
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default, deserialize_with = "json::text")]
    error: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    error_description: Option<String>,
}

/// The members of an answer, each kept as it is met: what came before a fault is not lost to it.
#[derive(Default)]
struct Found {
    refresh_token: Option<RefreshToken>,
    access_token: Option<AccessToken>,
    id_token: Option<IdToken>,
    expires_in: Option<u64>,
    scopes: Option<Scopes>,
    token_type: Option<String>,
}

impl Found {
    /// False: the text is not one whole JSON object.
    fn read(&mut self, body: &[u8]) -> bool {
        let mut reader = serde_json::Deserializer::from_slice(body);
        self.deserialize(&mut reader).is_ok() && reader.end().is_ok()
    }

    fn take(&mut self, name: &str, value: Value) {
        let text = value.as_str();
        match name {
            "refresh_token" => self.refresh_token = text.and_then(|text| RefreshToken::new(text).ok()),
            "access_token" => self.access_token = text.and_then(|text| AccessToken::new(text).ok()),
            "id_token" => self.id_token = text.and_then(|text| IdToken::new(text).ok()),
            "expires_in" => self.expires_in = seconds(&value),
            "scope" => self.scopes = scopes(&value),
            "token_type" => self.token_type = text.map(str::to_owned),
            _ => {}
        }
        wipe(value);
    }

    fn into_access(self, whole: bool) -> Result<Access, Error> {
        let bad = |reason| Err(Error::BadTokenAnswer { reason });
        if !whole {
            return bad("is not whole");
        }
        if self.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return bad("has a token of another kind than Bearer");
        }
        let Some(token) = self.access_token else { return bad("has no access token") };
        let expires_in = self.expires_in.map_or(USUAL_LIFE, |s| Duration::from_secs(s.min(LONGEST_LIFE)));
        Ok(Access { token, expires_in, scopes: self.scopes, id_token: self.id_token })
    }
}

impl<'de> DeserializeSeed<'de> for &mut Found {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Found {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            self.take(&name, members.next_value()?);
        }
        Ok(())
    }
}

/// A number, or a number written as text.
fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds as u64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A text, or a list as in Xero's access tokens. Names that are not scopes at all are left out; without any the answer
/// says nothing of scopes.
fn scopes(value: &Value) -> Option<Scopes> {
    let scopes = match value {
        Value::String(text) => Scopes::granted(text.split_whitespace()),
        Value::Array(list) => Scopes::granted(list.iter().filter_map(Value::as_str)),
        _ => return None,
    };
    Some(scopes).filter(|scopes| !scopes.is_empty())
}

fn wipe(value: Value) {
    if let Value::String(text) = value {
        drop(zeroize::Zeroizing::new(text));
    }
}
