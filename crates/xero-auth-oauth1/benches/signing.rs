//! The stages of a signature as the public functions give them, and the whole.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::{fs, path::Path, time::SystemTime};

use divan::{Bencher, black_box};
use url::Url;
use xero_auth_oauth1::{
    ConsumerKey, Credentials, Request, Signed, Stamp, authorization_header, base_string,
    normalized_parameters, sign,
};
use xero_certs::PrivateKey;

const URL: &str = "https://api.xero.com/api.xro/2.0/Invoices?where=Status%3D%22AUTHORISED%22&page=2";
const PROTOCOL: [(&str, &str); 3] = [
    ("oauth_consumer_key", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123"),
    ("oauth_nonce", "0123456789"),
    ("oauth_version", "1.0"),
];

fn main() {
    divan::main();
}

fn app() -> Credentials {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs/test-key.pem");
    let key = PrivateKey::read(&fs::read(file).unwrap(), None).unwrap();
    Credentials::private_app(ConsumerKey::parse("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123").unwrap(), key)
}

fn url() -> Url {
    URL.parse().unwrap()
}

fn signed(app: &Credentials, url: &Url) -> Signed {
    sign(&Request::new("GET", url), app, &Stamp::new(SystemTime::now()).unwrap()).unwrap()
}

#[divan::bench]
fn parameters(bencher: Bencher<'_, '_>) {
    let url = url();
    bencher.bench_local(|| normalized_parameters(&Request::new("GET", black_box(&url)), &PROTOCOL));
}

#[divan::bench]
fn text_to_sign(bencher: Bencher<'_, '_>) {
    let parameters = normalized_parameters(&Request::new("GET", &url()), &PROTOCOL);
    bencher.bench_local(|| {
        base_string("GET", "https://api.xero.com/api.xro/2.0/Invoices", black_box(&parameters))
    });
}

#[divan::bench]
fn signature(bencher: Bencher<'_, '_>) {
    let (app, url) = (app(), url());
    bencher.bench_local(|| signed(&app, black_box(&url)));
}

#[divan::bench]
fn header(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| authorization_header(black_box(&PROTOCOL)));
}
