//! What this crate writes, read by other people's programs: OpenSSL, Java's keytool, Python's cryptography, p12.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::{Duration, UNIX_EPOCH},
};

use tempfile::TempDir;
use xero_certs::{Certificate, KeySize, Password, Pfx, PfxForm, PrivateKey, SelfSigned};

/// 2026-01-02 03:04:05 UTC, and 1,825 days later.
const NOT_BEFORE: u64 = 1_767_323_045;
const NAME: &str = "Nightly sync, 日本";
const PASSWORD: &str = "JUDGED_PASSWORD";
const NEW_PASSWORD: &str = "NEW_PASSWORD";

/// A file that the judges are asked to open.
struct Case {
    folder: TempDir,
    form: PfxForm,
    password: &'static str,
    file: Vec<u8>,
}

impl Case {
    fn new(pfx: &Pfx, form: PfxForm, password: Option<&'static str>) -> Self {
        let file = pfx.seal(password.map(Password::new).as_ref(), form).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("judged.pfx"), &file).unwrap();
        Self { folder, form, password: password.unwrap_or_default(), file }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("judged.pfx")
    }

    /// Runs a judge that finds the password in its environment.
    fn ask(&self, command: &mut Command) -> Option<Vec<u8>> {
        let output = run(command.env(PASSWORD, self.password), b"");
        output.status.success().then_some(output.stdout)
    }
}

/// A judge gives the key and the certificate that it found, as PEM, or nothing where it does not open the file.
type Judge = fn(&Case) -> Option<Vec<u8>>;

#[test]
fn who_opens_what_we_write() {
    const JUDGES: [(&str, Judge); 5] = [
        ("openssl", openssl),
        ("openssl -legacy", openssl_legacy),
        ("keytool", keytool),
        ("python", python),
        ("p12", p12),
    ];
    let pfx = pair();
    let mut table = format!("{:<27}", "form, password");
    JUDGES.iter().for_each(|(name, _)| write!(table, " | {name:<15}").unwrap());
    for form in [PfxForm::Modern, PfxForm::Compatible] {
        for password in [Some("correct horse"), Some(""), None, Some("é"), Some("日本")] {
            let case = Case::new(&pfx, form, password);
            let password = password.map_or("none".to_owned(), |text| format!("{text:?}"));
            write!(table, "\n{:<27}", format!("{form:?}, {password}")).unwrap();
            for (name, judge) in JUDGES {
                let verdict = verdict(name, form, judge, &case, &pfx);
                write!(table, " | {verdict:<15}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
}

fn verdict(name: &str, form: PfxForm, judge: Judge, case: &Case, pfx: &Pfx) -> &'static str {
    if name == "p12" && form == PfxForm::Modern {
        return "n/a";
    }
    let Some(found) = judge(case) else {
        return "does not open";
    };
    let key = PrivateKey::read(&found, None)
        .unwrap_or_else(|error| panic!("{name} gave no key: {error} {}", found.escape_ascii()));
    let certificate = Certificate::read(&found).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(key.to_pkcs8_der().unwrap(), pfx.key.to_pkcs8_der().unwrap(), "{name} found another key");
    assert_eq!(certificate, pfx.certificate, "{name} found another certificate");
    "opens"
}

#[test]
fn a_wrong_password_opens_nothing_for_anyone() {
    for form in [PfxForm::Modern, PfxForm::Compatible] {
        let mut case = Case::new(&pair(), form, Some("correct horse"));
        case.password = "battery staple";
        for judge in [openssl, openssl_legacy, keytool, python] {
            assert!(judge(&case).is_none(), "{form:?}");
        }
    }
    let mut case = Case::new(&pair(), PfxForm::Compatible, Some("correct horse"));
    case.password = "battery staple";
    assert!(p12(&case).is_none());
}

/// The other way round: every cipher and digest that OpenSSL writes a file with, beyond those of the fixtures.
#[test]
fn we_open_what_openssl_writes() {
    const CIPHERS: [&str; 9] = [
        "PBE-SHA1-RC4-40",
        "PBE-SHA1-RC4-128",
        "PBE-SHA1-RC2-40",
        "PBE-SHA1-RC2-128",
        "PBE-SHA1-2DES",
        "PBE-SHA1-3DES",
        "DES-EDE3-CBC",
        "AES-192-CBC",
        "NONE",
    ];
    const DIGESTS: [&str; 7] = ["sha1", "sha224", "sha256", "sha384", "sha512", "sha512-224", "sha512-256"];
    let (folder, pfx) = (tempfile::tempdir().unwrap(), pair());
    let (path, input) = (folder.path().join("written.pfx"), folder.path().join("pair.pem"));
    let pair = pfx.key.to_pkcs8_pem().unwrap().to_string() + &pfx.certificate.to_pem();
    fs::write(&input, pair).unwrap();
    let digests = CIPHERS.map(|cipher| (cipher, "sha256")).into_iter();
    for (cipher, digest) in digests.chain(DIGESTS.map(|digest| ("AES-256-CBC", digest))) {
        for password in ["correct horse", "é", "😀"] {
            let mut export = tool("openssl");
            export.args(["pkcs12", "-export", "-legacy", "-keypbe", cipher, "-certpbe", cipher]);
            export.args(["-macalg", digest, "-passout", &format!("env:{PASSWORD}"), "-in"]).arg(&input);
            stdout(run(export.arg("-out").arg(&path).env(PASSWORD, password), b""));
            let file = fs::read(&path).unwrap();
            let opened = Pfx::open(&file, Some(&Password::new(password)))
                .unwrap_or_else(|error| panic!("{cipher}, {digest}, {password}: {error}"));
            assert_eq!(opened.key.to_pkcs8_der().unwrap(), pfx.key.to_pkcs8_der().unwrap(), "{cipher}");
            assert_eq!(opened.certificate, pfx.certificate, "{cipher}, {digest}");
            let wrong = Pfx::open(&file, Some(&Password::new("wrong"))).unwrap_err();
            assert_eq!(wrong.to_string(), "the password is wrong", "{cipher}, {digest}");
        }
    }
}

fn openssl(case: &Case) -> Option<Vec<u8>> {
    case.ask(
        tool("openssl")
            .args(["pkcs12", "-nodes", "-passin", &format!("env:{PASSWORD}"), "-in"])
            .arg(case.path()),
    )
}

fn openssl_legacy(case: &Case) -> Option<Vec<u8>> {
    let password = format!("env:{PASSWORD}");
    case.ask(
        tool("openssl").args(["pkcs12", "-legacy", "-nodes", "-passin", &password, "-in"]).arg(case.path()),
    )
}

/// keytool prints no private keys: it lists the entry and copies it to a store of its own, which is then read.
fn keytool(case: &Case) -> Option<Vec<u8>> {
    let list = ["-list", "-storetype", "PKCS12", "-storepass:env", PASSWORD, "-keystore"];
    let listed = case.ask(tool("keytool").args(list).arg(case.path()))?;
    if !String::from_utf8_lossy(&listed).contains("PrivateKeyEntry") {
        return None;
    }
    let copy = case.folder.path().join("keytool.pfx");
    case.ask(
        tool("keytool")
            .args(["-importkeystore", "-noprompt", "-srcstoretype", "PKCS12", "-deststoretype", "PKCS12"])
            .args(["-srcstorepass:env", PASSWORD, "-deststorepass:env", NEW_PASSWORD, "-srckeystore"])
            .arg(case.path())
            .arg("-destkeystore")
            .arg(&copy)
            .env(NEW_PASSWORD, "another password"),
    )?;
    let opened = Pfx::open(&fs::read(copy).unwrap(), Some(&Password::new("another password"))).unwrap();
    Some([opened.key.to_pkcs8_pem().unwrap().as_bytes(), opened.certificate.to_pem().as_bytes()].concat())
}

fn python(case: &Case) -> Option<Vec<u8>> {
    const OPEN: &str = r"
import os, sys
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
file = open(sys.argv[1], 'rb').read()
key, certificate, others = load_key_and_certificates(file, os.environb[b'JUDGED_PASSWORD'])
assert key.public_key().public_numbers() == certificate.public_key().public_numbers()
assert not others
sys.stdout.buffer.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
sys.stdout.buffer.write(certificate.public_bytes(Encoding.PEM))
";
    case.ask(python_with_cryptography().args(["-c", OPEN]).arg(case.path()))
}

/// An independent reader in Rust, which knows the compatible form only.
fn p12(case: &Case) -> Option<Vec<u8>> {
    assert_eq!(case.form, PfxForm::Compatible);
    let pfx = p12::PFX::parse(&case.file).ok()?;
    if !pfx.verify_mac(case.password) {
        return None;
    }
    let (keys, certificates) = (pfx.key_bags(case.password).ok()?, pfx.cert_x509_bags(case.password).ok()?);
    assert_eq!((keys.len(), certificates.len()), (1, 1));
    let key = PrivateKey::read(&keys[0], None).unwrap().to_pkcs8_pem().unwrap();
    Some([key.as_bytes(), Certificate::read(&certificates[0]).unwrap().to_pem().as_bytes()].concat())
}

#[test]
fn openssl_reads_the_certificate_as_it_was_asked_for() {
    let certificate = pair().certificate;
    let pem = certificate.to_pem();
    let text = x509(&pem, &["-text"]);
    for expected in
        ["Version: 3 (0x2)", "Signature Algorithm: sha256WithRSAEncryption", "Public-Key: (2048 bit)"]
    {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    let dates = x509(&pem, &["-dates", "-dateopt", "iso_8601"]);
    assert_eq!(dates, "notBefore=2026-01-02 03:04:05Z\nnotAfter=2031-01-01 03:04:05Z\n");
    let names = x509(&pem, &["-subject", "-issuer", "-nameopt", "utf8,sname,sep_multiline"]);
    assert_eq!(names, format!("subject=\n    CN={NAME}\nissuer=\n    CN={NAME}\n"));
    let serial = x509(&pem, &["-serial"]);
    let digits = serial.trim().strip_prefix("serial=").unwrap();
    assert_eq!(digits.len(), 32, "{serial}");
    assert!(digits.chars().all(|digit| digit.is_ascii_hexdigit()), "a negative number has a minus: {serial}");
    let fingerprints = x509(&pem, &["-fingerprint", "-sha1"]) + &x509(&pem, &["-fingerprint", "-sha256"]);
    assert!(fingerprints.contains(&format!("={}\n", certificate.sha1())), "{fingerprints}");
    assert!(fingerprints.contains(&format!("={}\n", certificate.sha256())), "{fingerprints}");
}

#[test]
fn openssl_verifies_the_certificate_within_its_dates_and_not_outside() {
    let certificate = pair().certificate;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("our.cer");
    fs::write(&path, certificate.to_pem()).unwrap();
    let end = NOT_BEFORE + 1_825 * 24 * 60 * 60;
    for (time, valid) in [(NOT_BEFORE - 1, false), (NOT_BEFORE, true), (end - 1, true), (end + 1, false)] {
        let mut verify = tool("openssl");
        verify
            .args(["verify", "-check_ss_sig", "-attime", &time.to_string(), "-CAfile"])
            .arg(&path)
            .arg(&path);
        let output = run(&mut verify, b"");
        assert_eq!(output.status.success(), valid, "{time}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_der_form_is_the_same_certificate() {
    let certificate = pair().certificate;
    let output = run(tool("openssl").args(["x509", "-inform", "DER"]), certificate.der());
    assert_eq!(stdout(output), certificate.to_pem());
}

#[test]
fn keytool_prints_both_forms_of_the_certificate() {
    let certificate = pair().certificate;
    for form in [certificate.to_pem().as_bytes(), certificate.der()] {
        let text = stdout(run(tool("keytool").args(["-printcert"]), form));
        assert!(text.contains(&format!("SHA1: {}\n", certificate.sha1())), "{text}");
        assert!(text.contains(&format!("SHA256: {}\n", certificate.sha256())), "{text}");
        assert!(text.contains("Signature algorithm name: SHA256withRSA"), "{text}");
        assert!(text.contains("Version: 3"), "{text}");
    }
}

#[test]
fn openssl_and_python_read_our_keys_of_every_size() {
    const READ: &str = r"
import sys
from cryptography.hazmat.primitives.serialization import *
key = load_pem_private_key(sys.stdin.buffer.read(), None)
sys.stdout.buffer.write(key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
";
    for size in [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096] {
        let key = PrivateKey::generate(size).unwrap();
        assert_eq!(key.bits(), size.bits());
        let pem = key.to_pkcs8_pem().unwrap();
        let checked = run(tool("openssl").args(["pkey", "-check", "-text", "-noout"]), pem.as_bytes());
        let text = stdout(checked);
        assert!(text.contains("Key is valid"), "{text}");
        assert!(text.contains(&format!("Private-Key: ({} bit, 2 primes)", size.bits())), "{text}");
        let output = run(python_with_cryptography().args(["-c", READ]), pem.as_bytes());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let again = PrivateKey::read(&output.stdout, None).unwrap();
        assert_eq!(again.to_pkcs8_der().unwrap(), key.to_pkcs8_der().unwrap());
    }
}

#[test]
fn openssl_verifies_our_rsa_sha1_signatures() {
    const MESSAGE: &[u8] = b"GET&https%3A%2F%2Fapi.xero.com%2Fapi.xro%2F2.0%2FOrganisation&oauth_nonce%3D1";
    for (name, bits) in [("test-1024-key.pem", 1024), ("test-key.pem", 2048), ("keys/test-4096.pem", 4096)] {
        let key = PrivateKey::read(&fixture(name), None).unwrap();
        assert_eq!(key.bits(), bits);
        let mut signature = key.sign_rsa_sha1(MESSAGE).unwrap();
        assert!(verifies(name, MESSAGE, &signature), "{name}");
        assert!(!verifies(name, &MESSAGE[1..], &signature), "{name}: another message");
        signature[0] ^= 1;
        assert!(!verifies(name, MESSAGE, &signature), "{name}: another signature");
    }
}

fn verifies(key: &str, message: &[u8], signature: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (public, signed) = (folder.path().join("public.pem"), folder.path().join("signature"));
    fs::write(&public, stdout(run(tool("openssl").args(["pkey", "-pubout"]), &fixture(key)))).unwrap();
    fs::write(&signed, signature).unwrap();
    let mut verify = tool("openssl");
    verify.args(["dgst", "-sha1", "-verify"]).arg(public).arg("-signature").arg(signed);
    let output = run(&mut verify, message);
    String::from_utf8_lossy(&output.stdout).trim() == "Verified OK" && output.status.success()
}

/// The key of the fixtures with a new certificate.
fn pair() -> Pfx {
    let key = PrivateKey::read(&fixture("test-key.pem"), None).unwrap();
    let not_before = UNIX_EPOCH + Duration::new(NOT_BEFORE, 678_000_000);
    let request = SelfSigned { common_name: NAME.into(), not_before, days: SelfSigned::DEFAULT_DAYS };
    let certificate = request.issue(&key).unwrap();
    Pfx { key, certificate, others: vec![] }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn x509(pem: &str, options: &[&str]) -> String {
    stdout(run(tool("openssl").args(["x509", "-noout"]).args(options), pem.as_bytes()))
}

fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A judge speaks English whatever the machine's language, and UTF-8.
fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8").env_remove("JAVA_TOOL_OPTIONS");
    command
}

fn python_with_cryptography() -> Command {
    let debian = PathBuf::from("/usr/bin/python3");
    let program = std::env::var("PYTHON").unwrap_or_else(|_| {
        if debian.is_file() { debian.display().to_string() } else { "python3".to_owned() }
    });
    let found = run(tool(&program).args(["-c", "import cryptography"]), b"");
    assert!(found.status.success(), "python3-cryptography is missing; `cargo xtask test` installs it");
    tool(&program)
}

/// Runs a judge to its end. A judge that is missing fails the test: nothing is skipped.
fn run(command: &mut Command, input: &[u8]) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is missing ({error}); `cargo xtask test` installs it"));
    // A judge may end without reading all of it; its status tells what it made of that.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input);
    child.wait_with_output().unwrap()
}
