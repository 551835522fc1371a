//! Private apps (OAuth 1.0a): a consumer key and a certificate become a connection.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use connection_store::{NewPrivateConnection, Organisation, Server, Store};
use serde_json::json;
use xero_auth_oauth1::ConsumerKey;
use xero_certs::{Existing, KeySize, Pfx, PfxForm, SelfSigned, check_path};

use super::{app::portal, consented::closing, name::Taken, server};
use crate::{
    Context,
    args::Connect,
    commands::cert_new::{KeyPairFiles, KeyPairPlan},
    failure::{Failure, Kind, Outcome},
    secrets::{Source, new_password, open_pfx, read_small},
    show,
    store_access::{self, StoreAccess},
    ui::Ui,
    xero_api::{self, Authority},
};

pub(super) fn run(context: &Context, args: &Connect) -> Outcome {
    let Context { ui, .. } = context;
    let server = server(context)?;
    if server.address().is_none() {
        ui.warn(show::RETIRED);
    }
    let access = store_access::open_or_plan(context)?;
    let taken = Taken::of(&access)?;
    if let Some(name) = &args.making.name {
        taken.check(name, args.making.replace)?;
    }
    let (pfx, made) = certificate(context, args, &server)?;
    let connected = connect(context, args, Certified { access, taken, server, pfx });
    connected.map_err(|failure| match made {
        // The key pair was made to be kept: the portal may have its certificate by now.
        Some(files) if failure.kind == Kind::Interrupted => {
            let pfx = files.pfx.display();
            Failure::new(
                Kind::Interrupted,
                format!("cancelled; no connection was saved, the key pair {pfx} stays"),
            )
            .hint(format!("xeroctl connect --certificate '{pfx}'"))
        }
        _ => failure,
    })
}

/// What is settled once there is a certificate.
struct Certified {
    access: StoreAccess,
    taken: Taken,
    server: Server,
    pfx: Pfx,
}

fn connect(context: &Context, args: &Connect, certified: Certified) -> Outcome {
    let Certified { access, taken, server, pfx } = certified;
    warn_of_dates(context, &pfx);
    let mut new = NewPrivateConnection {
        name: String::new(),
        consumer_key: String::new(),
        key: Arc::new(pfx.key),
        certificate: pfx.certificate,
        server,
        organisation: None,
        make_default: args.making.default,
        replace: args.making.replace,
    };
    prove(context, args, &mut new)?;
    new.name = name(context, args, &taken, new.organisation.as_ref())?;
    let store = access.into_store(context)?;
    store.add_private(&new)?;
    finish(context, &store, &new.name)
}

/// The key and certificate, and the files if they are new.
fn certificate(context: &Context, args: &Connect, server: &Server) -> Outcome<(Pfx, Option<KeyPairFiles>)> {
    let ui = &context.ui;
    if let Some(path) = &args.certificate {
        return Ok((open_pfx(ui, path, &read_small(path)?, &args.password.source())?, None));
    }
    if !ui.interactive() {
        return Err(Failure::usage("nothing was said of the certificate file")
            .hint("give --certificate FILE.pfx; `xeroctl cert new` makes one"));
    }
    let choices = vec![
        "Browse: use a .pfx file that I have".to_owned(),
        "Generate: make a new key pair (.cer to upload, .pfx to keep)".to_owned(),
    ];
    match ui.choose("Certificate file:", choices)? {
        0 => Ok((browse(context, args, server)?, None)),
        _ => generate(context, args, server).map(|(pfx, files)| (pfx, Some(files))),
    }
}

fn browse(context: &Context, args: &Connect, server: &Server) -> Outcome<Pfx> {
    let is_file = |typed: &str| {
        if std::path::Path::new(typed).is_file() { Ok(()) } else { Err("There is no such file.".to_owned()) }
    };
    loop {
        let path = PathBuf::from(context.ui.ask_path("Path of the .pfx file:", is_file)?);
        let opened =
            read_small(&path).and_then(|bytes| open_pfx(&context.ui, &path, &bytes, &args.password.source()));
        match opened {
            Err(failure) if failure.kind != Kind::Interrupted => Ui::explain(&failure),
            Ok(pfx) => {
                if args.consumer_key.is_none() {
                    say_what_the_portal_needs(context, &path, server);
                }
                return Ok(pfx);
            }
            cancelled => return cancelled,
        }
    }
}

fn generate(context: &Context, args: &Connect, server: &Server) -> Outcome<(Pfx, KeyPairFiles)> {
    let ui = &context.ui;
    let is_free = |typed: &str| {
        let files = KeyPairFiles::named(typed.as_ref());
        let checked = [&files.cer, &files.pfx].map(|path| check_path(path, Existing::Keep));
        checked
            .into_iter()
            .collect::<Result<(), _>>()
            .map_err(|error| format!("{error}: choose another name."))
    };
    let suggestion = args.making.name.clone().unwrap_or_else(|| "xero".to_owned());
    let base = ui.ask("Name of the files, without an ending:", &suggestion, is_free)?;
    let files = KeyPairFiles::named(base.as_ref());
    let password = new_password(ui, &Source::Unsaid, "password")?;
    let plan = KeyPairPlan {
        common_name: files.stem(),
        size: KeySize::default(),
        days: SelfSigned::DEFAULT_DAYS,
        form: PfxForm::Modern,
        der: false,
        existing: Existing::Keep,
    };
    let pfx = plan.make()?;
    plan.write(&files, &pfx, &password)?;
    ui.say(format!("Made {} (to upload) and {} (to keep).", files.cer.display(), files.pfx.display()));
    say_how_to_upload(ui, &files.cer, server);
    Ok((pfx, files))
}

fn say_how_to_upload(ui: &Ui, cer: &Path, server: &Server) {
    ui.say(format!("In the portal, {}: New app, Private app, a name, the organisation,", portal(server)));
    ui.say(format!("the file {}, Create app. Then copy the consumer key.", cer.display()));
}

fn say_what_the_portal_needs(context: &Context, pfx: &Path, server: &Server) {
    let cer = pfx.with_extension("cer");
    let [from, to] = [pfx, &cer].map(|path| show::quoted(&path.display().to_string()));
    context.ui.say("The portal must have its certificate. If it has not:");
    context.ui.say(format!("`xeroctl cert convert {from} {to}` writes the file to upload."));
    say_how_to_upload(&context.ui, &cer, server);
}

fn consumer_key(context: &Context, given: Option<String>) -> Outcome<ConsumerKey> {
    let typed = match given {
        Some(key) => key,
        None if !context.ui.interactive() => {
            return Err(
                Failure::usage("nothing was said of the consumer key").hint("give --consumer-key KEY")
            );
        }
        None => context.ui.ask("Consumer key:", "", |typed| {
            ConsumerKey::parse(typed).map(drop).map_err(|error| format!("{error}."))
        })?,
    };
    ConsumerKey::parse(&typed).map_err(|error| {
        Failure::usage(error.to_string()).hint("copy it again from the app's page in the developer portal")
    })
}

fn warn_of_dates(context: &Context, pfx: &Pfx) {
    let now = SystemTime::now();
    if !pfx.certificate.is_valid_at(now) {
        context
            .ui
            .warn(format!("the certificate is not valid now: {}", show::days_left(&pfx.certificate, now)));
    } else if pfx.certificate.days_left(now) < 60 {
        context.ui.warn(format!("the certificate ends soon: {}", show::days_left(&pfx.certificate, now)));
    }
}

/// Asks for the consumer key and makes a real request with it, until it works or a person gives up or saves it as it is.
fn prove(context: &Context, args: &Connect, new: &mut NewPrivateConnection) -> Outcome {
    let ui = &context.ui;
    let mut given = args.consumer_key.clone();
    loop {
        new.consumer_key = consumer_key(context, given.take())?.as_str().to_owned();
        if args.making.no_test {
            return Ok(());
        }
        ui.say("Testing the connection…");
        let authority = Authority::New(new);
        let failure = match context.block_on(xero_api::organisation(context.timeout(), &authority)) {
            Ok(organisation) => {
                ui.say(format!("It works: {}.", organisation.name));
                new.organisation = Some(organisation);
                return Ok(());
            }
            Err(failure) => failure,
        };
        if !ui.interactive() {
            let note = "nothing was saved; --no-test saves without a test";
            let hint = failure.hint.as_ref().map_or(note.to_owned(), |hint| format!("{hint} ({note})"));
            return Err(failure.hint(hint));
        }
        Ui::explain(&failure);
        let choices =
            ["Enter the consumer key (again), and test again", "Save it as it is", "Stop, and save nothing"];
        match ui.choose("What now?", choices.map(str::to_owned).to_vec())? {
            0 => {}
            1 => return Ok(()),
            _ => {
                ui.document(failure.document())?;
                return Err(Failure::silent(failure.kind));
            }
        }
    }
}

fn name(
    context: &Context,
    args: &Connect,
    taken: &Taken,
    organisation: Option<&Organisation>,
) -> Outcome<String> {
    match &args.making.name {
        Some(name) => Ok(name.clone()),
        None => {
            let organisation = organisation.map_or("", |organisation| organisation.name.as_str());
            taken.choose(context, organisation, args.making.replace)
        }
    }
}

fn finish(context: &Context, store: &Store, name: &str) -> Outcome {
    let connection = store.connection(Some(name))?;
    context.ui.document(json!({ "connection": show::connection_json(&connection, store.clock().now()) }))?;
    closing(&context.ui, &[connection]);
    Ok(())
}
