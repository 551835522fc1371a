//! What Xero writes into its tokens.

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

use crate::{AccessToken, ClientId, Error, IdToken, Nonce};

/// What an access token says of itself. Its signature is not checked: read only tokens that came from the identity
/// server itself over TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Claims {
    /// The user who consented (`xero_userid`); `None` for the all-zero id of a client credentials token.
    pub user_id: Option<String>,
    /// The consent (`authentication_event_id`); equals `authEventId` of the tenant links it made.
    pub consent: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// Which app it was granted to.
    pub client_id: Option<String>,
}

/// Who logged in. The texts are as Xero sent them: make them fit before they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The full name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// `xero_userid`.
    pub id: Option<String>,
}

impl Claims {
    /// `None` if the token is not a JWT that can be read.
    pub fn read(token: &AccessToken) -> Option<Self> {
        let claims = claims(token.expose())?;
        let scopes = match claims.get("scope") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Some(Self {
            user_id: user_id(&claims),
            consent: text(&claims, "authentication_event_id"),
            scopes,
            client_id: text(&claims, "client_id"),
        })
    }
}

impl User {
    /// Reads an id token that came from the identity server itself over TLS (OpenID Connect Core section 3.1.3.7:
    /// then its signature need not be checked). Audience and nonce are compared; times are not.
    ///
    /// A token that cannot be read says nothing, and neither does one without a nonce, which Xero does not promise.
    ///
    /// # Errors
    /// [`Error::BadIdToken`] for a token of another app or another login: the code was not the one of this login.
    pub fn read(token: &IdToken, expected: &ClientId, nonce: Option<&Nonce>) -> Result<Self, Error> {
        let bad = |reason| Error::BadIdToken { reason };
        let Some(claims) = claims(token.expose()) else { return Ok(Self::default()) };
        if !is_for(&claims, expected) {
            return Err(bad("is for another app"));
        }
        let own = claims.get("nonce").map(|own| own.as_str().unwrap_or_default());
        if nonce.zip(own).is_some_and(|(nonce, own)| !nonce.matches(own)) {
            return Err(bad("is of another login"));
        }
        Ok(Self { name: name(&claims), email: email(&claims), id: user_id(&claims) })
    }
}

/// The middle part of a JWT (RFC 7519 section 3), with or without padding.
fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let json = GeneralPurpose::new(&URL_SAFE, config).decode(payload).ok()?;
    serde_json::from_slice(&json).ok().filter(|_| parts.next().is_none())
}

fn is_for(claims: &Map<String, Value>, expected: &ClientId) -> bool {
    let is_own =
        |audience: &Value| audience.as_str().is_some_and(|id| id.eq_ignore_ascii_case(expected.as_str()));
    match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().any(is_own),
        Some(audience) => is_own(audience),
        None => false,
    }
}

fn name(claims: &Map<String, Value>) -> Option<String> {
    text(claims, "name").or_else(|| {
        let parts: Vec<_> =
            [text(claims, "given_name"), text(claims, "family_name")].into_iter().flatten().collect();
        Some(parts.join(" ")).filter(|name| !name.is_empty())
    })
}

fn email(claims: &Map<String, Value>) -> Option<String> {
    text(claims, "email").or_else(|| text(claims, "preferred_username"))
}

fn user_id(claims: &Map<String, Value>) -> Option<String> {
    text(claims, "xero_userid").filter(|id| id.chars().any(|c| !matches!(c, '0' | '-')))
}

fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    claims.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const APP: &str = "0123456789ABCDEF0123456789ABCDEF";

    fn jwt(claims: &Value, end: &str) -> String {
        let config = GeneralPurposeConfig::new().with_encode_padding(end.contains("padded"));
        let payload = GeneralPurpose::new(&URL_SAFE, config).encode(claims.to_string());
        format!("e30.{payload}.{end}")
    }

    fn access(claims: &Value) -> Option<Claims> {
        Claims::read(&AccessToken::new(&jwt(claims, "sig")).unwrap())
    }

    fn user(claims: &Value, nonce: Option<&str>) -> Result<User, Error> {
        let nonce = nonce.map(|text| Nonce::from_stored(text).unwrap());
        User::read(
            &IdToken::new(&jwt(claims, "padded")).unwrap(),
            &ClientId::parse(APP).unwrap(),
            nonce.as_ref(),
        )
    }

    #[test]
    fn an_access_token() {
        let claims = json!({"client_id": APP, "xero_userid": "u-1", "authentication_event_id": "e-1",
            "scope": ["openid", "files"], "aud": "https://identity.xero.com/resources", "nbf": 1, "new": {}});
        let read = access(&claims).unwrap();
        assert_eq!(read.user_id.as_deref(), Some("u-1"));
        assert_eq!(read.consent.as_deref(), Some("e-1"));
        assert_eq!(read.scopes, ["openid", "files"]);
        assert_eq!(read.client_id.as_deref(), Some(APP));
        let other =
            access(&json!({"scope": "a b", "xero_userid": "00000000-0000-0000-0000-000000000000"})).unwrap();
        assert_eq!(other, Claims { scopes: vec!["a".into(), "b".into()], ..Claims::default() });
        for odd in ["opaque", "a.b", "e30.e30.x.y", "e30.!!!.x", "e30.W10.x"] {
            assert_eq!(Claims::read(&AccessToken::new(odd).unwrap()), None, "{odd}");
        }
    }

    #[test]
    fn an_id_token() {
        let whole = json!({"aud": APP, "nonce": "n", "name": "Ada Byron", "email": "ada@example.com",
            "xero_userid": "u-1", "nbf": 9_999_999_999_u64, "exp": 1});
        let ada = User {
            name: Some("Ada Byron".into()),
            email: Some("ada@example.com".into()),
            id: Some("u-1".into()),
        };
        assert_eq!(user(&whole, Some("n")), Ok(ada.clone()));
        assert_eq!(user(&whole, None), Ok(ada));
        let parts = json!({"aud": ["x", APP.to_lowercase()], "given_name": "Ada", "family_name": "Byron",
            "preferred_username": "ada", "name": " ", "email": 7});
        let read = user(&parts, None).unwrap();
        assert_eq!(
            (read.name.as_deref(), read.email.as_deref(), read.id),
            (Some("Ada Byron"), Some("ada"), None)
        );
        assert_eq!(user(&json!({"aud": APP}), None), Ok(User::default()));
    }

    #[test]
    fn an_id_token_of_something_else() {
        let reason = |claims: Value, nonce| match user(&claims, nonce) {
            Err(Error::BadIdToken { reason }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(json!({"aud": "https://other"}), None), "is for another app");
        assert_eq!(reason(json!({}), None), "is for another app");
        assert_eq!(reason(json!({"aud": APP, "nonce": "m"}), Some("n")), "is of another login");
        assert_eq!(reason(json!({"aud": APP, "nonce": 7}), Some("n")), "is of another login");
        assert_eq!(user(&json!({"aud": APP}), Some("n")), Ok(User::default()));
        assert_eq!(user(&json!([1]), None), Ok(User::default()));
    }
}
