//! `xeroctl cert`: new, show, verify, convert.

use std::fs;

use crate::sandbox::{Sandbox, fixture, transcript};

#[test]
fn a_new_key_pair() {
    let home = Sandbox::new();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["cert", "new", "acme", "--password-file", "password", "--name", "Acme nightly"],
            &["cert", "show", "acme.cer"],
            &["cert", "show", "acme.pfx", "--password-file", "password"],
            &[
                "cert",
                "verify",
                "acme.pfx",
                "--password-file",
                "password",
                "--cer",
                "acme.cer",
                "--min-days",
                "1800"
            ],
            &["cert", "new", "acme", "--no-password"],
            &[
                "cert",
                "new",
                "acme",
                "--no-password",
                "--force",
                "--bits",
                "3072",
                "--days",
                "30",
                "--compatible",
                "--der"
            ],
            &["cert", "show", "acme.pfx"],
            &["cert", "show", "acme.cer"],
        ]
    ));
    assert_eq!(home.files(), ["acme.cer", "acme.pfx"]);
}

#[test]
fn the_password_comes_from_standard_input() {
    let home = Sandbox::new();
    let made = home.run_with(&["cert", "new", "acme", "--password-stdin"], "sesame öffne dich\r\n");
    assert_eq!(made.status, 0, "{}", made.text());
    assert!(made.stderr.contains("other than ASCII: Java programs will not open"), "{}", made.stderr);
    let shown = home.run_with(&["cert", "show", "acme.pfx", "--password-stdin"], "sesame öffne dich\n");
    assert_eq!(shown.status, 0, "{}", shown.text());
    let wrong = home.run_with(&["cert", "show", "acme.pfx", "--password-stdin"], "sesame\n");
    assert_eq!(wrong.status, 1, "{}", wrong.text());
}

#[test]
fn an_empty_secret_makes_no_bare_key() {
    let home = Sandbox::new();
    home.write("empty", "");
    let runs = [
        home.run(&["cert", "new", "acme", "--password-file", "empty"]),
        home.run_with(&["cert", "new", "acme", "--password-stdin"], "\n"),
        home.run_with(&["cert", "new", "acme", "--password-stdin"], &"x".repeat(5000)),
    ];
    insta::assert_snapshot!(runs.iter().map(|run| run.text()).collect::<Vec<_>>().join("\n"));
    assert!(home.files().iter().all(|file| file == "empty"), "{:?}", home.files());
}

#[cfg(unix)]
#[test]
fn the_key_is_private_and_the_certificate_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let home = Sandbox::new();
    home.ok(&["cert", "new", "acme", "--no-password"]);
    home.ok(&["cert", "convert", "acme.pfx", "acme.pem", "--to", "key"]);
    let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("acme.pfx"), mode("acme.cer"), mode("acme.pem")), (0o600, 0o644, 0o600));
}

#[test]
fn show_tells_what_a_file_is() {
    let home = Sandbox::new();
    let file = |name: &str| fixture(name).display().to_string();
    let files = [
        "test.cer",
        "test.der.cer",
        "test-key.pem",
        "test-1024-key.pem",
        "keys/test-pkcs8-aes256.der",
        "keys/test-certificate-then-key.pem",
        "kinds/test-chain.pfx",
        "expired.cer",
        "future.cer",
        "unicode.cer",
    ];
    let texts: Vec<_> = files
        .iter()
        .map(|name| match fixture(name).exists() {
            true => home.run(&["cert", "show", &file(name), "--password-file", "password"]).text(),
            false => panic!("{name} is not there"),
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn json_documents() {
    let home = Sandbox::new();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["cert", "new", "acme", "--no-password", "--json"],
            &["cert", "show", "--json", &pfx, "--password-file", "password"],
            &["cert", "verify", "--json", &pfx, "--password-file", "password"],
            &["cert", "show", "--json", &pfx, "--no-password"],
        ]
    ));
}

#[test]
fn verify_fails_for_what_is_unfit() {
    let home = Sandbox::new();
    let file = |name: &str| fixture(name).display().to_string();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &[
                "cert",
                "verify",
                &file("kinds/test-openssl-3.pfx"),
                "--password-file",
                "password",
                "--cer",
                &file("other.cer")
            ],
            &[
                "cert",
                "verify",
                &file("kinds/test-openssl-3.pfx"),
                "--password-file",
                "password",
                "--min-days",
                "90000"
            ],
            &["cert", "verify", &file("broken/test-mismatch.pfx"), "--password-file", "password"],
        ]
    ));
}

#[test]
fn convert_there_and_back() {
    let home = Sandbox::new();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let key = fixture("keys/test-pkcs8-aes256.pem").display().to_string();
    let cer = fixture("test.cer").display().to_string();
    let password = ["--password-file", "password"];
    let runs = [
        vec!["cert", "convert", &pfx, "old.pfx", "--to", "pfx-compatible", "--new-password-file", "password"],
        vec!["cert", "convert", &pfx, "new.p12", "--no-new-password"],
        vec!["cert", "convert", &pfx, "new.cer"],
        vec!["cert", "convert", &pfx, "new.der"],
        vec!["cert", "convert", &pfx, "key.pem", "--to", "key"],
        vec!["cert", "convert", &key, "joined.pfx", "--certificate", &cer, "--no-new-password"],
    ];
    let texts: Vec<_> =
        runs.into_iter().map(|run| home.run(&[run, password.to_vec()].concat()).text()).collect();
    insta::assert_snapshot!(texts.join("\n"));
    for (file, password) in [("old.pfx", true), ("new.p12", false), ("joined.pfx", false)] {
        let password: &[&str] = if password { &["--password-file", "password"] } else { &["--no-password"] };
        let verified = home.ok(&[&["cert", "verify", file, "--cer", &cer], password].concat());
        assert!(verified.stdout.contains("is the certificate in the file"), "{}", verified.stdout);
    }
    assert_eq!(fs::read(home.path("new.der")).unwrap(), fs::read(fixture("test.der.cer")).unwrap());
}

#[test]
fn old_and_new_password_may_both_come_from_standard_input() {
    let home = Sandbox::new();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let arguments = ["cert", "convert", &pfx, "new.pfx", "--password-stdin", "--new-password-stdin"];
    let run = home.run_with(&arguments, "test-password\nanother one\n");
    assert_eq!(run.status, 0, "{}", run.text());
    let shown = home.run_with(&["cert", "verify", "new.pfx", "--password-stdin"], "another one\n");
    assert_eq!(shown.status, 0, "{}", shown.text());
}
