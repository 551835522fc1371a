//! Signed requests read back, placed in header and query, and refused.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    error::Error as _,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use url::Url;
use xero_auth_oauth1::{ConsumerKey, Credentials, Error, Place, Request, Signed, Stamp, sign, sign_rfc5849};
use xero_certs::PrivateKey;

const KEY: &[u8] = include_bytes!("../../../fixtures/oauth1/test-v1-key.pem");
const CONSUMER_KEY: &str = "TESTCONSUMERKEY000000000000000";

static APP: LazyLock<Credentials> = LazyLock::new(|| {
    let key = PrivateKey::read(KEY, None).unwrap();
    Credentials::private_app(ConsumerKey::parse(CONSUMER_KEY).unwrap(), key)
});

fn stamp() -> Stamp {
    Stamp { timestamp: UNIX_EPOCH + Duration::from_secs(1_400_000_000), nonce: "n".into() }
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn signed(text: &str) -> Signed {
    sign(&Request::new("GET", &url(text)), &APP, &stamp()).unwrap()
}

/// The header as a server takes it apart.
fn parsed(header: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let parameters = header.strip_prefix("OAuth ").unwrap().split(", ");
    parameters
        .map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap();
            let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            (decode(name), decode(value))
        })
        .collect()
}

#[test]
fn header_of_a_private_app() {
    let signed = signed("https://api.xero.com/api.xro/2.0/Organisation");
    let mut header = parsed(signed.authorization());
    assert_eq!(header.remove("oauth_signature").unwrap(), signed.signature());
    let expected = [
        ("oauth_consumer_key", CONSUMER_KEY),
        ("oauth_nonce", "n"),
        ("oauth_signature_method", "RSA-SHA1"),
        ("oauth_timestamp", "1400000000"),
        ("oauth_token", CONSUMER_KEY),
        ("oauth_version", "1.0"),
    ];
    assert_eq!(header, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn query_placement_carries_the_same_parameters() {
    for (text, before) in [
        ("https://api.xero.com/a?order=DueDate+DESC&page=1#part", "order=DueDate+DESC&page=1&"),
        ("https://api.xero.com/a?", ""),
        ("https://api.xero.com/a", ""),
    ] {
        let signed = signed(text);
        let url = signed.signed_url();
        assert_eq!(url.as_str(), format!("https://api.xero.com/a?{before}{}", signed.query()));
        let header = parsed(signed.authorization());
        let query: BTreeMap<_, _> =
            url.query_pairs().into_owned().filter(|(name, _)| name.starts_with("oauth_")).collect();
        assert_eq!(query, header);
    }
}

#[test]
fn same_values_same_signature_and_another_nonce_another() {
    let at = url("https://api.xero.com/a");
    let with = |nonce: &str| {
        let stamp = Stamp { nonce: nonce.into(), ..stamp() };
        sign(&Request::new("GET", &at), &APP, &stamp).unwrap().signature().to_owned()
    };
    assert_eq!(with("n"), with("n"));
    assert_ne!(with("n"), with("m"));
}

#[test]
fn fragment_and_default_port_and_case_of_the_method_are_not_signed() {
    let plain = signed("https://api.xero.com/a?page=1").signature().to_owned();
    assert_eq!(signed("HTTPS://API.XERO.COM:443/a?page=1#x").signature(), plain);
    let at = url("https://api.xero.com/a?page=1");
    assert_eq!(sign(&Request::new("get", &at), &APP, &stamp()).unwrap().signature(), plain);
}

#[test]
fn form_of_a_put_is_not_signed_for_xero_but_by_the_rfc() {
    let at = url("https://api.xero.com/a");
    let put = Request::new("PUT", &at).form("xml=%3Ca%2F%3E");
    assert!(!sign(&put, &APP, &stamp()).unwrap().base_string().contains("xml"));
    assert!(sign_rfc5849(&put, &APP, &stamp()).unwrap().base_string().contains("%26xml%3D%253Ca%252F%253E"));
}

#[test]
fn what_cannot_be_signed_says_why() {
    let at = url("https://api.xero.com/a");
    let told = |request: Request<'_>| sign_rfc5849(&request, &APP, &stamp()).unwrap_err().to_string();
    assert_eq!(told(Request::new("", &at)), "the request method is not a word of letters");
    assert_eq!(told(Request::new("GET /", &at)), "the request method is not a word of letters");
    assert_eq!(
        told(Request::new("GET", &url("data:text/plain,x"))),
        "the URL is not an https or http address"
    );
    for name in ["oauth_nonce", "oauth_signature", "realm", "oauth_token"] {
        assert_eq!(
            told(Request::new("GET", &at).protocol_parameter(name, "x")),
            format!("the protocol has the parameter `{name}`, which belongs to the signature")
        );
    }
    let twice = Request::new("GET", &at).protocol_parameter("a", "1").protocol_parameter("a", "2");
    assert!(matches!(
        sign_rfc5849(&twice, &APP, &stamp()),
        Err(Error::ProtocolParameter { place: Place::Protocol, .. })
    ));
    let early = Stamp { timestamp: UNIX_EPOCH - Duration::from_secs(1), ..stamp() };
    let error = sign(&Request::new("GET", &at), &APP, &early).unwrap_err();
    assert_eq!(error.to_string(), "the time to sign with lies before 1970");
    assert!(error.source().is_none());
}

#[test]
fn xero_is_stricter_than_the_rfc() {
    let at = url("https://api.xero.com/a?b=1&b=2");
    assert!(matches!(sign(&Request::new("GET", &at), &APP, &stamp()), Err(Error::Repeated { .. })));
    assert!(sign_rfc5849(&Request::new("GET", &at), &APP, &stamp()).is_ok());
}

/// Whatever is printed of a key, a signature or a value of the request would be a leak.
#[test]
fn nothing_secret_is_printed() {
    const MARKER: &str = "MARKER7d1f";
    let key = PrivateKey::read(KEY, None).unwrap();
    let key_text: Vec<_> =
        std::str::from_utf8(KEY).unwrap().lines().filter(|l| !l.starts_with('-')).collect();
    let consumer_key = ConsumerKey::parse(CONSUMER_KEY).unwrap();
    let credentials = Credentials::new(consumer_key, Some(format!("{MARKER}token")), key);
    let at =
        url(&format!("https://{MARKER}:{MARKER}@api.xero.com/a?{MARKER}&where={MARKER}&where=%ff#{MARKER}"));
    let form = format!("xml={MARKER}&xml={MARKER}");
    let request = Request::new("POST", &at).form(&form).protocol_parameter("oauth_verifier", MARKER);
    let signed = sign_rfc5849(&request, &credentials, &stamp()).unwrap();
    let clean = url(&format!("https://api.xero.com/a?{MARKER}"));
    let odd = url(&format!("https://api.xero.com/a?{MARKER}%40=1"));
    let bytes = url(&format!("https://api.xero.com/a?b={MARKER}%ff"));
    let plain = url("https://api.xero.com/a");
    let own = Request::new("POST", &plain).protocol_parameter("oauth_nonce", MARKER);
    let errors = [
        sign(&request, &credentials, &stamp()).unwrap_err(),
        sign(&Request::new("GET", &clean), &credentials, &stamp()).unwrap_err(),
        sign(&Request::new("GET", &odd), &credentials, &stamp()).unwrap_err(),
        sign(&Request::new("GET", &bytes), &credentials, &stamp()).unwrap_err(),
        sign(&Request::new("POST", &plain).form(&form), &credentials, &stamp()).unwrap_err(),
        sign(&own, &credentials, &stamp()).unwrap_err(),
        ConsumerKey::parse(MARKER).unwrap_err(),
        Error::Sign(xero_certs::Error::WrongPassword),
    ];
    let mut printed =
        format!("{credentials:?} {credentials:#?} {request:?} {request:#?} {signed:?} {signed:#?}");
    printed += &errors.iter().map(|error| format!("{error} {error:?}\n")).collect::<String>();
    assert!(
        printed.contains(CONSUMER_KEY),
        "the identifier may be shown, and shows that something was printed"
    );
    assert!(!printed.to_lowercase().contains(&MARKER.to_lowercase()), "{printed}");
    assert!(
        !printed.contains(signed.signature()) && !printed.contains(&signed.signature()[..16]),
        "{printed}"
    );
    assert!(key_text.len() > 10 && key_text.iter().all(|line| !printed.contains(line)));
}

proptest! {
    #[test]
    fn header_reads_back(verifier in any::<String>(), nonce in any::<String>(), seconds in 0..=u64::from(u32::MAX)) {
        let at = url("https://api.xero.com/oauth/AccessToken");
        let request = Request::new("POST", &at).protocol_parameter("oauth_verifier", &verifier);
        let stamp = Stamp { timestamp: UNIX_EPOCH + Duration::from_secs(seconds), nonce: nonce.clone() };
        let signed = sign(&request, &APP, &stamp).unwrap();
        let header = signed.authorization();
        prop_assert!(header.is_ascii() && !header.contains('+') && !header.bytes().any(|b| b.is_ascii_control()));
        let in_query: BTreeMap<_, _> = form_urlencoded::parse(signed.query().as_bytes()).into_owned().collect();
        let parsed = parsed(header);
        prop_assert_eq!(&in_query, &parsed);
        prop_assert_eq!(&parsed["oauth_verifier"], &verifier);
        prop_assert_eq!(&parsed["oauth_nonce"], &nonce);
        prop_assert_eq!(&parsed["oauth_timestamp"], &seconds.to_string());
        prop_assert_eq!(parsed.len(), 8);
    }

    #[test]
    fn any_url_is_signed_or_refused(text in "https?://[a-z]{1,3}(/|[ -~]){0,20}(\\?[ -~é]{0,40})?", form in ".*") {
        let at = text.parse::<Url>();
        prop_assume!(at.is_ok());
        let at = at.unwrap();
        let request = Request::new("POST", &at).form(&form);
        let by_rfc = sign_rfc5849(&request, &APP, &stamp()).unwrap();
        prop_assert!(by_rfc.base_string().is_ascii());
        prop_assert_eq!(by_rfc.base_string().matches('&').count(), 2);
        match sign(&request, &APP, &stamp()) {
            Ok(signed) => prop_assert_eq!(signed.base_string(), by_rfc.base_string()),
            Err(error) => prop_assert!(!error.advice().is_empty()),
        }
    }
}

#[test]
fn stamps_of_now_are_fresh() {
    let now = SystemTime::now();
    let (one, other) = (Stamp::new(now).unwrap(), Stamp::new(now).unwrap());
    assert_eq!(one.timestamp, now);
    assert_ne!(one.nonce, other.nonce);
}
