//! Used wrongly: each case with its exact message and status.

use std::fs;

use serde::Deserialize;

use crate::sandbox::{Sandbox, fixture, transcript};

#[derive(Deserialize)]
struct Manifest {
    broken: Vec<Broken>,
}

#[derive(Deserialize)]
struct Broken {
    file: Option<String>,
    password: Option<String>,
    what: String,
}

#[test]
fn every_broken_pfx() {
    let home = Sandbox::initialised();
    fs::write(home.path("large.pfx"), vec![0x30; 1024 * 1024 + 1]).unwrap();
    let manifest: Manifest = serde_json::from_slice(&fs::read(fixture("manifest.json")).unwrap()).unwrap();
    let mut text = String::new();
    for broken in manifest.broken {
        let file = broken.file.map_or(home.path("large.pfx"), |name| fixture(&name)).display().to_string();
        let source: &[&str] =
            if broken.password.is_some() { &["--password-stdin"] } else { &["--no-password"] };
        let arguments = [
            &[
                "connect",
                "acme",
                "--kind",
                "private",
                "--consumer-key",
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123",
                "--no-test",
                "--certificate",
                &file,
            ][..],
            source,
        ];
        let run = home.run_with(&arguments.concat(), &format!("{}\n", broken.password.unwrap_or_default()));
        if run.status == 0 {
            home.ok(&["remove", "acme", "--yes"]);
        }
        text.push_str(&format!("# {}\n{}--- status {}\n\n", broken.what, run.stderr, run.status));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn consumer_keys() {
    let home = Sandbox::initialised();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    let keys = [
        "",
        "short",
        "ABCDEFGHIJ KLMNOPQRSTUVWXYZ012",
        "abcdefghijklmnopqrstuvwxyz0123",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
        "0123456789ABCDEF0123456789ABCDEF",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ012é",
    ];
    let mut text = String::new();
    for key in keys {
        let run = home.run(&[
            "connect",
            "acme",
            "--kind",
            "private",
            "--certificate",
            &pfx,
            "--password-file",
            "password",
            "--consumer-key",
            key,
        ]);
        text.push_str(&format!("{key:?}\n{}--- status {}\n\n", run.stderr, run.status));
    }
    insta::assert_snapshot!(text);
    assert_eq!(home.mock().journal().len(), 0, "nothing was sent");
}

#[test]
fn missing_answers_without_a_terminal() {
    let home = Sandbox::with_mock();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["connect"],
            &["connect", "--kind", "private"],
            &["store", "init"],
            &["store", "init", "--key-file", "store.key"],
            &["connect", "--kind", "private"],
            &["connect", "--kind", "private", "--certificate", &pfx],
            &["connect", "--kind", "private", "--certificate", &pfx, "--password-file", "password"],
            &[
                "connect",
                "--kind",
                "private",
                "--certificate",
                &pfx,
                "--password-file",
                "password",
                "--consumer-key",
                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123",
                "--no-test"
            ],
            &["cert", "new", "acme"],
            &["remove", "acme"],
            &["cert", "show", &pfx],
            &["cert", "show", &pfx, "--password-stdin"],
        ]
    ));
}

#[test]
fn output_paths() {
    let home = Sandbox::new();
    home.write("taken.cer", "");
    fs::create_dir(home.path("folder.pfx")).unwrap();
    home.write("file", "");
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["cert", "new", "taken", "--no-password"],
            &["cert", "new", "folder", "--no-password"],
            &["cert", "new", "missing/acme", "--no-password"],
            &["cert", "new", "file/acme", "--no-password"],
            &["cert", "new", "folder.pfx/", "--no-password"],
        ]
    ));
    assert_eq!(home.files(), ["file", "taken.cer"], "nothing is half-written");
}

#[test]
fn values_that_cannot_be() {
    let home = Sandbox::connected();
    let pfx = fixture("kinds/test-openssl-3.pfx").display().to_string();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["cert", "new", "acme", "--no-password", "--days", "0"],
            &["cert", "new", "acme", "--no-password", "--name", ""],
            &["cert", "new", "acme", "--no-password", "--bits", "1024"],
            &["cert", "convert", &pfx, "out.txt"],
            &[
                "cert",
                "convert",
                &fixture("test-key.pem").display().to_string(),
                "out.pfx",
                "--no-new-password"
            ],
            &[
                "cert",
                "convert",
                &fixture("test-key.pem").display().to_string(),
                "out.pfx",
                "--certificate",
                &fixture("other.cer").display().to_string(),
                "--no-new-password"
            ],
            &["cert", "show", "nothing.pfx"],
            &["request", "GE T", "Invoices"],
            &["request", "GET", "https://api.xero.com/api.xro/2.0/Invoices"],
            &["request", "GET", "Invoices?page=1&page=2"],
            &["request", "GET", "Invoices/"],
            &["request", "PUT", "Invoices/x/Attachments/a%5B1%5D.pdf"],
            &["request", "GET", "Invoices", "-H", "Authorization: Bearer x"],
            &["request", "GET", "Invoices", "-H", "Xero-Tenant-Id: 3be8d905-f76a-4c19-b2a4-917c05e6f003"],
            &["request", "GET", "Invoices", "-H", "nonsense"],
            &["request", "POST", "Contacts", "-d", "text"],
            &["request", "POST", "Contacts", "-d", "@nothing.json"],
            &["test", "--xero-url", "http://example.com"],
            &["test", "--xero-url", "http://127.0.0.1:9"],
            &["request", "GET", "Invoices", "--xero-url", "http://127.0.0.1:9"],
            &["sign", "GET", "Invoices", "--xero-url", "http://127.0.0.1:9"],
            &["connect", "x", "--kind", "private", "--xero-url", "http://example.com"],
            &["connect", "-x", "--kind", "private"],
            &["connect", "acme", "--kind", "private"],
            &["show", "acne"],
            &["request", "-c", "acne", "GET", "Invoices"],
            &["default", "acne"],
            &["remove", "acme", "acne", "--yes"],
            &["list", "--timeout", "0"],
            &["lsit"],
            &["connect", "--client-secret", "x"],
            &["help", "nothing"],
            &["request", "--json"],
            &["request", "GET", "Invoices", "-H", "Host: evil.example"],
            &["cert", "new", "keys/", "--no-password"],
        ]
    ));
    home.ok(&["test", "acme"]);
}

#[test]
fn help_topics() {
    let home = Sandbox::new();
    insta::assert_snapshot!(transcript(
        &home,
        &[
            &["help", "exit-codes"],
            &["help", "environment"],
            &["help", "files"],
            &["help", "security"],
            &["help", "cert", "new"],
            &["--help"],
            &["-h"],
        ]
    ));
}
