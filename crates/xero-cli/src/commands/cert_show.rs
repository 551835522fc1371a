//! `xeroctl cert show`: what a `.cer`, `.pfx` or key file holds.

use std::time::SystemTime;

use serde_json::json;
use xero_certs::{Certificate, Error, FileKind, PrivateKey};

use crate::{
    Context,
    args::CertShow,
    failure::{Failure, Outcome},
    secrets::{open_pfx, open_protected, read_small},
    show,
    ui::one_line,
};

pub(crate) fn run(context: &Context, args: &CertShow) -> Outcome {
    let ui = &context.ui;
    let bytes = read_small(&args.file)?;
    let source = args.password.source();
    match FileKind::of(&bytes) {
        FileKind::CertificatePem | FileKind::CertificateDer => {
            let certificate = Certificate::read(&bytes).map_err(|error| Failure::file(&args.file, &error))?;
            print(context, "certificate", &certificate, Vec::new())
        }
        FileKind::PrivateKeyPem | FileKind::PrivateKeyDer => {
            let key = open_protected(ui, &args.file, &source, |password| PrivateKey::read(&bytes, password))?;
            print_key(context, &key, Certificate::read(&bytes).ok().as_ref())
        }
        _ => match open_pfx_or_key(context, args, &bytes)? {
            Found::Pfx(pfx) => {
                let others =
                    pfx.others.iter().map(|other| ("Also holds", one_line(other.subject()))).collect();
                print(context, "pfx", &pfx.certificate, others)
            }
            Found::Key(key) => print_key(context, &key, None),
        },
    }
}

enum Found {
    Pfx(Box<xero_certs::Pfx>),
    Key(PrivateKey),
}

/// Binary files: a PFX, or an encrypted key in DER form.
fn open_pfx_or_key(context: &Context, args: &CertShow, bytes: &[u8]) -> Outcome<Found> {
    let is_key = match PrivateKey::read(bytes, None) {
        Err(Error::NotKey(_)) => false,
        Ok(_) | Err(Error::PasswordNeeded) => true,
        Err(_) => FileKind::of(bytes) != FileKind::Pfx,
    };
    let source = args.password.source();
    if is_key {
        return open_protected(&context.ui, &args.file, &source, |password| {
            PrivateKey::read(bytes, password)
        })
        .map(Found::Key);
    }
    open_pfx(&context.ui, &args.file, bytes, &source).map(|pfx| Found::Pfx(Box::new(pfx)))
}

fn print(
    context: &Context,
    kind: &str,
    certificate: &Certificate,
    more: Vec<(&'static str, String)>,
) -> Outcome {
    let now = SystemTime::now();
    let others: Vec<_> = more.iter().map(|(_, subject)| subject).collect();
    context.ui.document(json!({
        "kind": kind,
        "certificate": show::certificate_json(certificate, now),
        "private_key": kind == "pfx",
        "other_certificates": others,
    }))?;
    let what = match kind {
        "pfx" => "PFX: a private key and its certificate",
        _ => "certificate, without a private key",
    };
    let mut rows = vec![("File", what.to_owned())];
    rows.extend(show::certificate_fields(certificate, now));
    rows.extend(more);
    context.ui.data(show::fields(&rows))
}

fn print_key(context: &Context, key: &PrivateKey, certificate: Option<&Certificate>) -> Outcome {
    let matches = certificate.as_ref().map(|certificate| certificate.belongs_to(key));
    let now = SystemTime::now();
    context.ui.document(json!({
        "kind": "key",
        "private_key": true,
        "key_bits": key.bits(),
        "certificate": certificate.map(|certificate| show::certificate_json(certificate, now)),
        "certificate_matches": matches,
    }))?;
    let mut rows = vec![("File", "private key".to_owned()), ("Key", format!("RSA, {} bits", key.bits()))];
    if let Some(certificate) = certificate {
        let word = if matches == Some(true) { "belongs to the key" } else { "does not belong to the key" };
        rows.push(("Certificate", word.to_owned()));
        rows.extend(show::certificate_fields(certificate, now));
    }
    context.ui.data(show::fields(&rows))
}
