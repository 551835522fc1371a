//! Makes a key pair: `NAME.cer` to upload in the developer portal, and `NAME.pfx` to keep.
//!
//! `cargo run -p xero-certs --example key_pair -- NAME < password`

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::{env, error::Error, io, path::Path, time::SystemTime};

use xero_certs::{
    Access, Certificate, Existing, KeySize, NewFile, Password, Pfx, PfxForm, PrivateKey, SelfSigned,
    write_files,
};

fn main() -> Result<(), Box<dyn Error>> {
    let name = env::args().nth(1).ok_or("name the pair")?;
    let password = io::read_to_string(io::stdin())?;
    let certificate = key_pair(Path::new(&name), &Password::new(password.trim_end()), SystemTime::now())?;
    println!("{name}.cer is good until {:?}; its SHA-1 is {}", certificate.not_after(), certificate.sha1());
    Ok(())
}

/// Writes both files, or neither. Files that are there are left as they are.
pub(crate) fn key_pair(
    path: &Path,
    password: &Password,
    now: SystemTime,
) -> Result<Certificate, xero_certs::Error> {
    let key = PrivateKey::generate(KeySize::Rsa2048)?;
    let common_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let request = SelfSigned { common_name, not_before: now, days: SelfSigned::DEFAULT_DAYS };
    let certificate = request.issue(&key)?;
    let pem = certificate.to_pem();
    let pair = Pfx { key, certificate, others: vec![] };
    let sealed = pair.seal(Some(password), PfxForm::Modern)?;
    let (cer, pfx) = (path.with_extension("cer"), path.with_extension("pfx"));
    let files = [
        NewFile { path: &pfx, contents: &sealed, access: Access::Private },
        NewFile { path: &cer, contents: pem.as_bytes(), access: Access::Public },
    ];
    write_files(&files, Existing::Keep)?;
    Ok(pair.certificate)
}
