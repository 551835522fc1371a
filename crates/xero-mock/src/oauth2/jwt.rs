//! Signs and reads the identity server's tokens: JSON Web Tokens with RS256 (RFC 7515, 7518, 7519).

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

/// A published test key, good for nothing else.
const KEY: &[u8] = include_bytes!("../../../../fixtures/certs/keys/test-pkcs8.der");

/// Why a token cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Not a JWT of this kind at all.
    NotAToken,
    /// A JWT that another key signed, or that was changed.
    WrongSignature,
}

struct SigningKey {
    pair: RsaKeyPair,
    public: RsaPublicKeyComponents<Vec<u8>>,
    /// SHA-1 of the key. Xero's `kid` is this in upper-case hexadecimal, `x5t` the same in base64url.
    thumbprint: Vec<u8>,
}

static SIGNING_KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let pair = RsaKeyPair::from_pkcs8(KEY).expect("the test key is an RSA key in PKCS#8");
    let public = RsaPublicKeyComponents::from(pair.public());
    let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, pair.public().as_ref());
    SigningKey { pair, public, thumbprint: thumbprint.as_ref().to_vec() }
});

impl SigningKey {
    fn id(&self) -> String {
        self.thumbprint.iter().map(|octet| format!("{octet:02X}")).collect()
    }
}

/// The compact form of these claims.
pub(crate) fn sign(claims: &Value) -> String {
    let key = &*SIGNING_KEY;
    let x5t = URL_SAFE_NO_PAD.encode(&key.thumbprint);
    let header = json!({"alg": "RS256", "kid": key.id(), "x5t": x5t, "typ": "JWT"});
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let mut signature = vec![0; key.pair.public().modulus_len()];
    let done = key.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
    done.expect("the signature has the modulus' length");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The claims of a token that this server signed; their times are the caller's to look at.
pub(crate) fn read(token: &str) -> Result<Value, Unreadable> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Unreadable::NotAToken)?;
    let (header, claims) = signed.split_once('.').ok_or(Unreadable::NotAToken)?;
    let (header, claims) = (decode(header)?, decode(claims)?);
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Unreadable::WrongSignature)?;
    let public = &SIGNING_KEY.public;
    let verified = public.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature);
    if header["alg"] != "RS256" || verified.is_err() {
        return Err(Unreadable::WrongSignature);
    }
    Ok(claims)
}

/// The document at `jwks_uri` (RFC 7517).
pub(crate) fn key_set() -> Value {
    let key = &*SIGNING_KEY;
    let (n, e) = (URL_SAFE_NO_PAD.encode(&key.public.n), URL_SAFE_NO_PAD.encode(&key.public.e));
    let x5t = URL_SAFE_NO_PAD.encode(&key.thumbprint);
    json!({"keys": [{"kty": "RSA", "use": "sig", "kid": key.id(), "x5t": x5t, "e": e, "n": n, "alg": "RS256"}]})
}

/// The claim `at_hash` (OpenID Connect Core section 3.1.3.6).
pub(crate) fn half_hash(access_token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(part: &str) -> Result<Value, Unreadable> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Unreadable::NotAToken)?;
    serde_json::from_slice(&json).map_err(|_| Unreadable::NotAToken)
}
