//! How many requests a second are signed with one key by so many threads: the header, or the signature alone. Or how
//! many nanoseconds a header costs beyond its signature: the middle of many turns of both.
//!
//! `cargo run --release -p xero-auth-oauth1 --example signing_rate -- header KEY.pem 3 1`

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
    let [what, key_file, seconds, threads] = arguments.as_slice() else {
        return Err(
            "give `header`, `signature` or `beyond`, the key's file, for how many seconds, and by how many threads"
                .into(),
        );
    };
    let (lasts, threads) = (Duration::from_secs(seconds.parse()?), threads.parse()?);
    let file = fs::read(key_file)?;
    let (key, bare) = (PrivateKey::read(&file, None)?, PrivateKey::read(&file, None)?);
    let app = Credentials::private_app(ConsumerKey::parse("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123")?, key);
    let url: Url = URL.parse()?;
    let is_whole = match what.as_str() {
        "header" => true,
        "signature" => false,
        "beyond" => {
            println!("{:.0}", beyond(|| header(&app, &url), || signature(&bare), lasts));
            return Ok(());
        }
        other => return Err(format!("{other} is none of `header`, `signature` and `beyond`").into()),
    };
    let one = || if is_whole { header(&app, &url) } else { signature(&bare) };
    let begun = Instant::now();
    let signed: u64 = thread::scope(|scope| {
        let signers: Vec<_> = (0..threads).map(|_| scope.spawn(|| how_many(one, lasts))).collect();
        signers.into_iter().map(|signer| signer.join().expect("signing does not panic")).sum()
    });
    println!("{:.0}", signed as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

fn how_many(one: impl Fn(), lasts: Duration) -> u64 {
    let (mut done, begun) = (0, Instant::now());
    while begun.elapsed() < lasts {
        one();
        done += 1;
    }
    done
}

fn beyond(whole: impl Fn(), part: impl Fn(), lasts: Duration) -> f64 {
    let (mut differences, begun) = (Vec::new(), Instant::now());
    while differences.is_empty() || begun.elapsed() < lasts {
        differences.push(nanoseconds(&whole) - nanoseconds(&part));
    }
    differences.sort_by(f64::total_cmp);
    differences[differences.len() / 2]
}

/// Each of as many as the library makes with two blindings of the key: it makes a new one for every 32.
fn nanoseconds(one: impl Fn()) -> f64 {
    const MANY: u32 = 64;
    let begun = Instant::now();
    (0..MANY).for_each(|_| one());
    begun.elapsed().as_nanos() as f64 / f64::from(MANY)
}

/// With a fresh stamp, as a client must.
fn header(app: &Credentials, url: &Url) {
    let stamp = Stamp::new(SystemTime::now()).expect("there is randomness");
    let request = sign(&Request::new("GET", url), app, &stamp).expect("the request can be signed");
    black_box(request.authorization());
}

fn signature(key: &PrivateKey) {
    black_box(key.sign_rsa_sha1(b"a digest's worth of text").expect("the key can sign"));
}
