//! Signs a request of a private app, and prints the header that it is sent with.
//!
//! `cargo run -p xero-auth-oauth1 --example sign -- CONSUMER_KEY KEY.pem GET https://api.xero.com/api.xro/2.0/Organisation`

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::{env, error::Error, fs, time::SystemTime};

use xero_auth_oauth1::{ConsumerKey, Credentials, Request, Stamp, sign};
use xero_certs::PrivateKey;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [consumer_key, key_file, method, url] = arguments.as_slice() else {
        return Err("give the consumer key, the key's file, a method and a URL".into());
    };
    let stamp = Stamp::new(SystemTime::now())?;
    println!("Authorization: {}", authorization(consumer_key, &fs::read(key_file)?, (method, url), &stamp)?);
    Ok(())
}

/// The header's value. It is good once, within half an hour of the stamp.
pub(crate) fn authorization(
    consumer_key: &str,
    key_file: &[u8],
    (method, url): (&str, &str),
    stamp: &Stamp,
) -> Result<String, Box<dyn Error>> {
    let key = PrivateKey::read(key_file, None)?;
    let app = Credentials::private_app(ConsumerKey::parse(consumer_key)?, key);
    let url = url.parse()?;
    Ok(sign(&Request::new(method, &url), &app, stamp)?.authorization().to_owned())
}
