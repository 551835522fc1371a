//! Signing, and the two ways in which a signature travels.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::Url;

use crate::{
    Credentials, Error, Place, Request, Stamp,
    base_string::base_string_of,
    percent::{Pair, encode, encode_pair},
};

/// Signs a request to Xero: as [`sign_rfc5849`], after [`Request::as_xero_reads`].
///
/// The two are apart because Xero's server refuses much that RFC 5849 allows (repeated names, names without a
/// value), and says no more than `signature_invalid`; here each has its own reason.
pub fn sign(request: &Request<'_>, credentials: &Credentials, stamp: &Stamp) -> Result<Signed, Error> {
    sign_rfc5849(&request.as_xero_reads()?, credentials, stamp)
}

/// Signs any request that RFC 5849 allows with RSA-SHA1 (section 3.4.3). The same values give the same signature.
///
/// # Errors
/// The URL is not `https` or `http`, the method no word, a protocol parameter one that signing sets itself, the
/// stamp's time before 1970, or the key fails.
pub fn sign_rfc5849(
    request: &Request<'_>,
    credentials: &Credentials,
    stamp: &Stamp,
) -> Result<Signed, Error> {
    check_method(request.method)?;
    let timestamp = stamp.seconds()?.to_string();
    let mut protocol: Vec<Pair<'_>> = Vec::with_capacity(7 + request.protocol.len());
    protocol.push(("oauth_consumer_key".into(), encode(credentials.consumer_key().as_str())));
    protocol.extend(credentials.token().map(|token| ("oauth_token".into(), encode(token))));
    protocol.push(("oauth_signature_method".into(), "RSA-SHA1".into()));
    protocol.push(("oauth_timestamp".into(), (&timestamp).into()));
    protocol.push(("oauth_nonce".into(), encode(&stamp.nonce)));
    protocol.push(("oauth_version".into(), "1.0".into()));
    for parameter in &request.protocol {
        let encoded = encode_pair(parameter);
        let own = ["oauth_token", "oauth_signature", "realm"];
        if own.contains(&parameter.0) || protocol.iter().any(|(name, _)| *name == encoded.0) {
            let name = parameter.0.to_owned();
            return Err(Error::ProtocolParameter { place: Place::Protocol, name });
        }
        protocol.push(encoded);
    }

    let base_string = base_string_of(request, &protocol)?;
    let signature = credentials.key().sign_rsa_sha1(base_string.as_bytes()).map_err(Error::Sign)?;
    let signature = STANDARD.encode(signature);
    protocol.push(("oauth_signature".into(), encode(&signature)));
    Ok(Signed { authorization: header(&protocol), base_string, url: request.url.clone(), signature })
}

/// The value of an `Authorization` header with these parameters, in their order, names and values encoded
/// (RFC 5849 section 3.5.1). No `realm`: Xero wants none.
pub fn authorization_header(parameters: &[(&str, &str)]) -> String {
    header(&parameters.iter().map(encode_pair).collect::<Vec<_>>())
}

/// A signature and all that is sent with it. Good for one sending: a retry is signed anew.
///
/// `Debug` does not show the signature. What the base string tells (the query, decoded) is the caller's own.
#[derive(Clone)]
pub struct Signed {
    authorization: String,
    base_string: String,
    signature: String,
    url: Url,
}

impl Signed {
    /// The value of the `Authorization` header: `OAuth oauth_consumer_key="…", …` (RFC 5849 section 3.5.1).
    pub fn authorization(&self) -> &str {
        &self.authorization
    }

    /// The same parameters for the query (RFC 5849 section 3.5.3), to be appended behind those already there.
    pub fn query(&self) -> String {
        // None of these texts stands in a name or a value: they are encoded.
        self.authorization.replace("OAuth ", "").replace(", ", "&").replace('"', "")
    }

    /// The request's URL with [`query`](Self::query) appended, for a request without an `Authorization` header. The
    /// fragment is gone.
    pub fn signed_url(&self) -> Url {
        let mut url = self.url.clone();
        let query = match url.query() {
            None | Some("") => self.query(),
            Some(own) => [own, "&", &self.query()].concat(),
        };
        url.set_query(Some(&query));
        url.set_fragment(None);
        url
    }

    /// The text that was signed, to be compared with the server's when the two disagree.
    pub fn base_string(&self) -> &str {
        &self.base_string
    }

    /// The signature in base-64, not percent-encoded.
    pub fn signature(&self) -> &str {
        &self.signature
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

fn check_method(method: &str) -> Result<(), Error> {
    let is_word = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_word { Ok(()) } else { Err(Error::Method) }
}

fn header(parameters: &[Pair<'_>]) -> String {
    let length: usize = parameters.iter().map(|(name, value)| name.len() + value.len() + 5).sum();
    let mut out = String::with_capacity(6 + length);
    for (i, (name, value)) in parameters.iter().enumerate() {
        out.push_str(if i == 0 { "OAuth " } else { ", " });
        out.extend([name, "=\"", value, "\""]);
    }
    out
}
