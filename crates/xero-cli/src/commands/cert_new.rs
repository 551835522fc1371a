//! `xeroctl cert new`: a key pair, as a `.cer` to upload and a `.pfx` to keep.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::SystemTime,
};

use serde_json::json;
use xero_certs::{
    Access, Certificate, Existing, KeySize, NewFile, Pfx, PfxForm, PrivateKey, SelfSigned, check_path,
    write_files,
};

use crate::{
    Context,
    args::CertNew,
    failure::{Failure, Kind, Outcome},
    secrets::{Choice, new_password},
    show,
};

pub(crate) fn run(context: &Context, args: &CertNew) -> Outcome {
    let ui = &context.ui;
    let base = args.base.to_string_lossy();
    if args.base.file_name().is_none() || base.ends_with(std::path::is_separator) {
        return Err(
            Failure::usage(format!("{base:?} does not name files")).hint("give a name, such as keys/acme")
        );
    }
    let files = KeyPairFiles::named(&args.base);
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    files.check(existing)?;
    let plan = KeyPairPlan {
        common_name: args.name.clone().unwrap_or_else(|| files.stem()),
        size: size(&args.bits),
        days: args.days,
        form: if args.compatible { PfxForm::Compatible } else { PfxForm::Modern },
        der: args.der,
        existing,
    };
    let password = new_password(ui, &args.password.source(), "password")?;
    let pfx = plan.make()?;
    plan.write(&files, &pfx, &password)?;
    report(context, &files, &pfx.certificate)
}

fn report(context: &Context, files: &KeyPairFiles, certificate: &Certificate) -> Outcome {
    let now = SystemTime::now();
    context.ui.document(json!({
        "cer": files.cer.display().to_string(),
        "pfx": files.pfx.display().to_string(),
        "certificate": show::certificate_json(certificate, now),
    }))?;
    let mut rows = vec![
        ("Upload", files.cer.display().to_string()),
        ("Keep", format!("{} (the private key is in it)", files.pfx.display())),
    ];
    rows.extend(show::certificate_fields(certificate, now));
    context.ui.data(show::fields(&rows))
}

fn size(bits: &str) -> KeySize {
    match bits {
        "4096" => KeySize::Rsa4096,
        "3072" => KeySize::Rsa3072,
        _ => KeySize::Rsa2048,
    }
}

/// The two files of a key pair.
#[derive(Debug)]
pub(crate) struct KeyPairFiles {
    pub(crate) cer: PathBuf,
    pub(crate) pfx: PathBuf,
}

impl KeyPairFiles {
    /// `acme`, `acme.cer` and `acme.pfx` all name `acme.cer` and `acme.pfx`.
    pub(crate) fn named(base: &Path) -> Self {
        let ours = base.extension().is_some_and(|ending| ending == "cer" || ending == "pfx");
        let base = if ours { base.with_extension("") } else { base.to_owned() };
        let with = |ending: &str| {
            let mut name = base.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { cer: with(".cer"), pfx: with(".pfx") }
    }

    pub(crate) fn check(&self, existing: Existing) -> Outcome {
        for path in [&self.cer, &self.pfx] {
            check_path(path, existing).map_err(|error| Failure::output(&error))?;
        }
        Ok(())
    }

    /// The files' name without folder and ending, at most as long as a common name.
    pub(crate) fn stem(&self) -> String {
        self.cer
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().chars().take(64).collect())
    }
}

/// What key pair to make.
#[derive(Debug)]
pub(crate) struct KeyPairPlan {
    pub(crate) common_name: String,
    pub(crate) size: KeySize,
    pub(crate) days: u32,
    pub(crate) form: PfxForm,
    pub(crate) der: bool,
    pub(crate) existing: Existing,
}

impl KeyPairPlan {
    /// Makes the pair. Nothing is written.
    pub(crate) fn make(&self) -> Outcome<Pfx> {
        let request = SelfSigned {
            common_name: self.common_name.clone(),
            not_before: SystemTime::now(),
            days: self.days,
        };
        let failed = |error: xero_certs::Error| match error {
            xero_certs::Error::Certificate(_) => {
                Failure::usage(error.to_string()).hint("see --name and --days")
            }
            error => Failure::new(Kind::Other, error.to_string()),
        };
        let key = found_first(self.size).map_err(failed)?;
        let certificate = request.issue(&key).map_err(failed)?;
        Ok(Pfx { key, certificate, others: Vec::new() })
    }

    /// Writes both files, or neither.
    pub(crate) fn write(&self, files: &KeyPairFiles, pfx: &Pfx, password: &Choice) -> Outcome {
        let sealed =
            pfx.seal(password.as_ref(), self.form).map_err(|error| Failure::file(&files.pfx, &error))?;
        let cer =
            if self.der { pfx.certificate.der().to_vec() } else { pfx.certificate.to_pem().into_bytes() };
        let new = [
            NewFile { path: &files.pfx, contents: &sealed, access: Access::Private },
            NewFile { path: &files.cer, contents: &cer, access: Access::Public },
        ];
        write_files(&new, self.existing).map_err(|error| Failure::output(&error))
    }
}

/// A key of whichever thread finds its primes first: how long that takes is chance, and two that try have more of it.
fn found_first(size: KeySize) -> Result<PrivateKey, xero_certs::Error> {
    let (tell, found) = mpsc::channel();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    for _ in 0..cores.min(2) {
        let tell = tell.clone();
        // What comes second nobody waits for: it ends with the program.
        thread::spawn(move || drop(tell.send(PrivateKey::generate(size))));
    }
    drop(tell);
    found.recv().expect("a thread that ends has told")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for base in ["keys/acme", "keys/acme.cer", "keys/acme.pfx"] {
            let files = KeyPairFiles::named(Path::new(base));
            assert_eq!(files.cer, Path::new("keys/acme.cer"), "{base}");
            assert_eq!(files.pfx, Path::new("keys/acme.pfx"), "{base}");
        }
        assert_eq!(KeyPairFiles::named(Path::new("acme.nz")).pfx, Path::new("acme.nz.pfx"));
    }
}
