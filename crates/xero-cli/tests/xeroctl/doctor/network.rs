//! Faults on the way to the server: names, ports, proxies, TLS, and something else that answers.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use xero_mock::{Fault, Mock};

use super::{assert_finds, assert_well, doctor, healthy};
use crate::{
    browser::free_port,
    sandbox::{Sandbox, fixture, private_options},
};

/// A home whose connection is of a server at this address, which was never asked.
fn of_server(address: &str) -> Sandbox {
    let home = Sandbox::initialised();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123";
    let options =
        [&["connect", "acme", "--no-test", "--xero-url", address][..], &private_options(key, &pfx)].concat();
    home.ok(&options);
    home
}

/// A name that no resolver takes, so that none is asked: a part of it is too long.
fn unresolvable() -> String {
    format!("https://{}.invalid", "x".repeat(64))
}

#[test]
fn a_host_that_cannot_be_resolved() {
    let address = unresolvable();
    let home = of_server(&address);
    let run = doctor(&home, &[], &["--xero-url", &address]);
    assert_finds(&run, "dns problem", "getent hosts", 5);
    assert!(run.stdout.contains("not checked: its server does not answer"), "{}", run.text());
    assert_well(&doctor(&home, &[], &["--offline", "--xero-url", &address]));
}

#[test]
fn a_proxy_that_refuses() {
    let address = unresolvable();
    let (home, proxy) = (of_server(&address), format!("http://user:pa55word@127.0.0.1:{}", free_port()));
    let run = doctor(&home, &[("HTTPS_PROXY", &proxy)], &["--xero-url", &address]);
    assert_finds(&run, "proxy problem", "unset it", 5);
    assert!(!run.text().contains("pa55word"), "{}", run.text());
}

#[test]
fn a_proxy_that_does_not_let_it_through() {
    // The mock is a web server, and opens no tunnel.
    let address = unresolvable();
    let home = of_server(&address);
    let proxy = home.mock().url().to_owned();
    let run = doctor(&home, &[("HTTPS_PROXY", &proxy)], &["--xero-url", &address]);
    assert_finds(&run, "proxy problem", "let it through", 5);
}

#[test]
fn a_server_that_is_not_there() {
    let mut home = healthy().home;
    let port: u16 = home.mock().url().rsplit(':').next().unwrap().parse().unwrap();
    let url = home.mock().url().to_owned();
    home.stop_mock();
    let run = doctor(&home, &[("XEROCTL_XERO_URL", &url)], &["acme"]);
    assert_finds(&run, "network problem", "that the server runs", 5);
    let _back = Mock::builder().port(port).start_blocking().unwrap();
    let again = doctor(&home, &[("XEROCTL_XERO_URL", &url)], &["acme"]);
    assert!(again.stdout.contains("\"what\": \"answers\""), "{}", again.text());
}

#[test]
fn something_that_does_not_speak_tls() {
    let home = Sandbox::with_mock();
    let address = home.mock().url().replace("http:", "https:");
    let other = of_server(&address);
    let run = doctor(&other, &[], &["--xero-url", &address]);
    assert_finds(&run, "tls problem", "check the address", 5);
}

/// A TLS server with a certificate that nobody trusts, as of a proxy that looks into what is sent.
struct Middlebox(Child);

impl Drop for Middlebox {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_middlebox_with_a_certificate_of_its_own() {
    let home = Sandbox::new();
    home.ok(&["cert", "new", "box", "--name", "127.0.0.1", "--no-password"]);
    let unpack = "openssl pkcs12 -in box.pfx -nodes -passin pass: -out box.pem";
    let unpacked = home.command("sh").args(["-c", unpack]).output().unwrap();
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    let mut server = home.command("openssl");
    server.args(["s_server", "-accept", "127.0.0.1:0", "-cert", "box.pem", "-key", "box.pem", "-www"]);
    let server = server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut middlebox = Middlebox(server.expect("openssl is there; `cargo xtask test` installs it"));
    let mut lines = BufReader::new(middlebox.0.stdout.take().unwrap()).lines();
    let accepts = lines.find_map(|line| Some(line.unwrap().strip_prefix("ACCEPT ")?.to_owned())).unwrap();
    let address = format!("https://{accepts}");
    let home = of_server(&address);
    let run = doctor(&home, &[], &["--xero-url", &address]);
    assert_finds(&run, "tls problem", "SSL_CERT_FILE", 5);
}

#[test]
fn something_else_that_answers() {
    let home = healthy().home;
    home.mock().fault(Fault::Html(200).on("/connections"));
    assert_finds(&doctor(&home, &[], &[]), "network problem", "any proxy in between", 1);
    home.mock().fault(Fault::Html(502).on("/connections"));
    assert_finds(&doctor(&home, &[], &[]), "network warning", "status.xero.com", 5);
    assert_well(&doctor(&home, &[], &[]));
}
