//! `xeroctl cert verify`: whether a `.pfx` is fit to sign with.

use std::time::SystemTime;

use serde_json::json;
use xero_certs::{Certificate, Pfx};

use crate::{
    Context,
    args::CertVerify,
    failure::{Failure, Kind, Outcome},
    secrets::{open_pfx, read_small},
    show,
};

/// One thing looked at.
struct Finding {
    ok: bool,
    text: String,
}

pub(crate) fn run(context: &Context, args: &CertVerify) -> Outcome {
    let bytes = read_small(&args.file)?;
    let pfx = open_pfx(&context.ui, &args.file, &bytes, &args.password.source())?;
    let findings = findings(args, &pfx)?;
    let rows: Vec<_> = findings.iter().map(|one| json!({ "ok": one.ok, "text": one.text })).collect();
    let ok = findings.iter().all(|one| one.ok);
    context.ui.document(json!({ "ok": ok, "findings": rows }))?;
    for one in &findings {
        context.ui.prose(format!("{}  {}", if one.ok { "ok    " } else { "failed" }, one.text))?;
    }
    if ok { Ok(()) } else { Err(Failure::silent(Kind::Other)) }
}

fn findings(args: &CertVerify, pfx: &Pfx) -> Outcome<Vec<Finding>> {
    let now = SystemTime::now();
    let certificate = &pfx.certificate;
    let mut findings = vec![
        Finding {
            ok: true,
            text: "the file opens, and the certificate belongs to the private key".to_owned(),
        },
        Finding { ok: certificate.is_valid_at(now), text: validity(certificate, now) },
    ];
    if args.min_days > 0 {
        let ok = certificate.days_left(now) >= i64::from(args.min_days);
        findings.push(Finding { ok, text: format!("at least {} days left are wanted", args.min_days) });
    }
    let bits = pfx.key.bits();
    findings.push(Finding { ok: true, text: format!("the key has {bits} bits{}", advice(bits)) });
    if let Some(path) = &args.cer {
        let uploaded = Certificate::read(&read_small(path)?).map_err(|error| Failure::file(path, &error))?;
        let ok = uploaded == *certificate;
        let verb = if ok { "is" } else { "is not" };
        findings.push(Finding { ok, text: format!("{} {verb} the certificate in the file", path.display()) });
    }
    Ok(findings)
}

fn validity(certificate: &Certificate, now: SystemTime) -> String {
    let (from, to) = (show::date(certificate.not_before()), show::date(certificate.not_after()));
    format!("valid from {from} to {to} ({})", show::days_left(certificate, now))
}

fn advice(bits: u32) -> &'static str {
    if bits < 2048 { "; make a new one of 2048 or more when you can" } else { "" }
}
