//! `xeroctl import`: connections from a file that `xeroctl export` wrote.

use std::{fs::File, io::Read, path::Path};

use connection_store::{
    AppKind, Bundle, Error as StoreError, Existing, HandedWay, Imported, Importing, Packed, Store,
};
use serde_json::{Value, json};

use crate::{
    Context,
    args::{ImportBundle, OnTaken},
    bundle_file,
    failure::{Failure, Outcome},
    show, store_access,
    table::{self, Column},
    ui::one_line,
};

const COLUMNS: [Column; 5] = [
    Column::text("NAME"),
    Column::whole("KIND").worth(1),
    Column::text("ORGANISATION"),
    Column::text("SERVER"),
    Column::whole("LOGIN"),
];

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
    let logins = Logins::of(&store, &imported)?;
    report(context, &imported, &logins, args.adopt)
}

/// The names of connections that were imported, by who renews their logins.
#[derive(Default)]
struct Logins {
    renewed: Vec<String>,
    /// Not adopted: where they came from may renew them.
    waiting: Vec<String>,
    /// From here to another store, which may renew them: an older file does not take back what was handed over since.
    handed_over: Vec<String>,
}

impl Logins {
    fn of(store: &Store, imported: &[Imported]) -> Outcome<Self> {
        let mut logins = Self::default();
        for name in imported.iter().filter_map(|one| one.name.as_deref()) {
            let connection = store.connection(Some(name))?;
            let login = connection.authorisation.as_ref().filter(|one| one.needs_login.is_none());
            match login.map(|one| one.handed.map(|handed| handed.way)) {
                Some(Some(HandedWay::Imported)) => logins.waiting.push(connection.name),
                Some(Some(HandedWay::Exported)) => logins.handed_over.push(connection.name),
                Some(None) if connection.app.kind != AppKind::Custom => logins.renewed.push(connection.name),
                _ => {}
            }
        }
        Ok(logins)
    }

    /// Whether this store renews all of them, and there are any.
    fn are_adopted(&self) -> bool {
        !self.renewed.is_empty() && self.waiting.is_empty() && self.handed_over.is_empty()
    }
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
            "server": server(one),
            "with_login": one.with_login,
        })
    };
    context.ui.document(json!({ "packed": packed.iter().map(document).collect::<Vec<_>>() }))?;
    let row = |one: &Packed| {
        let organisation = one.organisation.as_deref().unwrap_or("not tested yet").to_owned();
        let login = if one.with_login { "comes along" } else { "-" };
        vec![one.name.clone(), one.kind.as_str().to_owned(), organisation, server(one), login.to_owned()]
    };
    context.ui.data(table::table(&COLUMNS, packed.iter().map(row).collect()))
}

/// Where its app is registered.
fn server(one: &Packed) -> String {
    one.server.as_deref().map_or("Xero", |address| address.trim_end_matches('/')).to_owned()
}

fn report(context: &Context, imported: &[Imported], logins: &Logins, adopt: bool) -> Outcome {
    let ui = &context.ui;
    for one in imported {
        ui.say(line(one));
    }
    if adopt && !logins.renewed.is_empty() {
        ui.say(format!("This store renews the logins of {} from now on.", logins.renewed.join(", ")));
    }
    let elsewhere = [
        (&logins.waiting, "Their logins are not renewed here yet. If the file was imported nowhere else:"),
        (
            &logins.handed_over,
            "These logins were handed over since the file was written. If they are renewed nowhere else:",
        ),
    ];
    for (names, what) in elsewhere.into_iter().filter(|(names, _)| !names.is_empty()) {
        ui.say(format!("{what}\n\n  xeroctl adopt {}\n", show::quoted_all(names)));
    }
    let documents: Vec<_> = imported.iter().map(document).collect();
    ui.document(json!({ "imported": documents, "adopted": logins.are_adopted() }))
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
