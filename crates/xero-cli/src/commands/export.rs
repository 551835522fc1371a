//! `xeroctl export`: connections sealed into one file for another store.

use std::{
    io::{IsTerminal, Write},
    path::Path,
};

use connection_store::{Connection, Error as StoreError, Export as Packed, Logins, Store};
use serde_json::json;

use crate::{
    Context,
    args::Export,
    bundle_file::{self, Seal},
    failure::{Failure, Kind, Outcome},
    show,
    ui::Ui,
};

/// How often connections are packed anew whose logins are renewed in that moment.
const TRIES: usize = 5;

/// Where the bundle goes.
enum Output<'a> {
    File(&'a Path),
    Stdout(&'a Ui),
}

/// A bundle that only has to be given away.
enum Ready<'a> {
    File(tempfile::NamedTempFile, &'a Path),
    Stdout(Vec<u8>, &'a Ui),
}

pub(crate) fn run(context: &Context, args: &Export) -> Outcome {
    let ui = &context.ui;
    let to_stdout = args.file.as_os_str() == "-";
    if to_stdout {
        check_stdout(ui)?;
    } else if args.file.symlink_metadata().is_ok() {
        return Err(StoreError::FileExists(args.file.clone()).into());
    }
    let store = context.open_store()?;
    let logins = if args.without_logins { Logins::Stay } else { Logins::HandOver };
    let names = chosen(context, args, &store)?;
    let packed = pack(&store, names, args.with_shared, logins)?;
    let names: Vec<_> = packed.bundle().connections().into_iter().map(|one| one.name).collect();
    confirm(context, args, &store, &packed)?;
    let seal = bundle_file::seal(ui, &args.recipient, &args.passphrase)?;
    let handed = packed.hands_over();
    // A passphrase is made hard to guess, which takes seconds: a person would think that it hangs.
    if ui.interactive() && matches!(seal, bundle_file::Seal::Passphrase(_)) {
        ui.say("Sealing…");
    }
    let output = if to_stdout { Output::Stdout(ui) } else { Output::File(&args.file) };
    write(&store, (packed, &names, logins), &seal, &output)?;
    let place = if to_stdout { "standard output".to_owned() } else { args.file.display().to_string() };
    ui.say(format!("Exported {} to {place}.", names.join(", ")));
    if handed {
        ui.say(
            "Their logins are renewed by the store that imports the file and adopts them, and here no more.",
        );
        ui.say("If it is imported nowhere, `xeroctl adopt NAME` takes them back.");
    }
    ui.document(json!({
        "exported": names,
        "file": args.file.display().to_string(),
        "logins_handed_over": handed,
    }))
}

/// The connections by name, all, or chosen from a list.
fn chosen(context: &Context, args: &Export, store: &Store) -> Outcome<Vec<String>> {
    if !args.names.is_empty() {
        return Ok(args.names.clone());
    }
    let mut all = store.connections()?;
    let there = !all.is_empty();
    all.retain(|one| !args.skip_handed_over || handed(one).is_none());
    if there && all.is_empty() {
        return Err(Failure::new(
            Kind::NoSuchConnection,
            "there are no connections to export whose logins are renewed here",
        )
        .hint("`xeroctl adopt NAME` takes a login back that was imported nowhere"));
    }
    let all: Vec<_> = all.into_iter().map(|one| one.name).collect();
    if all.is_empty() {
        return Err(Failure::new(Kind::NoSuchConnection, "there are no connections to export")
            .hint("`xeroctl connect` makes one"));
    }
    if args.all {
        return Ok(all);
    }
    if !context.ui.interactive() {
        return Err(Failure::usage("nothing was said of which connections").hint("name them, or give --all"));
    }
    let chosen = context.ui.choose_many("Which connections?", all.clone(), 0)?;
    Ok(chosen.into_iter().map(|at| all[at].clone()).collect())
}

/// Packs the connections, and where that is wanted the others that use the same logins.
fn pack(store: &Store, mut names: Vec<String>, with_shared: bool, logins: Logins) -> Outcome<Packed> {
    loop {
        match store.export(&names, logins) {
            Err(StoreError::SharedLogin { others }) if with_shared => names.extend(others),
            packed => return Ok(packed?),
        }
    }
}

fn confirm(context: &Context, args: &Export, store: &Store, packed: &Packed) -> Outcome {
    let ui = &context.ui;
    if args.yes || !packed.hands_over() {
        return Ok(());
    }
    if !ui.interactive() {
        return Err(Failure::usage("no one can be asked whether to hand the logins over")
            .hint("give --yes, or --without-logins to leave them here"));
    }
    for one in packed.bundle().connections().iter().filter(|one| one.with_login) {
        ui.say(format!("{} ({})", one.name, one.organisation.as_deref().unwrap_or("not tested yet")));
    }
    let path = store.status()?.path;
    ui.say(format!(
        "Their logins leave this store ({}): it renews them no more. Access tokens are used to their end.",
        path.display()
    ));
    if ui.confirm("Hand them over?")? {
        Ok(())
    } else {
        Err(Failure::new(Kind::Interrupted, "nothing was exported"))
    }
}

/// Writes the file and notes the hand-over, in an order in which no login can be renewed by two or by none: first the file
/// under another name, durably; then the note; then the file's own name.
fn write(
    store: &Store,
    (mut packed, names, logins): (Packed, &[String], Logins),
    seal: &Seal,
    to: &Output<'_>,
) -> Outcome {
    for _ in 0..TRIES {
        let ready = to.prepare(&seal.seal(&packed.bundle().to_bytes()))?;
        if packed.hands_over() && !store.hand_over(&packed)? {
            packed = store.export(names, logins)?;
            continue;
        }
        return ready.give_away().inspect_err(|_| {
            // Nobody has it: it is as if nothing had been handed over.
            if packed.hands_over() {
                drop(store.adopt_logins(Some(names)));
            }
        });
    }
    Err(StoreError::RefreshBusy.into())
}

impl<'a> Output<'a> {
    fn prepare(&self, sealed: &[u8]) -> Outcome<Ready<'a>> {
        match *self {
            Self::File(to) => Ok(Ready::File(sealed_file(sealed, to)?, to)),
            Self::Stdout(ui) => Ok(Ready::Stdout(sealed.to_vec(), ui)),
        }
    }
}

impl Ready<'_> {
    fn give_away(self) -> Outcome {
        match self {
            Self::File(file, to) => place(file, to),
            Self::Stdout(sealed, ui) => ui.raw(&sealed),
        }
    }
}

/// A bundle is no text for a screen, and no part of a document.
fn check_stdout(ui: &Ui) -> Outcome {
    if std::io::stdout().is_terminal() {
        return Err(Failure::usage("standard output is the terminal, and a bundle is no text")
            .hint("name a file, or redirect standard output"));
    }
    if ui.json {
        return Err(Failure::usage("standard output cannot be both the bundle and the JSON document")
            .hint("name a file, or leave --json out"));
    }
    Ok(())
}

fn sealed_file(sealed: &[u8], to: &Path) -> Outcome<tempfile::NamedTempFile> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::Builder::new().prefix(".xeroctl-").tempfile_in(folder).and_then(|mut file| {
        file.write_all(sealed)?;
        file.as_file().sync_all()?;
        Ok(file)
    });
    written.map_err(|error| unwritable(to, &error))
}

fn place(file: tempfile::NamedTempFile, to: &Path) -> Outcome {
    let file = file.persist_noclobber(to).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => StoreError::FileExists(to.to_owned()).into(),
        _ => unwritable(to, &error.error),
    })?;
    // The name as well as the file; a folder that cannot be opened has the name all the same.
    drop(file);
    if let Some(folder) = to.parent() {
        drop(std::fs::File::open(folder).and_then(|folder| folder.sync_all()));
    }
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Kind::NotSaved, format!("{} cannot be written; nothing was exported", path.display()))
        .because(error)
        .hint("name a file in a directory that can be written and has room")
}

/// Whether a connection's login is renewed by another store, in words.
pub(crate) fn handed(connection: &Connection) -> Option<String> {
    let handed = connection.authorisation.as_ref()?.handed?;
    Some(match handed.way {
        connection_store::HandedWay::Exported => format!("handed over on {}", show::date(handed.since)),
        connection_store::HandedWay::Imported => {
            format!("imported on {}, not adopted yet", show::date(handed.since))
        }
    })
}
