//! `xeroctl export`: connections sealed into one file for another store.

use std::{io::Write, path::Path};

use connection_store::{Connection, Error as StoreError, Export as Packed, Logins, Store};
use serde_json::json;

use crate::{
    Context,
    args::Export,
    bundle_file::{self, Seal},
    failure::{Failure, Kind, Outcome},
    show,
};

/// How often connections are packed anew whose logins are renewed in that moment.
const TRIES: usize = 5;

pub(crate) fn run(context: &Context, args: &Export) -> Outcome {
    let ui = &context.ui;
    if args.file.symlink_metadata().is_ok() {
        return Err(StoreError::FileExists(args.file.clone()).into());
    }
    let store = context.open_store()?;
    let logins = if args.without_logins { Logins::Stay } else { Logins::HandOver };
    let names = chosen(context, args, &store)?;
    let (names, packed) = pack(&store, names, args.with_shared, logins)?;
    confirm(context, args, &store, &packed)?;
    let seal = bundle_file::seal(ui, &args.recipient, &args.passphrase)?;
    let handed = packed.hands_over();
    write(&store, (packed, &names, logins), &seal, &args.file)?;
    ui.say(format!("Exported {} to {}.", names.join(", "), args.file.display()));
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
    let all: Vec<_> = store.connections()?.into_iter().map(|one| one.name).collect();
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
fn pack(
    store: &Store,
    mut names: Vec<String>,
    with_shared: bool,
    logins: Logins,
) -> Outcome<(Vec<String>, Packed)> {
    loop {
        match store.export(&names, logins) {
            Err(StoreError::SharedLogin { others }) if with_shared => names.extend(others),
            packed => return Ok((names, packed?)),
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
    to: &Path,
) -> Outcome {
    for _ in 0..TRIES {
        let file = sealed_file(seal, &packed, to)?;
        if packed.hands_over() && !store.hand_over(&packed)? {
            packed = store.export(names, logins)?;
            continue;
        }
        return place(file, to).inspect_err(|_| {
            // Nobody has it: it is as if nothing had been handed over.
            if packed.hands_over() {
                drop(store.adopt_logins(Some(names)));
            }
        });
    }
    Err(StoreError::RefreshBusy.into())
}

fn sealed_file(seal: &Seal, packed: &Packed, to: &Path) -> Outcome<tempfile::NamedTempFile> {
    let sealed = seal.seal(&packed.bundle().to_bytes())?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::Builder::new().prefix(".xeroctl-").tempfile_in(folder).and_then(|mut file| {
        file.write_all(&sealed)?;
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
