//! The limits of what is made, what belongs together, and what an error advises.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use xero_certs::{
    Certificate, Error, FileKind, KeySize, MAX_FILE, Password, Pfx, PfxForm, PrivateKey, SelfSigned,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Seconds from 1970 to the first moment of the year 9000.
const YEAR_9000: u64 = 221_845_392_000;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certs").join(name)).unwrap()
}

fn key(name: &str) -> PrivateKey {
    PrivateKey::read(&fixture(name), None).unwrap()
}

fn request(common_name: &str, not_before: SystemTime, days: u32) -> SelfSigned {
    SelfSigned { common_name: common_name.into(), not_before, days }
}

#[test]
fn what_fits_in_a_certificate_is_in_it() {
    let longest = "日".repeat(64);
    let last = UNIX_EPOCH + Duration::from_secs(YEAR_9000 - 1);
    for (name, not_before, days) in [
        ("x", UNIX_EPOCH, 1),
        (longest.as_str(), UNIX_EPOCH + DAY, SelfSigned::DEFAULT_DAYS),
        ("Ō'Neill & Co. + \"x\"; <y>", last, SelfSigned::MAXIMUM_DAYS),
    ] {
        let certificate = request(name, not_before, days).issue(&key("test-key.pem")).unwrap();
        assert_eq!(certificate.not_before(), not_before, "{name}");
        assert_eq!(certificate.not_after(), not_before + DAY * days, "{name}");
        assert_eq!(certificate.days_left(not_before), i64::from(days), "{name}");
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate.der()).unwrap();
        let common_name = parsed.subject().iter_common_name().next().unwrap().as_str().unwrap();
        assert_eq!(common_name, name);
    }
}

#[test]
fn what_does_not_fit_in_a_certificate_is_refused_with_its_reason() {
    const NAME: &str = "a certificate cannot be made: the name must have 1 to 64 characters";
    const CONTROL: &str = "a certificate cannot be made: the name must not contain control characters";
    const DAYS: &str = "a certificate cannot be made: it must be valid for 1 to 36525 days";
    const START: &str = "a certificate cannot be made: its first day must lie between 1970 and 9000";
    let (too_long, epoch) = ("x".repeat(65), UNIX_EPOCH);
    let key = key("test-key.pem");
    for (wrong, expected) in [
        (request("", epoch, 1), NAME),
        (request(" \u{3000}", epoch, 1), NAME),
        (request(&too_long, epoch, 1), NAME),
        (request("a\nb", epoch, 1), CONTROL),
        (request("a\0b", epoch, 1), CONTROL),
        (request("a\u{85}b", epoch, 1), CONTROL),
        (request("x", epoch, 0), DAYS),
        (request("x", epoch, SelfSigned::MAXIMUM_DAYS + 1), DAYS),
        (request("x", epoch, u32::MAX), DAYS),
        (request("x", epoch - Duration::from_nanos(1), 1), START),
        (request("x", epoch + Duration::from_secs(YEAR_9000), 1), START),
    ] {
        assert_eq!(wrong.issue(&key).unwrap_err().to_string(), expected, "{wrong:?}");
    }
}

#[test]
fn a_key_of_1024_bits_signs_and_gets_no_new_certificate() {
    let small = key("test-1024-key.pem");
    assert_eq!(small.sign_rsa_sha1(b"message").unwrap().len(), 128);
    let refused = request("x", UNIX_EPOCH, 1).issue(&small).unwrap_err();
    assert!(matches!(refused, Error::KeyTooSmall { bits: 1024 }), "{refused:?}");
}

#[test]
fn key_sizes_are_what_they_are_called() {
    assert_eq!(KeySize::default(), KeySize::Rsa2048);
    assert_eq!([KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096].map(KeySize::bits), [2048, 3072, 4096]);
    assert_eq!(PfxForm::default(), PfxForm::Modern);
}

#[test]
fn a_certificate_belongs_to_the_key_it_was_made_for() {
    let (ours, other) = (key("test-key.pem"), key("test-other-key.pem"));
    let certificate = request("x", UNIX_EPOCH, 1).issue(&ours).unwrap();
    assert!(certificate.belongs_to(&ours));
    assert!(!certificate.belongs_to(&other));
    assert_eq!(*certificate.public_key().unwrap(), ours.public_key().unwrap());
    assert_eq!(certificate.public_key().unwrap().bits(), 2048);
    let mismatched = Pfx { key: other, certificate, others: vec![] };
    let refused = mismatched.seal(Some(&Password::new("x")), PfxForm::Modern).unwrap_err();
    assert!(matches!(refused, Error::KeyMismatch), "{refused:?}");
}

#[test]
fn fingerprints_are_printed_as_openssl_and_windows_do() {
    let certificate = Certificate::read(&fixture("test.cer")).unwrap();
    assert_eq!(certificate.sha1().to_string(), "94:61:F5:B5:E6:A0:D7:D6:62:0E:8C:7A:47:5D:B9:24:67:D8:10:ED");
    assert_eq!(certificate.sha256().to_string().len(), 32 * 3 - 1);
    assert_ne!(certificate.sha1(), Certificate::read(&fixture("other.cer")).unwrap().sha1());
}

#[test]
fn an_emoji_is_refused_before_anything_is_written_with_it() {
    let pfx = Pfx::open(&fixture("kinds/test-openssl-3.pfx"), Some(&Password::new("test-password"))).unwrap();
    let emoji = Password::new("😀");
    assert!(!emoji.is_portable());
    assert!(matches!(pfx.seal(Some(&emoji), PfxForm::Modern), Err(Error::UnsupportedPassword)));
}

#[test]
fn text_around_a_key_may_be_in_any_encoding() {
    let latin = b"subject=CN = Caf\xE9\n".as_slice();
    let file = [latin, &fixture("keys/test-certificate-then-key.pem"), latin].concat();
    assert_eq!(FileKind::of(&file), FileKind::PrivateKeyPem);
    let (key, certificate) = (PrivateKey::read(&file, None).unwrap(), Certificate::read(&file).unwrap());
    assert!(certificate.belongs_to(&key));
}

#[test]
fn a_mebibyte_and_one_byte_is_too_much() {
    let large = vec![b'-'; MAX_FILE + 1];
    let refusals = [
        Pfx::open(&large, None).err(),
        PrivateKey::read(&large, None).err(),
        Certificate::read(&large).err(),
        Pfx::open(&large[1..], None).err(),
    ];
    let refusals = refusals.map(|error| error.unwrap().to_string());
    assert_eq!(refusals[0], "the file is larger than 1048576 bytes");
    assert_eq!((&refusals[1], &refusals[2]), (&refusals[0], &refusals[0]));
    assert_eq!(refusals[3], "not a PFX (PKCS#12) file: this is a text file");
}

#[test]
fn each_error_that_a_command_or_another_file_mends_says_so() {
    let unsupported = |container| Error::UnsupportedAlgorithm { oid: "1.2".into(), name: "x", container };
    for error in [
        Error::NotPfx(FileKind::Text),
        Error::NotPfx(FileKind::CertificatePem),
        Error::NotKey(FileKind::OpenSshKey),
        Error::NotKey(FileKind::CertificateDer),
        Error::NotKey(FileKind::Utf16),
        Error::NotCertificate(FileKind::Pfx),
        Error::NotCertificate(FileKind::PrivateKeyPem),
        Error::Truncated { announced: 2, found: 1 },
        Error::Damaged("x"),
        unsupported(FileKind::Pfx),
        unsupported(FileKind::PrivateKeyDer),
        Error::UnsupportedPassword,
        Error::NoKey,
        Error::NoCertificate,
        Error::KeyMismatch,
        Error::NotRsa,
        Error::KeyTooSmall { bits: 512 },
        Error::TooManyIterations { found: 2, limit: 1 },
    ] {
        let advice = error.advice().unwrap_or_else(|| panic!("no advice for {error:?}"));
        assert!(advice.len() > 20 && !advice.ends_with('.'), "{advice}");
    }
}

#[test]
fn an_error_that_says_all_itself_gives_no_advice() {
    let path = PathBuf::from("our.pfx");
    for error in [
        Error::WrongPassword,
        Error::PasswordNeeded,
        Error::TooLarge { limit: 1 },
        Error::Certificate("x"),
        Error::Crypto("x"),
        Error::Exists(path.clone()),
        Error::IsDirectory(path.clone()),
        Error::Write { path, source: io::Error::other("x") },
    ] {
        assert_eq!(error.advice(), None, "{error:?}");
    }
}
