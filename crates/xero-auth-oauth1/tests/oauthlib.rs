//! Python's oauthlib verifies what is signed here, and refuses each of it when one thing is altered.

#![allow(clippy::unwrap_used)]

use std::{
    env,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use xero_auth_oauth1::{ConsumerKey, Credentials, Error, Request, Signed, Stamp, sign, sign_rfc5849};
use xero_certs::PrivateKey;

const KEY: &[u8] = include_bytes!("../../../fixtures/oauth1/test-v1-key.pem");
const PUBLIC_KEY: &str = include_str!("../../../fixtures/oauth1/v1-public.pem");
const FORM: &str = "application/x-www-form-urlencoded";

static APP: LazyLock<Credentials> = LazyLock::new(|| {
    let key = PrivateKey::read(KEY, None).unwrap();
    Credentials::private_app(ConsumerKey::parse("TESTCONSUMERKEY000000000000000").unwrap(), key)
});

/// A request as it goes over the wire.
#[derive(Clone)]
struct Sent {
    method: String,
    uri: String,
    body: Option<String>,
    authorization: Option<String>,
}

#[derive(Deserialize)]
struct Verdict {
    valid: bool,
    base_string: String,
}

/// What is asked: method, path and query, form body.
type Shape = (&'static str, String, Option<String>);

type Signer = fn(&Request<'_>, &Credentials, &Stamp) -> Result<Signed, Error>;

/// Text that an encoder gets wrong in one way or another.
const TEXTS: [&str; 14] = [
    "plain",
    "",
    " ",
    "a b",
    "1+2",
    "100%",
    "%2B",
    "a&b=c",
    "Name==\"Café & Co+1~*'!\"",
    "日本語 \u{1f600}",
    "-._~!*'();:@&=+$,/?#[]",
    "Date >= DateTime(2018,6,9)",
    "<Contact><Name>A+B & C</Name></Contact>",
    "line\r\nfeed\ttab\u{7f}\u{80}",
];

/// Shapes that Xero takes too.
fn xero_shapes() -> Vec<Shape> {
    let mut shapes: Vec<Shape> = vec![
        ("GET", "/api.xro/2.0/Organisation".into(), None),
        ("DELETE", "/api.xro/2.0/Items/1".into(), None),
        ("GET", "/api.xro/2.0/Invoices?page=1&order=DueDate+DESC&Order2=b&_x=~".into(), None),
        ("PUT", "/api.xro/2.0/Invoices/1/Attachments/my%20file%20(1)'s%C3%A9.pdf".into(), None),
        ("POST", "/oauth/migrate?tenantType=ORGANISATION".into(), None),
    ];
    for text in TEXTS {
        let plus = serialized(&[("where", text), ("page", "2")]);
        let percent = plus.replace('+', "%20");
        shapes.push(("GET", format!("/api.xro/2.0/Contacts?{plus}"), None));
        shapes.push(("GET", format!("/api.xro/2.0/Contacts?{percent}"), None));
        shapes.push(("POST", "/api.xro/2.0/Contacts?unitdp=4".into(), Some(serialized(&[("xml", text)]))));
        shapes.push(("POST", "/api.xro/2.0/Contacts".into(), Some(percent)));
    }
    shapes
}

/// Shapes that RFC 5849 allows and Xero does not take.
fn rfc_shapes() -> Vec<Shape> {
    let repeated =
        serialized(&[("a", "2"), ("a[0]", "1"), ("a", "1"), ("a", "10"), ("c@", ""), ("é", "x y")]);
    vec![
        ("GET", "/".into(), None),
        ("GET", "/slash/".into(), None),
        ("GET", format!("/r?{repeated}"), None),
        ("POST", "/r?a=0".into(), Some(repeated.clone())),
        ("PUT", "/r".into(), Some(repeated)),
        ("GET", "/a;b=1/c,d?x!y=a&x=a&x=x!y&x=x+y".into(), None),
    ]
}

#[test]
fn oauthlib_verifies_header_and_query_and_agrees_on_the_base_string() {
    let mut sent = Vec::new();
    let mut base_strings = Vec::new();
    let work: [(Vec<Shape>, Signer); 2] = [(xero_shapes(), sign), (rfc_shapes(), sign_rfc5849)];
    for (shapes, signer) in work {
        for shape in shapes {
            let (url, signed) = signed(&shape, signer);
            for placed in [in_header(&shape, &url, &signed), in_query(&shape, &signed)] {
                sent.push(placed);
                base_strings.push(signed.base_string().to_owned());
            }
        }
    }
    let verdicts = judged(&sent);
    for ((sent, verdict), ours) in sent.iter().zip(&verdicts).zip(&base_strings) {
        assert_eq!(&verdict.base_string, ours, "{} {}", sent.method, sent.uri);
        assert!(verdict.valid, "{} {}", sent.method, sent.uri);
    }
    assert_eq!(verdicts.len(), 2 * (5 + 4 * TEXTS.len() + 6));
}

#[test]
fn oauthlib_refuses_each_single_alteration() {
    let shape: Shape = ("POST", "/api.xro/2.0/Contacts?unitdp=4".into(), Some("xml=%3Ca%2F%3E".into()));
    let (url, signed) = signed(&shape, sign);
    let good = in_header(&shape, &url, &signed);
    let header = good.authorization.clone().unwrap();
    let mut sent = vec![
        good.clone(),
        Sent { method: "PUT".into(), ..good.clone() },
        Sent { uri: good.uri.replace("unitdp=4", "unitdp=5"), ..good.clone() },
        Sent { uri: good.uri.replace("Contacts", "contacts"), ..good.clone() },
        Sent { uri: good.uri.replace("api.xero.com", "api.xero.test"), ..good.clone() },
        Sent { uri: good.uri.replace("https", "http"), ..good.clone() },
        Sent { body: Some("xml=%3Cb%2F%3E".into()), ..good.clone() },
        Sent { body: Some("xml=%3Ca%2F%3E&a=".into()), ..good.clone() },
    ];
    for (from, to) in [
        ("oauth_consumer_key=\"T", "oauth_consumer_key=\"U"),
        ("oauth_token=\"T", "oauth_token=\"U"),
        ("1400000000", "1400000001"),
        ("oauth_nonce=\"n", "oauth_nonce=\"m"),
        ("\", oauth_version=\"1.0\"", "\""),
        ("oauth_signature=\"", "oauth_signature=\"A"),
    ] {
        assert!(header.contains(from), "{from}");
        sent.push(Sent { authorization: Some(header.replace(from, to)), ..good.clone() });
    }
    let valid: Vec<_> = judged(&sent).into_iter().map(|verdict| verdict.valid).collect();
    let mut expected = vec![false; 14];
    expected[0] = true;
    assert_eq!(valid, expected);
}

fn serialized(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn signed((method, path, form): &Shape, signer: Signer) -> (Url, Signed) {
    let url: Url = format!("https://api.xero.com{path}").parse().unwrap();
    let stamp = Stamp { timestamp: UNIX_EPOCH + Duration::from_secs(1_400_000_000), nonce: "nonce-1".into() };
    let request = form.iter().fold(Request::new(method, &url), |request, body| request.form(body));
    let signed = signer(&request, &APP, &stamp).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    (url, signed)
}

fn in_header((method, _, form): &Shape, url: &Url, signed: &Signed) -> Sent {
    Sent {
        method: (*method).to_owned(),
        uri: url.to_string(),
        body: form.clone(),
        authorization: Some(signed.authorization().to_owned()),
    }
}

fn in_query((method, _, form): &Shape, signed: &Signed) -> Sent {
    let uri = signed.signed_url().to_string();
    Sent { method: (*method).to_owned(), uri, body: form.clone(), authorization: None }
}

fn judged(sent: &[Sent]) -> Vec<Verdict> {
    let requests: Vec<_> = sent.iter().map(wire).collect();
    let work = json!({ "public_key": PUBLIC_KEY, "requests": requests });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oauthlib_judge.py");
    let mut judge = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("no Python ({error}): `cargo xtask test` installs what is missing"));
    judge.stdin.take().unwrap().write_all(work.to_string().as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "oauthlib could not judge; `cargo xtask test` installs python3-oauthlib, python3-jwt and \
         python3-cryptography where they are missing\n{told}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn wire(sent: &Sent) -> Value {
    let mut headers = serde_json::Map::new();
    if let Some(value) = &sent.authorization {
        headers.insert("Authorization".into(), value.as_str().into());
    }
    if sent.body.is_some() {
        headers.insert("Content-Type".into(), FORM.into());
    }
    json!({ "method": sent.method, "uri": sent.uri, "body": sent.body, "headers": headers })
}

/// `PYTHON`, or Debian's own, which has the Debian packages that another Python on the path has not.
fn python() -> String {
    let of_debian = "/usr/bin/python3";
    env::var("PYTHON").unwrap_or_else(|_| {
        if Path::new(of_debian).exists() { of_debian.to_owned() } else { "python3".to_owned() }
    })
}
