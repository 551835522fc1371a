//! `xeroctl import`: connections from a file that `xeroctl export` wrote.

use std::{fs::File, io::Read, path::Path};

use connection_store::{Bundle, Error as StoreError, Existing, Imported, Importing, Packed};
use serde_json::{Value, json};

use crate::{
    Context,
    args::{ImportBundle, OnTaken},
    bundle_file,
    commands::export,
    failure::{Failure, Outcome},
    show, store_access,
    ui::one_line,
};

pub(crate) fn run(context: &Context, file: Option<&Path>, args: &ImportBundle) -> Outcome {
    let file = file.ok_or_else(|| {
        Failure::usage("nothing was said of the file")
            .hint("name the file that `xeroctl export` wrote; --from imports what another program kept")
    })?;
    let sealed = read(file)?;
    let opener = (args.bundle_identity.as_deref(), &args.passphrase);
    let clear = bundle_file::open(&context.ui, file, &sealed, opener)?;
    let bundle = Bundle::read(&clear)?;
    if args.list {
        return list(context, &bundle.connections());
    }
    let store = store_access::open_or_plan(context)?.into_store(context)?;
    let names = (!args.names.is_empty()).then_some(args.names.as_slice());
    let importing =
        Importing { names, existing: args.existing.unwrap_or(OnTaken::Refuse).of_store(), adopt: args.adopt };
    let imported = store.import(&bundle, &importing).map_err(|error| match error {
        StoreError::NameTaken(_) => Failure::from(error)
            .hint("say what to do with it: --existing skip, rename or replace; nothing was imported"),
        error => error.into(),
    })?;
    // An older file does not take back what was handed over since.
    let mut handed = Vec::new();
    for name in imported.iter().filter_map(|one| one.name.as_deref()) {
        let is = export::handed(&store.connection(Some(name))?).is_some();
        handed.extend(is.then(|| name.to_owned()));
    }
    report(context, &imported, &handed, args.adopt)
}

impl OnTaken {
    fn of_store(self) -> Existing {
        match self {
            Self::Refuse => Existing::Refuse,
            Self::Skip => Existing::Skip,
            Self::Rename => Existing::Rename,
            Self::Replace => Existing::Replace,
        }
    }
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(bundle_file::MAX_FILE).read_to_end(&mut bytes))
        .map_err(|error| Failure::unreadable(path, &error))?;
    Ok(bytes)
}

fn list(context: &Context, packed: &[Packed]) -> Outcome {
    let document = |one: &Packed| {
        json!({
            "name": one.name,
            "kind": one.kind.as_str(),
            "organisation": one.organisation,
            "with_login": one.with_login,
        })
    };
    context.ui.document(json!({ "packed": packed.iter().map(document).collect::<Vec<_>>() }))?;
    let row = |one: &Packed| {
        let organisation = one.organisation.as_deref().unwrap_or("not tested yet").to_owned();
        let login = if one.with_login { "comes along" } else { "-" };
        vec![one.name.clone(), one.kind.as_str().to_owned(), organisation, login.to_owned()]
    };
    context.ui.data(show::table(&["NAME", "KIND", "ORGANISATION", "LOGIN"], packed.iter().map(row).collect()))
}

fn report(context: &Context, imported: &[Imported], waiting: &[String], adopt: bool) -> Outcome {
    let ui = &context.ui;
    for one in imported {
        ui.say(line(one));
    }
    if !waiting.is_empty() {
        ui.say(match adopt {
            true => {
                "These logins were handed over since the file was written. If they are renewed nowhere else:"
            }
            false => "Their logins are not renewed here yet. If the file was imported nowhere else:",
        });
        let names: Vec<_> = waiting.iter().map(|name| show::quoted(name)).collect();
        ui.say(format!("\n  xeroctl adopt {}\n", names.join(" ")));
    }
    let documents: Vec<_> = imported.iter().map(document).collect();
    ui.document(json!({ "imported": documents, "adopted": waiting.is_empty() }))
}

fn line(one: &Imported) -> String {
    let packed = one_line(&one.packed);
    let Some(name) = &one.name else { return format!("Left out {packed}: the name is taken.") };
    let what = match (one.replaced, name == &one.packed) {
        (true, _) => format!("Imported {packed}, in place of the one that was here."),
        (false, true) => format!("Imported {packed}."),
        (false, false) => format!("Imported {packed} as {name}."),
    };
    match one.needs_login {
        true => format!("{what} A person must log in: xeroctl reauth {}", show::quoted(name)),
        false => what,
    }
}

fn document(one: &Imported) -> Value {
    json!({
        "packed": one.packed,
        "name": one.name,
        "replaced": one.replaced,
        "needs_login": one.needs_login,
    })
}
