//! `xeroctl import --from`: a login that another program kept becomes one of this store.

mod env_file;
mod foreign_login;
mod imported_app;
mod other_keychain;
mod preview;
mod source_file;
mod take_over;
mod token_json;
mod xero_cli;
mod xoauth;

use connection_store::Store;

use self::{foreign_login::ForeignLogin, take_over::Import};
use crate::{
    Context,
    args::{ImportFrom, ImportSource},
    commands::{
        connect::{self, name::Taken},
        import,
    },
    failure::{Failure, Kind, Outcome},
    secrets::none_in_the_open,
    show, store_access,
    ui::{Ui, one_line},
};

pub(crate) fn run(context: &Context, args: &ImportFrom) -> Outcome {
    none_in_the_open(&args.secret)?;
    check_options(args)?;
    if args.from == ImportSource::Bundle {
        return import::run(context, args.file.as_deref(), &args.bundle);
    }
    let Found { logins, failure } = find(context, args)?;
    if args.dry_run {
        preview::show(context, args, &logins)?;
        return failure.map_or(Ok(()), |failure| Err(Failure::silent(failure.kind)));
    }
    let making = args.making();
    if let (Some(_), [_, _, ..]) = (&making.name, logins.as_slice()) {
        return Err(Failure::usage("one name was given, and several logins are imported")
            .hint("leave --as out: each connection is then named after its profile"));
    }
    let server = connect::server(context)?;
    let access = store_access::open_or_plan(context)?;
    if let Some(name) = &making.name {
        Taken::of(&access)?.check(name, making.replace)?;
    }
    // All that may be asked or refused comes before anything is made or spent.
    let mut imports = Vec::new();
    for login in &logins {
        let (token, app) =
            (login.refresh_token()?, imported_app::settle(context, &access, args, login, &server)?);
        imports.push(Import { login, token, app });
    }
    let store = access.into_store(context)?;
    if let Some(refusal) = store.ownership()?.refusal() {
        return Err(refusal.into());
    }
    import_all(context, &store, args, imports, failure)
}

/// The logins that can be read, and why the first of the others cannot.
struct Found {
    logins: Vec<ForeignLogin>,
    failure: Option<Failure>,
}

impl Found {
    /// Of several logins those that can be read; what is wrong with the others is said.
    fn sift(read: Vec<Outcome<ForeignLogin>>) -> Outcome<Self> {
        let (mut logins, mut failures) = (Vec::new(), Vec::new());
        for login in read {
            match login {
                Ok(login) => logins.push(login),
                Err(failure) => failures.push(failure),
            }
        }
        // The last one is told by whoever gets it.
        if logins.is_empty()
            && let Some(last) = failures.pop()
        {
            failures.iter().for_each(Ui::explain);
            return Err(last);
        }
        failures.iter().for_each(Ui::explain);
        Ok(Self { logins, failure: failures.into_iter().next() })
    }
}

/// One after the other: what cannot be imported does not keep the others back.
fn import_all(
    context: &Context,
    store: &Store,
    args: &ImportFrom,
    imports: Vec<Import<'_>>,
    mut first_failure: Option<Failure>,
) -> Outcome {
    let alone = imports.len() == 1 && first_failure.is_none();
    let mut names = Vec::new();
    for import in imports {
        match take_over::import(context, store, args, import) {
            Ok(new) => names.extend(new),
            Err(failure) if alone || failure.kind == Kind::Interrupted => return Err(failure),
            Err(failure) => {
                Ui::explain(&failure);
                first_failure = first_failure.or(Some(failure));
            }
        }
    }
    if let Some(failure) = first_failure.as_ref().filter(|_| names.is_empty()) {
        context.ui.document(failure.document())?;
        return Err(Failure::silent(failure.kind));
    }
    connect::finish(context, store, &names, &args.making())?;
    first_failure.map_or(Ok(()), |failure| Err(Failure::silent(failure.kind)))
}

/// Options of another source are a mistake, not something to pass over.
fn check_options(args: &ImportFrom) -> Outcome {
    let has_profiles = matches!(args.from, ImportSource::XeroCli | ImportSource::Xoauth);
    if let (ImportSource::Bundle, Some(option)) = (args.from, args.of_another_program()) {
        return Err(not_of_bundles(option));
    }
    let stray = if args.from != ImportSource::Bundle && args.bundle.is_given() {
        "names of connections, or an option for bundles"
    } else if !has_profiles && (args.profiles.all_profiles || !args.profiles.named.is_empty()) {
        "--profile or --all-profiles"
    } else if args.passphrase.is_given() && args.from != ImportSource::XeroCli {
        "--source-passphrase-…"
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!("{stray}: {} has none of that", args.from.word())).hint("leave it out"))
}

fn not_of_bundles(option: &str) -> Failure {
    let message = format!("{option} is for the logins of another program, and no --from names one");
    Failure::usage(message).hint(match option {
        "--dry-run" => "`--list` says what is in a file that `xeroctl export` wrote, and imports nothing",
        "--replace" => "for a file that `xeroctl export` wrote it is `--existing replace`",
        "--as" => "for a file that `xeroctl export` wrote: import it, and then `xeroctl rename`",
        _ => "leave it out, or name the program with --from",
    })
}

fn find(context: &Context, args: &ImportFrom) -> Outcome<Found> {
    Found::sift(match args.from {
        ImportSource::Bundle => Vec::new(),
        ImportSource::TokenJson => vec![token_json::read(context, args)],
        ImportSource::Env => vec![env_file::read(context, args)],
        ImportSource::XeroCli => {
            let cli = xero_cli::open(context, args)?;
            let refused = args.profiles.named.iter().find(|name| !cli.profiles().contains(name));
            if let Some(failure) = refused.and_then(|name| cli.not_logged_in(name)) {
                return Err(failure);
            }
            let names = choose(context, args, cli.profiles(), &cli.place())?;
            cli.logins(context, args, &names)?
        }
        ImportSource::Xoauth => {
            let xoauth = xoauth::open(args)?;
            let names = choose(context, args, xoauth.profiles(), &xoauth.place())?;
            names.iter().map(|name| xoauth.login(context, name)).collect()
        }
    })
}

/// Those named, all, the only one, or chosen from a list.
fn choose(context: &Context, args: &ImportFrom, there: Vec<String>, place: &str) -> Outcome<Vec<String>> {
    let listed = || there.iter().map(|name| show::quoted(&one_line(name))).collect::<Vec<_>>().join(", ");
    if there.is_empty() {
        return Err(Failure::new(Kind::NeedsPerson, format!("{place}: nobody is logged in there"))
            .hint("`xeroctl connect` makes a connection"));
    }
    let Some(missing) = args.profiles.named.iter().find(|name| !there.contains(name)) else {
        return Ok(match there.as_slice() {
            _ if !args.profiles.named.is_empty() => {
                there.into_iter().filter(|name| args.profiles.named.contains(name)).collect()
            }
            [_] => there,
            _ if args.profiles.all_profiles => there,
            _ if context.ui.interactive() => {
                let lines = there.iter().map(|name| one_line(name)).collect();
                let chosen = context.ui.choose_many("Which profiles?", lines, 0)?;
                chosen.into_iter().map(|at| there[at].clone()).collect()
            }
            // To show them all is no harm.
            _ if args.dry_run => there,
            _ => {
                return Err(Failure::usage("there are several profiles and none was chosen")
                    .hint(format!("give --profile with one of: {}; or --all-profiles", listed())));
            }
        });
    };
    Err(Failure::usage(format!("{place} has no profile {missing:?}")).hint(format!("it has: {}", listed())))
}
