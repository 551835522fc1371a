//! Planted secrets are looked for in all that is printed and in all that is stored.

use std::fs;

use xero_certs::{Password, Pfx};

use crate::sandbox::{BINARY, PASSWORD, Sandbox, fixture, private_options};

/// What must never be seen: the password, the store key, and the private key in any spelling.
fn markers(home: &Sandbox) -> Vec<Vec<u8>> {
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
    vec![PASSWORD.into(), store_key.into(), private, line.into(), hex.into()]
}

#[test]
fn no_planted_secret_is_printed_or_stored_in_clear() {
    let home = Sandbox::initialised();
    let consumer_key = home.app();
    let markers = markers(&home);
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let connect = [&["connect", "acme"][..], &private_options(&consumer_key, &pfx)].concat();
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

#[test]
fn the_log_holds_no_query_and_no_body() {
    let home = Sandbox::connected();
    home.write("form", "xml=%3CContact%3E%3CName%3Eplanted-body%3C%2FName%3E%3C%2FContact%3E");
    let form = ["-H", "Content-Type: application/x-www-form-urlencoded", "-d", "@form"];
    let get = home.run(&["-vvv", "request", "GET", "Contacts?where=Name==%22planted-query%22"]);
    let post = home.run(&[&["-vvv", "request", "POST", "Contacts"], &form[..]].concat());
    for run in [get, post] {
        assert!(run.stderr.contains("path=\"/api.xro/2.0/Contacts\""), "the log was on: {}", run.stderr);
        assert!(!run.stderr.contains("planted"), "{}", run.stderr);
    }
}

#[test]
fn a_passphrase_is_neither_printed_nor_stored() {
    let home = Sandbox::with_mock();
    let passphrase = "planted passphrase";
    home.write("passphrase", &format!("{passphrase}\n"));
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let consumer_key = home.app();
    let connect = [
        "connect",
        "acme",
        "--kind",
        "private",
        "--consumer-key",
        &consumer_key,
        "--certificate",
        &pfx,
        "--password-stdin",
    ];
    let runs = [
        home.run(&["-vvv", "--passphrase-file", "passphrase", "store", "init"]),
        home.run_with(
            &[&["-vvv", "--passphrase-file", "passphrase"], &connect[..]].concat(),
            "test-password\n",
        ),
        home.run_with(
            &[&["-vvv", "--passphrase-file", "passphrase"], &connect[..]].concat(),
            "planted wrong\n",
        ),
        home.run(&["-vvv", "--passphrase-file", "password", "list"]),
    ];
    let statuses: Vec<_> = runs.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [0, 0, 2, 9], "{}", runs.iter().map(|run| run.text()).collect::<String>());
    for run in &runs {
        for marker in [passphrase, PASSWORD, "planted wrong"] {
            assert!(!run.stdout.contains(marker) && !run.stderr.contains(marker), "{}", run.text());
        }
    }
    let store = fs::read(home.path("data/xeroctl/connections.db")).unwrap();
    assert!(!store.windows(passphrase.len()).any(|window| window == passphrase.as_bytes()));
}

/// The secrets of a login as the mock saw them: client secret, verifier, codes and refresh tokens, and the access token.
fn login_secrets(home: &Sandbox, access_token: &str) -> Vec<(String, String)> {
    let journal = home.mock().journal();
    let sent = journal.iter().flat_map(|entry| &entry.form);
    let secret = ["client_secret", "code", "code_verifier", "refresh_token", "token"];
    let mut markers: Vec<_> = sent.filter(|(name, _)| secret.contains(&name.as_str())).cloned().collect();
    assert!(markers.iter().any(|(name, _)| name == "refresh_token"), "a refresh was sent");
    assert!(markers.iter().any(|(name, _)| name == "code_verifier"), "a verifier was sent");
    let client_secret = fs::read_to_string(home.path("secret")).unwrap();
    markers.push(("client secret".to_owned(), client_secret.trim().to_owned()));
    markers.push(("access token".to_owned(), access_token.trim().to_owned()));
    let store_key = fs::read_to_string(home.path("store.key")).unwrap();
    markers.push(("store key".to_owned(), store_key.split(' ').nth(1).unwrap().trim().to_owned()));
    markers
}

#[test]
fn no_secret_of_a_login_is_printed_or_stored_in_clear() {
    let (home, app) = Sandbox::logged_in();
    let first = home.ok(&["token"]).raw.0;
    let commands: [&[&str]; 12] = [
        &["refresh"],
        &["test"],
        &["list", "--json"],
        &["show", "--json"],
        &["orgs", "--json"],
        &["request", "-i", "GET", "Organisation"],
        &["connect", "begin", "--kind", "web", "--client-id", &app.client_id, "--json"],
        &["connect", "finish", "nothing", "--address-stdin"],
        &["sign", "GET", "Organisation"],
        &[
            "connect",
            "--kind",
            "web",
            "--client-id",
            "0123456789ABCDEF0123456789ABCDEF",
            "--client-secret-file",
            "secret",
        ],
        &["disconnect", "maple"],
        &["refresh"],
    ];
    let mut seen = Vec::new();
    for arguments in commands {
        let output = home.command(BINARY).args(arguments).arg("-vvv").output().unwrap();
        seen.push((format!("{arguments:?} stdout"), output.stdout));
        seen.push((format!("{arguments:?} stderr"), output.stderr));
    }
    home.mock().kill_refresh_tokens(&app.client_id);
    let dead = home.run(&["refresh", "-vvv"]);
    assert_eq!(dead.status, 4, "{}", dead.text());
    seen.push(("a dead login".to_owned(), dead.raw.1.into_bytes()));
    let second = home.ok(&["token"]).raw.0;
    for file in home.files().into_iter().filter(|file| !["store.key", "secret"].contains(&file.as_str())) {
        seen.push((file.clone(), fs::read(home.path(&file)).unwrap()));
    }
    assert!(seen.iter().any(|(name, _)| name.ends_with("connections.db")));
    let markers = [login_secrets(&home, &first), login_secrets(&home, &second)].concat();
    for (name, text) in &seen {
        for (what, marker) in &markers {
            let found = text.windows(marker.len()).any(|window| window == marker.as_bytes());
            assert!(!found, "a {what} in {name}: {}", String::from_utf8_lossy(text));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_list_shows_no_secret_of_a_login() {
    let home = Sandbox::initialised();
    let app = home.web_app();
    let secret = fs::read_to_string(home.path("secret")).unwrap();
    let waiting = home.waiting(&[
        "connect",
        "--kind",
        "web",
        "--client-id",
        &app.client_id,
        "--client-secret-command",
        "cat secret",
        "--redirect-uri",
        crate::browser::ELSEWHERE,
        "--paste",
    ]);
    for file in ["cmdline", "environ"] {
        let shown = fs::read(format!("/proc/{}/{file}", waiting.process())).unwrap();
        let shown = String::from_utf8_lossy(&shown);
        assert!(shown.contains("xeroctl") || shown.contains("HOME"), "{shown}");
        assert!(!shown.contains(secret.trim()), "{shown}");
    }
    let run = waiting.paste(&xero_mock::Consent::allow(&["Maple Florist Ltd"]));
    assert_eq!(run.status, 0, "{}", run.text());
}
