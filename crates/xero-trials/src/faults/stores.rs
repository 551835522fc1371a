//! SIGKILL while the whole store changes: another data key, another key, an older state, an older format, a copy.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use super::signals::stepped;
use crate::bench::{Bench, Disturbed};
use crate::error::{Error, Outcome};
use crate::home::Home;
use crate::stepper::{Blow, Steps};
use crate::subject::{Line, Subject};
use crate::verdict::Allowed;

const OLD_STORE: &[u8] = include_bytes!("../../../../fixtures/store/test-format-1.db");
const OLD_KEY: &[u8] = include_bytes!("../../../../fixtures/store/test-format-1.key");
/// Where the store of a home is.
const STORE: &str = "data/xeroctl/connections.db";
/// The connections of the old store.
const OLD_NAMES: [&str; 2] = ["acme", "mock"];

/// What is done before the command, and what must hold after it.
pub(super) struct Change {
    pub(super) line: fn(&Subject) -> Line,
    pub(super) before: fn(&Home, &Subject) -> Outcome<()>,
    pub(super) after: fn(&Home, &Subject) -> Outcome<Option<String>>,
}

pub(super) fn rekey(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = |subject: &Subject| subject.xeroctl(&["store", "rekey"]);
    killed(bench, &Change { line, before: nothing, after: verified })
}

pub(super) fn key_add(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = |subject: &Subject| subject.xeroctl(&["store", "key", "add", "--new-key-file", "second.key"]);
    let before = |home: &Home, _: &Subject| remove(&home.path().join("second.key"));
    killed(bench, &Change { line, before, after: verified })
}

pub(super) fn restore(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = |subject: &Subject| subject.xeroctl(&["store", "restore", "backup.db", "--force"]);
    let before = |home: &Home, subject: &Subject| {
        remove(&home.path().join("backup.db"))?;
        well(home, &subject.xeroctl(&["store", "backup", "backup.db"]))
    };
    killed(bench, &Change { line, before, after: verified })
}

pub(super) fn backup(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = |subject: &Subject| subject.xeroctl(&["store", "backup", "backup.db"]);
    let before = |home: &Home, _: &Subject| remove(&home.path().join("backup.db"));
    let after = |home: &Home, subject: &Subject| match home.path().join("backup.db").exists() {
        true => held(home, &subject.xeroctl(&["store", "verify", "backup.db"])),
        false => verified(home, subject),
    };
    killed(bench, &Change { line, before, after })
}

/// To another file and back. After each the store is whole in one of the two, and the same command goes on.
pub(super) fn moving(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = |subject: &Subject| subject.xeroctl(&["store", "move", STORE, "moved.db"]);
    let after = |home: &Home, subject: &Subject| {
        let there = held(home, &subject.xeroctl(&["store", "move", STORE, "moved.db"]))?;
        let whole = held(home, &subject.xeroctl(&["store", "verify", "--store", "moved.db"]))?;
        well(home, &subject.xeroctl(&["store", "move", "moved.db", STORE]))?;
        Ok(there.or(whole).or(verified(home, subject)?))
    };
    killed(bench, &Change { line, before: nothing, after })
}

pub(super) fn migration(bench: &mut Bench<'_>) -> Outcome<()> {
    let line = |subject: &Subject| old(subject, &["list"]);
    let before = |home: &Home, _: &Subject| {
        drop(fs::remove_dir_all(home.path().join("old")));
        fs::create_dir(home.path().join("old")).map_err(Error::io("make a folder"))?;
        private(&home.path().join("old/store.db"), OLD_STORE)?;
        private(&home.path().join("old/store.key"), OLD_KEY)
    };
    let after = |home: &Home, subject: &Subject| {
        let listed = home.run(&old(subject, &["list"]))?;
        let there = OLD_NAMES.iter().all(|name| listed.stdout.contains(name));
        let broken = (!there).then(|| format!("the old store has lost connections: {}", listed.in_words()));
        Ok(broken.or(held(home, &old(subject, &["store", "verify"]))?))
    };
    killed(bench, &Change { line, before, after })
}

/// Kills the command before each of its system calls, until it comes through unharmed.
pub(super) fn killed(bench: &mut Bench<'_>, change: &Change) -> Outcome<()> {
    let first = bench.plan.from;
    let line = (change.line)(&bench.plan.subject);
    let subject = bench.plan.subject.clone();
    let home = bench.home()?;
    (change.before)(home, &subject)?;
    let calls = unharmed(&stepped(home, &line, &Blow::None)?)?;
    let step = if bench.long() { 1 } else { calls.div_ceil(12) };
    let mut at = first.unwrap_or(0);
    while bench.goes_on()? {
        let mut struck = false;
        // None of this asks for a token.
        bench.trial(at, &Allowed::one(false).during(0..=0), |home, subject| {
            (change.before)(home, subject)?;
            let steps = stepped(home, &line, &Blow::Signal(Signal::SIGKILL, at))?;
            struck = steps.struck;
            let broken = (change.after)(home, subject)?;
            Ok(Disturbed { kept: true, broken, ..Disturbed::default() })
        })?;
        if !struck || first.is_some() {
            break;
        }
        at += step;
    }
    Ok(())
}

fn unharmed(steps: &Steps) -> Outcome<usize> {
    if steps.ended.well() { Ok(steps.calls) } else { Err(Error::NotWorking(steps.ended.in_words())) }
}

fn old(subject: &Subject, arguments: &[&str]) -> Line {
    subject.xeroctl(&[&["--store", "old/store.db", "--key-file", "old/store.key"], arguments].concat())
}

fn nothing(_: &Home, _: &Subject) -> Outcome<()> {
    Ok(())
}

pub(super) fn verified(home: &Home, subject: &Subject) -> Outcome<Option<String>> {
    held(home, &subject.xeroctl(&["store", "verify"]))
}

fn held(home: &Home, line: &Line) -> Outcome<Option<String>> {
    let ended = home.run(line)?;
    Ok((!ended.well())
        .then(|| format!("the store is not whole: {} {}", ended.stdout.trim(), ended.in_words())))
}

pub(super) fn well(home: &Home, line: &Line) -> Outcome<()> {
    held(home, line)?.map_or(Ok(()), |broken| Err(Error::NotWorking(broken)))
}

pub(super) fn remove(file: &Path) -> Outcome<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove a file")(error)),
        _ => Ok(()),
    }
}

/// Writes a file that its owner alone can read.
pub(crate) fn private(file: &Path, contents: &[u8]) -> Outcome<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let written = fs::write(file, contents);
    let mode = fs::Permissions::from_mode(0o600);
    written.and_then(|()| fs::set_permissions(file, mode)).map_err(Error::io("write a private file"))
}
