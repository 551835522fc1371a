//! `xeroctl cert renew`: another key pair for a private app, kept beside the one in use until the portal has it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use connection_store::{App, AppKind, Connection, NewSecret, Rank, Store};
use serde_json::json;
use xero_certs::{Access, Certificate, Existing, KeySize, NewFile, Pfx, PfxForm, check_path, write_files};

use super::{cert_new::KeyPairPlan, connect::app::portal};
use crate::{
    Context,
    args::CertRenew,
    failure::{Failure, Kind, Outcome},
    secrets::new_password,
    show,
    xero_api::{self, Authority, Trial},
};

pub(crate) fn run(context: &Context, args: &CertRenew) -> Outcome {
    let store = context.open_store()?;
    let connection = store.connection(args.name.as_deref())?;
    if connection.app.kind != AppKind::Private {
        let kind = connection.app.kind.as_str();
        return Err(Failure::usage(format!(
            "{} is of a {kind} app, which has no certificate",
            connection.name
        ))
        .hint(format!(
            "`xeroctl apps secret set {}` gives an app another secret",
            connection.app.client_id
        )));
    }
    match (args.finish, args.cancel) {
        (true, _) => finish(context, &store, &connection),
        (_, true) => cancel(context, &store, &connection),
        _ => begin(context, &store, &connection, args),
    }
}

/// The certificate that the portal is to have, where a renewal has begun.
fn renewed(app: &App) -> Option<&Certificate> {
    app.second.as_ref()?.certificate.as_ref()
}

/// Makes the pair, keeps it, and writes the certificate; where that was done before, writes the same certificate again.
fn begin(context: &Context, store: &Store, connection: &Connection, args: &CertRenew) -> Outcome {
    let cer = args.cer.clone().unwrap_or_else(|| PathBuf::from(format!("{}-renewed.cer", stem(connection))));
    for path in [Some(&cer), args.pfx.as_ref()].into_iter().flatten() {
        check_path(path, Existing::Keep)
            .map_err(|error| Failure::output(&error).hint(already_there(connection)))?;
    }
    let certificate = match renewed(&connection.app) {
        Some(_) if args.pfx.is_some() => return Err(under_way(connection)),
        Some(certificate) => certificate.clone(),
        None => make(context, store, connection, args)?,
    };
    let pem = certificate.to_pem().into_bytes();
    let new = NewFile { path: &cer, contents: &pem, access: Access::Public };
    write_files(&[new], Existing::Keep).map_err(|error| Failure::output(&error))?;
    report(context, connection, &certificate, &cer, args.pfx.as_deref())
}

/// Where the renewal has begun, the file is most often the one that it wrote.
fn already_there(connection: &Connection) -> String {
    let name = show::quoted(&connection.name);
    match renewed(&connection.app) {
        Some(_) => format!(
            "when the portal has the new certificate: `xeroctl cert renew {name} --finish`; to write it once more choose \
             another name with --cer"
        ),
        None => "choose another name with --cer or --pfx".to_owned(),
    }
}

fn under_way(connection: &Connection) -> Failure {
    let name = show::quoted(&connection.name);
    Failure::usage(format!("{} has a new key already, which is not in a .pfx file", connection.name))
        .hint(format!("leave --pfx out, or begin anew after `xeroctl cert renew {name} --cancel`"))
}

fn make(context: &Context, store: &Store, connection: &Connection, args: &CertRenew) -> Outcome<Certificate> {
    let plan = KeyPairPlan {
        common_name: common_name(connection.app.certificate.as_ref()).unwrap_or_else(|| stem(connection)),
        size: KeySize::default(),
        days: args.days,
        form: PfxForm::Modern,
        der: false,
        existing: Existing::Keep,
    };
    let password = match &args.pfx {
        Some(_) => Some(new_password(&context.ui, &args.password.source(), "new-password")?),
        None => None,
    };
    let Pfx { key, certificate, others } = plan.make()?;
    let pfx = Pfx { key, certificate: certificate.clone(), others };
    if let (Some(path), Some(password)) = (&args.pfx, &password) {
        let sealed =
            pfx.seal(password.as_ref(), PfxForm::Modern).map_err(|error| Failure::file(path, &error))?;
        let new = NewFile { path, contents: &sealed, access: Access::Private };
        write_files(&[new], Existing::Keep).map_err(|error| Failure::output(&error))?;
    }
    // The key is kept before anybody can upload its certificate.
    let pair = NewSecret::Key { key: Arc::new(pfx.key), certificate: Box::new(certificate.clone()) };
    store.add_secret(&connection.app.id, &pair, Rank::Second)?;
    Ok(certificate)
}

fn report(
    context: &Context,
    connection: &Connection,
    certificate: &Certificate,
    cer: &Path,
    pfx: Option<&Path>,
) -> Outcome {
    let (ui, now) = (&context.ui, std::time::SystemTime::now());
    ui.say(format!(
        "Upload {} in the portal, {}, in place of the old one.",
        cer.display(),
        portal(&connection.app.server)
    ));
    ui.say("Until then requests are signed with the old key; from then on with the new one, by itself. To be sure:");
    ui.say(format!("\n  xeroctl cert renew {} --finish\n", show::quoted(&connection.name)));
    ui.document(json!({
        "cer": cer.display().to_string(),
        "pfx": pfx.map(|path| path.display().to_string()),
        "certificate": show::certificate_json(certificate, now),
    }))?;
    let mut rows = vec![("Upload", cer.display().to_string())];
    rows.extend(pfx.map(|path| ("Keep", format!("{} (the private key is in it)", path.display()))));
    rows.extend(show::certificate_fields(certificate, now));
    ui.data(show::fields(&rows))
}

/// Tries the new key; where the portal takes it, the old one is forgotten.
fn finish(context: &Context, store: &Store, connection: &Connection) -> Outcome {
    let ui = &context.ui;
    let Some(second) = renewed(&connection.app) else {
        return Err(Failure::usage(format!("{} has no new certificate", connection.name))
            .hint(format!("`xeroctl cert renew {}` makes one", show::quoted(&connection.name))));
    };
    // The two may have changed places already.
    let first = connection.app.certificate.as_ref();
    let is_second = first.is_none_or(|first| first.not_before() <= second.not_before());
    let renewed = if is_second { Some(second) } else { first };
    ui.say("Testing the new key…");
    let authority = Authority::Trial(Trial { store, connection, consumer_key: None, certificate: renewed });
    let tried = context.block_on(xero_api::organisation(context.timeout(), &authority));
    let seen = tried.map_err(|failure| {
        let kept = "both keys are kept; upload the certificate, then run this again";
        let hint = failure.hint.as_ref().map_or(kept.to_owned(), |hint| format!("{hint} ({kept})"));
        failure.hint(hint)
    })?;
    if let Some(pinned) = connection.organisation.as_ref().filter(|pinned| pinned.id != seen.id) {
        let message = format!("{} is for {}, and {} answered", connection.name, pinned.name, seen.name);
        return Err(Failure::new(Kind::WrongOrganisation, message)
            .hint("both keys are kept; was the certificate uploaded to the app of another organisation?"));
    }
    if let Some(renewed) = renewed {
        store.prefer_key(&connection.app.id, renewed)?;
    }
    store.forget_second_secret(&connection.app.id)?;
    ui.say(format!("It works: {}. The old key is forgotten.", seen.name));
    let connection = store.connection(Some(&connection.name))?;
    ui.document(json!({ "connection": show::connection_json(&connection, store.clock().now()) }))
}

fn cancel(context: &Context, store: &Store, connection: &Connection) -> Outcome {
    if !store.forget_second_secret(&connection.app.id)? {
        return Err(Failure::usage(format!("{} has no new certificate", connection.name))
            .hint("there is nothing to cancel"));
    }
    context.ui.say(format!("Forgot the key that {} had beside the one in use.", connection.name));
    let connection = store.connection(Some(&connection.name))?;
    context.ui.document(json!({ "connection": show::connection_json(&connection, store.clock().now()) }))
}

/// That of the certificate in use: in the portal it tells one from another. None where it is of letters that need care.
fn common_name(certificate: Option<&Certificate>) -> Option<String> {
    let subject = certificate?.subject();
    let name = subject.split(',').find_map(|part| part.trim().strip_prefix("CN="))?;
    let plain = !subject.contains(['\\', '"', '+', '#']) && (1..=64).contains(&name.chars().count());
    plain.then(|| name.to_owned())
}

/// The connection's name as part of a file's.
fn stem(connection: &Connection) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    connection.name.chars().map(plain).collect::<String>().trim_start_matches('.').to_owned()
}
