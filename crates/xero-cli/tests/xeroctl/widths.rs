//! What is shown is as wide as the terminal at the most: every table, field and sentence, at three widths and on a terminal.

use std::{fs, time::SystemTime};

use connection_store::{NewAuthorisation, Scopes};
use unicode_width::UnicodeWidthStr;

use crate::{
    sandbox::{Run, Sandbox},
    seeded::{DAY, MINUTE, SCOPES, Seeded, connection},
};

/// Commands whose output depends on no path: it is the same on every machine.
const SHOWN: [&[&str]; 14] = [
    &["list"],
    &["list", "--check"],
    &["apps", "list"],
    &["apps", "show", "Nightly bookkeeping of all clients"],
    &["status"],
    &["orgs", "birch"],
    &["keepalive", "--logins-only"],
    &["scopes", "list"],
    &["scopes", "show", "birch"],
    &["scopes", "explain", "GET", "Invoices"],
    &["scopes", "upgrade", "broad"],
    &["test", "--all"],
    &["import", "moving.age", "--list", "--bundle-passphrase-file", "bundle"],
    &["cert", "verify", "other.pfx", "--no-password"],
];

/// Those that name files, users or processes of this machine.
const WITH_PATHS: [&[&str]; 9] = [
    &["store", "key", "list"],
    &["log", "birch"],
    &["show", "birch"],
    &["show", "private"],
    &["store", "status"],
    &["store", "verify"],
    &["doctor", "--offline"],
    &["help", "exit-codes"],
    &["help", "security"],
];

/// Connections of all kinds with long names, logins of all ages, and a bundle.
fn varied() -> Seeded {
    let seeded = Seeded::new();
    let home = &seeded.home;
    home.write("bundle", "six words that nobody guesses\n");
    seeded.login("birch", MINUTE);
    seeded.login("Acorn Trading (Wellington) Ltd", 55 * DAY);
    seeded.login("日本商事株式会社", 61 * DAY);
    let granted = ["accounting.transactions", "accounting.reports.executivesummary.read", "offline_access"];
    let broad = NewAuthorisation {
        scopes: Scopes::granted(granted),
        ..seeded.authorisation(&seeded.minted(MINUTE, SCOPES))
    };
    let store = seeded.store(SystemTime::now() - MINUTE);
    let login = store.add_authorisation(&broad).unwrap().id;
    store.add_connections(&[connection("broad", &login)]).unwrap();
    let shared = seeded.minted(61 * DAY, SCOPES);
    seeded.put(&["shared-by-two", "shared-by-two-2"], 61 * DAY, &shared);
    seeded.login("gone", MINUTE);
    let sealed = ["--bundle-passphrase-file", "bundle"];
    home.ok(&[&["export", "moving.age", "gone", "--yes"][..], &sealed].concat());
    home.connect("private");
    home.ok(&["cert", "new", "other", "--no-password"]);
    let name = ["--app-name", "Nightly bookkeeping of all clients"];
    home.ok(&[&["apps", "edit", &seeded.app.client_id][..], &name].concat());
    home.ok(&["test", "birch"]);
    seeded
}

fn configure(home: &Sandbox, width: usize) {
    fs::create_dir_all(home.path("config/xeroctl")).unwrap();
    home.write("config/xeroctl/config.toml", &format!("width = {width}\n"));
}

/// Wider is only what cannot be folded: a word that is longer than there is room for, and a command.
fn assert_fits(run: &Run, width: usize) {
    for line in run.raw.0.lines() {
        assert!(line.width() <= width || is_whole(line, width), "{width}: {line}\n{}", run.text());
    }
}

fn is_whole(line: &str, width: usize) -> bool {
    let words = line.trim_start();
    let is_command = words.strip_prefix("next: ").unwrap_or(words).starts_with("xeroctl ");
    let long = |word: &str| word.width() > width / 2;
    is_command || (words.split_whitespace().count() <= 2 && words.split_whitespace().any(long))
}

#[test]
fn everything_fits_at_60_80_and_140_columns() {
    let seeded = varied();
    let home = &seeded.home;
    // What is left of the limits depends on how fast this machine is, and on which answer came last.
    let limits = regex::Regex::new(r"\b(9\d\d|49\d\d)\b( +\d+)?( +DATE)?").unwrap();
    for width in [60, 80, 140] {
        configure(home, width);
        let runs: Vec<_> = SHOWN.iter().map(|command| home.run(command)).collect();
        let others = WITH_PATHS.iter().map(|command| home.run(command));
        others.for_each(|run| assert_fits(&run, width));
        runs.iter().for_each(|run| {
            assert_fits(run, width);
            assert!(!run.stdout.is_empty(), "{}", run.text());
        });
        let all: Vec<_> = runs.iter().map(|run| format!("$ {}\n{}", run.command(), run.stdout)).collect();
        insta::assert_snapshot!(format!("at_{width}"), limits.replace_all(&all.join("\n"), "LEFT"));
    }
}

#[test]
fn a_terminal_of_60_columns_breaks_no_line() {
    let seeded = varied();
    let home = &seeded.home;
    for command in SHOWN {
        // Nobody is at this terminal to answer.
        let mut terminal = home.terminal_of(60, &[command, &["--no-input"]].concat());
        let (_, screen) = terminal.wait();
        assert!(!screen.is_empty(), "{command:?}");
        for line in terminal.broken_lines() {
            assert!(is_whole(&line, 60), "{command:?}: {line}\n{screen}");
        }
    }
}

#[test]
fn what_is_said_beside_the_data_is_folded_on_a_terminal() {
    let seeded = varied();
    let home = &seeded.home;
    let mut terminal = home.terminal_of(60, &["rename", "nobody", "x"]);
    let (status, screen) = terminal.wait();
    assert_eq!(status, 3);
    assert!(terminal.broken_lines().is_empty(), "{screen}");
    insta::assert_snapshot!(screen);
    // In a file each sentence is one line.
    let run = home.run(&["rename", "nobody", "x"]);
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.text());
}
