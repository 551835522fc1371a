//! Planted secrets are looked for in all that is printed and in all that is stored.

use std::fs;

use xero_certs::{Password, Pfx};

use crate::sandbox::{BINARY, PASSWORD, Sandbox, fixture};

/// What must never be seen: the password, the store key, the consumer secret, and the private key in any spelling.
fn markers(home: &Sandbox, consumer_secret: &str) -> Vec<Vec<u8>> {
    let pfx =
        Pfx::open(&fs::read(fixture("kinds/test-openssl-3.pfx")).unwrap(), Some(&Password::new(PASSWORD)))
            .unwrap();
    let der = pfx.key.to_pkcs8_der().unwrap();
    let private = der[der.len() / 2..der.len() / 2 + 24].to_vec();
    let pem = pfx.key.to_pkcs8_pem().unwrap();
    let line = pem.lines().nth(10).unwrap().to_owned();
    let key_file = fs::read_to_string(home.path("store.key")).unwrap();
    let store_key = key_file.split(' ').nth(1).unwrap().trim().to_owned();
    let hex: String = private.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![PASSWORD.into(), store_key.into(), consumer_secret.into(), private, line.into(), hex.into()]
}

#[test]
fn no_planted_secret_is_printed_or_stored_in_clear() {
    let home = Sandbox::with_mock();
    home.ok(&["store", "init", "--key-file", "store.key"]);
    let consumer_key = home.app();
    let secret = home.mock().app(&consumer_key).unwrap().consumer_secret;
    let markers = markers(&home, &secret);
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let connect = [
        "connect",
        "acme",
        "--kind",
        "private",
        "--consumer-key",
        &consumer_key,
        "--certificate",
        &pfx,
        "--password-file",
        "password",
    ];
    let commands: [&[&str]; 11] = [
        &connect,
        &["list"],
        &["show", "acme", "--json"],
        &["test", "acme"],
        &["request", "-i", "GET", "Organisation"],
        &["sign", "GET", "Organisation", "--base-string"],
        &["cert", "show", &pfx, "--password-file", "password"],
        &["cert", "show", &pfx, "--password-file", "store.key"],
        &[
            "cert",
            "convert",
            &pfx,
            "copy.pfx",
            "--password-file",
            "password",
            "--new-password-file",
            "password",
        ],
        &["list", "--key-file", "password"],
        &["show", "nothing"],
    ];
    let mut seen = Vec::new();
    for arguments in commands {
        let output = home.command(BINARY).args(arguments).arg("-vvv").output().unwrap();
        seen.push((format!("{arguments:?} stdout"), output.stdout));
        seen.push((format!("{arguments:?} stderr"), output.stderr));
    }
    assert!(seen.iter().any(|(_, text)| String::from_utf8_lossy(text).contains("sending")), "the log was on");
    for file in home.files() {
        if file != "store.key" {
            seen.push((file.clone(), fs::read(home.path(&file)).unwrap()));
        }
    }
    assert!(seen.iter().any(|(name, _)| name.ends_with("connections.db")));
    for (name, text) in &seen {
        for (at, marker) in markers.iter().enumerate() {
            assert!(!text.windows(marker.len()).any(|window| window == marker), "marker {at} in {name}");
        }
    }
}
