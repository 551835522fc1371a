//! `xeroctl __complete`: what can stand at the cursor. It never asks, never says that something failed, and gives up
//! names of connections rather than let a person wait.

mod shell_word;

use std::{ffi::OsString, process::ExitCode, sync::Arc, sync::mpsc, thread, time::Duration};

use clap::{Command, CommandFactory, FromArgMatches, ValueEnum};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, complete};
use connection_store::{App, Connection, Store};

use self::shell_word::{Quoting, ShellWord, powershell_word, unquoted};
use crate::{
    args::{Cli, Complete, Global, HEALTH, Kind, Shell},
    commands::{apps::called, help},
    config::Config,
    keys,
    store_place::StorePlace,
    ui::{Ui, one_line},
};

/// How long a person waits for names at the most.
const PATIENCE: Duration = Duration::from_millis(900);
/// What the arguments are called that take the name of a connection, in every command but these.
const NAMES: [&str; 3] = ["name", "names", "connection"];
/// What the arguments are called that take an app.
const APPS: [&str; 1] = ["app"];
const WITHOUT_NAMES: [&str; 3] = ["connect", "cert", "store"];

/// Prints the candidates. The status is 0 whatever happens: a shell would show the rest.
pub(crate) fn answer(args: &Complete) -> ExitCode {
    let lines = match args.shell {
        Shell::Bash => bash_lines(args),
        _ => {
            let mut words = args.words.clone();
            if args.next {
                words.push(String::new());
            }
            // fish gives the word at the cursor as it was typed.
            if let (Shell::Fish, Some(last)) = (args.shell, words.last_mut()) {
                *last = unquoted(last);
            }
            candidates(&words).iter().map(|one| line(args.shell, one)).collect()
        }
    };
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // A shell that has gone wants nothing more.
    drop(Ui::new(false, true, true).raw(text.as_bytes()));
    ExitCode::SUCCESS
}

/// First how a candidate goes on: `word` ends with a space, `part` does not, `files` leaves it to the shell.
fn bash_lines(args: &Complete) -> Vec<String> {
    let line = args.words.first().map_or("", String::as_str);
    let (mut words, last) = ShellWord::split(line, &args.breaks);
    let Quoting { is_home, .. } = last.quoting;
    words.push(last.text.clone());
    let found = candidates(&words);
    if found.is_empty() && is_home {
        return vec!["files".to_owned()];
    }
    let values: Vec<_> = found.iter().filter_map(|one| one.get_value().to_str()).collect();
    let part = values.iter().all(|value| value.ends_with(['/', '=']));
    let first = if part { "part" } else { "word" }.to_owned();
    std::iter::once(first).chain(values.into_iter().filter_map(|value| last.replacement(value))).collect()
}

fn line(shell: Shell, candidate: &CompletionCandidate) -> String {
    let value = one_line(&candidate.get_value().to_string_lossy());
    let help = candidate.get_help().map(|help| one_line(help.to_string().lines().next().unwrap_or_default()));
    let value = match shell {
        Shell::Power => format!("{value}\t{}", powershell_word(&value)),
        _ => value,
    };
    match help.filter(|help| !help.is_empty()) {
        Some(help) => format!("{value}\t{help}"),
        None => value,
    }
}

/// What can stand in place of the last word.
fn candidates(words: &[String]) -> Vec<CompletionCandidate> {
    let Some(current) = words.last().filter(|_| words.len() > 1) else { return Vec::new() };
    let mut command = completing(Arc::from(words));
    let arguments: Vec<_> = words.iter().map(OsString::from).collect();
    let folder = std::env::current_dir().ok();
    let mut found = complete(&mut command, arguments, words.len() - 1, folder.as_deref()).unwrap_or_default();
    found.retain(|one| !one.is_hide_set());
    let is_option = |one: &CompletionCandidate| one.get_value().as_encoded_bytes().starts_with(b"-");
    // Options come when they are asked for, or where there is nothing else.
    if !current.starts_with('-') && found.iter().any(|one| !is_option(one)) {
        found.retain(|one| !is_option(one));
    }
    found
}

/// The command line, with what can stand where a connection or a topic is named.
fn completing(words: Arc<[String]>) -> Command {
    let (of_apps, before) = (words.clone(), asked_about(&words));
    let names = ArgValueCandidates::new(move || {
        let words = words.clone();
        let found = within_patience(move || connections(&words)).unwrap_or_default();
        found.into_iter().map(candidate).collect()
    });
    let apps = ArgValueCandidates::new(move || {
        let of = of_apps.clone();
        let found = within_patience(move || store_of(&of)?.apps().ok()).unwrap_or_default();
        found.iter().map(app_candidate).collect()
    });
    let command = with_candidates(Cli::whole(), (&NAMES, &WITHOUT_NAMES), &names);
    let command = with_candidates(command, (&APPS, &[]), &apps);
    let topics = help::topics(&command, &before);
    let topics = ArgValueCandidates::new(move || topics.iter().map(CompletionCandidate::new).collect());
    let command = command.mut_subcommand("list", |list| {
        with_candidates(list, (&["filter"], &[]), &ArgValueCandidates::new(filters))
    });
    command.mut_subcommand("help", |help| with_candidates(help, (&["topic"], &[]), &topics))
}

/// What stands behind `help` already.
fn asked_about(words: &[String]) -> Vec<String> {
    let behind = words.iter().skip_while(|word| *word != "help").skip(1);
    let mut behind: Vec<_> = behind.filter(|word| !word.starts_with('-')).cloned().collect();
    behind.pop();
    behind
}

/// The same command line, with candidates for the arguments of these ids in every command but some.
fn with_candidates(
    command: Command,
    (ids, without): (&[&str], &[&str]),
    candidates: &ArgValueCandidates,
) -> Command {
    let command = command.mut_args(|arg| match ids.contains(&arg.get_id().as_str()) {
        true => arg.add(candidates.clone()),
        false => arg,
    });
    command.mut_subcommands(|below| match without.contains(&below.get_name()) {
        true => below,
        false => with_candidates(below, (ids, without), candidates),
    })
}

fn app_candidate(app: &App) -> CompletionCandidate {
    CompletionCandidate::new(called(app)).help(Some(app.kind.as_str().into()))
}

/// What can be asked of a list: the keys, and the values of those that have a few.
fn filters() -> Vec<CompletionCandidate> {
    let keys = ["name=", "organisation=", "app="].map(str::to_owned).into_iter();
    let kinds = Kind::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let kinds = kinds.map(|kind| format!("kind={}", kind.get_name()));
    let healths = HEALTH.iter().map(|word| format!("health={word}"));
    keys.chain(kinds).chain(healths).map(CompletionCandidate::new).collect()
}

fn candidate(connection: Connection) -> CompletionCandidate {
    let organisation = connection.organisation.map(|organisation| one_line(&organisation.name).into());
    CompletionCandidate::new(connection.name).help(organisation)
}

fn connections(words: &[String]) -> Option<Vec<Connection>> {
    store_of(words)?.connections().ok()
}

/// The store that these words would use, if it opens without anybody's help.
fn store_of(words: &[String]) -> Option<Store> {
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(words).ok()?;
    let mut global = Global::from_arg_matches(&matches).ok()?;
    global.take_environment();
    Config::read(&global).ok()?.settle(&mut global);
    // What a command prints may cost a touch of a key.
    if global.opened_by.key_command.is_some() {
        return None;
    }
    let store = StorePlace::of(&global).ok()?.find().ok()?;
    keys::open(&Ui::new(false, true, true), &global.opened_by, store).ok()
}

/// In a thread of its own, which is left alone where it takes too long: a keychain may hang.
fn within_patience<T: Send + 'static>(work: impl FnOnce() -> Option<T> + Send + 'static) -> Option<T> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || drop(send.send(work())));
    receive.recv_timeout(PATIENCE).ok()?
}
