//! Tokens as JSON: the names of RFC 6749 section 5.1 and those that libraries for Xero give them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::{Zeroize, Zeroizing};

use super::{
    foreign_login::{ForeignLogin, filled, filled_secret},
    source_file,
};
use crate::{
    Context,
    args::ImportFrom,
    failure::{Failure, Outcome},
};

/// Under which a token set may lie inside another object. A `token` that is a text is an access token.
const INSIDE: [&str; 6] = ["token", "tokenset", "tokens", "oauth2", "oauth2token", "xero"];
/// How deep they are looked for.
const DEEPEST: usize = 4;
/// Numbers above this are milliseconds: as seconds they would be in the year 5138.
const MILLISECONDS: f64 = 1e11;

pub(super) fn read(context: &Context, args: &ImportFrom) -> Outcome<ForeignLogin> {
    let (bytes, place) = source_file::named(&context.ui, args)?;
    let mut login = from_json(&bytes, &place)?;
    login.delete = match &args.file {
        Some(path) if path.as_os_str() != "-" => format!("delete {place}, or take the tokens out of it"),
        _ => "delete it where it is kept".to_owned(),
    };
    Ok(login)
}

/// The login that a document holds. Names are compared without case, `_` and `-`.
pub(super) fn from_json(bytes: &[u8], place: &str) -> Outcome<ForeignLogin> {
    let document = Document::parse(bytes, place)?;
    let layers = document.layers(place)?;
    let text = |names: &[&str]| find(&layers, names).and_then(Value::as_str).and_then(filled);
    let secret = |names: &[&str]| find(&layers, names).and_then(Value::as_str).and_then(filled_secret);
    let login = ForeignLogin {
        client_id: text(&["clientid"]),
        client_secret: secret(&["clientsecret"]),
        refresh_token: secret(&["refreshtoken"]),
        access_token: secret(&["accesstoken"]).or_else(|| bare_token(&layers)),
        access_expires_at: find(&layers, &["expiresat", "expiresatutc", "expires", "expiry"])
            .and_then(moment),
        id_token: secret(&["idtoken"]),
        scopes: find(&layers, &["scope", "scopes"]).map(scopes).unwrap_or_default(),
        tenant: text(&["tenantid", "xerotenantid"]).or_else(|| only_tenant(&layers)),
        redirect_uris: text(&["callbackuri", "redirecturi"]).into_iter().collect(),
        place: place.to_owned(),
        ..ForeignLogin::default()
    };
    if login.refresh_token.is_none() && login.access_token.is_none() && login.client_secret.is_none() {
        return Err(no_tokens(place));
    }
    Ok(login)
}

/// A document whose texts are wiped in the end.
struct Document(Value);

type Layers<'a> = Vec<&'a Map<String, Value>>;

impl Document {
    fn parse(bytes: &[u8], place: &str) -> Outcome<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // The library's own message is left out: it may quote what it met.
        serde_json::from_slice(bytes).map(Self).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Failure::usage(format!("{place} is not JSON (line {line}, column {column})"))
                .hint("give the tokens as JSON: {\"refresh_token\": …}; --from env reads KEY=VALUE lines")
        })
    }

    /// The objects that may hold the names, the innermost first.
    fn layers(&self, place: &str) -> Outcome<Layers<'_>> {
        let mut layers = Layers::new();
        let mut here = match &self.0 {
            Value::Object(object) => Some(object),
            Value::Array(list) => match list.as_slice() {
                [Value::Object(only)] => Some(only),
                [_, _, ..] => {
                    return Err(Failure::usage(format!("{place} holds a list of {}", list.len()))
                        .hint("give one token set at a time"));
                }
                _ => None,
            },
            _ => None,
        };
        while let Some(object) = here.filter(|_| layers.len() < DEEPEST) {
            layers.insert(0, object);
            here = INSIDE.iter().find_map(|name| find(&[object], &[*name])?.as_object());
        }
        if layers.is_empty() { Err(no_tokens(place)) } else { Ok(layers) }
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(object) => object.values_mut().for_each(wipe),
        _ => {}
    }
}

fn no_tokens(place: &str) -> Failure {
    Failure::usage(format!("{place} holds no token set"))
        .hint("it must be a JSON object with refresh_token in it")
}

fn find<'a>(layers: &[&'a Map<String, Value>], names: &[&str]) -> Option<&'a Value> {
    let simple = |key: &str| key.replace(['_', '-'], "").to_lowercase();
    let mut fields = layers.iter().flat_map(|layer| layer.iter());
    fields
        .find(|(key, value)| !value.is_null() && names.contains(&simple(key).as_str()))
        .map(|(_, value)| value)
}

fn bare_token(layers: &[&Map<String, Value>]) -> Option<Zeroizing<String>> {
    find(layers, &["token"])?.as_str().and_then(filled_secret)
}

/// A list of tenants says which one was used where it has one only.
fn only_tenant(layers: &[&Map<String, Value>]) -> Option<String> {
    match find(layers, &["tenants"])?.as_array()?.as_slice() {
        [Value::Object(only)] => find(&[only], &["tenantid"])?.as_str().and_then(filled),
        _ => None,
    }
}

fn scopes(value: &Value) -> Vec<String> {
    let texts: Vec<&str> = match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let words = texts.iter().flat_map(|text| text.split([' ', ',', '\n', '\t']));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Seconds or milliseconds since 1970, as a number or a text, or RFC 3339; without a zone it is UTC.
pub(super) fn moment(value: &Value) -> Option<SystemTime> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let seconds = match number {
        Some(number) if number > MILLISECONDS => number / 1000.0,
        Some(number) => number,
        None => return date(value.as_str()?.trim()),
    };
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?).filter(|at| *at < far())
}

fn date(text: &str) -> Option<SystemTime> {
    let text = text.replacen(' ', "T", 1);
    let parsed = OffsetDateTime::parse(&text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339));
    parsed.ok().map(SystemTime::from)
}

/// No date that is shown is later: the end of the year 9999.
fn far() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(253_402_300_800)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn login(document: &Value) -> ForeignLogin {
        from_json(document.to_string().as_bytes(), "tokens.json").map_err(|failure| failure.message).unwrap()
    }

    #[test]
    fn every_shape_is_read() {
        let flat = json!({"access_token": "a", "refresh_token": "r", "expires_in": 1800, "token_type": "Bearer",
            "scope": "openid files", "id_token": "i"});
        let shapes = [
            ("RFC 6749", flat.clone()),
            ("a list of one", json!([flat])),
            ("token", json!({"token": flat})),
            ("tokenSet", json!({"user": 1, "tokenSet": flat})),
            ("token_set", json!({"token_set": flat})),
            ("two deep", json!({"xero": {"token": flat}})),
            (
                "capitals",
                json!({"AccessToken": "a", "RefreshToken": "r", "IdToken": "i", "Scope": "openid,files"}),
            ),
            (
                "camels",
                json!({"accessToken": "a", "refreshToken": "r", "idToken": "i", "scopes": ["openid", "files"]}),
            ),
            (
                "a text named token",
                json!({"token": "a", "refresh_token": "r", "id_token": "i", "scope": ["openid files"]}),
            ),
        ];
        for (name, document) in shapes {
            let login = login(&document);
            assert_eq!(login.refresh_token.as_ref().map(|token| token.as_str()), Some("r"), "{name}");
            assert_eq!(login.access_token.as_ref().map(|token| token.as_str()), Some("a"), "{name}");
            assert_eq!(login.id_token.as_ref().map(|token| token.as_str()), Some("i"), "{name}");
            assert_eq!(login.scopes, ["openid", "files"], "{name}");
        }
    }

    #[test]
    fn the_innermost_name_counts() {
        let state = json!({"client_id": "C", "client_secret": "s", "callback_uri": "https://x.test/", "scope": ["old"],
            "tenant_id": "T", "token": {"refresh_token": "r", "scope": ["new"], "access_token": null}});
        let login = login(&state);
        assert_eq!(login.scopes, ["new"]);
        assert_eq!((login.client_id.as_deref(), login.tenant.as_deref()), (Some("C"), Some("T")));
        assert_eq!(login.client_secret.as_ref().map(|secret| secret.as_str()), Some("s"));
        assert_eq!(login.redirect_uris, ["https://x.test/"]);
        assert!(login.access_token.is_none());
    }

    #[test]
    fn moments() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        for (value, expected) in [
            (json!(1_700_000_000), at(1_700_000_000)),
            (json!(1_700_000_000_000_u64), at(1_700_000_000)),
            (json!(1_700_000_000.0), at(1_700_000_000)),
            (json!("1700000000"), at(1_700_000_000)),
            (json!("2023-11-14T22:13:20Z"), at(1_700_000_000)),
            (json!("2023-11-14T22:13:20"), at(1_700_000_000)),
            (json!("2023-11-14 22:13:20"), at(1_700_000_000)),
            (json!("2023-11-15T09:13:20+11:00"), at(1_700_000_000)),
            (json!(-1), None),
            (json!(1e300), None),
            (json!("soon"), None),
            (json!("NaN"), None),
            (json!({}), None),
            (json!(true), None),
        ] {
            assert_eq!(moment(&value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_token_set_is_refused_without_its_contents() {
        let secret = "planted-secret";
        let deep = format!("{}\"{secret}\"{}", "{\"token\":".repeat(100), "}".repeat(100));
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "7",
            "\"planted-secret\"",
            "[1,2]",
            "{\"refresh_token\": planted-secret}",
            "{\"refresh_token\": 7, \"x\": \"planted-secret\"}",
            &format!("[{{\"a\":\"{secret}\"}},{{}}]"),
            &deep,
            "refresh_token=planted-secret",
            "{\"refresh_token\": \"\"}",
            "\u{feff}{}",
        ] {
            let failure = from_json(text.as_bytes(), "FILE").err().expect(text);
            let said = format!("{} {:?} {:?}", failure.message, failure.causes, failure.hint);
            assert!(!said.contains(secret), "{said}");
        }
        assert!(from_json(b"\xff\xfe", "FILE").is_err());
    }
}
