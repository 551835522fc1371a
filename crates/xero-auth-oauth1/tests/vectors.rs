//! Every stage of every case in `fixtures/oauth1`, to the byte.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use aws_lc_rs::signature::{RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use url::Url;
use xero_auth_oauth1::{
    ConsumerKey, Credentials, Request, Signed, Stamp, authorization_header, base_string, base_string_uri,
    normalized_parameters, sign, sign_rfc5849,
};
use xero_certs::PrivateKey;

const CASES: [&str; 12] = ["v1", "v2", "v3", "v4", "v5", "xa", "xb", "xc", "xd", "xe", "xf", "xg"];
const SET_BY_SIGNING: [&str; 6] = [
    "oauth_consumer_key",
    "oauth_token",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_version",
];

#[derive(Deserialize)]
struct Described {
    rules: String,
    method: String,
    url: Url,
    form: Option<String>,
    protocol: Vec<String>,
    public_key: String,
    private_key: Option<String>,
}

impl Described {
    fn of(case: &str) -> Self {
        serde_json::from_str(&text(case, "request.json")).unwrap()
    }

    fn protocol(&self) -> Vec<(&str, &str)> {
        self.protocol.iter().map(|pair| pair.split_once('=').unwrap()).collect()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.protocol().into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn request(&self) -> Request<'_> {
        let request = Request::new(&self.method, &self.url);
        self.form.iter().fold(request, |request, body| request.form(body))
    }

    /// Signed with the key of the case, or with the project's test key where the case has none.
    fn signed(&self) -> Signed {
        let key = self.private_key.as_deref().unwrap_or("test-v1-key.pem");
        let key = PrivateKey::read(&fs::read(fixtures().join(key)).unwrap(), None).unwrap();
        let consumer_key = ConsumerKey::of_another_server(self.value("oauth_consumer_key").unwrap());
        let credentials = Credentials::new(consumer_key, self.value("oauth_token").map(str::to_owned), key);
        let extra = self.protocol().into_iter().filter(|(name, _)| !SET_BY_SIGNING.contains(name));
        let request =
            extra.fold(self.request(), |request, (name, value)| request.protocol_parameter(name, value));
        match self.rules.as_str() {
            "xero" => sign(&request, &credentials, &self.stamp()).unwrap(),
            "rfc5849" => sign_rfc5849(&request, &credentials, &self.stamp()).unwrap(),
            other => panic!("unknown rules {other}"),
        }
    }

    fn stamp(&self) -> Stamp {
        let seconds = self.value("oauth_timestamp").unwrap().parse().unwrap();
        Stamp {
            timestamp: UNIX_EPOCH + Duration::from_secs(seconds),
            nonce: self.value("oauth_nonce").unwrap().to_owned(),
        }
    }
}

#[test]
fn no_folder_is_forgotten() {
    let mut found: Vec<_> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, CASES);
}

#[test]
fn stages() {
    for case in CASES {
        let described = Described::of(case);
        let uri = base_string_uri(&described.url).unwrap();
        assert_eq!(uri, text(case, "base-string-uri.txt"), "{case}");
        let parameters = normalized_parameters(&described.request(), &described.protocol());
        assert_eq!(parameters, text(case, "parameters.txt"), "{case}");
        let base = base_string(&described.method, &uri, &parameters);
        assert_eq!(base, text(case, "base-string.txt"), "{case}");
        let signature = text(case, "signature.txt");
        let mut protocol = described.protocol();
        protocol.push(("oauth_signature", &signature));
        assert_eq!(authorization_header(&protocol), text(case, "authorization.txt"), "{case}");
    }
}

#[test]
fn published_signatures_belong_to_our_base_strings() {
    for case in CASES {
        let described = Described::of(case);
        let uri = base_string_uri(&described.url).unwrap();
        let parameters = normalized_parameters(&described.request(), &described.protocol());
        let base = base_string(&described.method, &uri, &parameters);
        let pem = pem::parse(fs::read(fixtures().join(&described.public_key)).unwrap()).unwrap();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, pem.contents());
        let signature = STANDARD.decode(text(case, "signature.txt")).unwrap();
        key.verify(base.as_bytes(), &signature).unwrap_or_else(|_| panic!("{case}"));
        assert!(key.verify(format!("{base}x").as_bytes(), &signature).is_err(), "{case}");
    }
}

#[test]
fn signing_gives_the_published_base_string() {
    for case in CASES {
        let described = Described::of(case);
        if described.value("oauth_signature_method") == Some("RSA-SHA1") {
            assert_eq!(described.signed().base_string(), text(case, "base-string.txt"), "{case}");
        } else {
            assert_eq!(case, "v4", "the RFC's example is the one that names another method");
        }
    }
}

#[test]
fn signing_gives_the_published_signature_and_header() {
    let mut compared = Vec::new();
    for case in CASES {
        let described = Described::of(case);
        if described.private_key.is_some() {
            let signed = described.signed();
            assert_eq!(signed.signature(), text(case, "signature.txt"), "{case}");
            assert_eq!(signed.authorization(), text(case, "authorization.txt"), "{case}");
            compared.push(case);
        }
    }
    assert_eq!(compared, ["v1", "xa", "xb", "xc", "xd", "xe", "xf", "xg"]);
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/oauth1")
}

/// A stage, without the line feed at the file's end.
fn text(case: &str, file: &str) -> String {
    let path = fixtures().join(case).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim_end_matches(['\r', '\n']).to_owned()
}
