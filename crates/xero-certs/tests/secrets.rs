//! Nothing that can be printed shows a password or any part of a private key.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    error::Error as _,
    fmt::{Debug, Write},
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use x509_parser::asn1_rs::{Any, FromDer, Tag};
use xero_certs::{
    Access, Certificate, Error, Existing, FileKind, KeySize, NewFile, Password, Pfx, PfxForm, PrivateKey,
    SelfSigned, check_path, write_files,
};

const MARKER: &str = "mArKeR-5ecret";

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs")
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(fixtures().join(name)).unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::read(&fixture("test-key.pem"), None).unwrap()
}

/// Everything that was printed.
#[derive(Default)]
struct Printed(String);

impl Printed {
    fn value(&mut self, value: &dyn Debug) {
        writeln!(self.0, "{value:?}\n{value:#?}").unwrap();
    }

    fn error(&mut self, error: &Error) {
        self.value(error);
        writeln!(self.0, "{error}\n{:?}", error.advice()).unwrap();
        let mut cause = error.source();
        while let Some(error) = cause {
            writeln!(self.0, "{error}\n{error:?}\n{error:#?}").unwrap();
            cause = error.source();
        }
    }

    fn result<T: Debug>(&mut self, result: &Result<T, Error>) {
        match result {
            Ok(value) => self.value(value),
            Err(error) => self.error(error),
        }
    }
}

/// Ways in which secret bytes could show: as text, hex, base 64, escapes, or a list of numbers.
fn disguises(secret: &[u8]) -> Vec<String> {
    let hex =
        |separator: &str| secret.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(separator);
    let list = |separator: &str| secret.iter().map(u8::to_string).collect::<Vec<_>>().join(separator);
    let base64 = pem::encode(&pem::Pem::new("X", secret));
    // The last characters of base 64 depend on what follows.
    let first_line = base64.lines().nth(1).unwrap_or_default().trim_end_matches('=');
    let base64 = first_line[..first_line.len() - 2].to_owned();
    let escaped = secret.escape_ascii().to_string();
    vec![hex(""), hex("").to_uppercase(), hex(":"), list(", "), list(",\n    "), base64, escaped]
}

/// d, p, q, dP, dQ and qInv of `RSAPrivateKey` (RFC 8017 appendix A.1.2), the first 12 bytes of each, and of the DER.
fn private_parts(key: &PrivateKey) -> Vec<Vec<u8>> {
    let pkcs8 = key.to_pkcs8_der().unwrap();
    let integers = |bytes: &[u8]| {
        let (mut rest, mut found) = (bytes, Vec::new());
        while let Ok((after, value)) = Any::from_der(rest) {
            found.push((value.tag(), value.data.to_vec()));
            rest = after;
        }
        found
    };
    let (_, outer) = Any::from_der(&pkcs8).unwrap();
    let (_, string) = integers(outer.data).into_iter().find(|(tag, _)| *tag == Tag::OctetString).unwrap();
    let (_, rsa) = Any::from_der(&string).unwrap();
    let numbers = integers(rsa.data);
    assert_eq!(numbers.len(), 9);
    let beginning =
        |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).take(12).collect::<Vec<_>>();
    let mut parts: Vec<_> = numbers[3..].iter().map(|(_, number)| beginning(number)).collect();
    parts.push(pkcs8[..12].to_vec());
    parts
}

fn assert_silent(printed: &str, keys: &[&PrivateKey]) {
    let printed_lines = printed.to_lowercase();
    assert!(!printed_lines.contains(&MARKER.to_lowercase()), "the password shows in\n{printed}");
    for key in keys {
        let pem = key.to_pkcs8_pem().unwrap();
        let line = pem.lines().nth(5).unwrap();
        assert!(!printed.contains(line), "a line of the key file shows");
        for part in private_parts(key) {
            for disguise in disguises(&part) {
                assert!(!printed.contains(&disguise), "{disguise} shows in\n{printed}");
            }
        }
    }
}

#[test]
fn the_search_itself_finds_what_is_there() {
    let key = key();
    for part in private_parts(&key) {
        let printed = format!("{part:?} {part:#?}");
        assert!(disguises(&part).iter().any(|disguise| printed.contains(disguise)));
    }
    let pem = key.to_pkcs8_pem().unwrap();
    let beginning = &disguises(&key.to_pkcs8_der().unwrap()[..12])[5];
    assert!(pem.contains(beginning));
}

#[test]
fn no_public_type_prints_a_secret() {
    let (key, password, mut printed) = (key(), Password::new(MARKER), Printed::default());
    let certificate = Certificate::read(&fixture("test.cer")).unwrap();
    let request = SelfSigned { common_name: "x".into(), not_before: UNIX_EPOCH, days: 1 };
    let der = key.to_pkcs8_der().unwrap();
    let file = NewFile { path: Path::new("our.pfx"), contents: &der, access: Access::Private };
    let values: [&dyn Debug; 13] = [
        &password,
        &password.clone(),
        &key,
        &key.public_key(),
        &certificate,
        &certificate.sha1(),
        &certificate.sha256(),
        &request,
        &file,
        &(KeySize::default(), PfxForm::default()),
        &(Access::Private, Existing::Keep),
        &FileKind::of(&der),
        &request.issue(&key),
    ];
    values.iter().for_each(|value| printed.value(value));
    write!(printed.0, "{} {}", certificate.sha1(), FileKind::of(&der)).unwrap();
    printed.value(&Pfx { key, certificate, others: vec![] });
    assert!(printed.0.contains("Password([redacted])") && printed.0.contains("PrivateKey(2048 bits)"));
    assert_silent(&printed.0, &[&self::key()]);
}

#[test]
fn no_error_prints_a_secret() {
    let (marker, other, mut printed) =
        (Password::new(MARKER), Password::new("test-password"), Printed::default());
    for folder in ["kinds", "broken", "keys", ""] {
        for entry in fs::read_dir(fixtures().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let file = fs::read(path).unwrap();
            for password in [None, Some(&marker), Some(&other)] {
                printed.result(&Pfx::open(&file, password));
                printed.result(&PrivateKey::read(&file, password));
            }
            printed.result(&Certificate::read(&file));
        }
    }
    assert!(printed.0.contains("WrongPassword") && printed.0.contains("UnsupportedAlgorithm"));
    assert_silent(&printed.0, &[&key(), &PrivateKey::read(&fixture("test-other-key.pem"), None).unwrap()]);
}

#[test]
fn no_error_of_writing_prints_a_secret() {
    let (key, mut printed) = (key(), Printed::default());
    let emoji = Password::new(format!("{MARKER}😀"));
    let certificate = Certificate::read(&fixture("other.cer")).unwrap();
    let pfx = Pfx { key, certificate, others: vec![] };
    printed.error(&pfx.seal(Some(&emoji), PfxForm::Modern).unwrap_err());
    printed.error(&pfx.seal(Some(&Password::new(MARKER)), PfxForm::Modern).unwrap_err());
    let contents = pfx.key.to_pkcs8_pem().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("missing/our.pem"), fixtures().join("test.cer")]
    {
        let file = NewFile { path: &path, contents: contents.as_bytes(), access: Access::Private };
        printed.error(&write_files(&[file], Existing::Keep).unwrap_err());
        printed.result(&check_path(&path, Existing::Keep));
    }
    let empty = SelfSigned { common_name: String::new(), not_before: UNIX_EPOCH, days: 1 };
    printed.error(&empty.issue(&pfx.key).unwrap_err());
    assert_silent(&printed.0, &[&pfx.key]);
}
