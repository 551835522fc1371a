//! How many requests a second are signed with one key, header included, by so many threads.
//!
//! `cargo run --release -p xero-auth-oauth1 --example signing_rate -- KEY.pem 3 1`

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::{
    env,
    error::Error,
    fs,
    hint::black_box,
    thread,
    time::{Duration, Instant, SystemTime},
};

use url::Url;
use xero_auth_oauth1::{ConsumerKey, Credentials, Request, Stamp, sign};
use xero_certs::PrivateKey;

const URL: &str = "https://api.xero.com/api.xro/2.0/Invoices?where=Status%3D%22AUTHORISED%22&page=2";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [key_file, seconds, threads] = arguments.as_slice() else {
        return Err("give the key's file, for how many seconds, and by how many threads".into());
    };
    let (lasts, threads) = (Duration::from_secs(seconds.parse()?), threads.parse()?);
    let key = PrivateKey::read(&fs::read(key_file)?, None)?;
    let app = Credentials::private_app(ConsumerKey::parse("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123")?, key);
    let url: Url = URL.parse()?;
    let begun = Instant::now();
    let signed: u64 = thread::scope(|scope| {
        let signers: Vec<_> = (0..threads).map(|_| scope.spawn(|| sign_for(lasts, &app, &url))).collect();
        signers.into_iter().map(|signer| signer.join().expect("signing does not panic")).sum()
    });
    println!("{:.0}", signed as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

/// Each with a fresh stamp, as a client must.
fn sign_for(lasts: Duration, app: &Credentials, url: &Url) -> u64 {
    let (mut signed, begun) = (0, Instant::now());
    while begun.elapsed() < lasts {
        let stamp = Stamp::new(SystemTime::now()).expect("there is randomness");
        let request = sign(&Request::new("GET", url), app, &stamp).expect("the request can be signed");
        black_box(request.authorization());
        signed += 1;
    }
    signed
}
