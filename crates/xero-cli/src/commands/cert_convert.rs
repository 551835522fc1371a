//! `xeroctl cert convert`: a `.pfx` or key file in another form.

use std::path::Path;

use serde_json::json;
use xero_certs::{
    Access, Certificate, Error, Existing, FileKind, NewFile, Pfx, PfxForm, PrivateKey, check_path,
    write_files,
};
use zeroize::Zeroizing;

use crate::{
    Context,
    args::{CertConvert, Form},
    failure::{Failure, Kind, Outcome},
    secrets::{new_password, open_pfx, open_protected, read_small},
};

pub(crate) fn run(context: &Context, args: &CertConvert) -> Outcome {
    let ui = &context.ui;
    let form = form(args)?;
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    check_path(&args.output, existing).map_err(|error| Failure::output(&error))?;
    let (contents, access) = match form {
        Form::Cer => (Zeroizing::new(certificate(context, args)?.to_pem().into_bytes()), Access::Public),
        Form::Der => (Zeroizing::new(certificate(context, args)?.der().to_vec()), Access::Public),
        Form::Key => (Zeroizing::new(key_pem(context, args)?), Access::Private),
        Form::Pfx | Form::PfxCompatible => {
            let pfx = pair(context, args)?;
            let password = new_password(ui, &args.new_password.source(), "new-password")?;
            let form = if form == Form::Pfx { PfxForm::Modern } else { PfxForm::Compatible };
            let sealed =
                pfx.seal(password.as_ref(), form).map_err(|error| Failure::file(&args.output, &error))?;
            (Zeroizing::new(sealed), Access::Private)
        }
    };
    let file = NewFile { path: &args.output, contents: &contents, access };
    write_files(&[file], existing).map_err(|error| Failure::output(&error))?;
    if form == Form::Key {
        ui.warn(format!("{} holds the private key without any protection", args.output.display()));
    }
    ui.say(format!("Written: {}", args.output.display()));
    ui.document(json!({ "written": args.output.display().to_string() }))
}

fn form(args: &CertConvert) -> Outcome<Form> {
    if let Some(form) = args.to {
        return Ok(form);
    }
    let ending = args.output.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match ending.as_str() {
        "pfx" | "p12" => Ok(Form::Pfx),
        "cer" | "crt" => Ok(Form::Cer),
        "der" => Ok(Form::Der),
        _ => Err(Failure::usage(format!("{} does not say what to write", args.output.display()))
            .hint("give --to pfx, pfx-compatible, cer, der or key")),
    }
}

/// The certificate alone, which needs no key.
fn certificate(context: &Context, args: &CertConvert) -> Outcome<Certificate> {
    let bytes = read_small(&args.input)?;
    match FileKind::of(&bytes) {
        FileKind::Pfx => Ok(pair(context, args)?.certificate),
        _ => Certificate::read(&bytes).map_err(|error| Failure::file(&args.input, &error)),
    }
}

/// The private key alone, as unprotected PEM.
fn key_pem(context: &Context, args: &CertConvert) -> Outcome<Vec<u8>> {
    let bytes = read_small(&args.input)?;
    let key = match FileKind::of(&bytes) {
        FileKind::Pfx => pair(context, args)?.key,
        _ => open_key(context, args, &bytes)?,
    };
    let pem = key.to_pkcs8_pem().map_err(|error| Failure::new(Kind::Other, error.to_string()))?;
    Ok(pem.as_bytes().to_vec())
}

/// Key and certificate, from one file or two.
fn pair(context: &Context, args: &CertConvert) -> Outcome<Pfx> {
    let bytes = read_small(&args.input)?;
    let is_key = matches!(FileKind::of(&bytes), FileKind::PrivateKeyPem | FileKind::PrivateKeyDer)
        || !matches!(PrivateKey::read(&bytes, None), Err(Error::NotKey(_)));
    if !is_key {
        return open_pfx(&context.ui, &args.input, &bytes, &args.password.source());
    }
    let key = open_key(context, args, &bytes)?;
    let certificate = match &args.certificate {
        Some(path) => Certificate::read(&read_small(path)?).map_err(|error| Failure::file(path, &error))?,
        None => Certificate::read(&bytes).map_err(|_| no_certificate(&args.input))?,
    };
    if !certificate.belongs_to(&key) {
        return Err(Failure::file(args.certificate.as_ref().unwrap_or(&args.input), &Error::KeyMismatch));
    }
    Ok(Pfx { key, certificate, others: Vec::new() })
}

fn open_key(context: &Context, args: &CertConvert, bytes: &[u8]) -> Outcome<PrivateKey> {
    open_protected(&context.ui, &args.input, &args.password.source(), |password| {
        PrivateKey::read(bytes, password)
    })
}

fn no_certificate(path: &Path) -> Failure {
    Failure::usage(format!("{} holds a private key and no certificate", path.display()))
        .hint("give the certificate that was made for it with --certificate FILE")
}
