//! `xeroctl`, the connection manager for Xero.

mod args;
mod bundle_file;
mod commands;
mod config;
mod failure;
mod half_way;
mod health;
mod host;
mod keys;
mod ownership;
mod path_completer;
mod secrets;
mod service_manager;
mod show;
mod shown;
mod signals;
mod store_access;
mod store_place;
mod table;
mod trace;
mod ui;
mod xero_api;

use std::{cell::OnceCell, ffi::OsString, process::ExitCode, time::Duration};

use clap::{
    ArgMatches, Args as _, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use connection_store::Store;
use tokio::runtime::Runtime;

use crate::{
    args::{Cert, Cli, Command, Global, StoreCommand},
    config::Config,
    failure::{Failure, Kind, Outcome},
    signals::During,
    store_place::{StorePlace, of_run},
    ui::Ui,
};

/// When it is time to say that something is waited for.
const LONG: Duration = Duration::from_secs(3);
/// How the names of options end that people would give a secret with; there are none.
const SECRETS: [&str; 4] = ["passphrase", "password", "secret", "token"];
/// And an address that came back from the login has a code in it.
const ADDRESSES: [&str; 2] = ["paste", "address"];
const CHANGE_IT: &str =
    "give it with the option of that name that ends in -stdin or -file; if it was a real one, change it";

/// One run: how it talks, and the options of every command.
pub(crate) struct Context {
    pub(crate) ui: Ui,
    pub(crate) global: Global,
    /// Why the configuration file is not used, where a command goes on without it.
    pub(crate) misconfigured: Option<Failure>,
    /// The command's name, such as `store key add`.
    pub(crate) command_name: String,
    /// Made when something asynchronous is done first; one for the whole run, since connections live in it.
    runtime: OnceCell<Runtime>,
    /// The store, once it is open: there is one in each run.
    store: OnceCell<Store>,
    /// Where it is, once somebody wanted to know.
    place: OnceCell<StorePlace>,
}

fn main() -> ExitCode {
    let (mut cli, command_name) = match parse(Cli::command()) {
        Ok(parsed) => parsed,
        Err(error) => return misused(error),
    };
    if let Some(Command::Complete(args)) = &cli.command {
        return commands::complete::answer(args);
    }
    cli.global.take_environment();
    let talking = Ui::of(&cli.global);
    let settled = settle(cli, command_name).and_then(|context| {
        let (context, command) = context;
        trace::start(&context.global, &context.command_name)?;
        Ok((context, command))
    });
    match settled {
        Ok((context, command)) => end(&context, run(&context, command.as_ref())),
        Err(failure) => {
            talking.fail(&failure);
            ExitCode::from(failure.kind.status())
        }
    }
}

/// Reads the configuration file, and where it says something the command line once more, with that for defaults.
fn settle(mut cli: Cli, command_name: String) -> Outcome<(Context, Option<Command>)> {
    let (config, misconfigured) = match (&cli.command, Config::read(&cli.global)) {
        // A shell that starts must not stumble over it.
        (Some(Command::Completions(_) | Command::Man(_)), _) => (Config::default(), None),
        // What is wrong with it is one of the things that it finds.
        (Some(Command::Doctor(_)), Err(failure)) => (Config::default(), Some(failure)),
        (_, read) => (read?, None),
    };
    if !config.is_empty() {
        (cli, _) = parse(config.defaults())
            .expect("the command line was taken before, and options take what keys of the file may hold");
        cli.global.take_environment();
    }
    config.settle(&mut cli.global);
    if let Some(command) = &mut cli.command {
        command.take_connection(config.connection());
    }
    cli.global.width.into_iter().for_each(table::set_width);
    let moved = match &cli.command {
        Some(Command::Store(StoreCommand::Move(args))) => Some(args.from.as_path()),
        _ => None,
    };
    of_run::note(&cli.global, moved);
    let ui = Ui::of(&cli.global);
    let (runtime, store, place) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
    let global = cli.global;
    Ok((Context { ui, global, misconfigured, command_name, runtime, store, place }, cli.command))
}

/// Says what failed, and gives the status.
fn end(context: &Context, outcome: Outcome) -> ExitCode {
    trace::end(&outcome);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            context.ui.fail(&failure);
            ExitCode::from(failure.kind.status())
        }
    }
}

fn run(context: &Context, command: Option<&Command>) -> Outcome {
    let Some(command) = command else { return commands::start::run(context) };
    match command {
        Command::Connect(args) => commands::connect::run(context, args),
        Command::Import(args) => commands::import_from::run(context, args),
        Command::List(args) => commands::list::run(context, args),
        Command::Show(args) => commands::show::run(context, args),
        Command::Test(args) => commands::test::run(context, args),
        Command::Token(args) => commands::token::run(context, args),
        Command::Exec(args) => commands::exec::run(context, args),
        Command::Limits(args) => commands::limits::run(context, args),
        Command::Refresh(args) => commands::refresh::run(context, args),
        Command::Keepalive(args) => commands::keepalive::run(context, args),
        Command::Log(args) => commands::log::run(context, args),
        Command::Doctor(args) => commands::doctor::run(context, args),
        Command::Scopes(command) => commands::scopes::run(context, command),
        Command::Orgs(args) => commands::orgs::run(context, args),
        Command::Reauth(args) => commands::reauth::run(context, args),
        Command::Disconnect(args) => commands::disconnect::run(context, args),
        Command::Request(args) => commands::request::run(context, args),
        Command::Gateway(args) => commands::gateway::run(context, args),
        Command::Sign(args) => commands::sign::run(context, args),
        Command::Default(args) => commands::default::run(context, args),
        Command::Remove(args) => commands::remove::run(context, args),
        Command::Cert(Cert::New(args)) => commands::cert_new::run(context, args),
        Command::Cert(Cert::Show(args)) => commands::cert_show::run(context, args),
        Command::Cert(Cert::Verify(args)) => commands::cert_verify::run(context, args),
        Command::Cert(Cert::Renew(args)) => commands::cert_renew::run(context, args),
        Command::Status(args) => commands::status::run(context, args),
        Command::Rename(args) => commands::rename::run(context, args),
        Command::Edit(args) => commands::edit::run(context, args),
        Command::Copy(args) => commands::orgs::copy(context, args),
        Command::Apps(command) => commands::apps::run(context, command),
        Command::Export(args) => commands::export::run(context, args),
        Command::Adopt(args) => commands::adopt::run(context, args),
        Command::Cert(Cert::Convert(args)) => commands::cert_convert::run(context, args),
        Command::Store(command) => run_store(context, command),
        Command::Completions(args) => commands::completions::run(context, args),
        Command::Man(args) => commands::man::run(context, args),
        Command::Help(args) => commands::help::run(context, args, Cli::command()),
        Command::Complete(_) => Ok(()), // answered before anything that could fail
    }
}

fn run_store(context: &Context, command: &StoreCommand) -> Outcome {
    match command {
        StoreCommand::Init(args) => commands::store_init::run(context, args),
        StoreCommand::Status => commands::store_status::run(context),
        StoreCommand::Unlock(args) => commands::store_unlock::unlock(context, args),
        StoreCommand::Lock => commands::store_unlock::lock(context),
        StoreCommand::Key(command) => commands::store_key::run(context, command),
        StoreCommand::Rekey => commands::store_rekey::run(context),
        StoreCommand::Backup(args) => commands::store_backup::run(context, args),
        StoreCommand::Restore(args) => commands::store_restore::run(context, args),
        StoreCommand::Move(args) => commands::store_move::run(context, args),
        StoreCommand::Verify(args) => commands::store_verify::run(context, args),
        StoreCommand::Adopt(args) => commands::store_adopt::run(context, args),
    }
}

/// The command line, and the command's name without what was given to it.
fn parse(mut command: clap::Command) -> Result<(Cli, String), clap::Error> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let alone = alone(&command, &words).and_then(|mut alone| {
        let matches = alone.try_get_matches_from_mut(&words).ok();
        std::mem::forget(alone);
        matches
    });
    let matches = alone.map_or_else(|| command.try_get_matches_from_mut(&words), Ok);
    // It has thousands of parts, and the program is about to end anyway.
    std::mem::forget(command);
    let mut matches = matches?;
    let name = name_of(&matches);
    let cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut Cli::command()))?;
    Ok((cli, name))
}

/// The program as if it had one command alone, which these words seem to name: the others are given the options of all in vain.
/// What it takes, the whole takes alike; what it does not is for the whole to say.
fn alone(whole: &clap::Command, words: &[OsString]) -> Option<clap::Command> {
    let named = words.iter().skip(1).find_map(|word| whole.find_subcommand(word))?;
    let program = clap::Command::new("xeroctl").disable_help_subcommand(true);
    Some(Global::augment_args(program).subcommand(named.clone()))
}

fn name_of(matches: &ArgMatches) -> String {
    let mut words = Vec::new();
    let mut here = matches;
    while let Some((word, below)) = here.subcommand() {
        words.push(word);
        here = below;
    }
    words.join(" ")
}

impl Context {
    /// Runs the asynchronous part of a command.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let runtime = self.runtime()?;
        let mut during = During::new();
        runtime.block_on(async {
            tokio::select! {
                outcome = work => outcome,
                signal = during.signal() => {
                    self.finish_renewals().await;
                    signals::end(signal);
                    Err(Failure::silent(Kind::Interrupted))
                }
            }
        })
    }

    /// Runs what may be killed at any moment.
    pub(crate) fn block_on_plainly<T>(&self, work: impl Future<Output = T>) -> Outcome<T> {
        Ok(self.runtime()?.block_on(work))
    }

    /// Runs what goes on until a signal ends it, and then what must be done before the end; another signal ends it all.
    pub(crate) fn until_signal(
        &self,
        work: impl Future<Output = Outcome>,
        finish: impl AsyncFnOnce(),
    ) -> Outcome {
        let runtime = self.runtime()?;
        let mut during = During::new();
        runtime.block_on(async {
            let outcome = tokio::select! {
                outcome = work => outcome,
                _ = during.signal() => Ok(()),
            };
            finish().await;
            outcome
        })
    }

    /// Has what follows run on all cores, where there are several.
    pub(crate) fn use_all_cores(&self) -> Outcome {
        if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
            let runtime = started(&mut tokio::runtime::Builder::new_multi_thread())?;
            drop(self.runtime.set(runtime));
        }
        Ok(())
    }

    fn runtime(&self) -> Outcome<&Runtime> {
        if self.runtime.get().is_none() {
            let runtime = started(&mut tokio::runtime::Builder::new_current_thread())?;
            drop(self.runtime.set(runtime));
        }
        Ok(self.runtime.get().expect("it was made above, if not before"))
    }

    /// Runs what asks Xero with a stored connection; says so when it takes long.
    pub(crate) fn ask_xero<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        self.block_on(async {
            tokio::pin!(work);
            match tokio::time::timeout(LONG, work.as_mut()).await {
                Ok(outcome) => outcome,
                Err(_) if shown::is_any() => work.await,
                Err(_) => {
                    self.ui
                        .say("Still waiting: for Xero, for its limits, or for another process that renews the same login.");
                    work.await
                }
            }
        })
    }

    /// A renewal that has begun may have spent a token: it is finished even where a signal wants the program to end.
    /// Another signal ends it all the same.
    async fn finish_renewals(&self) {
        let Some(store) = self.store.get() else { return };
        let settled = store.settled();
        tokio::pin!(settled);
        if tokio::time::timeout(Duration::ZERO, settled.as_mut()).await.is_err() {
            self.ui.tell("A renewal has begun and is being finished; again Ctrl-C would break it off.");
            settled.await;
        }
    }

    /// How long a request may take in all.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.global.timeout)
    }
}

fn started(builder: &mut tokio::runtime::Builder) -> Outcome<Runtime> {
    let built = builder.enable_all().build();
    built.map_err(|error| {
        Failure::new(Kind::Other, "no event loop can be started")
            .because(&error)
            .hint("let it open more files (`ulimit -n`), and try again")
    })
}

/// True where what was given looks like a secret: who gives one there has shown it to other users already. Nothing of it stays in
/// the error.
fn in_the_open(error: &mut clap::Error) -> bool {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let given = text(ContextKind::InvalidArg);
    let is_secret = |option: &str| SECRETS.iter().any(|word| option.contains(word));
    if error.kind() == ErrorKind::TooManyValues && given.starts_with('-') {
        // For an option that has none, such as --password-stdin.
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
        return is_secret(&given);
    }
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        // The same behind a space.
        let Some(option) = option_before(&text(kind)) else { continue };
        if is_secret(&option) || ADDRESSES.iter().any(|word| option.contains(word)) {
            error.insert(kind, ContextValue::String("…".to_owned()));
            for tip in [ContextKind::Suggested, ContextKind::SuggestedSubcommand] {
                error.remove(tip);
            }
            return is_secret(&option);
        }
    }
    let option = given.split('=').next().unwrap_or_default();
    // As it stands it has no value.
    let is_bare = given.starts_with("--no-") && is_an_argument(&given);
    error.kind() == ErrorKind::UnknownArgument
        && !is_bare
        && SECRETS.iter().any(|ending| option.ends_with(ending))
}

/// The option that an argument stands behind, which is none itself.
fn option_before(argument: &str) -> Option<String> {
    let arguments: Vec<_> = std::env::args_os().map(|one| one.to_string_lossy().into_owned()).collect();
    let at = arguments.iter().position(|one| one == argument).filter(|_| !argument.starts_with('-'))?;
    arguments.get(at.checked_sub(1)?).filter(|before| before.starts_with("--")).cloned()
}

fn is_an_argument(text: &str) -> bool {
    std::env::args_os().any(|argument| argument == text)
}

/// Help and version go to standard output with status 0; misuse goes to standard error with status 2.
fn misused(mut error: clap::Error) -> ExitCode {
    let status = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => Kind::Usage.status(),
    };
    let exposed = in_the_open(&mut error);
    if exposed {
        Ui::explain(&Failure::usage(secrets::IN_THE_OPEN).hint(CHANGE_IT));
        // Among them is how to give it all the same.
        error.remove(ContextKind::Suggested);
    }
    // Nothing is left to tell where even the terminal is gone.
    drop(error.print());
    if status != 0 && is_an_argument("--json") {
        let text = error.to_string();
        let lines = text.lines().map(str::trim).take_while(|line| !line.is_empty());
        let message = lines.collect::<Vec<_>>().join(" ");
        let hint = if exposed { CHANGE_IT } else { "`xeroctl help COMMAND` lists the options" };
        let failure = Failure::usage(message.trim_start_matches("error: ")).hint(hint);
        drop(Ui::new(true, false, true).document(failure.document()));
    }
    ExitCode::from(status)
}
